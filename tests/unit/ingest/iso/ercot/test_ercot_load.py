"""ERCOT's load: zones by their names, hours at both changes of the clock, models, and when a forecast was posted."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from lakehouse.errors import UnreadableFile
from tests.support.documents import parse, rows
from tests.support.given import refused

ACTUAL = "OperDay,HourEnding,COAST,EAST,FAR_WEST,NORTH,NORTH_C,SOUTHERN,SOUTH_C,WEST,TOTAL,DSTFlag\n"
MODELS = (
    "DeliveryDate,HourEnding,Coast,East,FarWest,North,NorthCentral,SouthCentral,Southern,West,SystemTotal,Model,"
    "InUseFlag,DSTFlag\n"
)
ZONAL = "DeliveryDate,HourEnding,North,South,West,Houston,SystemTotal,DSTFlag    \n"


@pytest.mark.parametrize(
    ("hours", "instants"),
    [
        # Central clocks go from 02:00 CST to 03:00 CDT on 2026-03-08: no hour ends at 03:00.
        ([("03/08/2026,02:00", "N"), ("03/08/2026,04:00", "N")], [(2026, 3, 8, 7), (2026, 3, 8, 8)]),
        # They go back from 02:00 CDT to 01:00 CST on 2025-11-02: the hour that ends at 02:00 is there twice.
        (
            [(f"11/02/2025,0{hour}:00", flag) for hour, flag in ((1, "N"), (2, "N"), (2, "Y"), (3, "N"))],
            [(2025, 11, 2, 5), (2025, 11, 2, 6), (2025, 11, 2, 7), (2025, 11, 2, 8)],
        ),
        ([("07/01/2025,24:00", "N")], [(2025, 7, 2, 4)]),
    ],
)  # fmt: skip
def test_an_hour_ends_when_its_label_says_and_the_flag_tells_the_repeated_one(
    hours: list[tuple[str, str]], instants: list[tuple[int, int, int, int]]
) -> None:
    text = ACTUAL + "".join(f"{when},{n},2,3,4,5,6,7,8,{35 + n},{flag}\n" for n, (when, flag) in enumerate(hours))
    pieces = parse("ercot-load-actual", text)
    coast = [r for r in rows(pieces) if r["area"] == "COAST"]
    assert refused(pieces) == []
    assert [(r["interval_start"], r["load_mw"]) for r in coast] == [
        (datetime(*at, tzinfo=UTC), n) for n, at in enumerate(instants)
    ]
    assert {(r["interval_end"] - r["interval_start"]).total_seconds() for r in coast} == {3600}


def test_an_hour_that_clocks_skip_or_repeat_without_a_flag_is_refused() -> None:
    text = ACTUAL + "03/08/2026,03:00,1,2,3,4,5,6,7,8,36,N\n07/01/2026,02:00,1,2,3,4,5,6,7,8,36,Y\n"
    text += "07/01/2026,03:00,1,2,3,4,5,6,7,8,36,N\n"
    pieces = parse("ercot-load-actual", text)
    assert [line for line, *_ in refused(pieces)] == [2, 3]
    assert len(rows(pieces)) == 9


def test_south_central_and_southern_are_told_by_name_in_actual_load_and_in_forecasts() -> None:
    actual = rows(parse("ercot-load-actual", ACTUAL + "09/28/2026,01:00,1,2,3,4,5,600,700,8,1323,N\n"))
    forecast = rows(parse("ercot-load-forecast", MODELS + "09/28/2026,1:00,1,2,3,4,5,700,600,8,1323,E1,Y,N\n"))
    loads = [{r["area"]: r["load_mw"] for r in found} for found in (actual, forecast)]
    assert loads[0] == loads[1] == {
        "COAST": 1, "EAST": 2, "FAR_WEST": 3, "NORTH": 4, "NORTH_C": 5, "SOUTHERN": 600, "SOUTH_C": 700, "WEST": 8,
        "ERCOT": 1323,
    }  # fmt: skip
    assert {r["area_type"] for r in actual} == {"WEATHER ZONE", "SYSTEM"}
    assert {(r["kind"], r["report"]) for r in actual} == {("actual", "NP6-345-CD")}
    assert {(r["kind"], r["report"], r["model"], r["is_in_use"]) for r in forecast} == {
        ("forecast", "NP3-565-CD", "E1", True)
    }


def test_models_are_forecasts_of_their_own_and_one_hour_twice_of_one_model_is_refused() -> None:
    row = "09/28/2026,1:00,1,2,3,4,5,6,7,8,{},{},{},N\n"
    text = (
        MODELS
        + row.format(36, "E1", "Y")
        + row.format(37, "M", "N")
        + row.format(38, "M", "N")
        + row.format(9, "X", "?")
    )
    pieces = parse("ercot-load-forecast", text)
    assert {(r["model"], r["load_mw"]) for r in rows(pieces) if r["area"] == "ERCOT"} == {("E1", 36)}
    assert sorted({line for line, *_ in refused(pieces)}) == [3, 4, 5]


def test_a_forecast_was_posted_when_its_name_says_by_central_clocks_and_xhr_is_the_second_hour() -> None:
    text = MODELS + "11/03/2025,1:00,1,2,3,4,5,6,7,8,36,E1,Y,N\n"
    for name, posted in (
        (
            "cdr.00014837.0000000000000000.20251102.013007.LFMODWEATHERNP3565.csv",
            datetime(2025, 11, 2, 6, 30, 7, tzinfo=UTC),
        ),
        (
            "cdr.00014837.0000000000000000.20251102.013007.LFMODWEATHERNP3565_xhr.csv",
            datetime(2025, 11, 2, 7, 30, 7, tzinfo=UTC),
        ),
        (
            "cdr.00014837.0000000000000000.20250701.013007.LFMODWEATHERNP3565.csv",
            datetime(2025, 7, 1, 6, 30, 7, tzinfo=UTC),
        ),
    ):
        found = rows(parse("ercot-load-forecast", text, name))
        assert {(r["published_at"], r["published_basis"]) for r in found} == {(posted, "operator")}


def test_a_forecast_by_forecast_zone_keeps_six_decimals_and_a_blank_zone_is_none() -> None:
    text = ZONAL + "03/13/2025,1:00,13005.493749755861875,10953.5,,11191.65,43797.77,N\n"
    pieces = parse("ercot-load-forecast", text)
    found = {r["area"]: r["load_mw"] for r in rows(pieces)}
    assert found == {
        "NORTH": Decimal("13005.493750"), "SOUTH": Decimal("10953.5"), "HOUSTON": Decimal("11191.65"),
        "ERCOT": Decimal("43797.77"),
    }  # fmt: skip
    assert (pieces[0].rows_read, pieces[0].rows_empty) == (5, 1)
    assert {r["area_type"] for r in rows(pieces)} == {"FORECAST ZONE", "SYSTEM"}


def test_other_reports_and_unknown_columns_are_refused() -> None:
    with pytest.raises(UnreadableFile, match="forecast load") as error:
        parse("ercot-load-actual", ZONAL + "03/13/2025,1:00,1,2,3,4,10,N\n")
    assert "ercot-load-forecast" in error.value.next_step
    with pytest.raises(UnreadableFile, match="unknown column 'PANHANDLE'"):
        parse("ercot-load-actual", ACTUAL.replace("WEST,TOTAL", "WEST,PANHANDLE,TOTAL") + "x\n")
    with pytest.raises(UnreadableFile, match="no report of load"):
        parse("ercot-load-actual", "DeliveryDate,HourEnding,SettlementPoint,SettlementPointPrice,DSTFlag\n")
