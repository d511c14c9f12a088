"""A query's result as a table on the terminal or as a file: CSV, JSON, Markdown, Parquet, an Excel workbook."""

from __future__ import annotations

import math
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import duckdb

from flows.report.tables import plain, table
from lakehouse.engine import quote
from lakehouse.errors import TerminalError, WrongUsage

#: Format → DuckDB's options for COPY.
COPY_OPTIONS = {"csv": "FORMAT csv, HEADER", "json": "FORMAT json, ARRAY true", "parquet": "FORMAT parquet"}
FORMATS = ("table", "csv", "json", "markdown", "parquet", "xlsx")
#: Formats that a terminal cannot show.
BINARY = ("parquet", "xlsx")
#: Suffix of the output → default format.
SUFFIXES = {".json": "json", ".md": "markdown", ".parquet": "parquet", ".xlsx": "xlsx"}
#: View of the result while DuckDB writes it.
RESULT = "wattlake_result"
#: Rows that a table on the terminal shows; files have all.
TABLE_ROWS = 1_000
#: Rows that are fetched at once.
BATCH = 10_000
#: Limits of a sheet by Excel's specification: rows with the header, columns, characters in a cell.
SHEET_ROWS, SHEET_COLUMNS, CELL_CHARACTERS = 1_048_576, 16_384, 32_767
#: Digits of a number in Excel; a longer whole number is an id, and is written as text.
EXCEL_DIGITS = 15
#: First date in Excel.
EXCEL_BEGINS = date(1900, 3, 1)


def chosen(style: str | None, output: Path | None) -> str:
    """The format of a result: the requested one, else by the suffix of the output, else a table, or CSV in a file.

    Raises:
        WrongUsage: a binary format would go to a terminal.
    """
    if style is None or (style == "table" and output is not None):
        style = "table" if output is None else SUFFIXES.get(output.suffix.lower(), "csv")
    if style in BINARY and output is None and sys.stdout.isatty():
        raise WrongUsage(f"{style} is not text, and standard output is a terminal", f"use --output FILE.{style}")
    return style


def write(relation: duckdb.DuckDBPyRelation, style: str, output: Path | None, zone: str) -> None:
    """Write all rows of a result.

    Args:
        relation: the result.
        style: one of `FORMATS`.
        output: file to write; None is standard output.
        zone: time zone of the session's instants; named in the header of a workbook.

    Raises:
        TerminalError: the result does not fit into a sheet of Excel.
    """
    if style == "table":
        show(relation)
        return
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "result"
        if style == "markdown":
            _markdown(relation, made)
        elif style == "xlsx":
            _workbook(relation, made, zone)
        else:
            # By name, so that the text of the query is in no statement of ours.
            columns = _with_lists(relation) if style == "json" else "*"
            query = f"COPY (SELECT {columns} FROM {RESULT}) TO {quote(str(made))} ({COPY_OPTIONS[style]})"
            relation.query(RESULT, query)
        if output is not None:
            shutil.copyfile(made, output)
            return
        with made.open("rb") as handle:
            shutil.copyfileobj(handle, sys.stdout.buffer)


def show(relation: duckdb.DuckDBPyRelation) -> None:
    """Print the first rows. If a line is too short, ends of intervals are left out, then columns from the right."""
    rows = relation.limit(TABLE_ROWS + 1).fetchall()
    header = relation.columns
    dollars = {index for index, name in enumerate(header) if name.endswith("_usd")}
    shown = [[_cents(value) if index in dollars else value for index, value in enumerate(row)] for row in rows]
    ends = [name for name in header if name.endswith("_end") and f"{name.removesuffix('_end')}_start" in header]
    table(
        header,
        shown[:TABLE_ROWS],
        drop=[*ends, *(name for name in header[:0:-1] if name not in ends)],
        more="--format csv, json or xlsx, or a wider terminal, shows them",
        shown_as=text,
    )
    if len(rows) > TABLE_ROWS:
        click.echo(f"the first {TABLE_ROWS:,} rows; --format csv writes all of them")
    else:
        click.echo(f"{len(rows):,} row{'' if len(rows) == 1 else 's'}")
    if any(isinstance(row[index], Decimal | float) for row in rows for index in dollars):
        click.echo("dollars are shown to the cent; --format csv writes all digits")


def text(value: object) -> str:
    """A value in SQL's notation."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat(" ").removesuffix(":00") if value.tzinfo else value.isoformat(" ")
    return plain(value)


def _cents(value: Any) -> Any:
    """Dollars rounded to the cent, halves to even."""
    return round(Decimal(repr(value) if isinstance(value, float) else value), 2) if _is_amount(value) else value


def _is_amount(value: Any) -> bool:
    return isinstance(value, Decimal) or (isinstance(value, float) and math.isfinite(value))


def _with_lists(relation: duckdb.DuckDBPyRelation) -> str:
    """SQL of the columns for JSON, in which a text of several codes becomes a list."""
    listed = zip(relation.columns, relation.types, strict=True)
    if not any(name == "caveats" and str(kind) == "VARCHAR" for name, kind in listed):
        return "*"
    return "* REPLACE (CASE WHEN caveats = '' THEN [] ELSE string_split(caveats, ', ') END AS caveats)"


def _rows(relation: duckdb.DuckDBPyRelation) -> Iterator[Sequence[Any]]:
    while batch := relation.fetchmany(BATCH):
        yield from batch


def _markdown(relation: duckdb.DuckDBPyRelation, path: Path) -> None:
    """A table in GitHub's Markdown."""
    numeric = [kind.id in ("decimal", "double", "float") or "int" in kind.id for kind in relation.types]
    with path.open("w", encoding="utf-8") as handle:
        handle.write(_markdown_row(relation.columns))
        handle.write("|" + "|".join("---:" if right else "---" for right in numeric) + "|\n")
        handle.writelines(_markdown_row(row) for row in _rows(relation))


def _markdown_row(values: Sequence[Any]) -> str:
    cells = (text(value).replace("\\", "\\\\").replace("|", "\\|").replace("\n", "<br>") for value in values)
    return f"| {' | '.join(cells)} |\n"


def _workbook(relation: duckdb.DuckDBPyRelation, path: Path, zone: str) -> None:
    """One sheet with a frozen header. Instants are in the session's zone, which their header names."""
    import xlsxwriter

    names, kinds = relation.columns, [str(kind) for kind in relation.types]
    if len(names) > SHEET_COLUMNS:
        raise TerminalError(
            f"the result has {len(names):,} columns, and a sheet of Excel holds {SHEET_COLUMNS:,}", "name fewer columns"
        )
    # Text stays text: a cell must not become a formula or a link by its first characters.
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        sheet = book.add_worksheet("wattlake")
        sheet.freeze_panes(1, 0)
        bold = book.add_format({"bold": True})
        formats = [
            book.add_format({"num_format": _number_format(name, kind)}) for name, kind in zip(names, kinds, strict=True)
        ]
        for column, (name, kind) in enumerate(zip(names, kinds, strict=True)):
            heading = f"{name} ({zone})" if kind == "TIMESTAMP WITH TIME ZONE" else name
            sheet.set_column(column, column, max(12, min(len(heading) + 2, 40)))
            sheet.write_string(0, column, heading, bold)
        for line, row in enumerate(_rows(relation), start=1):
            if line >= SHEET_ROWS:
                raise TerminalError(
                    f"the result has more than {SHEET_ROWS - 1:,} rows, and a sheet of Excel holds no more",
                    "ask for fewer rows, or write --format csv or parquet",
                )
            for column, value in enumerate(row):
                _put(sheet, line, column, value, formats[column])


def _number_format(name: str, kind: str) -> str:
    """Excel's number format of a column; the stored value has all its digits."""
    if name.endswith("_usd"):
        return "#,##0.00"
    if kind.startswith("TIMESTAMP"):
        return "yyyy-mm-dd hh:mm:ss"
    if kind == "DATE":
        return "yyyy-mm-dd"
    if kind.startswith("DECIMAL("):
        scale = int(kind.rstrip(")").rpartition(",")[2])
        return f"0.{'0' * min(scale, 6)}" if scale else "0"
    return "General"


def _put(sheet: Any, line: int, column: int, value: Any, form: Any) -> None:
    """Write one cell.

    Raises:
        TerminalError: a text is too long for a cell.
    """
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(line, column, value)
    elif isinstance(value, datetime) and value.date() >= EXCEL_BEGINS:
        sheet.write_datetime(line, column, value.replace(tzinfo=None), form)
    elif isinstance(value, date) and not isinstance(value, datetime) and value >= EXCEL_BEGINS:
        sheet.write_datetime(line, column, value, form)
    elif (isinstance(value, int) and abs(value) < 10**EXCEL_DIGITS) or _is_amount(value):
        sheet.write_number(line, column, value, form)
    else:
        shown = text(value)
        if len(shown) > CELL_CHARACTERS:
            raise TerminalError(
                f"row {line:,} has a text of {len(shown):,} characters, and a cell of Excel holds {CELL_CHARACTERS:,}",
                "leave that column out, or write --format csv or parquet",
            )
        sheet.write_string(line, column, shown)
