"""NEM12 days: every value has its interval and its quality, or the day is refused as a whole."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from lakehouse.errors import UnreadableFile
from lakehouse.source import Parsed
from tests.support.parsing import parse, refused, rows, stamps

HEAD = "100,NEM12,202302241702,,123\n200,4102000000,E1B1,,E1,,,{unit},{minutes},\n"
SOUND = f"300,20230224,{','.join(['1'] * 48)},A,,,,\n"


def day(values: int, behind: str = "A,,,,", date: str = "20230225") -> str:
    return f"300,{date},{','.join(str(10 * n) for n in range(values))},{behind}\n"


def read(records: str, minutes: int = 30, unit: str = "kWh", sound: str = SOUND, end: str = "900\n") -> Parsed:
    """A file with one sound day of 48 kWh above the records."""
    return parse(HEAD.format(minutes=minutes, unit=unit) + sound + records + end)


REFUSED = {
    "twice the values": (day(96), "has 96 values, and its interval length asks for 48"),
    "twice the values, with the qualities of halves": (
        day(96, "V,,,,") + "400,1,47,A,,\n400,48,48,N,,\n", "has 96 values"),
    "half of the values": (day(24), "has 24 values"),
    "one too few": (day(47), "has 47 values"),
    "one too many": (day(49), "has 49 values"),
    "half of the values, padded by a spreadsheet": (day(24, "A,,,," + "," * 24), "has 24 values"),
    "no quality": (day(48, ",,,,"), "no quality"),
    "no fields behind the values": (day(48).removesuffix(",A,,,,\n") + "\n", "no quality"),
    "more fields than there are": (day(48, "A,,,20230226000000,,1"), "more fields"),
    "a date with a time": (day(48, date="202302250030"), "no date"),
    "a date with dashes": (day(48, date="2023-02-25"), "no date"),
    "a day that is none": (day(48, date="20230230"), ""),
    "a quality that varies, and no record of it": (day(48, "V,,,,"), "do not cover"),
    "ranges with a hole": (day(48, "V,,,,") + "400,1,20,A,,\n400,22,48,S14,,\n", "do not cover"),
    "ranges that overlap": (day(48, "V,,,,") + "400,1,20,A,,\n400,20,48,S14,,\n", "do not cover"),
    "ranges that end early": (day(48, "V,,,,") + "400,1,20,A,,\n400,21,47,S14,,\n", "do not cover"),
    "ranges that go on": (day(48, "V,,,,") + "400,1,20,A,,\n400,21,49,S14,,\n", "do not cover"),
    "ranges of another interval length": (day(48, "V,,,,") + "400,1,48,A,,\n400,49,96,N,,\n", "do not cover"),
    "a range that runs backwards": (day(48, "V,,,,") + "400,1,48,A,,\n400,49,48,A,,\n", "do not cover"),
    "a range that varies in itself": (day(48, "V,,,,") + "400,1,48,V,,\n", "no quality"),
    "a range without a quality": (day(48, "V,,,,") + "400,1,48\n", "no quality"),
    "one quality for the day and another for a part": (day(48) + "400,1,2,E52,,\n", "states quality A"),
    "one quality for the day, said again of a part": (day(48) + "400,1,2,A,79,\n", "do not cover"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_a_day_that_does_not_have_its_values_or_qualities_is_refused_whole_and_the_others_land(what: str) -> None:
    records, reason = REFUSED[what]
    parsed = read(records + day(48, date="20230226"))
    ((line, field, said),) = refused(parsed)
    assert (line, field) == (4, "") and reason in said
    landed: dict[str, Decimal] = {}
    for row, stamp in zip(rows(parsed), stamps(parsed), strict=True):
        landed[stamp[:10]] = landed.get(stamp[:10], Decimal(0)) + row["value_exact"]
    # Market time is UTC+10: a day begins at 14:00 UTC, with 20 of its half hours before the next date.
    assert landed == {
        "2023-02-23": Decimal(20), "2023-02-24": Decimal(28),
        "2023-02-25": Decimal(sum(range(0, 200, 10))), "2023-02-26": Decimal(sum(range(200, 480, 10))),
    }  # fmt: skip


def test_a_file_whose_only_day_has_twice_the_values_is_refused_with_the_count() -> None:
    with pytest.raises(UnreadableFile, match="96 values, and its interval length asks for 48"):
        read(day(96, "V,,,,") + "400,1,47,A,,\n400,48,48,N,,\n", sound="")


@pytest.mark.parametrize(
    "behind", ["A", "A,", "A,,,,", "A,79,Power Outage,20230226000000,20230227000000", "A,,,,,,,,,"]
)
@pytest.mark.parametrize(("minutes", "count"), [(5, 288), (15, 96), (30, 48)])
def test_a_day_lands_whole_with_or_without_the_fields_that_portals_leave_out(
    behind: str, minutes: int, count: int
) -> None:
    parsed = read(day(count, behind), minutes, sound="")
    assert not refused(parsed) and len(rows(parsed)) == count
    assert sum(row["value_exact"] for row in rows(parsed)) == sum(range(0, 10 * count, 10))
    first, last = rows(parsed)[0], rows(parsed)[-1]
    assert str(first["ts"]) == "2023-02-24 14:00:00+00:00" and str(last["interval_end"]) == "2023-02-25 14:00:00+00:00"


def test_ranges_may_stand_in_any_order_and_leave_out_their_reasons() -> None:
    parsed = read(day(48, "V") + "400,21,48,S14\n400,1,20,A\n", sound="")
    assert [row["text"] for row in rows(parsed)] == ["A"] * 20 + ["S14"] * 28
    (signal,) = parsed.tables["signals"].to_pylist()
    assert "S14" in signal["estimated_statuses"].split("|") and "A" not in signal["estimated_statuses"].split("|")


def test_intervals_without_data_are_gaps_and_no_zeros() -> None:
    parsed = read(day(48, "V,,,,") + "400,1,47,A,,\n400,48,48,N,,\n", sound="")
    assert len(rows(parsed)) == 47 and parsed.rows_empty == 1
    assert sum(row["value_exact"] for row in rows(parsed)) == sum(range(0, 470, 10))


def test_days_out_of_order_without_an_end_record_land_under_their_own_dates() -> None:
    parsed = read(day(48, date="20230226") + day(48), sound="", end="")
    assert sorted({stamp[:10] for stamp in stamps(parsed)}) == ["2023-02-24", "2023-02-25", "2023-02-26"]
    assert stamps(parsed)[0] == "2023-02-25 14:00:00" and len(rows(parsed)) == 96


@pytest.mark.parametrize(
    ("written", "unit"), [("KWH", "kWh"), ("kwh", "kWh"), ("WH", "Wh"), ("MWH", "MWh"), ("mWh", "MWh"), ("", "kWh")]
)
def test_a_unit_is_the_files_however_its_letters_are_written(written: str, unit: str) -> None:
    (signal,) = read(day(48), unit=written).tables["signals"].to_pylist()
    assert (signal["unit"], signal["kind"]) == (unit, "interval_energy")


@pytest.mark.parametrize("written", ["kW", "kVA", "kVArh", "furlong"])
def test_a_register_of_another_quantity_is_refused(written: str) -> None:
    with pytest.raises(UnreadableFile, match=f"unit '{written}'"):
        read(day(48), unit=written)


@pytest.mark.parametrize("change", [
    lambda text: text.replace("\n", "\r\n"),
    lambda text: "\ufeff" + text,
    lambda text: "\n" + text.partition("\n")[2],
])  # fmt: skip
def test_line_ends_marks_and_a_missing_header_change_nothing(change: Callable[[str], str]) -> None:
    text = HEAD.format(minutes=30, unit="kWh") + day(48) + "900\n"
    assert rows(parse(change(text))) and stamps(parse(change(text))) == stamps(parse(text))
