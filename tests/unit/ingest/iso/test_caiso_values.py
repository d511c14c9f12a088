"""CAISO's prices of ancillary services and load: instants, regions, kinds and publication, derived by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from lakehouse.errors import UnreadableFile
from tests.support.documents import parse, rows
from tests.support.given import refused

AS = (
    "INTERVALSTARTTIME_GMT,INTERVALENDTIME_GMT,OPR_DT,OPR_HR,OPR_INTERVAL,OPR_TYPE,ANC_TYPE,ANC_REGION,MARKET_RUN_ID,"
    "XML_DATA_ITEM,MW,GROUP\n"
)
LOAD = (
    "INTERVALSTARTTIME_GMT,INTERVALENDTIME_GMT,LOAD_TYPE,OPR_DT,OPR_HR,OPR_INTERVAL,MARKET_RUN_ID,TAC_AREA_NAME,LABEL,"
    "XML_DATA_ITEM,POS,MW,EXECUTION_TYPE,GROUP\n"
)


def service(start: str, end: str, hour: int, product: str = "RU", price: str = "1.4583", **cells: str) -> str:
    row = {
        "day": start[:10], "region": "AS_CAISO_EXP", "run": "DAM", "item": f"{product}_CLR_PRC", **cells,
    }  # fmt: skip
    return (
        f"{start}:00-00:00,{end}:00-00:00,{row['day']},{hour},0,AS,{product},{row['region']},{row['run']},"
        f"{row['item']},{price},1\n"
    )


def load(start: str, end: str, day: str, hour: int, run: str = "ACTUAL", mw: str = "20536", **cells: str) -> str:
    items = {"ACTUAL": "SYS_FCST_ACT_MW", "DAM": "SYS_FCST_DA_MW", "7DA": "SYS_FCST_7DA_MW"}
    row = {"area": "CA ISO-TAC", "type": "0", "market": run, "item": items.get(run, "SYS_FCST_X_MW"), **cells}
    return (
        f"{start}:00-00:00,{end}:00-00:00,{row['type']},{day},{hour},0,{row['market']},{row['area']},x,{row['item']},7,"
        f"{mw},{run},1\n"
    )


def test_a_price_keeps_its_region_and_type_and_a_price_of_nothing_is_one() -> None:
    text = AS + service("2024-09-01T07:00", "2024-09-01T08:00", 1)
    text += service("2024-09-01T07:00", "2024-09-01T08:00", 1, price="0", region="AS_NP26")
    text += service("2024-09-01T07:00", "2024-09-01T08:00", 1, "RMU", "0.12", item="RMU_MILE_PRC")
    found = rows(parse("caiso-dam-as", text))
    at = datetime(2024, 9, 1, 7, tzinfo=UTC)
    assert [(r["location"], r["product"], r["mcpc_usd_mw"], r["interval_start"]) for r in found] == [
        ("AS_CAISO_EXP", "RU", Decimal("1.4583"), at),
        ("AS_NP26", "RU", Decimal(0), at),
        ("AS_CAISO_EXP", "RMU", Decimal("0.12"), at),
    ]
    assert {(r["iso"], r["market"]) for r in found} == {("CAISO", "DAM")}


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (service("2024-09-01T07:00", "2024-09-01T08:00", 1, "XX"), "ANC_TYPE"),
        (service("2024-09-01T07:00", "2024-09-01T08:00", 1, item="RU_REQ_MIN_MW"), "XML_DATA_ITEM"),
        (service("2024-09-01T07:00", "2024-09-01T08:00", 1, price=""), "price"),
        (service("2024-09-01T07:00", "2024-09-01T08:00", 1, region=""), "ANC_REGION"),
        (service("2024-09-01T07:00", "2024-09-01T07:15", 1), "INTERVALENDTIME_GMT"),
        (service("2024-09-01T07:00", "2024-09-01T08:00", 1, day="2024-09-02"), "OPR_HR"),
    ],
)
def test_a_row_that_is_no_price_of_a_known_kind_is_refused_and_the_others_land(row: str, field: str) -> None:
    pieces = parse("caiso-dam-as", AS + row + service("2024-09-01T08:00", "2024-09-01T09:00", 2))
    assert [(line, name) for line, name, _ in refused(pieces)] == [(2, field)]
    assert len(rows(pieces)) == 1


def test_an_unknown_column_and_other_reports_are_refused_by_name() -> None:
    with pytest.raises(UnreadableFile, match="unknown column 'RESULT_TYPE'"):
        parse(
            "caiso-dam-as", AS.replace("OPR_TYPE", "RESULT_TYPE") + service("2024-09-01T07:00", "2024-09-01T08:00", 1)
        )
    with pytest.raises(UnreadableFile, match="another report of OASIS"):
        parse("caiso-dam-as", LOAD + load("2025-11-02T07:00", "2025-11-02T08:00", "2025-11-02", 1))
    with pytest.raises(UnreadableFile, match="market run 'HASP'"):
        parse("caiso-dam-as", AS + service("2024-09-01T07:00", "2024-09-01T08:00", 1, run="HASP"))
    with pytest.raises(UnreadableFile, match="land it with source caiso-rt15-as") as error:
        parse("caiso-dam-as", AS + service("2024-09-01T07:00", "2024-09-01T07:15", 1, run="RTM"))
    assert "RTM" in error.value.message


#: GMT hour that begins → OPR_HR of 2025-11-02, as recorded of load: the second 01:00 hour is 25.
AUTUMN = {7: 1, 8: 2, 9: 25, 10: 3, 11: 4, 31: 24}


@pytest.mark.parametrize("label", [AUTUMN, {hour: hour - 6 for hour in AUTUMN}], ids=["25 is third", "through"])
def test_in_autumn_either_way_of_labelling_hours_is_taken_and_the_gmt_columns_say_when(label: dict[int, int]) -> None:
    def stamp(hour: int) -> str:
        return f"2025-11-{2 + hour // 24:02d}T{hour % 24:02d}:00"

    text = LOAD + "".join(load(stamp(h), stamp(h + 1), "2025-11-02", label[h], mw=str(h)) for h in label)
    pieces = parse("caiso-load-actual", text)
    assert refused(pieces) == []
    assert [(r["interval_start"], r["interval_end"], r["load_mw"]) for r in rows(pieces)] == [
        (datetime(2025, 11, 2 + h // 24, h % 24, tzinfo=UTC), datetime(2025, 11, 2 + (h + 1) // 24, (h + 1) % 24,
         tzinfo=UTC), h) for h in label
    ]  # fmt: skip


def test_a_label_that_is_of_neither_way_is_refused() -> None:
    text = LOAD + load("2025-11-02T09:00", "2025-11-02T10:00", "2025-11-02", 2)
    text += load("2025-11-02T10:00", "2025-11-02T11:00", "2025-11-02", 3)
    assert [(line, field) for line, field, _ in refused(parse("caiso-load-actual", text))] == [(2, "OPR_HR")]


def test_areas_of_utilities_and_of_neighbours_are_told_from_the_system() -> None:
    text = LOAD + "".join(
        load("2025-07-01T07:00", "2025-07-01T08:00", "2025-07-01", 1, area=a) for a in ("CA ISO-TAC", "PGE-TAC", "PGE")
    )
    found = rows(parse("caiso-load-actual", text))
    assert [(r["area"], r["area_type"]) for r in found] == [
        ("CA ISO-TAC", "SYSTEM"), ("PGE-TAC", "TAC"), ("PGE", "BAA"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("run", "start", "end", "hour", "published_at"),
    [
        # 09:10 in California is 16:10Z in summer and 17:10Z in winter.
        ("DAM", "2025-07-02T06:00", "2025-07-02T07:00", 24, datetime(2025, 6, 30, 16, 10, tzinfo=UTC)),
        ("2DA", "2025-07-01T07:00", "2025-07-01T08:00", 1, datetime(2025, 6, 29, 16, 10, tzinfo=UTC)),
        ("7DA", "2025-01-15T08:00", "2025-01-15T09:00", 1, datetime(2025, 1, 8, 17, 10, tzinfo=UTC)),
        # The clocks went forward on 2025-03-09: the day before is in winter time.
        ("DAM", "2025-03-09T08:00", "2025-03-09T09:00", 1, datetime(2025, 3, 8, 17, 10, tzinfo=UTC)),
        ("RTPD", "2025-07-01T07:00", "2025-07-01T07:15", 1, datetime(2025, 7, 1, 6, 37, 30, tzinfo=UTC)),
        ("RTD", "2025-07-01T07:00", "2025-07-01T07:05", 1, datetime(2025, 7, 1, 6, 57, 30, tzinfo=UTC)),
    ],
)
def test_a_forecast_is_dated_by_the_schedule_and_says_so(
    run: str, start: str, end: str, hour: int, published_at: datetime
) -> None:
    day = "2025-03-09" if "03-09" in start else "2025-01-15" if "01-15" in start else "2025-07-01"
    market = "RTM" if run in ("RTPD", "RTD") else run
    text = LOAD + load(start, end, day, hour, run, market=market)
    received = datetime(2026, 1, 1, tzinfo=UTC)
    (row,) = rows(parse("caiso-load-forecast", text, received_at=received))
    assert (row["kind"], row["model"]) == ("forecast", run)
    assert (row["published_at"], row["published_basis"]) == (published_at, "schedule")
    assert row["received_at"] == received


def test_a_forecast_that_was_answered_before_its_schedule_is_dated_by_the_answer() -> None:
    text = LOAD + load("2025-07-01T07:00", "2025-07-01T08:00", "2025-07-01", 1, "DAM")
    name = "20250701_20250702_SLD_FCST_DAM_20250630_01_00_00_v1.csv"  # 01:00 in California
    (row,) = rows(parse("caiso-load-forecast", text, name=name))
    assert (row["published_at"], row["published_basis"]) == (datetime(2025, 6, 30, 8, tzinfo=UTC), "modified")


def test_actual_load_and_forecasts_are_told_apart_also_within_one_answer() -> None:
    hour = ("2025-07-01T07:00", "2025-07-01T08:00", "2025-07-01", 1)
    with pytest.raises(UnreadableFile, match="forecast load") as error:
        parse("caiso-load-actual", LOAD + load(*hour, "DAM"))
    assert "caiso-load-forecast" in error.value.next_step
    pieces = parse("caiso-load-actual", LOAD + load(*hour, "DAM") + load(*hour))
    assert [(line, field) for line, field, _ in refused(pieces)] == [(2, "EXECUTION_TYPE")]
    assert len(rows(pieces)) == 1
    with pytest.raises(UnreadableFile, match="unknown run '9DA'"):
        parse("caiso-load-forecast", LOAD + load(*hour, "9DA"))
    with pytest.raises(UnreadableFile, match="no total load"):
        parse("caiso-load-actual", LOAD + load(*hour, type="3"))
