"""JSON documents into blocks: a list of nested records, or times and values for each signal."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pyarrow as pa

from ingest.layouts.engine.assemble import stamp_zone
from ingest.layouts.engine.blocks import Block, Rows, Tabulated
from ingest.layouts.engine.layout import Layout
from ingest.layouts.engine.recognise import Found
from ingest.text.json_text import at_path
from ingest.text.refusals import Refusals
from ingest.time.stamps import parse_stamps
from lakehouse.errors import UnreadableFile
from lakehouse.source import LandOptions, RawFile


def tabulate_json(found: Found, file: RawFile, document: Any, options: LandOptions) -> Tabulated:
    """Bring a recognised JSON document into blocks; a refused record's line is its number, from 1.

    Args:
        found: its layout.
        file: for the name of the folder or the file.
        document: as `read_json` returns it, with numbers as text.
        options: `asset` overrides the asset.

    Raises:
        UnreadableFile: the document has no records, or none of its paths is declared.
    """
    layout = found.layout
    asset = options.asset or (file.path.parent.name if layout.asset.source == "folder" else file.path.stem)
    refusals = Refusals()
    dialect: dict[str, object] = {"encoding": "utf-8", "format": "json", "decimal": ".", "thousands": ""}
    zone = stamp_zone(layout, options)
    read = _series if layout.shape.kind == "json_series" else _records
    blocks = read(layout, asset, document, refusals, dialect, zone)
    if not blocks:
        raise UnreadableFile(
            f"layout {layout.name} declares nothing that the document holds", "declare its paths in a layout file"
        )
    native: dict[str, str] = {}
    if layout.asset.native_match and (hit := re.search(layout.asset.native_match, _strings(document))):
        native[asset] = hit.group(1)
    found_records = at_path(document, layout.shape.records) if layout.shape.records else None

    def record_text(number: int) -> str | None:
        """A record with its numbers as text; a series has no records of its own."""
        return json.dumps(found_records[number - 1]) if isinstance(found_records, list) else None

    return Tabulated(blocks, refusals, dialect, native, record_text)


def flatten(record: Any, prefix: str = "") -> dict[str, str]:
    """A nested record as dotted paths; lists count from 1; None is an empty cell.

    Raises:
        UnreadableFile: two values have the same path.
    """
    if isinstance(record, dict):
        pairs = record.items()
    elif isinstance(record, list):
        pairs = {str(number): value for number, value in enumerate(record, 1)}.items()
    elif isinstance(record, bool):
        return {prefix: "1" if record else "0"}
    else:
        return {prefix: "" if record is None else str(record)}
    out: dict[str, str] = {}
    for key, value in pairs:
        inner = flatten(value, f"{prefix}.{key}" if prefix else str(key))
        if not out.keys().isdisjoint(inner):
            both = next(iter(out.keys() & inner.keys()))
            raise UnreadableFile(
                f"a record says {both!r} twice, nested and with dots", "fetch or export the file again"
            )
        out.update(inner)
    return out


def _records(
    layout: Layout, asset: str, document: Any, refusals: Refusals, dialect: dict[str, object], zone: str
) -> list[Block]:
    found = at_path(document, layout.shape.records or "")
    if not isinstance(found, list) or not found:
        raise UnreadableFile(f"there are no records at {layout.shape.records}", "fetch it again when it has some")
    time = layout.stamps.columns[0]
    flat = [flatten(record) if isinstance(record, dict) else {} for record in found]
    line = np.arange(1, len(flat) + 1, dtype=np.int64)
    stamps = parse_stamps(pa.array([record.get(time, "") for record in flat], pa.string()), layout.stamps.format, zone)
    dialect["stamp_format"] = stamps.format
    refusals.add_rows(line[~stamps.ok], "", f"the record has no {time} that reads as {stamps.format}")
    rows = Rows(line, stamps.micros, stamps.ok, stamps.instant)
    at = np.arange(len(flat), dtype=np.int64)
    blocks: list[Block] = []
    for path in dict.fromkeys(path for record in flat for path in record):
        if path == time or layout.ignores(path):
            continue
        rule = layout.rule(path, asset)
        if rule is None:
            first = next(number for number, record in enumerate(flat, 1) if path in record)
            refusals.add(first, path, f"{path!r} is not declared in layout {layout.name}")
            continue
        text = pa.array([record.get(path, "") for record in flat], pa.string())
        blocks.append(Block(asset, path, rule, text, at, rows, field=path))
    return blocks


def _series(
    layout: Layout, asset: str, document: Any, refusals: Refusals, dialect: dict[str, object], zone: str
) -> list[Block]:
    """`{signal: {signal_time: {"0": ...}, signal_value: {"0": ...}}}`; records are counted through the document."""
    if not isinstance(document, dict):
        raise UnreadableFile("the document is no object of signals", "choose another --layout")
    blocks: list[Block] = []
    line = 1
    for signal, block in document.items():
        if layout.ignores(signal):
            continue
        times, values = (
            (block.get(f"{signal}_{part}") for part in ("time", "value")) if isinstance(block, dict) else (0, 0)
        )
        rule = layout.rule(signal, asset)
        if rule is None or not isinstance(times, dict) or not isinstance(values, dict):
            reason = "is not declared in" if rule is None else "has no times and values as declared by"
            refusals.add(line, signal, f"{signal!r} {reason} layout {layout.name}")
            line += 1
            continue
        keys = list(dict.fromkeys([*times, *values]))
        if not keys:
            continue
        number = np.arange(line, line + len(keys), dtype=np.int64)
        line += len(keys)
        stamps = parse_stamps(
            pa.array([str(times.get(key, "")) for key in keys], pa.string()), layout.stamps.format, zone
        )
        dialect["stamp_format"] = stamps.format
        refusals.add_rows(number[~stamps.ok], "", f"the time does not read as {stamps.format}")
        text = pa.array(["" if values.get(key) is None else str(values[key]) for key in keys], pa.string())
        rows = Rows(number, stamps.micros, stamps.ok, stamps.instant)
        blocks.append(Block(asset, signal, rule, text, np.arange(len(keys), dtype=np.int64), rows))
    return blocks


def _strings(document: Any) -> str:
    """The document without its long lists, as text, for the id in the bytes."""
    if isinstance(document, dict):
        document = {key: value for key, value in document.items() if not isinstance(value, list)}
    return json.dumps(document)[:20_000]
