"""What every market source keeps, whichever operator it reads: tested on simulated documents whose content is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.iso.contracts import (
    PUBLISHED_AS_MODIFIED,
    PUBLISHED_AS_RECEIVED,
    PUBLISHED_BY_OPERATOR,
    PUBLISHED_BY_SCHEDULE,
)
from ingest.registry import registry
from ingest.simulate.markets import caiso, ercot, isone, nyiso
from ingest.simulate.markets.days import CENTRAL, EASTERN, PACIFIC
from tests.support.market_documents import (
    EVERY,
    HOURS,
    PLAIN,
    PRICED,
    RECEIVED,
    SEED,
    Said,
    few,
    parse,
    raw,
    read,
    said,
    said_of_day,
    stated,
)

#: Of markets, and of kinds of load that is no forecast of real time.
MINUTES = {
    "RTPD": 15,
    "RTD": 5,
    "fiveminutesystemload": 5,
    "actual": 60,
    "forecast": 60,
    "DAM": 60,
    "RTH": 60,
    "RT15": 15,
    "HASP": 15,
    "RT5": 5,
}
ZONES = {"ERCOT": CENTRAL, "CAISO": PACIFIC, "ISONE": EASTERN, "NYISO": EASTERN}
#: Prices of SCED runs are at no fixed minutes, corrections are of some hours.
IRREGULAR = ("ercot-sced-lmp", "ercot-dam-spp-corrections", "ercot-rt15-spp-corrections")
DAYS = pytest.mark.parametrize("day", HOURS, ids=str)


@DAYS
@pytest.mark.parametrize("name", PRICED)
def test_a_document_is_read_as_what_it_states_to_the_last_digit(name: str, day: date) -> None:
    for document, found, refused in said_of_day(name, day):
        assert found == stated(document), document.name
        assert refused == 0, document.name


@DAYS
@pytest.mark.parametrize("name", [name for name in PRICED if name not in IRREGULAR])
def test_a_day_has_the_intervals_of_its_clock_once_each(name: str, day: date) -> None:
    starts: dict[Said, set[datetime]] = {}
    for document, rows, _ in said_of_day(name, day):
        if "_csv.zip" in document.name and document.name.startswith(f"{day:%Y%m}01"):
            continue  # a month
        for found in rows:
            where = tuple(cell for cell in found if not isinstance(cell, datetime | Decimal) and cell is not None)
            # Of a load the third instant is when it was published; a forecast may reach beyond the day.
            begins, ends = [cell for cell in found if isinstance(cell, datetime)][:2]
            if begins.astimezone(ZONES[str(found[0])]).date() == day:
                starts.setdefault((document.name.rsplit(".", 1)[-1], *where), set()).update((begins, ends))
    assert starts
    for where, instants in starts.items():
        minutes = min(MINUTES[str(cell)] for cell in where if cell in MINUTES)
        step = timedelta(minutes=minutes)
        ordered = sorted(instants)
        assert ordered == [ordered[0] + n * step for n in range(HOURS[day] * 60 // minutes + 1)], where


@given(st.dates(date(2024, 1, 1), date(2027, 12, 31)), st.integers(0, 10**6))
@example(date(2024, 3, 10), 1)
@example(date(2026, 11, 1), 2)
@settings(max_examples=8, deadline=None)
def test_any_day_of_any_simulated_market_is_read_as_what_it_states(day: date, seed: int) -> None:
    for document in (
        *(ercot.posting(seed, emil, day) for emil in ercot.PRODUCTS),
        *(nyiso.daily(seed, stem, day, extra_runs=True) for stem in ("damlbmp_zone", "realtime_gen", "damasp")),
        caiso.day_answer(seed, "PRC_LMP", day),
        isone.public_csv(seed, "dam", day),
        isone.public_csv(seed, "rt5-prelim", day, seed % 6),
        isone.web_service(seed, "rth-final", day),
    ):
        assert said(parse(document)) == stated(document), document.name


@pytest.mark.parametrize("stem", ["realtime_zone", "rtasp"])
@DAYS
def test_a_run_between_full_five_minutes_ends_the_interval_of_the_run_before(stem: str, day: date) -> None:
    document = nyiso.daily(SEED, stem, day, extra_runs=True)
    assert said(parse(document)) == stated(document)
    ends = sorted({row.end for row in (*document.prices, *document.services)})
    assert len(ends) > HOURS[day] * 12 and sum(end.second != 0 for end in ends) > 2


@EVERY
def test_rows_say_who_stated_them_and_are_marked_as_simulated(name: str) -> None:
    for document in few(name, PLAIN):
        source = registry().sources[name]
        for piece in parse(document):
            for contract in source.contracts:
                if contract.name not in piece.tables:
                    continue
                rows = piece.tables[contract.name]
                assert rows.column_names == [column.name for column in contract.columns]
                cast = rows.cast(contract.arrow_schema)
                for column in contract.columns:
                    assert column.nullable or cast.column(column.name).null_count == 0, column.name
                if rows.num_rows:
                    assert cast.column("is_simulated").unique().to_pylist() == [True]
                    assert cast.column("source_object").unique().to_pylist() == [raw(document).sha256]
                    assert cast.column("published_basis").unique().to_pylist() == [PUBLISHED_BY_OPERATOR]
                    assert min(cast.column("line").to_pylist()) >= 1


@EVERY
def test_without_a_word_of_the_operator_a_document_counts_as_published_when_it_was_received(name: str) -> None:
    for document in few(name, PLAIN):
        nameless = replace(document, name="document" + Path(document.name).suffix)
        for piece in read(nameless, published=False):
            for rows in piece.tables.values():
                bases = set(rows.column("published_basis").to_pylist())
                assert bases <= {
                    PUBLISHED_BY_OPERATOR, PUBLISHED_AS_MODIFIED, PUBLISHED_AS_RECEIVED, PUBLISHED_BY_SCHEDULE,
                }  # fmt: skip
                if PUBLISHED_AS_RECEIVED in bases:
                    instants = set(rows.column("published_at").to_pylist())
                    assert RECEIVED in instants
