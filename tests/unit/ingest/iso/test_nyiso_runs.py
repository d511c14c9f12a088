"""Dispatch and commitment in one file of NYISO, while a day goes on: known from how the file was made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lakehouse.errors import UnreadableFile
from tests.support.documents import parse, rows

ZONES = {"WEST": 61752, "N.Y.C.": 61761}
LBMP = '"Time Stamp","Name","PTID","LBMP ($/MWHr)","Marginal Cost Losses ($/MWHr)","Marginal Cost Congestion ($/MWHr)"'
AS = '"Time Stamp","Time Zone","Name","PTID","10 Min Spinning Reserve ($/MWHr)","30 Min Operating Reserve ($/MWHr)"'
EASTERN = ZoneInfo("America/New_York")
RUN, QUARTER = timedelta(minutes=5), timedelta(minutes=15)
#: What the two markets say in these files, so that a row shows which of them it is of.
DISPATCH, COMMITMENT = "20.00", "40.00"


@dataclass(frozen=True)
class Growing:
    """A file in the middle of a day.

    Args:
        runs: ends of dispatch runs that are in it.
        ahead: quarter hours of the commitment behind them.
    """

    runs: tuple[datetime, ...]
    ahead: tuple[datetime, ...]

    @property
    def stamps(self) -> list[tuple[datetime, str]]:
        return [*((at, DISPATCH) for at in self.runs), *((at, COMMITMENT) for at in self.ahead)]

    def text(self, services: bool = False, without_last: bool = False) -> str:
        """As CSV; `without_last`: cut inside of its last block of locations."""
        lines = []
        for at, price in self.stamps:
            wall = at.astimezone(EASTERN)
            for name, ptid in ZONES.items():
                zone = f'"{wall:%Z}",' if services else ""
                more = price if services else "0.10,0.00"
                lines.append(f'"{wall:%m/%d/%Y %H:%M:%S}",{zone}"{name}",{ptid},{price},{more}')
        return "\n".join([AS if services else LBMP, *(lines[:-1] if without_last else lines)]) + "\n"


@st.composite
def growing(draw: st.DrawFn) -> Growing:
    """Some hours of a day: runs every five minutes, some missing, some between, and the commitment behind them."""
    midnight = draw(st.sampled_from(["2026-08-13 04:00", "2025-03-09 05:00", "2025-11-02 04:00"]))
    first = datetime.fromisoformat(midnight).replace(tzinfo=UTC) + draw(st.integers(0, 40)) * timedelta(minutes=30)
    count = draw(st.integers(0, 30))
    grid = [first + n * RUN for n in range(1, count + 1)]
    missing = draw(st.sets(st.integers(0, max(count - 1, 0)), max_size=4))
    between = draw(st.sets(st.integers(0, max(count - 1, 0)), max_size=2))
    runs = [at for n, at in enumerate(grid) if n not in missing]
    runs += [grid[n] + timedelta(seconds=137) for n in between if n < count - 1]
    last = max(runs, default=first)
    quarters = [first + n * QUARTER for n in range(24)]
    ahead = [at for at in quarters if at > last][: draw(st.integers(0, 4))]
    return Growing(tuple(sorted(runs)), tuple(ahead))


def last_before(moment: datetime, runs: tuple[datetime, ...]) -> datetime | None:
    return max((at for at in runs if at < moment), default=None)


def may_be_dispatch(file: Growing, at: datetime) -> bool:
    """Whether a stamp follows so soon on a run that it can be a run's."""
    before = last_before(at, file.runs)
    return before is not None and at - before <= RUN


ONE_ROW = Growing(
    tuple(datetime(2026, 8, 14, 1, minute, tzinfo=UTC) for minute in (25, 30, 35)),
    (datetime(2026, 8, 14, 1, 45, tzinfo=UTC),),
)
NEXT_DAY = Growing((), (datetime(2026, 8, 14, 4, 15, tzinfo=UTC),))
DAY_END = Growing(
    tuple(datetime(2026, 8, 14, 3, minute, tzinfo=UTC) for minute in (45, 50, 55)),
    (datetime(2026, 8, 14, 4, 0, tzinfo=UTC),),
)


@given(growing(), st.sampled_from(["never", "later", "live"]), st.booleans(), st.booleans())
@example(ONE_ROW, "later", False, False)
@example(ONE_ROW, "never", True, False)
@example(NEXT_DAY, "later", False, False)
@example(DAY_END, "live", False, True)
@settings(max_examples=150, deadline=None)
def test_no_commitment_becomes_dispatch_and_dispatch_stays_it(
    file: Growing, known: str, services: bool, cut: bool
) -> None:
    if not file.stamps:
        return
    # A run that ends at a time is published in the five minutes before.
    written = max((*file.runs, file.ahead[0] - QUARTER if file.ahead else file.runs[-1])) - timedelta(minutes=4)
    received = {"never": None, "later": written + timedelta(days=9), "live": written}[known]
    source = "nyiso-rt5-as" if services else "nyiso-rt5-lbmp-zone"
    name = "20260813rtasp.csv" if services else "20260813realtime_zone.csv"
    try:
        found = rows(parse(source, file.text(services, cut), name, received_at=received))
    except UnreadableFile as why:
        assert "repeated hour" in why.message or "twice" in why.message
        return
    # Of the hour that autumn repeats, rows without a proof of which hour they are of are refused.
    read = {row["interval_end"] for row in found}
    file = Growing(*(tuple(at for at in stamps if at in read) for stamps in (file.runs, file.ahead)))
    tail = [
        at
        for at, _ in file.stamps
        if at > max((r for r in file.runs if r.minute % 15), default=datetime.min.replace(tzinfo=UTC))
    ]
    for row in found:
        at, price = row["interval_end"], row["mcpc_usd_mw" if services else "lmp_usd_mwh"]
        posted = row["vintage"] == "posted"
        assert row["interval_end"] - row["interval_start"] <= (RUN if posted else QUARTER)
        if str(price).startswith("40"):
            # One row alone, right behind a run, read long after: nothing tells it from a run's.
            undecidable = known != "live" and at == file.stamps[-1][0] and may_be_dispatch(file, at)
            assert posted == (undecidable and len([t for t in tail if t >= at]) == 1 and tail == [at]), (at, file)
        elif at not in tail or (not file.ahead and may_be_dispatch(file, at) and tail == [at]):
            assert posted, (at, file)
    assert len({(row["interval_end"], row["vintage"]) for row in found}) == len({row["interval_end"] for row in found})


def test_a_single_row_of_the_commitment_at_the_end_is_a_forecast_of_fifteen_minutes() -> None:
    found = rows(parse("nyiso-rt5-lbmp-zone", ONE_ROW.text(), "20260813realtime_zone.csv"))
    last = [row for row in found if row["interval_end"] == datetime(2026, 8, 14, 1, 45, tzinfo=UTC)]
    assert {(row["vintage"], row["interval_start"]) for row in last} == {
        ("advisory", datetime(2026, 8, 14, 1, 30, tzinfo=UTC))
    }
    assert len(found) == 8 and sum(row["vintage"] == "posted" for row in found) == 6


@pytest.mark.parametrize(
    ("received", "vintage"),
    [
        (None, "posted"),  # a file that ends with a run, as that of each day does
        (datetime(2026, 8, 14, 4, 15, tzinfo=UTC), "posted"),
        (datetime(2026, 8, 14, 3, 55, tzinfo=UTC), "posted"),
        (datetime(2026, 8, 14, 3, 54, 59, tzinfo=UTC), "advisory"),  # the run of 23:55 is yet to come
        (datetime(2026, 8, 14, 3, 51, tzinfo=UTC), "advisory"),
        (datetime(2026, 8, 14, 3, 49, tzinfo=UTC), "posted"),  # the clock that says so is wrong: 23:55 was a run
    ],
)
def test_the_last_row_of_a_day_is_a_run_unless_it_lay_ahead(received: datetime | None, vintage: str) -> None:
    found = rows(parse("nyiso-rt5-lbmp-zone", DAY_END.text(), "20260813realtime_zone.csv", received_at=received))
    assert {row["vintage"] for row in found if row["interval_end"].hour == 4} == {vintage}
    assert {row["vintage"] for row in found if row["interval_end"].hour == 3} == {"posted"}


def test_a_location_that_lacks_runs_goes_by_the_runs_of_the_others() -> None:
    stamps = [datetime(2026, 8, 14, 1, minute, tzinfo=UTC) for minute in (30, 35, 40, 45)]
    lines = Growing(tuple(stamps), ()).text().splitlines()
    text = "\n".join(line for line in lines if not ("N.Y.C." in line and ("21:35" in line or "21:40" in line)))
    found = rows(parse("nyiso-rt5-lbmp-zone", text, "20260813realtime_zone.csv"))
    assert {row["vintage"] for row in found} == {"posted"}
    assert {row["interval_end"] - row["interval_start"] for row in found} == {RUN}
