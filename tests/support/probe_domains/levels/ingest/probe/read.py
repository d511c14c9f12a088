"""Reads `{"probe": …, "zone": …, "levels_m": [[instant, level], …]}`; a level that is no number is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pyarrow as pa

from ingest.probe.contracts import OBSERVATIONS
from lakehouse.contract import ASSETS, SIGNALS
from lakehouse.errors import UnreadableFile
from lakehouse.source import REJECTS_SCHEMA, LandOptions, Parsed, RawFile


def levels(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """The levels of one probe.

    Raises:
        UnreadableFile: it is no file of a probe.
    """
    try:
        said = json.loads(file.content)
        probe, zone = str(said["probe"]), str(said["zone"])
        stated = [(datetime.fromisoformat(at).astimezone(UTC), level) for at, level in said["levels_m"]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise UnreadableFile("the file is none of a probe", "export it from the probe again") from error
    rows, rejects = [], []
    for line, (at, level) in enumerate(stated, start=1):
        if isinstance(level, int | float):
            row = {"asset_id": probe, "signal": "level", "ts": at, "value": level}
            rows.append({**row, "source_object": file.sha256, "line": line})
        else:
            rejects.append({"line": line, "field": "level", "reason": "is no number", "raw_text": str(level)})
    asset = {"asset_id": probe, "domain": "probe", "time_zone": zone, "is_simulated": options.simulated}
    signal = {"asset_id": probe, "signal": "level", "kind": "instant", "unit": "m", "max_gap_s": 900, "layout": "probe"}
    tables = {
        ASSETS.name: pa.Table.from_pylist([asset], schema=ASSETS.arrow_schema),
        SIGNALS.name: pa.Table.from_pylist([signal], schema=SIGNALS.arrow_schema),
        OBSERVATIONS.name: pa.Table.from_pylist(rows, schema=OBSERVATIONS.arrow_schema),
    }
    yield Parsed(tables, pa.Table.from_pylist(rejects, schema=REJECTS_SCHEMA), "probe", rows_read=len(stated))
