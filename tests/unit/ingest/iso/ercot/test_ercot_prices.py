"""Prices of ERCOT in every form that they are posted in."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from lakehouse.errors import UnreadableFile
from tests.support.documents import zipped
from tests.support.ercot_documents import read

DAM_SPP = "DeliveryDate,HourEnding,SettlementPoint,SettlementPointPrice,DSTFlag\n"
RT_SPP = (
    "DeliveryDate,DeliveryHour,DeliveryInterval,SettlementPointName,SettlementPointType,SettlementPointPrice,DSTFlag\n"
)
RT_MCPC = "DeliveryDate,DeliveryHour,DeliveryInterval,RepeatedHourFlag,ASType,MCPC\n"
SCED_LMP = "SCEDTimestamp,RepeatedHourFlag,SettlementPoint,LMP\n"
HOUR = timedelta(hours=1)


def flagged_day(day: str, hours: list[tuple[int, str]]) -> str:
    return DAM_SPP + "".join(f"{day},{hour:02}:00,HB_NORTH, {hour}.5,{flag}\n" for hour, flag in hours)


def test_a_flagged_autumn_day_has_25_hours_each_with_its_own_price() -> None:
    hours = [(1, "N"), (2, "N"), (2, "Y"), *((hour, "N") for hour in range(3, 25))]
    rows = read("ercot-dam-spp", flagged_day("11/03/2024", hours)).rows("iso_prices")
    first = datetime(2024, 11, 3, 5, tzinfo=UTC)
    assert [row["interval_start"] for row in rows] == [first + n * HOUR for n in range(25)]
    assert [row["lmp_usd_mwh"] for row in rows[:4]] == [Decimal("1.5"), Decimal("2.5"), Decimal("2.5"), Decimal("3.5")]


def test_a_flagged_spring_day_has_23_hours_and_refuses_the_one_that_does_not_exist() -> None:
    document = read("ercot-dam-spp", flagged_day("03/08/2026", [(hour, "N") for hour in range(1, 25)]))
    starts = [row["interval_start"] for row in document.rows("iso_prices")]
    assert starts == [datetime(2026, 3, 8, 6, tzinfo=UTC) + n * HOUR for n in range(23)]
    ((line, field, reason),) = document.refused
    assert (line, field) == (4, "hour") and "does not exist" in reason
    assert document.rejects[0]["raw_text"] == "03/08/2026,03:00,HB_NORTH, 3.5,N"


@pytest.mark.parametrize("day", ["09/29/2026", "11/03/2024", "03/08/2026"])
@pytest.mark.parametrize("flag", ["N", "Y"])
def test_a_flagged_day_has_no_hour_ending_25_also_where_it_has_25_hours(day: str, flag: str) -> None:
    """The flag tells the repeated hour; a number for it as well would tell it twice."""
    rows = f"{day},24:00,HB_NORTH,      23.00,N\n{day},25:00,HB_NORTH,      24.00,{flag}\n"
    document = read("ercot-dam-spp", DAM_SPP + rows)
    assert [row["lmp_usd_mwh"] for row in document.rows("iso_prices")] == [Decimal(23)]
    assert document.refused == [(3, "hour", "hour ending 25 is none of a wall clock (1 to 24)")]


def test_hours_of_old_files_without_a_flag_are_told_by_their_number_where_all_are_there() -> None:
    header = DAM_SPP.replace(",DSTFlag", "")
    day = [f"11/07/2010,{hour:02}:00,HB_NORTH,{hour}" for hour in range(1, 26)]
    rows = read("ercot-dam-spp", header + "\n".join(day)).rows("iso_prices")
    assert [row["interval_start"] for row in rows] == [
        datetime(2010, 11, 7, 5, tzinfo=UTC) + n * HOUR for n in range(25)
    ]
    trimmed = read("ercot-dam-spp", header + "\n".join(day[:3]))
    assert trimmed.landed == 0 and {reason for _, _, reason in trimmed.refused} == {
        "2010-11-07 has 25 hours, so its hours ending must be 1 to 25; the document states 1 to 3"
    }
    plain = read("ercot-dam-spp", header + "11/08/2010,01:00,HB_NORTH,4\n")
    assert plain.rows("iso_prices")[0]["interval_start"] == datetime(2010, 11, 8, 6, tzinfo=UTC)


def test_quarters_of_the_repeated_hour_stand_an_hour_apart() -> None:
    quarters = [f"11/03/2024,2,{n},HB_NORTH,HU,{n},{flag}" for flag in "NY" for n in range(1, 5)]
    rows = read("ercot-rt15-spp", RT_SPP + "\n".join(quarters)).rows("iso_prices")
    first = datetime(2024, 11, 3, 6, tzinfo=UTC)
    assert [row["interval_start"] for row in rows] == [first + n * timedelta(minutes=15) for n in range(8)]
    assert all(row["interval_end"] - row["interval_start"] == timedelta(minutes=15) for row in rows)


def test_a_real_time_price_without_its_quarter_is_no_price_of_the_hour() -> None:
    document = read("ercot-rt15-spp", RT_SPP + "09/29/2026,12,,HB_NORTH,HU,1,N\n09/29/2026,12,5,HB_NORTH,HU,1,N\n")
    assert document.landed == 0 and document.refused == [
        (2, "delivery_interval", "there is no value"), (3, "hour", "'5' is no interval of an hour (1 to 4)"),
    ]  # fmt: skip


def test_a_load_zone_has_two_prices_under_one_name() -> None:
    rows = read(
        "ercot-rt15-spp", RT_SPP + "09/29/2026,12,1,LZ_WEST,LZ,20.1,N\n09/29/2026,12,1,LZ_WEST,LZEW,20.12,N\n"
    ).rows("iso_prices")
    assert {(row["location_type"], row["lmp_usd_mwh"]) for row in rows} == {
        ("LZ", Decimal("20.1")), ("LZEW", Decimal("20.12")),
    }  # fmt: skip


def test_prices_for_capacity_keep_the_operators_names() -> None:
    rows = read("ercot-rt15-mcpc", RT_MCPC + "12/05/2025,1,4,N,ECRS,.02\n").rows("as_prices")
    assert [(row["market"], row["product"], row["mcpc_usd_mw"]) for row in rows] == [("RT15", "ECRS", Decimal("0.02"))]
    assert rows[0]["interval_start"] == datetime(2025, 12, 5, 6, 45, tzinfo=UTC)


def test_an_interval_of_sced_is_five_minutes_whatever_else_the_document_holds() -> None:
    stamps = ["01:50:12", "01:55:16", "03:00:11", "05:10:00"]
    text = SCED_LMP + "".join(f"03/08/2026 {stamp},N,HB_NORTH,       30.72\n" for stamp in stamps)
    rows = read("ercot-sced-lmp", text).rows("iso_prices")
    together = [(row["interval_start"], row["interval_end"]) for row in rows]
    assert {end - start for start, end in together} == {timedelta(minutes=5)}
    assert together[2][0] - together[0][0] == timedelta(minutes=9, seconds=59)  # the clocks skip an hour
    lines = text.splitlines()
    single = [read("ercot-sced-lmp", f"{lines[0]}\n{line}\n").rows("iso_prices")[0] for line in lines[1:]]
    assert [(row["interval_start"], row["interval_end"]) for row in single] == together
    autumn = "11/03/2024 01:55:00,{},HB_NORTH,1\n"
    first, second = read("ercot-sced-lmp", SCED_LMP + autumn.format("N") + autumn.format("Y")).rows("iso_prices")
    assert second["interval_start"] - first["interval_start"] == HOUR


def test_a_page_of_the_api_says_the_same_as_the_csv() -> None:
    page = {
        "_meta": {"totalRecords": 2},
        "fields": [{"name": name} for name in ("deliveryDate", "deliveryHour", "deliveryInterval", "settlementPoint",
                                               "settlementPointType", "settlementPointPrice", "DSTFlag")],
        "data": [["2024-11-03", 2, 1, "HB_NORTH", "HU", usd, again] for usd, again in ((-17.005, False), (3, True))],
    }  # fmt: skip
    csv = RT_SPP + "11/03/2024,2,1,HB_NORTH,HU,-17.005,N\n11/03/2024,2,1,HB_NORTH,HU,3,Y\n"
    own = {"source_object", "line"}
    said = [
        [{name: value for name, value in row.items() if name not in own} for row in document.rows("iso_prices")]
        for document in (read("ercot-rt15-spp", json.dumps(page), "page.json"), read("ercot-rt15-spp", csv))
    ]
    assert said[0] == said[1] and len(said[0]) == 2


@pytest.mark.parametrize("text", ['{"statusCode": 401, "message": "Access denied"}', '{"fields": 1}', "{", "{}"])
def test_an_answer_without_data_is_refused_with_what_it_says(text: str) -> None:
    with pytest.raises(UnreadableFile, match="no page of ERCOT's Public API"):
        read("ercot-rt15-spp", text, "page.json")


def test_a_bulk_download_lands_every_posting_under_its_own_time() -> None:
    name = "cdr.00012301.0000000000000000.20241103.{}.SPPHLZNP6905_20241103_{}"
    inner = {
        stamp: zipped({f"{name.format(stamp, hour)}.csv": RT_SPP + f"11/03/2024,2,1,HB_NORTH,HU,{price},{flag}\n"})
        for stamp, hour, price, flag in (("011702", "0115", 5, "N"), ("011701", "0115xhr", 6, "Y"))
    }
    bulk = zipped(
        {f"1.{name.format(stamp, 'xhr' * (stamp == '011701'))}.zip": zipped for stamp, zipped in inner.items()}
    )
    document = read("ercot-rt15-spp", bulk, "bulk.zip", published_at=datetime(2024, 12, 1, tzinfo=UTC))
    rows = document.rows("iso_prices")
    first, second = datetime(2024, 11, 3, 6, 17, 2, tzinfo=UTC), datetime(2024, 11, 3, 7, 17, 1, tzinfo=UTC)
    assert [(row["published_at"], row["lmp_usd_mwh"]) for row in rows] == [(first, Decimal(5)), (second, Decimal(6))]
    assert {row["published_basis"] for row in rows} == {"operator"} and rows[0]["member"].endswith(".csv")


def test_bytes_whose_publication_nobody_states_count_from_their_reception() -> None:
    received = datetime(2026, 10, 1, 12, tzinfo=UTC)
    text = flagged_day("09/29/2026", [(1, "N")])
    (row,) = read("ercot-dam-spp", text, received_at=received).rows("iso_prices")
    assert (row["published_at"], row["published_basis"]) == (received, "received")
    posted = "cdr.00012331.0000000000000000.20260928.123456.DAMSPNP4190.csv"
    (row,) = read("ercot-dam-spp", text, posted, received_at=received).rows("iso_prices")
    assert (row["published_at"], row["published_basis"]) == (datetime(2026, 9, 28, 17, 34, 56, tzinfo=UTC), "operator")
    listed = datetime(2026, 9, 28, 17, 35, tzinfo=UTC)
    (row,) = read("ercot-dam-spp", text, posted, published_at=listed).rows("iso_prices")
    assert (row["published_at"], row["published_basis"]) == (listed, "operator")
    # By the offset of the moment of listing, and not of the document, a listing is an hour off the document's own name.
    for off in (datetime(2026, 9, 28, 16, 34, 55, tzinfo=UTC), datetime(2026, 9, 28, 18, 34, 56, tzinfo=UTC)):
        (row,) = read("ercot-dam-spp", text, posted, published_at=off).rows("iso_prices")
        assert row["published_at"] == datetime(2026, 9, 28, 17, 34, 56, tzinfo=UTC)


def test_a_broken_price_is_quarantined_with_its_line_and_the_others_land() -> None:
    text = (
        DAM_SPP + "09/29/2026,01:00,A,1.25,N\n09/29/2026,01:00,B,N/A,N\n09/29/2026,01:00,C\n09/29/2026,01:00,D,-4,N\n"
    )
    document = read("ercot-dam-spp", text)
    assert [row["location"] for row in document.rows("iso_prices")] == ["A", "D"]
    assert document.refused == [
        (3, "SettlementPointPrice", "not a number: 'N/A'"), (4, "", "the row has 3 cells, not 5"),
    ]  # fmt: skip
    assert document.rows_read == 4


def test_a_row_without_a_price_or_a_place_is_quarantined() -> None:
    rows = "09/29/2026,01:00,A,,N\n09/29/2026,01:00, ,1,N\n09/29/2026,01:00,B,NaN,N\n"
    document = read("ercot-dam-spp", DAM_SPP + rows)
    assert document.landed == 0 and document.refused == [
        (2, "lmp_usd_mwh", "there is no value"),
        (3, "location", "there is no value"),
        (4, "lmp_usd_mwh", "there is no value"),
    ]
    assert document.rejects[0]["raw_text"] == "09/29/2026,01:00,A,,N"


@pytest.mark.parametrize(
    ("header", "what"),
    [
        (
            DAM_SPP.replace("SettlementPointPrice", "SettlementPointPriceUSD"),
            "unknown column 'SettlementPointPriceUSD'",
        ),
        (DAM_SPP.replace("SettlementPointPrice,", ""), "no column for lmp_usd_mwh"),
        (DAM_SPP.replace("DSTFlag", "SettlementPoint"), "location is stated by two columns"),
        ("<html><body>Request unsuccessful</body></html>\n", "XML or HTML"),
        ("", "empty"),
    ],
)
def test_a_document_that_is_not_as_it_should_be_is_refused_by_what_is_wrong(header: str, what: str) -> None:
    with pytest.raises(UnreadableFile, match=what):
        read("ercot-dam-spp", header)


@pytest.mark.parametrize("block_bytes", [7, 100, 1 << 20])
def test_how_bytes_arrive_changes_nothing(block_bytes: int) -> None:
    text = flagged_day("09/29/2026", [(hour, "N") for hour in range(1, 25)])
    whole = read("ercot-dam-spp", text).rows("iso_prices")
    assert read("ercot-dam-spp", text.replace("\n", "\r\n"), block_bytes=block_bytes).rows("iso_prices") != []
    assert read("ercot-dam-spp", text, block_bytes=block_bytes).rows("iso_prices") == whole
