"""What every market source keeps, whichever operator it reads: tested on simulated documents whose content is known."""

from __future__ import annotations

import importlib.util
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import astuple, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest

from flows.land import land
from ingest.iso.contracts import (
    AS_PRICES,
    PRICES,
    PUBLISHED_AS_MODIFIED,
    PUBLISHED_AS_RECEIVED,
    PUBLISHED_BY_OPERATOR,
)
from ingest.iso.source import SOURCES
from ingest.registry import sources
from ingest.simulate.markets import nyiso
from ingest.simulate.markets.days import EASTERN
from ingest.simulate.markets.stated import Document
from ingest.source import LandOptions, Parsed
from lakehouse.catalog import open_catalog
from lakehouse.errors import UnreadableFile
from lakehouse.settings import Settings
from tests.conformance.market_documents import AUTUMN, HOURS, PLAIN, RECEIVED, SEED, of_day, raw

SIMULATED = LandOptions(simulated=True)
MINUTES = {"DAM": 60, "RTH": 60, "RT15": 15, "HASP": 15, "RT5": 5}
#: Prices of SCED runs are at no fixed minutes, corrections are of some hours.
IRREGULAR = ("ercot-sced-lmp", "ercot-dam-spp-corrections", "ercot-rt15-spp-corrections")
PRICED = [s.name for s in SOURCES if {c.name for c in s.contracts} & {PRICES.name, AS_PRICES.name}]
EVERY = pytest.mark.parametrize("name", [source.name for source in SOURCES])
DAYS = pytest.mark.parametrize("day", HOURS, ids=str)

Said = tuple[object, ...]


def parse(document: Document, **how: object) -> list[Parsed]:
    return list(sources()[document.source].parse(raw(document, **how), SIMULATED))  # type: ignore[arg-type]


def table(parsed: list[Parsed], name: str) -> pa.Table:
    """One table of all pieces, text as text."""
    contract = next(c for c in (PRICES, AS_PRICES) if c.name == name)
    pieces = [piece.tables[name].cast(contract.arrow_schema) for piece in parsed if name in piece.tables]
    return pa.concat_tables(pieces) if pieces else contract.arrow_schema.empty_table()


def said(parsed: list[Parsed]) -> Counter[Said]:
    """What was read, without who said it."""
    prices = (
        (
            r["iso"], r["market"], r["location"], r["location_type"], r["location_id"], r["price_type"],
            r["interval_start"], r["interval_end"], r["lmp_usd_mwh"], r["energy_usd_mwh"], r["congestion_usd_mwh"],
            r["loss_usd_mwh"], r["ghg_usd_mwh"], r["congestion_published_usd_mwh"], r["vintage"],
        )
        for r in table(parsed, PRICES.name).to_pylist()
    )  # fmt: skip
    services = (
        (
            r["iso"], r["market"], r["location"], r["product"], r["interval_start"], r["interval_end"],
            r["mcpc_usd_mw"], r["vintage"],
        )
        for r in table(parsed, AS_PRICES.name).to_pylist()
    )  # fmt: skip
    return Counter([*prices, *services])


def stated(document: Document) -> Counter[Said]:
    """What the simulator says that the document says; a price of a SCED run ends with the next run of the document.

    An archive is of many documents with a run each.
    """
    starts = {price.start for price in document.prices if price.market == "SCED" and not document.name.endswith(".zip")}
    runs = dict(pairwise(sorted(starts)))
    prices = (replace(price, end=runs.get(price.start, price.end)) for price in document.prices)
    return Counter([*(astuple(price) for price in prices), *(astuple(s) for s in document.services)])


def whole_day(parsed: list[Parsed]) -> dict[str, set[Said]]:
    """Everything that was read, by table, to be compared between two readings."""
    tables: dict[str, list[Said]] = {}
    for piece in parsed:
        for name, rows in piece.tables.items():
            plain = pa.table({c: rows.column(c).combine_chunks() for c in rows.column_names}).to_pylist()
            tables.setdefault(name, []).extend(tuple(row.values()) for row in plain)
    return {name: set(rows) for name, rows in tables.items()}


@EVERY
def test_every_source_has_documents_here(name: str) -> None:
    assert of_day(PLAIN)[name]


@DAYS
@pytest.mark.parametrize("name", PRICED)
def test_a_document_is_read_as_what_it_states_to_the_last_digit(name: str, day: date) -> None:
    for document in of_day(day)[name]:
        parsed = parse(document)
        assert said(parsed) == stated(document), document.name
        assert sum(piece.rejects.num_rows for piece in parsed) == 0, document.name


@DAYS
@pytest.mark.parametrize("name", [name for name in PRICED if name not in IRREGULAR])
def test_a_day_has_the_intervals_of_its_clock_once_each(name: str, day: date) -> None:
    starts: dict[Said, set[datetime]] = {}
    for document in of_day(day)[name]:
        if "_csv.zip" in document.name and document.name.startswith(f"{day:%Y%m}01"):
            continue  # a month
        for found in said(parse(document)):
            where = tuple(cell for cell in found if not isinstance(cell, datetime | Decimal) and cell is not None)
            starts.setdefault((document.name.rsplit(".", 1)[-1], *where), set()).update(
                cell for cell in found if isinstance(cell, datetime)
            )
    assert starts
    for where, instants in starts.items():
        market = next(cell for cell in where if cell in MINUTES)
        step = timedelta(minutes=MINUTES[str(market)])
        ordered = sorted(instants)
        assert ordered == [ordered[0] + n * step for n in range(HOURS[day] * 60 // MINUTES[str(market)] + 1)], where


@EVERY
def test_equal_bytes_are_read_alike_however_they_come(name: str) -> None:
    for document in _few(name, AUTUMN):
        whole = whole_day(parse(document))
        assert whole == whole_day(parse(document))
        for block in (1 << 16, 4099, 61):
            if len(document.content) < 100_000 or block > 1000:
                assert whole_day(parse(document, block=block)) == whole, (document.name, block)


@EVERY
def test_rows_say_who_stated_them_and_are_marked_as_simulated(name: str) -> None:
    for document in _few(name, PLAIN):
        source = sources()[name]
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
    for document in _few(name, PLAIN):
        nameless = replace(document, name="document" + Path(document.name).suffix)
        for piece in _read(nameless, published=False):
            for rows in piece.tables.values():
                bases = set(rows.column("published_basis").to_pylist())
                assert bases <= {PUBLISHED_BY_OPERATOR, PUBLISHED_AS_MODIFIED, PUBLISHED_AS_RECEIVED}
                if PUBLISHED_AS_RECEIVED in bases:
                    instants = set(rows.column("published_at").to_pylist())
                    assert RECEIVED in instants


BROKEN = {
    "nothing": b"",
    "blanks": b" \r\n\r\n ",
    "a page of a firewall": b"<html><head><title>Request Rejected</title></head><body>rejected</body></html>",
    "zeros": bytes(4096),
    "noise": random.Random(3).randbytes(20_000),
    "a name of an archive and nothing in it": b"PK\x03\x04",
    "an empty archive": b"PK\x05\x06" + bytes(18),
    "json of something else": b'{"message": "Unauthorized"}',
    "a header of something else": b"ts,com_ap\n2024-06-01 00:00:00,1\n",
    "no data": b"No data exists for this period.",
}


@pytest.mark.parametrize("what", BROKEN)
@EVERY
def test_what_is_no_document_is_refused_with_a_reason_and_a_next_step(name: str, what: str) -> None:
    content = BROKEN[what]
    for original in _few(name, PLAIN):
        with pytest.raises(UnreadableFile) as refused:
            parse(replace(original, content=content))
        assert len(refused.value.message) > 10 and len(refused.value.next_step) > 5


@EVERY
def test_of_a_document_cut_short_nothing_false_is_read(name: str) -> None:
    for document in _few(name, AUTUMN):
        whole = whole_day(_unsigned(document, parse(document)))
        for share in (0.03, 0.4, 0.77, 0.999):
            part = replace(document, content=document.content[: int(len(document.content) * share)])
            parsed = _unsigned(document, _read(part))
            for table_name, rows in whole_day(parsed).items():
                false = rows - whole[table_name]
                # Where a text file breaks off inside of a number, what is left of it is a number too.
                assert len(false) <= (0 if document.content[:2] == b"PK" else 1), (document.name, share)


@pytest.mark.parametrize("minute", [0, 4, 7, 10, 14, 15, 29])
@pytest.mark.parametrize("hour", [4, 5, 6, 18, 23])
def test_a_file_that_grows_says_what_is_posted_and_what_is_forecast(hour: int, minute: int) -> None:
    now = datetime(2025, 11, 2, hour, minute, tzinfo=UTC)
    for stem in ("realtime_zone", "realtime_gen", "rtlbmp_zone", "rtasp"):
        document = nyiso.daily(SEED, stem, AUTUMN, now)
        if stated(document):
            parsed = parse(document)
            missing = stated(document) - said(parsed)
            assert not said(parsed) - stated(document), stem
            # Which of two equal hours a row is of is not known before the second one has begun: such rows are refused,
            # and land with a later version of the file.
            instants = {cell.astimezone(EASTERN) for row in missing for cell in row if isinstance(cell, datetime)}
            assert {(at.day, at.hour) for at in instants} <= {(2, 0), (2, 1), (2, 2)}, stem
            assert sum(missing.values()) == 0 or hour in (4, 5, 6)


def test_every_version_of_a_growing_file_adds_only_what_it_says_for_the_first_time(
    settings: Settings, tmp_path: Path
) -> None:
    source, known = "nyiso-rt5-lbmp-zone", Counter[Said]()
    hours = [datetime(2025, 11, 2, 5, 20, tzinfo=UTC) + n * timedelta(minutes=35) for n in range(4)]
    for number, now in enumerate([*hours, datetime(2025, 11, 4, tzinfo=UTC)]):
        document = nyiso.daily(SEED, "realtime_zone", AUTUMN, now)
        path = tmp_path / f"fetched{number}" / document.name
        path.parent.mkdir()
        path.write_bytes(document.content)
        land(settings, source, [path], SIMULATED, origins={path: {"modified_at": document.published_at.isoformat()}})
        known |= stated(document)
    stored = open_catalog(settings).load_table(("raw", PRICES.name)).scan().to_arrow()
    found = said([Parsed({PRICES.name: stored}, stored, "nyiso_lbmp")])
    # What was refused of a version, because its hour was not known yet, is in the last one.
    assert not found - known and not [row for row in known - found if row[-1] == "posted"]
    posted = [row for row in found if row[-1] == "posted"]
    assert len(posted) == 25 * 12 * 4 and len(found) > len(posted)


def test_landing_again_changes_nothing(settings: Settings, tmp_path: Path) -> None:
    arrived = 0
    for name in ("nyiso-rth-lbmp-zone", "nyiso-dam-as", "caiso-dam-lmp", "isone-dam-lmp", "ercot-dam-spp"):
        if not READ[name]:
            continue
        document = _few(name, AUTUMN)[0]
        path = tmp_path / name / document.name
        path.parent.mkdir()
        path.write_bytes(document.content)
        first = land(settings, name, [path], SIMULATED)
        assert [outcome.status for outcome in first.files] == ["landed"]
        before = _snapshots(settings)
        again = land(settings, name, [path], SIMULATED)
        assert [outcome.status for outcome in again.files] == ["unchanged"]
        assert _snapshots(settings) == before
        arrived += sum(stated(document).values())
    catalog = open_catalog(settings)
    stored = [catalog.load_table(("raw", contract.name)).scan().to_arrow().num_rows for contract in (PRICES, AS_PRICES)]
    assert sum(stored) == arrived > 0


def _snapshots(settings: Settings) -> list[object]:
    catalog = open_catalog(settings)
    names = [("raw", contract.name) for contract in (PRICES, AS_PRICES) if catalog.table_exists(("raw", contract.name))]
    return [catalog.load_table(name).metadata.current_snapshot_id for name in names]


#: What the cut-short document of the same name says is compared without the hash of its bytes.
def _unsigned(document: Document, parsed: list[Parsed]) -> list[Parsed]:
    made = []
    for piece in parsed:
        tables = {
            name: rows.drop_columns([c for c in ("source_object",) if c in rows.column_names])
            for name, rows in piece.tables.items()
        }
        made.append(replace(piece, tables=tables))
    return made


def _read(document: Document, **how: object) -> list[Parsed]:
    """What is read of a document, nothing where it is refused."""
    found: list[Parsed] = []
    try:
        for piece in sources()[document.source].parse(raw(document, **how), SIMULATED):  # type: ignore[arg-type]
            found.append(piece)
    except UnreadableFile as error:
        assert error.next_step
        return []  # a file that is refused leaves nothing, also of pieces before
    return found


def _few(name: str, day: date) -> list[Document]:
    """One document of every form."""
    forms = {
        (Path(document.name).suffix, document.name.count("_"), len(document.prices) > 2000): document
        for document in of_day(day)[name]
    }
    return list(forms.values())


def _readers() -> Iterator[tuple[str, bool]]:
    for source in SOURCES:
        module = source._read.partition(":")[0]
        yield source.name, importlib.util.find_spec(module) is not None


READ = dict(_readers())


@pytest.fixture(autouse=True)
def has_reader(request: pytest.FixtureRequest) -> None:
    name = request.node.callspec.params.get("name") if hasattr(request.node, "callspec") else None
    if name and not READ[name]:
        pytest.skip("its reader is not there")
