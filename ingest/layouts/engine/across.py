"""Tables whose rows hold many instants: one row per day or per signal, one column per interval or instant."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa

from ingest.layouts.engine.blocks import Block, Rows
from ingest.layouts.engine.table import Table, few_enough, filled, one_asset_only
from ingest.text.headers import clock, is_nameless, same_unit, unnumbered
from lakehouse.errors import UnreadableFile


def day_rows(table: Table) -> list[Block]:
    """One row per day, one column per interval: cells become rows of their own, each with its stamp."""
    stamps = table.read_stamps()
    shape, asset = table.layout.shape, table.asset()
    rule = table.layout.rule(shape.signal or "", asset)
    if rule is None:
        raise UnreadableFile(f"layout {table.layout.name} declares no rule for {shape.signal}", "mend the layout")
    pattern = re.compile(shape.value_pattern or "")
    columns: list[str] = []
    starts: list[int] = []
    for cell, _ in table.others(()):
        hit = pattern.fullmatch(unnumbered(cell))
        start = None if hit is None else clock(hit["start"] or "")
        if start is not None:
            columns.append(cell)
            starts.append(start)
        elif hit is not None:
            table.refuse_cell(cell, f"column {cell!r} begins at no time of day")
        else:
            table.refuse_column(cell)
    days, width = len(table.grid.line), len(columns)
    if not width:
        return []
    offsets = np.array(starts, np.int64)
    rows = Rows(
        line=np.repeat(table.grid.line, width),
        stamp=(stamps.micros[:, None] + offsets[None, :]).ravel(),
        ok=np.repeat(stamps.ok, width),
        instant=stamps.instant,
        field=np.tile(np.array(columns, object), days),
    )
    stacked = pa.concat_arrays([table.grid.columns[table.index[cell]] for cell in columns])
    by_day = np.arange(width * days, dtype=np.int64).reshape(width, days).T.ravel()
    text = stacked.take(pa.array(by_day))
    at = np.arange(days * width, dtype=np.int64)
    return [Block(asset, shape.signal or "", rule, text, at, rows)]


def signal_rows(table: Table) -> list[Block]:
    """One row per signal, one column per instant: the header's cells are the stamps of every row."""
    layout, shape, grid = table.layout, table.layout.shape, table.grid
    pattern = re.compile(layout.stamps.columns[0])
    columns = [cell for cell in table.index if pattern.fullmatch(unnumbered(cell))]
    named = [name for name in (shape.signal_column, shape.unit_column, layout.asset.column) if name is not None]
    used = {*columns, *(table.cell_named(name) for name in named)}
    for cell, index in table.index.items():
        blank = is_nameless(cell) and not filled(grid.columns[index])
        if cell not in used and not layout.ignores(cell) and not blank:
            table.refuse_column(cell)
    if not columns:
        raise UnreadableFile(
            f"no header cell is a stamp as {layout.stamps.columns[0]!r} says", "choose another --layout"
        )
    count, width = len(grid.line), len(columns)
    few_enough(count)
    stamps = table.parsed(pa.array([unnumbered(cell) for cell in columns], pa.string()))
    for place in np.flatnonzero(~stamps.ok):
        table.refuse_cell(columns[place], f"the column's stamp does not read as {stamps.format}")
    rows = Rows(
        line=np.repeat(grid.line, width),
        stamp=np.tile(stamps.micros, count),
        ok=np.tile(stamps.ok, count),
        instant=stamps.instant,
        series=np.repeat(np.arange(count, dtype=np.int64), width),
        field=np.tile(np.array(columns, object), count),
    )
    stacked = pa.concat_arrays([grid.columns[table.index[cell]] for cell in columns])
    signals = table.trimmed(shape.signal_column, count, "")
    assets = table.trimmed(layout.asset.column, count, "" if layout.asset.column else table.asset())
    units = table.trimmed(shape.unit_column, count, "")
    one_asset_only(table.options, [name for name in assets if name])
    blocks: list[Block] = []
    for row, (signal, native, unit) in enumerate(zip(signals, assets, units, strict=True)):
        at = np.arange(row * width, (row + 1) * width, dtype=np.int64)
        if layout.ignores(signal):
            rows.ok[at] = False
            continue
        rule = layout.rule(signal, native) if native else None
        if rule is None:
            reason = f"{signal!r} is not declared in layout {layout.name}" if native else "the row names no meter"
        elif unit and rule.unit and not same_unit(unit, rule.unit):
            reason = f"the row's unit is not {rule.unit}, as layout {layout.name} declares"
        else:
            asset = table.options.asset or native
            text = stacked.take(pa.array(np.arange(width, dtype=np.int64) * count + row))
            blocks.append(Block(asset, signal, rule, text, at, rows))
            if layout.asset.column is not None:
                table.native[asset] = native
            continue
        table.refusals.add(int(grid.line[row]), "", reason)
        rows.ok[at] = False
    return blocks
