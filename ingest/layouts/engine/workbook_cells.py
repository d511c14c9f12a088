"""The cells of a workbook as CSV, in a process of its own: it is run by path and imports no module of Wattlake.

It reads the workbook from standard input and writes, sheet by sheet, a line of JSON (`{"sheet": name, "bytes": n}`) and
n bytes of CSV with one line per row of the sheet; or `{"error": text}` if it cannot be read. The limits on memory and
time are those of this process, so that no workbook takes more.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
import resource
import sys
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum

#: Memory for a million rows of four columns and their sources.
MEMORY_BYTES = 1 << 30
CPU_S = 120
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
_POINTED = re.compile(r"[+-]?(\d+\.\d+|\d{1,3}(\.\d{3}){2,})", re.ASCII)


def text_of(cell: object) -> str:
    """A cell as text: a number as its shortest decimal, a stamp in ISO, a midnight as its date.

    A double is written so that it reads back as the same double: 1.1 as typed stays 1.1. Text that looks like a number
    with a point gets an apostrophe before it, as in a spreadsheet, because its point may separate thousands.
    """
    if isinstance(cell, str):
        return f"'{cell}" if _POINTED.fullmatch(cell) else _CONTROL.sub(" ", cell)
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime):
        # A serial number holds a stamp to some microseconds, so milliseconds are exact.
        near = cell + timedelta(microseconds=500)
        near -= timedelta(microseconds=near.microsecond % 1000)
        return near.date().isoformat() if near.time() == time() else near.isoformat(" ").removesuffix("000")
    if isinstance(cell, (date, time)):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        minutes, seconds = divmod(round(cell.total_seconds()), 60)
        return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"
    return str(cell)


def rows_as_csv(rows: Sequence[Sequence[object]]) -> bytes:
    """Rows as CSV with commas; an empty row is an empty line, so that line numbers equal row numbers."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for row in rows:
        cells = [text_of(cell) for cell in row]
        if any(cell.strip() for cell in cells):
            writer.writerow(cells)
        else:
            out.write("\n")
    return out.getvalue().encode("utf-8", "replace")


def _main() -> None:
    with contextlib.suppress(ValueError, OSError):  # the system's limit is lower already
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    out = sys.stdout.buffer
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(sys.stdin.buffer.read()))
        for sheet in book.sheets_metadata:
            if sheet.typ == SheetTypeEnum.WorkSheet:
                content = rows_as_csv(book.get_sheet_by_name(sheet.name).to_python(skip_empty_area=False))
                out.write(json.dumps({"sheet": sheet.name, "bytes": len(content)}).encode() + b"\n" + content)
    except CalamineError as error:
        out.write(json.dumps({"error": str(error)}).encode() + b"\n")


if __name__ == "__main__":
    _main()
