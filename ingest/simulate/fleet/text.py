"""Cells as ERCOT writes them: no zero before the point, none at the end, quotes in earlier years, blanks."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime

import numpy as np

from ingest.simulate.clock import FloatArray, IntArray
from ingest.simulate.fleet.day_ahead import BLANK, TICKS

CENTS = 100


def exact(values: IntArray, scale: int = TICKS) -> list[str]:
    """Whole numbers of 1/scale as decimals: 17 cents are `.17`, `BLANK` is nothing."""
    distinct, where = np.unique(values, return_inverse=True)
    decimals = len(str(scale)) - 1
    texts = np.array([_decimal(int(value), scale, decimals) for value in distinct], dtype=object)
    return list(texts[where.reshape(values.shape)])


def _decimal(value: int, scale: int, decimals: int) -> str:
    if value == BLANK:
        return ""
    whole, part = divmod(abs(value), scale)
    fraction = f"{part:0{decimals}d}".rstrip("0")
    digits = f"{whole or ''}{'.' + fraction if fraction else ''}" or "0"
    return f"-{digits}" if value < 0 and digits != "0" else digits


def single(values: FloatArray) -> list[str]:
    """Numbers that went through single precision on their way: 9.9 is `9.89999961853027`."""
    return [_bare(float(value)) for value in values.astype(np.float32)]


def _bare(value: float) -> str:
    text = np.format_float_positional(float(f"{value:.15g}"), trim="-")
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def sheet(header: Sequence[str], rows: Iterable[Sequence[str]], quoted: bool) -> bytes:
    """A CSV of rows of texts.

    Args:
        quoted: whether every cell is in quotes, as in the disclosures until about 2025.
    """
    begin, between, end = ('"', '","', '"\n') if quoted else ("", ",", "\n")
    lines = [begin + between.join(row) + end for row in (header, *rows)]
    return "".join(lines).encode("ascii")


def packed(members: dict[str, bytes], at: datetime) -> bytes:
    """A ZIP archive; equal members give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, (at.year, at.month, at.day, at.hour, at.minute, at.second))
            archive.writestr(info, content, zipfile.ZIP_DEFLATED, compresslevel=3)
    return buffer.getvalue()


def stamps(local: IntArray, pattern: str = "%m/%d/%Y %H:%M:%S") -> list[str]:
    """Wall-clock texts of naive local seconds."""
    return [datetime.fromtimestamp(int(second), tz=UTC).strftime(pattern) for second in local]


def day_text(day: date) -> str:
    """A delivery date."""
    return f"{day:%m/%d/%Y}"


def member_date(day: date) -> str:
    """The date in the name of a disclosure's member: `04-FEB-26`."""
    return f"{day:%d-%b-%y}".upper()
