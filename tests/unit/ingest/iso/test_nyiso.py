"""NYISO's files: repeated hours by order, runs and forecasts, signs, and everything that is refused with a reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.errors import UnreadableFile
from tests.support.documents import local_grid, parse, price_of, rows, zipped
from tests.support.given import refused

NEW_YORK = "America/New_York"
HEADER = (
    '"Time Stamp","Name","PTID","LBMP ($/MWHr)","Marginal Cost Losses ($/MWHr)","Marginal Cost Congestion ($/MWHr)"'
)
PLAIN = HEADER.replace('"', "")
AS_HEADER = (
    "Time Stamp,Time Zone,Name,PTID,10 Min Spinning Reserve ($/MWHr),10 Min Non-Synchronous Reserve ($/MWHr),"
    "30 Min Operating Reserve ($/MWHr),NYCA Regulation Capacity ($/MWHr)"
)
ZONES = (("CAPITL", 61757), ("N.Y.C.", 61761), ("H Q", 61844))


def wall(at: datetime, seconds: bool) -> str:
    return at.astimezone(ZoneInfo(NEW_YORK)).strftime("%m/%d/%Y %H:%M:%S" if seconds else "%m/%d/%Y %H:%M")


def document(stamps: list[datetime], seconds: bool = False, header: str = HEADER) -> str:
    """All zones at all stamps, in the operator's order: a price that tells the row, losses 1.10, congestion -0.25."""
    lines = [header]
    for number, at in enumerate(stamps):
        for zone, (name, ptid) in enumerate(ZONES):
            lines.append(f'"{wall(at, seconds)}","{name}",{ptid},{price_of(number * 3 + zone)},1.10,-0.25')
    return "\n".join(lines) + "\n"


def single(stamps: list[datetime]) -> str:
    """One zone, a price a stamp."""
    body = [f'"{wall(at, True)}","WEST",61752,{price_of(number)},0.00,0.00' for number, at in enumerate(stamps)]
    return "\n".join([HEADER, *body]) + "\n"


def starts(pieces: list[object]) -> list[datetime]:
    return [row["interval_start"] for row in rows(pieces)]


@pytest.mark.parametrize(
    ("day", "hours"),
    # Until 2006 the clocks changed on the first Sunday in April and the last one in October.
    [("2025-03-09", 23), ("2025-06-01", 24), ("2025-11-02", 25), ("2006-04-02", 23), ("2006-10-29", 25)],
)
@pytest.mark.parametrize("market", ["dam", "rth"])
def test_every_hour_of_a_day_lands_once_at_its_instant(market: str, day: str, hours: int) -> None:
    grid = local_grid(day, 60, NEW_YORK)
    name = f"{day.replace('-', '')}{'damlbmp' if market == 'dam' else 'rtlbmp'}_zone.csv"
    pieces = parse(f"nyiso-{market}-lbmp-zone", document(grid), name)
    assert len(grid) == hours and not refused(pieces)
    found = rows(pieces)
    assert [(row["interval_start"], row["lmp_usd_mwh"]) for row in found] == [
        (at, price_of(number * 3 + zone)) for number, at in enumerate(grid) for zone in range(3)
    ]
    assert all(row["interval_end"] - row["interval_start"] == timedelta(hours=1) for row in found)
    assert {row["market"] for row in found} == {market.upper()}


@pytest.mark.parametrize(("day", "runs"), [("2025-03-09", 276), ("2025-11-02", 300)])
def test_five_minute_stamps_are_ends_and_tell_the_repeated_hour_by_order(day: str, runs: int) -> None:
    grid = local_grid(day, 5, NEW_YORK, first_minutes=5)
    pieces = parse("nyiso-rt5-lbmp-zone", document(grid, seconds=True), f"{day.replace('-', '')}realtime_zone.csv")
    assert len(grid) == runs and not refused(pieces)
    found = [row for row in rows(pieces) if row["location"] == "H Q"]
    assert [row["interval_end"] for row in found] == grid
    assert all(row["interval_end"] - row["interval_start"] == timedelta(minutes=5) for row in found)
    assert {row["vintage"] for row in found} == {"posted"}


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_full_set_of_runs_of_a_fall_back_night_comes_back_from_its_wall_clock(data: st.DataObject) -> None:
    grid = local_grid("2024-11-03", 5, NEW_YORK, first_minutes=5)[:60]
    extra = data.draw(st.sets(st.integers(61, 299), max_size=12))  # seconds after a grid stamp make an extra run
    stamps = sorted({*grid, *(grid[number % 59] + timedelta(seconds=number) for number in extra)})
    pieces = parse("nyiso-rt5-lbmp-zone", single(stamps), "20241103realtime_zone.csv")
    assert not refused(pieces)
    found = rows(pieces)
    assert [row["interval_end"] for row in found] == stamps
    assert [row["interval_start"] for row in found] == [grid[0] - timedelta(minutes=5), *stamps[:-1]]


def test_a_repeated_hour_that_order_does_not_prove_is_refused_and_the_rest_lands() -> None:
    grid = local_grid("2025-11-02", 60, NEW_YORK)
    without_second = document(grid[:2] + grid[3:])
    pieces = parse("nyiso-dam-lbmp-zone", without_second, "20251102damlbmp_zone.csv")
    assert len(rows(pieces)) == 23 * 3
    assert [(line, "order does not prove" in reason) for line, _, reason in refused(pieces)] == [
        (5, True),
        (6, True),
        (7, True),
    ]


@pytest.mark.parametrize("rows_so_far", range(12, 26))
def test_a_document_that_ends_in_its_first_repeated_hour_lands_whole(rows_so_far: int) -> None:
    grid = local_grid("2025-11-02", 5, NEW_YORK, first_minutes=5)[:rows_so_far]
    pieces = parse("nyiso-rt5-lbmp-zone", single(grid), "20251102realtime_zone.csv")
    assert not refused(pieces) and [row["interval_end"] for row in rows(pieces)] == grid


def test_a_document_that_ends_in_a_repeated_hour_after_a_gap_is_refused_from_there_on() -> None:
    grid = local_grid("2025-11-02", 5, NEW_YORK, first_minutes=5)
    pieces = parse("nyiso-rt5-lbmp-zone", single(grid[:6] + grid[14:18]), "20251102realtime_zone.csv")
    assert len(rows(pieces)) == 6 and [line for line, *_ in refused(pieces)] == [8, 9, 10, 11]


def test_a_time_that_the_clocks_skip_is_refused() -> None:
    text = f'{HEADER}\n"03/09/2025 01:00","WEST",61752,1.00,0.00,0.00\n"03/09/2025 02:00","WEST",61752,2.00,0.00,0.00\n'
    pieces = parse("nyiso-dam-lbmp-zone", text, "20250309damlbmp_zone.csv")
    assert len(rows(pieces)) == 1 and [line for line, *_ in refused(pieces)] == [3]


def test_the_components_add_up_and_the_published_sign_is_kept() -> None:
    text = f"{PLAIN}\n11/03/2025 00:00,WEST,61752,40.00,-2.50,6.25\n"
    (row,) = rows(parse("nyiso-dam-lbmp-zone", text, "20251103damlbmp_zone.csv"))
    assert row["congestion_published_usd_mwh"] == Decimal("6.25") and row["congestion_usd_mwh"] == Decimal("-6.25")
    assert row["energy_usd_mwh"] == Decimal("48.75")
    assert row["lmp_usd_mwh"] == row["energy_usd_mwh"] + row["congestion_usd_mwh"] + row["loss_usd_mwh"]
    assert (row["location_id"], row["location_type"], row["price_type"]) == ("61752", "ZONE", "LBMP")


def test_an_extra_run_begins_at_the_run_before_and_ends_the_next_ones_interval_short() -> None:
    start = datetime(2025, 6, 1, 16, 0, tzinfo=UTC)
    ends = [start + timedelta(minutes=5), start + timedelta(minutes=7, seconds=30), start + timedelta(minutes=10)]
    pieces = parse("nyiso-rt5-lbmp-zone", single(ends), "20250601realtime_zone.csv")
    assert starts(pieces) == [start, ends[0], ends[1]]


def test_a_run_after_a_gap_spans_five_minutes() -> None:
    start = datetime(2025, 6, 1, 16, 0, tzinfo=UTC)
    pieces = parse(
        "nyiso-rt5-lbmp-zone",
        single([start, start + timedelta(minutes=20), start + timedelta(minutes=38)]),
        "20250601realtime_zone.csv",
    )
    assert starts(pieces) == [
        start - timedelta(minutes=5),
        start + timedelta(minutes=15),
        start + timedelta(minutes=35),
    ]


@pytest.mark.parametrize(
    ("now_minutes", "dispatched"),
    [(7, 2), (8, 2), (12, 3)],
)
def test_the_rows_ahead_of_a_growing_document_are_forecasts(now_minutes: int, dispatched: int) -> None:
    start = datetime(2025, 6, 1, 16, 0, tzinfo=UTC)
    runs = [start + timedelta(minutes=5 * number) for number in range(1, dispatched + 1)]
    quarters = [start + timedelta(minutes=15 * number) for number in range(1, 9)]
    stamps = sorted({*runs, *quarters})
    now = start + timedelta(minutes=now_minutes)
    found = rows(parse("nyiso-rt5-lbmp-zone", single(stamps), "20250601realtime_zone.csv", received_at=now))
    assert [row["interval_end"] for row in found if row["vintage"] == "posted"] == runs
    assert all(
        row["interval_end"] - row["interval_start"] == timedelta(minutes=15)
        for row in found
        if row["vintage"] == "advisory"
    )


def test_without_a_publication_the_tail_of_quarter_hours_is_still_a_forecast() -> None:
    start = datetime(2025, 6, 1, 16, 0, tzinfo=UTC)
    stamps = [start + timedelta(minutes=m) for m in (5, 10, 20, 25, 30, 45, 60)]
    found = rows(parse("nyiso-rt5-lbmp-zone", single(stamps), "20250601realtime_zone.csv"))
    assert [row["vintage"] for row in found] == ["posted"] * 4 + ["advisory"] * 3


def test_a_month_lands_day_by_day_and_a_broken_day_keeps_no_other_out() -> None:
    good = document(local_grid("2016-04-01", 60, NEW_YORK))
    archive = zipped(
        {
            "20160401damlbmp_zone.csv": good,
            "20160402damlbmp_zone.csv": "",
            "20160403damlbmp_zone.csv": good.replace("04/01", "04/03"),
        }
    )
    pieces = parse("nyiso-dam-lbmp-zone", archive, "20160401damlbmp_zone.csv.zip")
    assert len(rows(pieces)) == 2 * 72
    assert {row["member"] for row in rows(pieces)} == {"20160401damlbmp_zone.csv", "20160403damlbmp_zone.csv"}
    assert refused(pieces) == [(0, "20160402damlbmp_zone.csv", "the file is empty")]


def test_a_refused_row_of_an_archive_names_its_file() -> None:
    archive = zipped(
        {"20160401damlbmp_zone.csv": f"{PLAIN}\n04/01/2016 00:00,WEST,61752,1.00,,\n04/01/2016 x,WEST,61752,1,,\n"}
    )
    pieces = parse("nyiso-dam-lbmp-zone", archive, "201604.zip")
    assert [(line, field) for line, field, _ in refused(pieces)] == [(3, "20160401damlbmp_zone.csv: Time Stamp")]
    (row,) = rows(pieces)
    assert row["energy_usd_mwh"] is None and row["loss_usd_mwh"] is None and row["congestion_usd_mwh"] is None


def test_the_header_that_was_cut_short_until_2016_is_read() -> None:
    cut = HEADER.replace("Congestion ($/MWHr)", "Congestion ($/MWH")
    for header in (cut, cut.replace('"', "")):
        text = f'{header}\n"03/01/2016 00:00","CAPITL",61757,14.16,0.47,-7.20\n'
        (row,) = rows(parse("nyiso-dam-lbmp-zone", text, "20160301damlbmp_zone.csv"))
        assert row["congestion_usd_mwh"] == Decimal("7.20")


@pytest.mark.parametrize("cell", ["", "n/a", "NaN", "1,5"])
def test_a_row_without_a_price_is_refused_with_its_line(cell: str) -> None:
    text = f'{PLAIN}\n04/01/2016 00:00,WEST,61752,1.00,0,0\n04/01/2016 01:00,WEST,61752,"{cell}",0,0\n'
    pieces = parse("nyiso-dam-lbmp-zone", text, "20160401damlbmp_zone.csv")
    assert len(rows(pieces)) == 1
    assert [line for line, *_ in refused(pieces)] == [3]


def test_components_that_no_column_holds_are_refused() -> None:
    text = f"{PLAIN}\n04/01/2016 00:00,WEST,61752,999999999999,-1,0\n04/01/2016 01:00,WEST,61752,1,0,0\n"
    pieces = parse("nyiso-dam-lbmp-zone", text, "20160401damlbmp_zone.csv")
    assert [row["lmp_usd_mwh"] for row in rows(pieces)] == [1] and [line for line, *_ in refused(pieces)] == [2]


def test_rows_that_contradict_each_other_are_refused_and_a_repeated_one_is_not() -> None:
    text = f"{PLAIN}\n" + "".join(
        f"04/01/2016 0{h}:00,WEST,61752,{p},0,0\n" for h, p in ((0, 1), (1, 2), (1, 2), (0, 9))
    )
    pieces = parse("nyiso-dam-lbmp-zone", text, "20160401damlbmp_zone.csv")
    assert [row["lmp_usd_mwh"] for row in rows(pieces)] == [2, 2]
    assert [(line, field) for line, field, _ in refused(pieces)] == [(2, "lmp_usd_mwh"), (5, "lmp_usd_mwh")]
    (reason,) = {reason for *_, reason in refused(pieces)}
    assert "line 2 states lmp_usd_mwh 1" in reason and "line 5 states lmp_usd_mwh 9" in reason
    assert "location WEST" in reason and "interval_start 2016-04-01T04:00:00+00:00" in reason


@pytest.mark.parametrize(
    ("source", "name", "text", "reason"),
    [
        ("nyiso-dam-lbmp-zone", "20160401rtlbmp_zone.csv", f"{PLAIN}\n", "nyiso-rth-lbmp-zone"),
        ("nyiso-dam-lbmp-zone", "20160401damlbmp_gen.csv", f"{PLAIN}\n", "nyiso-dam-lbmp-generator"),
        ("nyiso-dam-lbmp-zone", "x.csv", f"{PLAIN}\n04/01/2016 00:00,A GEN,23512,1,0,0\n", "nyiso-dam-lbmp-generator"),
        ("nyiso-dam-lbmp-generator", "x.csv", f"{PLAIN}\n04/01/2016 00:00,WEST,61752,1,0,0\n", "nyiso-dam-lbmp-zone"),
        ("nyiso-dam-as", "x.csv", f"{PLAIN}\n04/01/2016 00:00,WEST,61752,1,0,0\n", "LBMPs"),
        ("nyiso-dam-lbmp-zone", "x.csv", f"{AS_HEADER}\n", "ancillary"),
        ("nyiso-dam-lbmp-zone", "x.csv", f"{PLAIN},Zone Adder\n", "unknown column 'Zone Adder'"),
        ("nyiso-dam-lbmp-zone", "x.csv", "Time Stamp,Name,PTID,LBMP ($/MWHr)\n", "no column 'Marginal Cost Losses"),
        ("nyiso-dam-lbmp-zone", "20160401damlbmp_zone.csv", f"{PLAIN}\n", "no prices yet"),
        ("nyiso-dam-lbmp-zone", "x.csv", "Time Stamp,Time Zone,Fuel Category,Gen MW\n", "fuel mix, not prices"),
        (
            "nyiso-dam-lbmp-zone",
            "x.csv",
            "<html><body>502</body></html>",
            "not NYISO's price file: it is a page of HTML",
        ),
        ("nyiso-dam-lbmp-zone", "x.csv", "", "empty"),
    ],
)
def test_what_is_no_document_of_the_feed_is_refused_by_what_it_is(
    source: str, name: str, text: str, reason: str
) -> None:
    with pytest.raises(UnreadableFile) as refusal:
        parse(source, text, name)
    assert reason in str(refusal.value) and refusal.value.next_step


@pytest.mark.parametrize(("day", "hours"), [("2025-03-09", 23), ("2025-11-02", 25)])
def test_ancillary_prices_are_a_row_a_product_and_their_zone_tells_the_hour(day: str, hours: int) -> None:
    grid = local_grid(day, 60, NEW_YORK)
    body = []
    for number, at in enumerate(grid):
        zone = at.astimezone(ZoneInfo(NEW_YORK)).tzname()
        body.append(f"{wall(at, False)},{zone},WEST,61752,{price_of(number)},0.50,,7.00")
    # Newest first: order proves nothing here, and does not have to.
    pieces = parse("nyiso-dam-as", "\n".join([AS_HEADER, *reversed(body)]), f"{day.replace('-', '')}damasp.csv")
    found = rows(pieces)
    assert not refused(pieces) and pieces[0].rows_empty == hours
    assert {row["product"] for row in found} == {
        "10 Min Spinning Reserve",
        "10 Min Non-Synchronous Reserve",
        "NYCA Regulation Capacity",
    }
    spin = {row["interval_start"]: row["mcpc_usd_mw"] for row in found if row["product"] == "10 Min Spinning Reserve"}
    assert spin == {at: price_of(number) for number, at in enumerate(grid)}


def test_an_ancillary_row_in_a_zone_that_its_time_does_not_have_is_refused() -> None:
    text = f"{AS_HEADER}\n07/01/2025 00:00,EDT,WEST,61752,1,1,1,1\n07/01/2025 01:00,EST,WEST,61752,1,1,1,1\n"
    pieces = parse("nyiso-dam-as", text, "20250701damasp.csv")
    assert len(rows(pieces)) == 4 and [(line, field) for line, field, _ in refused(pieces)] == [(3, "Time Zone")]


def test_ancillary_prices_of_before_2016_are_of_places() -> None:
    products = (
        "10 Min Spinning Reserve ($/MWHr",
        "10 Min Non-Synchronous Reserve",
        "30 Min Operating Reserve ($/MWH",
        "Regulation ($/MWHr)",
    )
    header = ",".join(["Time Stamp", *(f"{place} {product}" for place in ("East", "West") for product in products)])
    found = rows(parse("nyiso-dam-as", f"{header}\n07/01/2014 00:00,1,2,3,4,5,6,7,8\n", "20140701damasp.csv"))
    assert [(row["location"], row["product"], row["mcpc_usd_mw"]) for row in found] == [
        (place, product, Decimal(number))
        for number, (place, product) in enumerate(
            (
                (place, product)
                for place in ("East", "West")
                for product in (
                    "10 Min Spinning Reserve",
                    "10 Min Non-Synchronous Reserve",
                    "30 Min Operating Reserve",
                    "Regulation",
                )
            ),
            1,
        )
    ]
    oldest = ",".join(["Time Stamp", *products])
    (first, *_) = rows(parse("nyiso-dam-as", f"{oldest}\n07/01/2000 00:00,1,2,3,4\n", "20000701damasp.csv"))
    assert (first["location"], first["product"]) == ("NYCA", "10 Min Spinning Reserve")


def test_real_time_ancillary_stamps_are_ends() -> None:
    text = f"{AS_HEADER},NYCA Regulation Movement ($/MW)\n07/01/2025 00:05:00,EDT,WEST,61752,1,2,3,4,0.20\n"
    found = rows(parse("nyiso-rt5-as", text, "20250701rtasp.csv"))
    assert len(found) == 5
    assert {(row["interval_start"], row["interval_end"]) for row in found} == {
        (datetime(2025, 7, 1, 4, 0, tzinfo=UTC), datetime(2025, 7, 1, 4, 5, tzinfo=UTC))
    }
