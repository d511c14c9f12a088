"""Files of lines into blocks: one column per signal, or one row per value; see `across` for rows of many instants."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.arrays import Int64Array, mask
from ingest.layouts.engine.across import day_rows, signal_rows
from ingest.layouts.engine.blocks import Block, Rows, Tabulated
from ingest.layouts.engine.progress import Progress
from ingest.layouts.engine.recognise import Found
from ingest.layouts.engine.signal_rule import TEXT_KINDS, SignalRule
from ingest.layouts.engine.table import Table, few_enough, one_asset_only
from ingest.text.headers import same_unit, signal_name, unit_in
from ingest.text.lines import Lines, split_cells
from ingest.text.numbers import detect_decimal
from lakehouse.errors import UnreadableFile
from lakehouse.source import LandOptions, RawFile


def tabulate(found: Found, file: RawFile, lines: Lines, options: LandOptions, progress: Progress) -> Tabulated:
    """Bring a recognised file of lines, or a piece of one, into blocks.

    Raises:
        UnreadableFile: the file has no rows, no declared column, or no readable stamp.
    """
    table = Table(found, file, lines, options, progress)
    blocks = _SHAPES[table.layout.shape.kind](table)
    if not blocks:
        raise _nothing_declared(table)
    _decide_decimal(table, blocks)
    return Tabulated(blocks, table.refusals, table.dialect, table.native)


def _wide(table: Table) -> list[Block]:
    table.read_stamps()
    shape, rows = table.layout.shape, table.rows()
    units = _units(table)
    natives = _natives(table, rows)
    everyone = [name for name, _ in natives]
    few_enough(len(everyone) * max(len(table.index) - 1, 1))
    blocks: list[Block] = []
    for cell, index in table.others((shape.status_column, table.layout.asset.column)):
        signal = table.signal_of(cell)
        rules = {name: table.layout.rule(signal, name) for name in everyone}
        if not _declared(table, rules, cell, units.get(index)):
            continue
        text, status = table.grid.columns[index], _status(table, cell)
        for name, at in natives:
            rule = rules[name]
            if rule is None:
                continue
            asset = table.options.asset or name
            if len(natives) == 1 and len(at) == len(text):
                blocks.append(Block(asset, signal, rule, text, at, rows, status, field=cell))
            else:
                mine = pa.array(at)
                own = None if status is None else status.take(mine)
                blocks.append(Block(asset, signal, rule, text.take(mine), at, rows, own, field=cell))
    return blocks


def _natives(table: Table, rows: Rows) -> list[tuple[str, Int64Array]]:
    """The assets of a wide file, each with its rows; with an id column every asset is a series of its own."""
    column = table.layout.asset.column
    if column is None:
        return [(table.asset(), np.arange(len(table.grid.line), dtype=np.int64))]
    encoded = pc.utf8_trim_whitespace(table.column(column)).dictionary_encode()
    rows.series = _codes(encoded)
    names = encoded.dictionary.to_pylist()
    one_asset_only(table.options, [name for name in names if name])
    found: list[tuple[str, Int64Array]] = []
    for code, at in by_code(rows.series):
        name = names[code]
        if not name:
            table.drop(rows, at, "the row names no meter")
            continue
        table.native[table.options.asset or name] = name
        found.append((name, at))
    return found


def _declared(table: Table, rules: dict[str, SignalRule | None], cell: str, unit: str | None) -> bool:
    """Whether a column has a rule; a column without one, or with another unit than declared, is refused once."""
    declared = next((rule for rule in rules.values() if rule is not None), None)
    if declared is None:
        table.refuse_column(cell)
        return False
    unit = unit or unit_in(cell, table.layout.shape.unit_brackets)
    if unit and declared.unit and not same_unit(unit, declared.unit):
        table.refuse_cell(cell, f"the file says {unit!r}, layout {table.layout.name} says {declared.unit!r}")
        return False
    return True


def _units(table: Table) -> dict[int, str]:
    """Units from a row below the header, by column."""
    row = table.layout.dialect.unit_row
    if row is None:
        return {}
    if table.progress.is_first:
        text = table.lines.text(table.found.header_line + row)
        table.progress.decided["unit row"] = text
    cells = split_cells(str(table.progress.decided["unit row"]), table.found.delimiter)
    return {index: cell.strip("[]() ") for index, cell in enumerate(cells) if cell.strip("[]() ")}


def _status(table: Table, cell: str) -> pa.Array | None:
    """Quality status of a wide column's cells."""
    shape = table.layout.shape
    if shape.status_column is None or shape.status_column not in table.index:
        return None
    status = table.column(shape.status_column)
    if shape.status_lists_signals is None:
        return status
    encoded = status.dictionary_encode()
    about = pa.array(
        [
            shape.status_lists_signals if cell in {name.strip() for name in written.split("|")} else ""
            for written in encoded.dictionary.to_pylist()
        ],
        pa.string(),
    )
    return about.take(encoded.indices)


def _long(table: Table) -> list[Block]:
    table.read_stamps()
    shape, layout = table.layout.shape, table.layout
    count = len(table.grid.line)
    signals = (
        pc.utf8_trim_whitespace(table.column(shape.signal_column))
        if shape.signal_column
        else pa.repeat(pa.scalar(signal_name(shape.value_column or "", shape.unit_brackets)), count)
    )
    units = table.column(shape.unit_column) if shape.unit_column else None
    if units is not None:
        units = pc.replace_substring(pc.utf8_trim_whitespace(units), "³", "3")
        if shape.unit_in_signal:
            signals = pc.binary_join_element_wise(signals, " [", units, "]", "")
    fixed = table.asset() if layout.asset.column is None else None
    if layout.asset.column is not None:
        natives = pc.utf8_trim_whitespace(table.column(layout.asset.column))
    else:
        natives = pa.repeat(pa.scalar(fixed), count)
    first, second = natives.dictionary_encode(), signals.dictionary_encode()
    names, kinds = first.dictionary.to_pylist(), second.dictionary.to_pylist()
    one_asset_only(table.options, [name for name in names if name])
    series = _codes(first) * len(kinds) + _codes(second)
    few_enough(len(pc.unique(pa.array(series))))
    rows = table.rows()
    rows.series = series
    columns = (shape.signal_column, shape.value_column, shape.unit_column, shape.factor_column, shape.status_column)
    for cell, _ in table.others((*columns, layout.asset.column)):
        table.refuse_column(cell)
    values = table.column(shape.value_column or "")
    factors = table.column(shape.factor_column) if shape.factor_column else None
    status = table.column(shape.status_column) if shape.status_column else None
    blocks: list[Block] = []
    for code, at in by_code(series):
        native, signal = names[code // len(kinds)], kinds[code % len(kinds)]
        asset = table.options.asset or native
        if layout.ignores(signal):
            rows.ok[at] = False
            continue
        rule = layout.rule(signal, native) if native else None
        if rule is None:
            reason = f"{signal!r} is not declared in layout {layout.name}" if native else "the row names no meter"
            table.drop(rows, at, reason)
            continue
        if units is not None and rule.unit:
            written = pc.utf8_lower(units.take(pa.array(at)))
            other = ~mask(pc.equal(written, rule.unit.lower().replace("³", "3")))
            table.drop(rows, at[other], f"the row's unit is not {rule.unit}, as layout {layout.name} declares")
            at = at[~other]
        if len(at):
            taken = pa.array(at)
            blocks.append(
                Block(
                    asset,
                    signal,
                    rule,
                    values.take(taken),
                    at,
                    rows,
                    None if status is None else status.take(taken),
                    None if factors is None else factors.take(taken),
                )
            )
            if fixed is None:
                table.native[asset] = native
    return blocks


_SHAPES: dict[str, Callable[[Table], list[Block]]] = {
    "wide": _wide, "long": _long, "day_rows": day_rows, "signal_rows": signal_rows,
}  # fmt: skip


def _nothing_declared(table: Table) -> UnreadableFile:
    columns = sorted({field for _, field in table.refusals.found if field})
    reasons = list(dict.fromkeys(table.refusals.found.values()))
    what = f"the columns {', '.join(columns[:8])}" if columns else f"the rows: {'; '.join(reasons[:3])}"
    return UnreadableFile(
        f"layout {table.layout.name} can use none of {what}",
        "declare them in a layout file with kind and unit (docs/layouts.md)",
    )


def _decide_decimal(table: Table, blocks: list[Block]) -> None:
    """Decide the decimal sign once, over every numeric cell of the file."""
    declared = table.layout.dialect.decimal
    table.dialect["thousands"] = table.layout.dialect.thousands
    if declared != "detect":
        table.dialect["decimal"] = declared
        return
    texts = [b.text for b in blocks if b.rule.kind not in TEXT_KINDS and pa.types.is_string(b.text.type)]
    sign, thousands = detect_decimal(texts, table.found.delimiter)
    table.dialect["decimal"], table.dialect["thousands"] = sign, thousands or table.layout.dialect.thousands


def _codes(encoded: pa.DictionaryArray) -> Int64Array:
    return np.asarray(encoded.indices.to_numpy(), dtype=np.int64)


def by_code(codes: Int64Array) -> Iterator[tuple[int, Int64Array]]:
    """Every code with its rows in file order, by a single sort."""
    order = np.argsort(codes, kind="stable").astype(np.int64)
    for rows in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        if len(rows):
            yield int(codes[rows[0]]), rows
