"""A feed that names a reader is a source of any domain: statements must agree, samples may repeat."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from ingest.documents import DocumentSource
from ingest.feed import Feed
from lakehouse.contract import ASSETS, observations
from lakehouse.source import REJECTS_SCHEMA, LandOptions, Parsed, RawFile, standing
from tests.support.source_files import SourceFile

SAMPLES = observations("device", "Samples of devices.")
PLANS = dataclasses.replace(SAMPLES, name="plans", mode="replace")


def read(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Lines `hour,value` into both tables, in pieces of a row, and an asset."""
    for line, text in enumerate(file.content.decode().splitlines(), start=1):
        hour, value = text.split(",")
        row = {
            "asset_id": "d", "signal": "p", "ts": datetime(2024, 1, 1, int(hour), tzinfo=UTC), "value": float(value),
            "source_object": file.sha256, "line": line,
        }  # fmt: skip
        asset = {"asset_id": "d", "domain": "device", "time_zone": "UTC", "is_simulated": False}
        tables = {c.name: pa.Table.from_pylist([row], schema=c.arrow_schema) for c in (SAMPLES, PLANS)}
        tables[ASSETS.name] = pa.Table.from_pylist([asset], schema=ASSETS.arrow_schema)
        yield Parsed(tables, REJECTS_SCHEMA.empty_table(), "device", rows_read=1)


def test_a_slice_that_contradicts_itself_is_refused_and_a_sample_that_is_repeated_is_not() -> None:
    here = "tests.unit.ingest.test_documents"
    source = DocumentSource(Feed("device", "devices", (f"{here}:SAMPLES", f"{here}:PLANS"), f"{here}:read"))
    file = SourceFile("device", "d.csv", b"0,1\n1,2\n1,3\n2,4\n2,4\n").raw()
    parsed = standing(source.parse(file, LandOptions()))

    def values(table: str) -> list[tuple[int, float]]:
        rows = [row for piece in parsed for row in piece.tables[table].to_pylist()]
        return [(row["ts"].hour, row["value"]) for row in rows]

    assert values("device_observations") == [(0, 1), (1, 2), (1, 3), (2, 4), (2, 4)]
    assert values("plans") == [(0, 1), (2, 4), (2, 4)]
    refused = [(row["line"], row["field"]) for piece in parsed for row in piece.rejects.to_pylist()]
    assert refused == [(2, "value"), (3, "value")]
    assert sum(piece.tables["assets"].num_rows for piece in parsed) == 5


def test_a_source_of_documents_takes_the_names_and_suffixes_of_its_feed() -> None:
    feed = Feed("device", "devices", (), "nowhere:read", needs="files", suffixes=(".json",))
    source = DocumentSource(feed)
    assert (source.name, source.summary, source.needs) == ("device", "devices", "files")
    assert source.options == {"simulated"}
    with pytest.raises(ModuleNotFoundError):
        next(source.parse(SourceFile("device", "d.json", b"").raw(), LandOptions()))
