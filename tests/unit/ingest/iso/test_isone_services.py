"""ISO-NE's reserves, regulation and load: instants at both changes of the clock, vintages, and what is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from lakehouse.errors import UnreadableFile
from tests.support.documents import parse, rows
from tests.support.given import refused

#: Hours of a day on which clocks change, as the web services write them → their instants, by hand.
SPRING = {"2025-03-09T01:00:00.000-05:00": 6, "2025-03-09T03:00:00.000-04:00": 7, "2025-03-09T04:00:00.000-04:00": 8}
AUTUMN = {"2025-11-02T01:00:00.000-04:00": 5, "2025-11-02T01:00:00.000-05:00": 6, "2025-11-02T02:00:00.000-05:00": 7}
CHANGES = pytest.mark.parametrize(("stamps", "day"), [(SPRING, (2025, 3, 9)), (AUTUMN, (2025, 11, 2))])


def answer(path: tuple[str, ...], records: list[dict[str, Any]]) -> str:
    body: object = records
    for key in reversed(path):
        body = {key: body}
    return json.dumps(body)


def reserve(start: str, **prices: object) -> dict[str, Any]:
    said = {"tmsr": 11.33, "tmnsr": 11.33, "tmor": 8.39, "fer": 0.0, **prices}
    return {
        "market_hour": {
            "gmt_begin_date": f"{start[:10]}T00:00:00.000-04:00",
            "local_day": start,
            "local_hour_end": "01",
        },
        **{f"{name}_clearing_price": value for name, value in said.items()},
        **dict.fromkeys(("ten_min_spin_req_mw", "total_ten_min_req_mw", "total_thirty_min_req_mw"), 374.7),
        **dict.fromkeys(("forecasted_energy_req_mw", "eir_designation_mw"), 1.0),
        **dict.fromkeys(("tmsr_designation_mw", "tmnsr_designation_mw", "tmor_designation_mw"), 797.6),
    }


DAY_AHEAD = ("isone_web_services", "day_ahead_reserves", "day_ahead_reserve")


@CHANGES
def test_an_hour_of_day_ahead_reserves_begins_at_its_local_day_whatever_its_gmt_column_says(
    stamps: dict[str, int], day: tuple[int, int, int]
) -> None:
    found = rows(parse("isone-dam-as", answer(DAY_AHEAD, [reserve(stamp) for stamp in stamps]), "a.json"))
    for product, price in (("TMSR", "11.33"), ("TMNSR", "11.33"), ("TMOR", "8.39"), ("FER", "0")):
        mine = [row for row in found if row["product"] == product]
        assert [row["interval_start"] for row in mine] == [datetime(*day, hour, tzinfo=UTC) for hour in stamps.values()]
        assert {row["mcpc_usd_mw"] for row in mine} == {Decimal(price)}
    assert {(row["market"], row["location"], row["vintage"]) for row in found} == {("DAM", "NEPOOL AREA", "posted")}


def test_a_record_with_an_undeclared_key_refuses_the_answer_and_one_that_lacks_a_key_itself() -> None:
    with pytest.raises(UnreadableFile, match="unknown key 'eir_clearing_price'"):
        parse("isone-dam-as", answer(DAY_AHEAD, [reserve("2025-06-24T00:00:00.000-04:00", eir=1)]), "a.json")
    torn = reserve("2025-06-24T01:00:00.000-04:00")
    del torn["tmor_clearing_price"]
    pieces = parse("isone-dam-as", answer(DAY_AHEAD, [reserve("2025-06-24T00:00:00.000-04:00"), torn]), "a.json")
    assert [(line, field) for line, field, _ in refused(pieces)] == [(2, "tmor_clearing_price")]
    assert len(rows(pieces)) == 4
    for beside in ("HourlyLmps", "FiveMinRcps"):
        with pytest.raises(UnreadableFile, match=f"ISO-NE's {beside}, not prices"):
            parse("isone-dam-as", answer((beside, "x"), []), "a.json")


def test_a_price_that_is_not_stated_is_no_price_of_nothing() -> None:
    text = answer(DAY_AHEAD, [reserve("2025-06-24T00:00:00.000-04:00", fer=None)])
    pieces = parse("isone-dam-as", text, "a.json")
    assert {row["product"] for row in rows(pieces)} == {"TMSR", "TMNSR", "TMOR"}
    assert (pieces[0].rows_read, pieces[0].rows_empty) == (4, 1)


def zone(start: str, number: int, name: str, price: float) -> dict[str, Any]:
    return {
        "BeginDate": start, "ReserveZoneId": number, "ReserveZoneName": name, "TenMinSpinRequirement": 1,
        "Total10MinRequirement": 1, "Total30MinRequirement": 1, "TmsrDesignatedMw": 1, "TmnsrDesignatedMw": 1,
        "TmorDesignatedMw": 1, "TmsrClearingPrice": price, "TmnsrClearingPrice": price, "TmorClearingPrice": price,
    }  # fmt: skip


def test_a_stamp_of_five_minutes_that_is_late_is_of_the_five_minutes_and_two_in_one_are_refused() -> None:
    path = ("FiveMinReservePrices", "FiveMinReservePrice")
    late = zone("2025-06-24T00:06:00.000-04:00", 7000, "ROS", 2.0)
    other = zone("2025-06-24T00:05:00.000-04:00", 7001, "SWCT", 3.0)
    (first, *_) = found = rows(parse("isone-rt5-as", answer(path, [late, other]), "a.json"))
    assert first["interval_start"] == datetime(2025, 6, 24, 4, 5, tzinfo=UTC)
    assert first["interval_end"] == datetime(2025, 6, 24, 4, 10, tzinfo=UTC)
    assert {(row["location"], row["mcpc_usd_mw"]) for row in found} == {("ROS", 2), ("SWCT", 3)}
    twice = [late, other, zone("2025-06-24T00:07:00.000-04:00", 7000, "ROS", 2.0)]
    pieces = parse("isone-rt5-as", answer(path, twice), "a.json")
    assert [(line, field) for line, field, _ in refused(pieces)] == [(1, "BeginDate"), (3, "BeginDate")]
    assert {row["location"] for row in rows(pieces)} == {"SWCT"}


def test_regulation_has_two_products_and_one_before_april_2015() -> None:
    path = ("FiveMinRcps", "FiveMinRcp")
    start = "2025-06-24T00:00:00.000-04:00"
    both = {"BeginDate": start, "HourEnd": "01", "RegServiceClearingPrice": 0.1, "RegCapacityClearingPrice": 16}
    found = rows(parse("isone-rt5-as", answer(path, [both]), "a.json"))
    assert {row["product"]: row["mcpc_usd_mw"] for row in found} == {
        "Regulation Service": Decimal("0.1"), "Regulation Capacity": 16,
    }  # fmt: skip
    (old,) = rows(parse("isone-rt5-as", answer(path, [{"BeginDate": start, "RegClearingPrice": 7.5}]), "a.json"))
    assert (old["product"], old["mcpc_usd_mw"]) == ("Regulation", Decimal("7.5"))


def test_hourly_reserves_are_preliminary_or_final_by_their_document() -> None:
    for name in ("Prelim", "Final"):
        path = (f"{name}HourlyReservePrices", f"{name}HourlyReservePrice")
        found = rows(
            parse("isone-rth-as", answer(path, [zone("2025-06-24T00:00:00.000-04:00", 7000, "ROS", 1)]), "a.json")
        )
        assert {row["vintage"] for row in found} == {name.lower()}


@CHANGES
def test_load_is_of_the_hour_of_its_stamp_and_one_record_is_a_record(stamps: dict[str, int], day: Any) -> None:
    path = ("HourlySystemLoads", "HourlySystemLoad")
    place = {"@LocId": "32", "$": "NEPOOL AREA"}
    records = [
        {"BeginDate": stamp, "Location": place, "Load": 100.5 + n, "NativeLoad": 90, "ArdDemand": 10.5 + n}
        for n, stamp in enumerate(stamps)
    ]
    found = rows(parse("isone-load-actual", answer(path, records), "a.json"))
    assert [(r["interval_start"], r["load_mw"], r["native_load_mw"]) for r in found] == [
        (datetime(*day, hour, tzinfo=UTC), Decimal("100.5") + n, 90) for n, hour in enumerate(stamps.values())
    ]
    body = {"HourlySystemLoads": {"HourlySystemLoad": records[0]}}
    (one,) = rows(parse("isone-load-actual", json.dumps(body), "a.json"))
    assert (one["kind"], one["area"], one["area_type"], one["report"]) == (
        "actual", "NEPOOL AREA", "SYSTEM", "hourlysysload",
    )  # fmt: skip


def test_every_vintage_of_a_forecast_is_published_when_it_was_made_and_offsets_may_differ_in_one_document() -> None:
    path = ("HourlyLoadForecasts", "HourlyLoadForecast")
    made = ("2024-11-01T03:55:29.000-04:00", "2024-11-03T09:17:25.000-05:00")
    records = [
        {"BeginDate": "2024-11-03T01:00:00.000-05:00", "CreationDate": at, "LoadMw": 10220 + n, "NetLoadMw": 10220 + n}
        for n, at in enumerate(made)
    ]
    found = rows(
        parse("isone-load-forecast", answer(path, records), "a.json", published_at=datetime(2026, 1, 1, tzinfo=UTC))
    )
    assert [(r["published_at"], r["load_mw"]) for r in found] == [
        (datetime(2024, 11, 1, 7, 55, 29, tzinfo=UTC), 10220), (datetime(2024, 11, 3, 14, 17, 25, tzinfo=UTC), 10221),
    ]  # fmt: skip
    assert {(r["published_basis"], r["interval_start"]) for r in found} == {
        ("operator", datetime(2024, 11, 3, 6, tzinfo=UTC))
    }
