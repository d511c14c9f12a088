"""Stamps of every writing, and the intervals and readings that they stand for."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse.errors import UnreadableFile
from tests.support.parsing import parse, refused, rows, stamps

LAYOUT = """name = "own"
domain = "meter"
description = "A layout of a test"
[recognise]
header = ["at", "kWh"]
[dialect]
delimiter = ";"
[stamps]
columns = ["at"]
{stamps}
[[signal]]
name = "kWh"
kind = "{kind}"
unit = "kWh"
{signal}
"""


def read(
    folder: Path, stamp_keys: str, *stamped: str, kind: str = "interval_energy", signal: str = "", **options: object
) -> object:
    (folder / "own.toml").write_text(LAYOUT.format(stamps=stamp_keys, kind=kind, signal=signal))
    text = "at;kWh\n" + "".join(f"{at};{number}\n" for number, at in enumerate(stamped, 1))
    return parse(text, dirs=[folder], layout="own", **options)


def spans(parsed: object) -> list[tuple[str, str]]:
    return [(f"{row['ts']:%Y-%m-%d %H:%M}", f"{row['interval_end']:%Y-%m-%d %H:%M}") for row in rows(parsed)]


@pytest.mark.parametrize(
    ("pattern", "text", "utc"),
    [
        ("%d-%m-%Y %H:%M:%S %z", "01-01-2023 00:15:00 +0100", "2022-12-31 23:15:00"),
        ("%d-%m-%Y %H:%M:%S %z", "01-07-2023 00:15:00 +02:00", "2023-06-30 22:15:00"),
        ("%Y-%m-%d %H:%M%z", "2023-07-01 00:15-0930", "2023-07-01 09:45:00"),
        ("%Y-%m-%d %H:%M %z", "2023-07-01 00:15 +02", "2023-06-30 22:15:00"),
        ("%Y-%m-%d %H:%M %z", "2023-07-01 00:15Z", "2023-07-01 00:15:00"),
        ("%Y-%m-%d %H:%M %z", "2023-07-01 00:15 GMT+1", "2023-06-30 23:15:00"),
        ("%Y-%m-%d %H:%M (%z)", "2023-07-01 00:15 (UTC+05:30)", "2023-06-30 18:45:00"),
        ("detect", "01.07.2023 00:15 +02:00", "2023-06-30 22:15:00"),
        ("detect", "31.07.2023", "2023-07-30 22:00:00"),
        ("detect", "7/31/2023", "2023-07-30 22:00:00"),
        ("detect", "2023/07/31", "2023-07-30 22:00:00"),
        ("%d.%m.%Y %H:%M %Z", "27.10.2024 02:15 CEST", "2024-10-27 00:15:00"),
        ("%d.%m.%Y %H:%M %Z", "27.10.2024 02:15 CET", "2024-10-27 01:15:00"),
        ("%d.%m.%Y %H:%M %Z", "27.10.2024 02:15 MEZ", "2024-10-27 01:15:00"),
        ("%d.%m.%Y %H:%M %Z", "27.10.2024 02:15 MESZ", "2024-10-27 00:15:00"),
        ("%d.%m.%Y %H:%M %Z", "27.10.2024 02:15 UTC", "2024-10-27 02:15:00"),
        ("%d %b %Y %H:%M", "5 Jan 2024 01:00", "2024-01-05 00:00:00"),
        ("%d. %B %Y %H:%M", "5. März 2024 01:00", "2024-03-05 00:00:00"),
        ("%d-%b-%y %H:%M", "05-okt-24 02:00", "2024-10-05 00:00:00"),
        ("%d %b %Y %H:%M", "5 févr. 2024 01:00", "2024-02-05 00:00:00"),
        ("%a, %d %b %Y %H:%M", "Fri, 5 Jan 2024 01:00", "2024-01-05 00:00:00"),
        ("%m/%d/%Y %I:%M %p", "1/5/2024 12:00 AM", "2024-01-04 23:00:00"),
        ("%m/%d/%Y %I:%M %p", "1/5/2024 12:30 p.m.", "2024-01-05 11:30:00"),
        ("%m/%d/%Y %I:%M:%S%p", "1/5/2024 01:00:00PM", "2024-01-05 12:00:00"),
    ],
)
def test_a_stamp_is_read_as_its_pattern_says(pattern: str, text: str, utc: str, tmp_path: Path) -> None:
    keys = f'format = "{pattern}"\ntimezone = "Europe/Berlin"'
    assert stamps(read(tmp_path, keys, text, kind="instant")) == [utc]


@pytest.mark.parametrize(
    "text",
    [
        "31.03.2024 02:30 CET",  # the clock shows 03:30 CEST at that instant
        "01.06.2024 02:15 CET",
        "27.10.2024 02:15 EST",
        "27.10.2024 02:15 IST",
        "27.10.2024 02:15",
    ],
)
def test_a_zone_name_that_the_zone_does_not_have_then_refuses_its_row(text: str, tmp_path: Path) -> None:
    good = "27.10.2024 01:15 CEST"
    keys = 'format = "%d.%m.%Y %H:%M %Z"\ntimezone = "Europe/Berlin"'
    parsed = read(tmp_path, keys, good, text, good.replace("27", "28").replace("CEST", "CET"), kind="instant")
    assert [line for line, _, _ in refused(parsed)] == [3]
    assert stamps(parsed) == ["2024-10-26 23:15:00", "2024-10-28 00:15:00"]


def test_zone_names_are_those_of_the_zone_that_the_stamps_are_of(tmp_path: Path) -> None:
    keys = 'format = "%Y-%m-%d %H:%M %Z"\ntimezone = "America/New_York"'
    text = ["2024-11-03 01:30 EDT", "2024-11-03 01:30 EST"]
    assert stamps(read(tmp_path, keys, *text, kind="instant")) == ["2024-11-03 05:30:00", "2024-11-03 06:30:00"]
    kolkata = read(tmp_path, keys, "2024-11-03 01:30 IST", kind="instant", timezone="Asia/Kolkata")
    assert stamps(kolkata) == ["2024-11-02 20:00:00"]


def test_stamps_with_an_offset_end_intervals_where_they_say(tmp_path: Path) -> None:
    keys = 'format = "%d-%m-%Y %H:%M:%S %z"\nmarks = "end"\ninterval_s = 900'
    found = read(tmp_path, keys, "01-01-2023 00:15:00 +0100", "01-07-2023 00:15:00 +0200")
    assert spans(found) == [("2022-12-31 23:00", "2022-12-31 23:15"), ("2023-06-30 22:00", "2023-06-30 22:15")]


@pytest.mark.parametrize(
    ("keys", "cells"),
    [
        (
            'format = "%Y-%m-%d %H:%M"\nseparator = " to "',
            ["2024-06-01 00:00 to 2024-06-01 01:00", "2024-06-01 23:00 to 2024-06-02 00:00"],
        ),
        (
            'format = "%Y-%m-%d %H:%M"\nend_format = "%H:%M"\nseparator = " - "',
            ["2024-06-01 00:00 - 01:00", "2024-06-01 23:00 - 00:00"],
        ),
        (
            'format = "%Y-%m-%d %H:%M"\nend_format = "%H:%M"\nseparator = "-"',
            ["2024-06-01 00:00-01:00", "2024-06-01 23:00-24:00"],
        ),
        (
            'separator = " to "\ninterval_s = 3600',
            ["2024-06-01 00:00 to 2024-06-01 00:59", "2024-06-01 23:00 to 2024-06-01 23:59:59"],
        ),
    ],
)
def test_start_and_end_in_one_cell_make_the_interval(keys: str, cells: list[str], tmp_path: Path) -> None:
    if '"-"' in keys:
        keys, cells = keys.replace("%Y-%m-%d", "%d.%m.%Y"), [f"01.06.2024 {cell[11:]}" for cell in cells]
    found = read(tmp_path, keys + '\ntimezone = "America/Denver"', *cells)
    assert spans(found) == [("2024-06-01 06:00", "2024-06-01 07:00"), ("2024-06-02 05:00", "2024-06-02 06:00")]


def test_a_cell_without_its_separator_and_an_end_that_does_not_fit_refuse_their_rows(tmp_path: Path) -> None:
    cells = [f"2024-06-01 0{hour}:00 to 2024-06-01 0{hour + 1}:00" for hour in range(6)]
    cells[2], cells[4] = "2024-06-01 02:00", "2024-06-01 04:00 to 2024-06-01 04:30"
    parsed = read(tmp_path, 'format = "%Y-%m-%d %H:%M"\nseparator = " to "\ninterval_s = 3600', *cells)
    assert [line for line, _, _ in refused(parsed)] == [4, 6]
    assert len(rows(parsed)) == 4


def test_ends_that_rows_state_hold_across_both_changes_of_the_clocks(tmp_path: Path) -> None:
    keys = 'format = "%Y-%m-%d %H:%M"\nseparator = " to "\ntimezone = "Europe/Berlin"'
    quarters = [
        "2024-03-31 01:30 to 2024-03-31 01:45",
        "2024-03-31 01:45 to 2024-03-31 03:00",
        "2024-03-31 03:00 to 2024-03-31 03:15",
    ]
    assert spans(read(tmp_path, keys, *quarters))[1:] == [
        ("2024-03-31 00:45", "2024-03-31 01:00"),
        ("2024-03-31 01:00", "2024-03-31 01:15"),
    ]
    days = ["2024-03-30", "2024-03-31", "2024-04-01", "2024-10-27"]
    following = ["2024-03-31", "2024-04-01", "2024-04-02", "2024-10-28"]
    cells = [f"{a} 00:00 to {b} 00:00" for a, b in zip(days, following, strict=True)]
    hours = [(row["interval_end"] - row["ts"]).total_seconds() / 3600 for row in rows(read(tmp_path, keys, *cells))]
    assert hours == [24, 23, 24, 25]


DAYS = ["2024-03-30", "2024-03-31", "2024-04-01", "2024-10-26", "2024-10-27", "2024-10-28"]
BERLIN_DAYS = [
    ("2024-03-29 23:00", "2024-03-30 23:00"),
    ("2024-03-30 23:00", "2024-03-31 22:00"),
    ("2024-03-31 22:00", "2024-04-01 22:00"),
    ("2024-10-25 22:00", "2024-10-26 22:00"),
    ("2024-10-26 22:00", "2024-10-27 23:00"),
    ("2024-10-27 23:00", "2024-10-28 23:00"),
]


OFFSET_DAYS = [f"{day}+0{2 if number in (2, 3, 4) else 1}00" for number, day in enumerate(DAYS)]


def ends_of_days(clock: str) -> list[str]:
    following = ["2024-03-31", "2024-04-01", "2024-04-02", "2024-10-27", "2024-10-28", "2024-10-29"]
    return following if clock == "next" else [f"{day} {clock}" for day in DAYS]


@pytest.mark.parametrize(
    ("keys", "texts"),
    [
        ("interval_s = 86400", DAYS),
        ('interval = "day"', DAYS),
        ('interval = "day"\nmarks = "end"', ends_of_days("next")),
        ('interval_s = 86400\nmarks = "end"', ends_of_days("next")),
        ('interval = "day"\nmarks = "end"', ends_of_days("23:59:59")),
        ('interval = "day"\nmarks = "end"', ends_of_days("23:59")),
        ('interval = "day"\nmarks = "end"\nformat = "%Y-%m-%d %H:%M"', ends_of_days("24:00")),
        ('interval_s = 86400\nformat = "%Y-%m-%d%z"', OFFSET_DAYS),
        ('interval = "day"\nseparator = " - "', [f"{day} - {day}" for day in DAYS]),
    ],
)
def test_a_value_a_local_day_lies_on_its_whole_day(keys: str, texts: list[str], tmp_path: Path) -> None:
    zone = "site_timezone" if "%z" in keys else "timezone"
    parsed = read(tmp_path, f'{keys}\n{zone} = "Europe/Berlin"', *texts)
    assert spans(parsed) == BERLIN_DAYS
    assert refused(parsed) == []


def test_instants_that_are_no_midnights_keep_their_seconds(tmp_path: Path) -> None:
    keys = 'interval_s = 86400\nformat = "iso_offset"\nsite_timezone = "Europe/Berlin"'
    found = read(tmp_path, keys, "2024-03-31T00:00:00Z", "2024-04-01T00:00:00Z")
    assert spans(found) == [("2024-03-31 00:00", "2024-04-01 00:00"), ("2024-04-01 00:00", "2024-04-02 00:00")]
    days = read(tmp_path, keys.replace("interval_s = 86400", 'interval = "day"'), "2024-03-30T23:00:00Z")
    assert spans(days) == [("2024-03-30 23:00", "2024-03-31 22:00")]


@pytest.mark.parametrize(
    ("keys", "texts"),
    [
        ('interval = "month"\nformat = "%Y-%m"', ["2024-02", "2024-03"]),
        ('interval = "month"\nformat = "%b %Y"', ["Feb 2024", "Mar 2024"]),
        ('interval = "month"', ["2024-02-01", "2024-03-01"]),
        ('interval = "month"\nmarks = "end"', ["2024-03-01", "2024-04-01"]),
        ('interval = "month"\nmarks = "end"', ["2024-02-29", "2024-03-31"]),
        ('interval = "month"\nmarks = "end"', ["2024-02-29 23:59:59", "2024-03-31 23:59:59"]),
        ('interval = "month"\nseparator = " - "', ["2024-02-01 - 2024-02-29", "2024-03-01 - 2024-03-31"]),
        ('separator = " - "', ["2024-02-01 - 2024-03-01", "2024-03-01 - 2024-04-01"]),
    ],
)
def test_a_value_a_month_lies_on_its_whole_month(keys: str, texts: list[str], tmp_path: Path) -> None:
    found = read(tmp_path, f'{keys}\ntimezone = "Europe/Berlin"', *texts)
    assert spans(found) == [("2024-01-31 23:00", "2024-02-29 23:00"), ("2024-02-29 23:00", "2024-03-31 22:00")]


def test_weeks_years_and_gas_days_are_calendar_intervals_too(tmp_path: Path) -> None:
    zone = '\ntimezone = "Europe/Berlin"'
    week = read(tmp_path, 'interval = "week"' + zone, "2024-03-25")
    assert spans(week) == [("2024-03-24 23:00", "2024-03-31 22:00")]
    year = read(tmp_path, 'interval = "year"\nformat = "%Y"' + zone, "2024")
    assert spans(year) == [("2023-12-31 23:00", "2024-12-31 23:00")]
    gas = read(tmp_path, 'interval = "day"' + zone, "2024-03-30 06:00")
    assert spans(gas) == [("2024-03-30 05:00", "2024-03-31 04:00")]


def test_days_of_a_zone_without_that_midnight_are_not_refused(tmp_path: Path) -> None:
    parsed = read(tmp_path, 'interval = "day"\ntimezone = "America/Havana"', "2024-03-09", "2024-03-10", "2024-11-03")
    assert [round((row["interval_end"] - row["ts"]).total_seconds() / 3600) for row in rows(parsed)] == [24, 23, 25]


def test_hours_that_are_declared_days_are_another_resolution(tmp_path: Path) -> None:
    hours = [f"2024-06-01 {hour:02}:00" for hour in range(24)]
    with pytest.raises(UnreadableFile, match="3600 s apart"):
        read(tmp_path, 'interval = "day"', *hours)


@pytest.mark.parametrize(
    ("keys", "signal"),
    [
        ("interval_s = 3600", 'read_at = "end"'),
        ("", 'read_at = "end"\ninterval_s = 3600'),
    ],
)
def test_a_register_read_at_the_end_of_its_hour_is_read_there_across_both_changes(
    keys: str, signal: str, tmp_path: Path
) -> None:
    texts = ["2024-03-31 00:00", "2024-03-31 01:00", "2024-03-31 03:00", "2024-10-27 01:00", "2024-10-27 03:00"]
    zone = '\ntimezone = "Europe/Amsterdam"'
    parsed = read(tmp_path, keys + zone, *texts, kind="counter", signal=signal)
    assert stamps(parsed) == [
        "2024-03-31 00:00:00",
        "2024-03-31 01:00:00",
        "2024-03-31 02:00:00",
        "2024-10-27 00:00:00",
        "2024-10-27 03:00:00",
    ]
    assert {row["interval_end"] for row in rows(parsed)} == {None}


def test_a_maximum_may_stand_at_the_start_of_the_hour_that_its_stamp_ends(tmp_path: Path) -> None:
    keys = 'interval_s = 3600\nmarks = "end"\ntimezone = "Europe/Berlin"'
    parsed = read(tmp_path, keys, "2024-03-31 01:00", "2024-03-31 03:00", kind="max", signal='read_at = "start"')
    assert stamps(parsed) == ["2024-03-30 23:00:00", "2024-03-31 00:00:00"]


def test_mixed_lengths_are_told_by_the_row_before_where_stamps_are_ends(tmp_path: Path) -> None:
    texts = ["00:10", "00:20", "00:21", "00:22", "00:32"]
    keys = 'interval_s = [60, 600]\nmarks = "end"\ntimezone = "UTC"'
    found = spans(read(tmp_path, keys, *(f"2024-06-01 {text}" for text in texts)))
    assert [start[-5:] for start, _ in found] == ["00:00", "00:10", "00:20", "00:21", "00:22"]
