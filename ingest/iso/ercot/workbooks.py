"""ERCOT's prices of hubs and load zones by year, a sheet a month, and prices for capacity by year; CSVs cut from them.

A workbook is unpacked into memory by its reader, so that it is measured first: what its parts really unpack to.
Excel keeps numbers as doubles; the shortest decimal of a double is the price as it was typed in.
"""

from __future__ import annotations

import contextlib
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
from python_calamine import CalamineError, CalamineWorkbook

from ingest.iso.contracts import AS_PRICES
from ingest.iso.ercot.documents import read_documents
from ingest.iso.ercot.prices import DAM_SPP, DAY, FLAG, HOUR_ENDING, RT15_SPP, Posting, posted
from ingest.iso.ercot.rows import Field, Layout, Rows, UnusableMember, read_rows, typed
from ingest.packed import DAMAGED, Member, members
from lakehouse.source import LandOptions, Parsed, RawFile

#: A year of 15 minutes at 15 hubs and zones unpacks to some 180 MB.
WORKBOOK_BYTES = 320 * 2**20
#: Sheets: a month each, and some of notes.
SHEETS = 60
#: A cell right of column P or below row 199,999: a reader makes room for all cells before it. A year has 131,760 rows.
_FAR_CELL = re.compile(rb"""(?i)\sr\s*=\s*["'](?:[Q-Z]\d|[A-Z]{2,}\d|[A-Z]?(?:[2-9]\d{5}|\d{7,}))""")
#: What an Excel workbook has, and no other archive.
_CONTENT_TYPES = "[Content_Types].xml"
#: Products by their columns, a blank where a product was not there yet (ECRS since 2023-06-10).
PRODUCTS = ("REGDN", "REGUP", "RRS", "NSPIN", "ECRS")
DAM_MCPC_YEAR = Posting(
    Layout(
        "day-ahead prices for capacity by year",
        (*DAY, *HOUR_ENDING, *FLAG, *(Field(product, product, "exact") for product in PRODUCTS)),
        frozenset({"operating_day", "hour_ending", "REGDN", "REGUP", "RRS", "NSPIN"}),
    ),
    AS_PRICES,
    "DAM",
)


def dam_spp(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Day-ahead settlement point prices of hubs and load zones by year (NP4-180-ER).

    Raises:
        UnreadableFile: nothing in the file can be used.
    """
    return _read(file, options, DAM_SPP)


def rt15_spp(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Real-time settlement point prices of hubs and load zones by year (NP6-785-ER), or months of them as CSV.

    Raises:
        UnreadableFile: nothing in the file can be used.
    """
    return _read(file, options, RT15_SPP)


def dam_mcpc(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Day-ahead clearing prices for capacity by year (NP4-181-ER): a column a product; CSV or workbook.

    Raises:
        UnreadableFile: nothing in the file can be used.
    """
    return _read(file, options, DAM_MCPC_YEAR, _by_product)


def _read(
    file: RawFile,
    options: LandOptions,
    posting: Posting,
    parts_of: Callable[[Rows], Iterable[Rows]] = lambda rows: (rows,),
) -> Iterator[Parsed]:
    return read_documents(file, "ercot-years", posted(file, options, posting, _rows, parts_of), _documents)


def _documents(file: RawFile) -> Iterator[Member]:
    """The documents of an archive; a workbook is an archive too, and one document."""
    if next(file.blocks(), b"").startswith(b"PK"):
        with contextlib.suppress(*DAMAGED), zipfile.ZipFile(io.BytesIO(file.content)) as archive:
            if _CONTENT_TYPES in archive.namelist():
                return iter([Member(None, file.blocks())])
    return members(file)


def _by_product(rows: Rows) -> Iterator[Rows]:
    return (_of_product(rows, name) for name in PRODUCTS if name in rows.columns)


def _of_product(rows: Rows, product: str) -> Rows:
    """The hours that have a price of a product; counts and refusals come with the first one."""
    columns = {name: cells for name, cells in rows.columns.items() if name not in PRODUCTS}
    columns |= {"mcpc_usd_mw": rows.columns[product], "product": pa.repeat(pa.scalar(product), len(rows))}
    stated = Rows(columns, rows.line, rows.shown).where(np.asarray(rows.columns[product].is_valid()))
    return replace(rows, columns=stated.columns, line=stated.line) if product == PRODUCTS[0] else stated


def _rows(member: Member, layout: Layout) -> Iterator[Rows]:
    first = next(member.content, b"")
    content = chain([first], member.content)
    if not first.startswith(b"PK"):
        return read_rows(content, lambda header: layout)
    return _sheets(b"".join(content), layout)


def _sheets(content: bytes, layout: Layout) -> Iterator[Rows]:
    """Rows of all sheets, a sheet at a time; lines count through the workbook.

    Raises:
        UnusableMember: it is no workbook, too large a one, or a sheet is not of the layout.
    """
    _measure(content)
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
        if len(workbook.sheet_names) > SHEETS:
            raise UnusableMember(f"the workbook has more than {SHEETS} sheets", "check where it comes from")
        base = 0
        for name in workbook.sheet_names:
            cells = workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)
            yield _sheet(name, cells, layout, base)
            base += len(cells)
    except CalamineError as error:
        raise UnusableMember(f"the workbook cannot be read: {error}", "download it again") from error


def _measure(content: bytes) -> None:
    """Refuse a workbook that would take too much memory.

    Raises:
        UnusableMember: it is one, or it is damaged.
    """
    unpacked = 0
    for part in members(RawFile("", Path("workbook"), len(content), lambda: iter([content]))):
        end = b""
        for block in part.content:
            unpacked += len(block)
            far = _FAR_CELL.search(end + block)
            if far or unpacked > WORKBOOK_BYTES:
                what = "has cells far from its table" if far else f"unpacks to more than {WORKBOOK_BYTES >> 20} MiB"
                raise UnusableMember(f"the workbook {what}", "check where it comes from")
            end = block[-64:]


def _sheet(name: str, cells: Sequence[Sequence[object]], layout: Layout, base: int) -> Rows:
    filled = [number for number, row in enumerate(cells) if any(cell != "" and cell is not None for cell in row)]
    no_cells = {field.column: pa.array([], pa.string()) for field in layout.fields}
    nothing = typed(no_cells, layout.fields, np.array([], np.int64), str)
    if not filled:  # a month to come
        return nothing
    header = [str(cell).strip() for cell in cells[filled[0]]]
    while header and not header[-1]:
        header.pop()
    data = filled[1:]
    try:
        bound = layout.bind(header)
    except UnusableMember as why:
        refused = [(base + filled[0] + 1, "", f"the sheet {name} is not read: {why.message}")]
        return replace(nothing, refused=refused, read=len(data), shown=lambda _: ",".join(header))
    texts = {
        field.column: pa.array([_text(cells[number][at]) for number in data], pa.string())
        for at, field in enumerate(bound)
    }

    def shown(line: int) -> str:
        return f"{name}: " + ",".join(_text(cell) or "" for cell in cells[line - base - 1])

    rows = typed(texts, bound, np.array(data, np.int64) + base + 1, shown).filled(layout)
    empty = len(cells) - len(filled)
    return replace(rows, read=rows.read + empty, empty=empty)


def _text(cell: object) -> str | None:
    """A cell as ERCOT writes it in CSV."""
    if isinstance(cell, str):
        return cell or None
    if isinstance(cell, bool):
        return "Y" if cell else "N"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime | date):
        return f"{cell:%m/%d/%Y}"
    if isinstance(cell, time):
        return f"{cell:%H:%M}"
    if isinstance(cell, timedelta):
        return f"{cell // timedelta(hours=1):02}:{cell % timedelta(hours=1) // timedelta(minutes=1):02}"
    return None if cell is None else str(cell)
