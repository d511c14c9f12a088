"""Documents of simulated fleets, read by the product, say what the simulator knows: all that settles anything."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from ingest.registry import registry
from ingest.simulate.fleet import simulate_fleet
from ingest.simulate.fleet.dam_disclosure import SOLAR
from ingest.simulate.fleet.fleet import CORRECTED_BATTERY, CORRECTED_DAY
from ingest.simulate.fleet.publish import write_documents
from ingest.simulate.fleet.tables import tables
from lakehouse.source import LandOptions, Parsed, RawFile

#: What the two sides say differently by design: who stated a row, where.
STATED = {"vintage", "published_at", "published_basis", "source_object", "member", "line"}


def parsed(source: str, paths: list[Path]) -> Iterator[Parsed]:
    for path in paths:
        content = path.read_bytes()
        file = RawFile(
            hashlib.sha256(content).hexdigest(),
            path,
            len(content),
            lambda found=content: iter([found]),
        )
        yield from registry().sources[source].parse(file, LandOptions(simulated=True))


@pytest.mark.parametrize(
    "first_day", [date(2026, 3, 6), date(2024, 11, 1), date(2026, 10, 30), date(2025, 3, 7), date(2025, 12, 18)]
)
def test_what_is_read_from_documents_is_what_was_simulated(first_day: date, tmp_path: Path) -> None:
    fleet = simulate_fleet(first_day, days=4, count=3)
    documents = write_documents(fleet, tmp_path)
    found: dict[str, list[pa.Table]] = {}
    for files in (documents.files, documents.later):
        for source, paths in files.items():
            for part in parsed(source, paths):
                assert not part.rejects.num_rows, part.rejects.to_pylist()[:5]
                for name, rows in part.tables.items():
                    found.setdefault(name, []).append(rows)
    for name, known in tables(fleet).items():
        assert differing(pa.concat_tables(found[name], promote_options="permissive"), known) == {}, name


def differing(read: pa.Table, known: pa.Table) -> dict[str, int]:
    """Columns in which the latest statements differ from what is known, with how many rows; surplus and missing too."""
    keys = [
        name
        for name in ("resource_name", "location", "product", "sced_at", "interval_start")
        if name in known.column_names
    ]
    keys = [name for name in keys if not (name == "interval_start" and "sced_at" in keys)]
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone='UTC'")
        connection.register("read_rows", read)
        connection.register("known", known)
        using = ", ".join(keys)
        batteries = f"WHERE resource_name <> '{SOLAR}'" if "resource_name" in keys else ""
        connection.execute(
            f"CREATE TABLE found AS SELECT * FROM read_rows {batteries} "
            f"QUALIFY row_number() OVER (PARTITION BY {using} ORDER BY published_at DESC) = 1"
        )
        wrong = {}
        lonely = connection.execute(
            f"SELECT count(*) FROM found FULL JOIN known USING ({using}) WHERE found.line IS NULL OR known.line IS NULL"
        ).fetchone()
        if lonely and lonely[0]:
            wrong["rows on one side"] = int(lonely[0])
        compared = [f for f in known.schema if f.name not in STATED and known[f.name].null_count < len(known)]
        conditions = []
        for field in compared:
            ours, theirs = f"found.{field.name}", f"known.{field.name}"
            differs = f"{ours} IS DISTINCT FROM {theirs}"
            if pa.types.is_floating(field.type):  # single precision on its way into the document
                differs = f"({ours} IS NULL) <> ({theirs} IS NULL) OR abs({ours} - {theirs}) > 1e-5"
            conditions.append(f"count(*) FILTER (WHERE {differs})")
        counts = connection.execute(
            f"SELECT {', '.join(conditions)} FROM found JOIN known USING ({using})"
        ).fetchone()  # fmt: skip
        wrong |= {field.name: n for field, n in zip(compared, counts or (), strict=True) if n}
        return wrong


def test_what_was_disclosed_wrong_is_read_as_it_was(tmp_path: Path) -> None:
    """The comparison above can fail: without the supplemental it finds the day that was wrong."""
    fleet = simulate_fleet(date(2026, 3, 6), days=3, count=3)
    documents = write_documents(fleet, tmp_path)
    read = [part.tables for part in parsed("ercot-60d", documents.files["ercot-60d"])]
    name = "ercot_sced_esr_resources"
    rows = pa.concat_tables([part[name] for part in read if name in part], promote_options="permissive")
    wrong = differing(rows, tables(fleet)[name])
    of_day = fleet.calendar.period.day_index(fleet.calendar.runs) == CORRECTED_DAY
    changed = (fleet.first_output != fleet.real.output)[CORRECTED_BATTERY, of_day & fleet.calendar.published]
    assert wrong == {"telemetered_net_output_mw": int(changed.sum())}
