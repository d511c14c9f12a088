"""Workbooks (xlsx, xlsm, xlsb, xls, ods) as sheets of text lines, which layouts read as they read CSV files.

Workbooks are treated as hostile: the unpacked size of the parts is measured first, and the cells are read in a process
with limits on memory and time.
"""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ingest.packed import DAMAGED, members
from ingest.text.lines import Lines
from lakehouse.errors import UnreadableFile
from lakehouse.source import WHOLE_FILE_BYTES, RawFile

#: Largest unpacked size of a workbook: a million rows of four columns take some 200 MB.
UNPACKED_BYTES = 320 * 2**20
#: Largest number of sheets: one for each month or meter.
SHEETS = 100
#: CPU time after which the reader ends; on a busy machine the wall-clock time may be longer.
_WAIT_S = 600
_ZIP = b"PK\x03\x04"
_OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
#: First bytes of workbooks; other files may begin in the same way.
WORKBOOKS = (_ZIP, _OLD_EXCEL)
_READER = Path(__file__).with_name("workbook_cells.py")
_AS_CSV = "export the sheet as CSV and land that"


@dataclass(frozen=True)
class Sheet:
    """One sheet.

    Args:
        name: as its tab shows it.
        number: its place in the workbook, from 1.
        lines: its rows, one line each, with commas between cells; numbered through the workbook, from 1.
    """

    name: str
    number: int
    lines: Lines

    @property
    def is_blank(self) -> bool:
        """Whether no cell has text."""
        return not self.lines.content.strip()


def is_workbook(content: bytes) -> bool:
    """Whether the bytes are those of a workbook of Excel or LibreOffice, whatever the file is called."""
    if content.startswith(_OLD_EXCEL):
        return True
    if not content.startswith(_ZIP):
        return False
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            names = set(archive.namelist())
    except DAMAGED:
        return False
    return any(name.startswith("xl/workbook.") for name in names) or {"mimetype", "content.xml"} <= names


def read_sheets(content: bytes) -> tuple[Sheet, ...]:
    """The sheets of a workbook that hold cells; formulas have their values at the time of saving.

    Raises:
        UnreadableFile: it is damaged, protected by a password, or takes too much to open.
    """
    _measure(content)
    try:
        ran = subprocess.run(
            [sys.executable, "-I", str(_READER)], input=content, capture_output=True, timeout=_WAIT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise UnreadableFile("the workbook takes too long to open", _AS_CSV) from error
    sheets = tuple(_sheets(ran.stdout)) if ran.returncode == 0 else ()
    if ran.returncode:
        raise UnreadableFile(
            "the workbook cannot be opened within 1 GiB and 2 minutes: it is damaged, or has cells far from its table",
            _AS_CSV,
        )
    if not sheets:
        raise UnreadableFile("the workbook has no sheet with cells", _AS_CSV)
    return sheets


def written(column: pa.Array, decimal: str) -> pa.Array:
    """The cells of a sheet's column as in a CSV file with a decimal sign.

    Args:
        column: the cells as `read_sheets` returns them: numbers with a point; text that looks like one, after an
            apostrophe.
        decimal: the sign of numbers in text, `.` or `,`.
    """
    if decimal == ",":
        typed = pc.match_substring_regex(column, r"^-?\d+\.\d+(e[+-]\d+)?$")
        column = pc.if_else(typed, pc.replace_substring(column, ".", ","), column)
    return pc.replace_substring_regex(column, r"^'([+-]?\d+\.[\d.]+)$", r"\1")


#: Text of a whole number that is too large for a double to hold its last digits.
ROUNDED_ID = r"^-?\d(\.\d+)?e\+\d+$"


def _measure(content: bytes) -> None:
    """Refuse a workbook whose parts are damaged, or unpack to too much, without keeping anything of them.

    Raises:
        UnreadableFile: the workbook is refused.
    """
    unpacked = 0
    for part in members(RawFile("", Path("workbook"), len(content), lambda: iter([content]))):
        for block in part.content:
            unpacked += len(block)
            if unpacked > UNPACKED_BYTES:
                raise UnreadableFile(f"the workbook unpacks to more than {UNPACKED_BYTES >> 20} MiB", _AS_CSV)


def _sheets(output: bytes) -> Iterator[Sheet]:
    at = base = number = 0
    while at < len(output):
        end = output.index(b"\n", at)
        sheet = json.loads(output[at:end])
        if "error" in sheet:
            raise UnreadableFile(f"the workbook cannot be read: {sheet['error']}", "save it again, or " + _AS_CSV)
        number += 1
        if number > SHEETS:
            raise UnreadableFile(f"the workbook has more than {SHEETS} sheets", "split it")
        at = end + 1 + sheet["bytes"]
        if at - end > WHOLE_FILE_BYTES:
            raise UnreadableFile(f"a sheet has more than {WHOLE_FILE_BYTES >> 20} MiB of cells", "split it")
        lines = Lines(output[end + 1 : at], base=base)
        base = lines.last
        yield Sheet(sheet["sheet"], number, lines)
