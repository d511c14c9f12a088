"""What every registered source keeps, whatever it reads: on files of meters, batteries and every market alike."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ingest.layouts.engine.layout import SHIPPED
from ingest.registry import registry
from lakehouse.catalog import open_catalog
from lakehouse.errors import UnreadableFile
from lakehouse.settings import Settings
from lakehouse.source import REJECTS_SCHEMA, Parsed
from tests.support.given import everything, unsigned
from tests.support.house import land, replay
from tests.support.source_files import DOMAINS, SourceFile, files_of

NAMES = list(registry().sources)
EVERY = pytest.mark.parametrize("name", NAMES)
#: A price of CAISO's is several rows of its document, and a row of this workbook is several prices.
NOT_ROW_BY_ROW = ("caiso", "ercot-dam-mcpc-year")
PRICES, READINGS = b"DeliveryDate,HourEnding,Price\n06/01/2024,01:00,17.5\n", b"ts,com_ap\n2024-06-01 00:00:00,1\n"
BROKEN = {
    "nothing": b"",
    "blanks": b" \r\n\r\n ",
    "a page of a firewall": b"<html><head><title>Request Rejected</title></head><body>rejected</body></html>",
    "zeros": bytes(4096),
    "noise": random.Random(3).randbytes(20_000),
    "a name of an archive and nothing in it": b"PK\x03\x04",
    "an empty archive": b"PK\x05\x06" + bytes(18),
    "json of something else": b'{"message": "Unauthorized"}',
    "a deep list": b"[" * 100_000,
    "a header of something else": b"",
    "no data": b"No data exists for this period.",
}


def result(parsed: list[Parsed]) -> tuple[object, ...]:
    """Everything that was read, however it is cut into pieces."""
    rejects = [row for piece in parsed for row in piece.rejects.to_pylist()]
    counted = sum(piece.rows_read for piece in parsed), sum(piece.rows_empty for piece in parsed)
    return everything(parsed), sorted(rejects, key=repr), counted, {piece.layout for piece in parsed}


def test_every_registered_source_has_files_here() -> None:
    assert not [name for name in NAMES if not files_of(name)], "put a file of it into tests/fixtures/<source>/"


def test_every_shipped_layout_has_a_file_here_that_it_reads() -> None:
    files = [file for name in NAMES for file in files_of(name) if file.layout]
    assert {file.layout for file in files} == {path.stem for path in SHIPPED.rglob("*.toml")}
    for file in files:
        assert {piece.layout for piece in file.parse()} == {file.layout}, file.name


@EVERY
def test_equal_bytes_are_read_alike_however_they_come(name: str) -> None:
    for file in files_of(name):
        whole = result(file.parse())
        assert whole == result(file.parse())
        for block in (1 << 16, 4099, 61):
            if len(file.content) < 100_000 or block > 1000:
                assert result(file.parse(block)) == whole, (file.name, block)


@EVERY
def test_every_row_is_landed_refused_or_empty_in_the_form_of_its_contract(name: str) -> None:
    source = registry().named(name)
    schemas = {contract.name: contract for contract in registry().contracts}
    for file in files_of(name):
        parsed = file.parse()
        landed = 0
        for piece in parsed:
            assert piece.rejects.schema.equals(REJECTS_SCHEMA)
            for table, rows in piece.tables.items():
                contract = schemas[table]
                assert rows.column_names == contract.arrow_schema.names
                cast = rows.cast(contract.arrow_schema)
                cast.validate(full=True)
                for column in contract.columns:
                    assert column.nullable or cast.column(column.name).null_count == 0, (file.name, column.name)
                if contract in source.contracts:
                    landed += rows.num_rows
                    if rows.num_rows and "source_object" in rows.column_names:
                        assert rows.column("source_object").unique().to_pylist() == [file.raw().sha256]
                        assert min(rows.column("line").to_pylist()) >= 1
        assert landed > 0, file.name
        if not name.startswith(NOT_ROW_BY_ROW):
            explained = landed + sum(piece.rejects.num_rows + piece.rows_empty for piece in parsed)
            assert sum(piece.rows_read for piece in parsed) == explained, file.name


@pytest.mark.parametrize("what", BROKEN)
@EVERY
def test_what_is_no_file_of_a_source_is_refused_with_a_reason_and_a_next_step(name: str, what: str) -> None:
    for file in files_of(name):
        other = PRICES if name in DOMAINS else READINGS
        with pytest.raises(UnreadableFile) as refused:
            file.with_content(BROKEN[what] or (other if "header" in what else b"")).parse()
        assert len(refused.value.message) > 10 and len(refused.value.next_step) > 5


@EVERY
def test_of_a_file_cut_short_nothing_false_is_read(name: str) -> None:
    for file in files_of(name):
        whole = everything(unsigned(file.parse()))
        for share in (0.03, 0.6, 0.999):
            part = file.with_content(file.content[: int(len(file.content) * share)])
            for table, rows in everything(unsigned(part.parse_or_nothing())).items():
                false = rows - whole[table]
                # Where a text file breaks off inside of a number, what is left of it is a number too.
                assert len(false) <= (0 if file.content[:2] == b"PK" else 1), (file.name, share)


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, dict[str, list[Path]]]:
    """A home into which the smallest file of every source has landed, of the disclosures all."""
    folder = tmp_path_factory.mktemp("every")
    settings = Settings(home=folder / "home", threads=2)
    paths: dict[str, list[Path]] = {}
    for name in NAMES:
        smallest = sorted(files_of(name), key=lambda file: len(file.content))
        chosen = smallest if name == "ercot-60d" else smallest[:1]
        paths[name] = [file.written(folder) for file in chosen]
        report = land(settings, name, paths[name], chosen[0].options)
        assert [outcome.status for outcome in report.files] == ["landed"] * len(chosen), name
    return settings, paths


def contents(settings: Settings) -> dict[str, tuple[object, int]]:
    """Snapshot and rows of every raw table."""
    catalog = open_catalog(settings)
    found = {}
    for contract in registry().contracts:
        if catalog.table_exists(("raw", contract.name)):
            table = catalog.load_table(("raw", contract.name))
            found[contract.name] = (table.metadata.current_snapshot_id, table.scan().to_arrow().num_rows)
    return found


def test_landing_again_changes_nothing(landed: tuple[Settings, dict[str, list[Path]]]) -> None:
    settings, paths = landed
    before = contents(settings)
    assert all(before[c.name][1] for source in registry().sources.values() for c in source.contracts)
    for name in NAMES:
        report = land(settings, name, paths[name], files_of(name)[0].options)
        assert [outcome.status for outcome in report.files] == ["unchanged"] * len(paths[name]), name
    assert contents(settings) == before


def test_a_replay_gives_the_same_rows_of_every_source(landed: tuple[Settings, dict[str, list[Path]]]) -> None:
    settings, _ = landed
    replayed = replay(settings, dry_run=True).tables
    assert {table.outcome for table in replayed} == {"equal"}
    assert {table.table for table in replayed} >= set(contents(settings)) - {"quarantine"}


BERLIN = ZoneInfo("Europe/Berlin")
#: Rows of a quarter-hourly file in German local time about days on which clocks change.
QUARTERS = {"2026-03-29": 92, "2026-10-25": 100, "2026-07-01": 96}


@pytest.mark.parametrize("day", QUARTERS)
@pytest.mark.parametrize(("name", "signal"), [("meter", "com_ap"), ("bess", "grid_w")])
def test_a_day_of_a_device_has_the_quarters_of_its_clock_once_each(name: str, signal: str, day: str) -> None:
    midnight = datetime.fromisoformat(day).replace(tzinfo=BERLIN).astimezone(UTC)
    quarters = [midnight + timedelta(minutes=15 * n) for n in range(QUARTERS[day])]
    stamps = [f"{instant.astimezone(BERLIN):%Y-%m-%d %H:%M:%S}" for instant in quarters]
    text = f"ts,{signal}\n" + "".join(f"{stamp},{n}.5\n" for n, stamp in enumerate(stamps))
    (parsed,) = SourceFile(name, f"d1/{signal}.csv", text.encode()).parse()
    rows = next(t for c, t in parsed.tables.items() if c.endswith("_observations"))
    assert rows.column("ts").to_pylist() == quarters
    assert rows.column("value").to_pylist() == [n + 0.5 for n in range(QUARTERS[day])]
    assert parsed.rejects.num_rows == 0
