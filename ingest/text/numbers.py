"""Text to numbers: doubles, and exact decimals that never pass through a float."""

from __future__ import annotations

import decimal
import re
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.arrays import BoolArray, FloatArray, Int64Array, mask
from lakehouse.errors import UnreadableFile

EXACT_TYPE = pa.decimal128(18, 6)
#: DECIMAL(18,6) holds |value| below 10^12, as integers of 10^-6 below 10^18.
EXACT_LIMIT = 10**18
#: Above 2^53 micro units a division of doubles is no longer correctly rounded.
_FLOAT_SAFE = 2**53

#: Ratio from which on one reading of the decimal sign outvotes the other.
_OUTVOTED = 20

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$"
_SHORT = r"^[+-]?\d{1,12}(\.\d{1,6})?$"
_CONTEXT = decimal.Context(prec=60, rounding=decimal.ROUND_HALF_EVEN)


@dataclass
class Numbers:
    """Numbers of one column, row by row.

    Args:
        value: doubles; NaN where not ok.
        micro: exact value in units of 10^-6, or None if only doubles were requested.
        ok: whether the text is a number that fits.
        reasons: row → the reason why the text cannot be kept as a number.
        rounded: number of exact values with more than six decimals, which were rounded half to even.
    """

    value: FloatArray
    micro: Int64Array | None
    ok: BoolArray
    reasons: dict[int, str]
    rounded: int = 0


def plain(text: pa.Array, decimal_sign: str, thousands: str = "") -> pa.Array:
    """Rewrite numbers with a decimal point, without thousands separators and surrounding blanks."""
    text = pc.utf8_trim_whitespace(text)
    if thousands:
        # Only between groups of three digits; other texts are not numbers of this form.
        mark, sign = re.escape(thousands), re.escape(decimal_sign)
        grouped = pc.match_substring_regex(text, rf"^[+-]?\d{{1,3}}({mark}\d{{3}})+({sign}\d*)?$")
        text = pc.if_else(grouped, pc.replace_substring(text, thousands, ""), text)
    if decimal_sign != ".":
        # A point that is not a declared thousands separator would silently become a decimal sign, so it stays invalid.
        text = pc.replace_substring(text, ".", "?")
        text = pc.replace_substring(text, decimal_sign, ".")
    return text


def detect_decimal(texts: list[pa.Array], delimiter: str) -> tuple[str, str]:
    """Decimal sign and thousands separator of a file's numbers.

    A cell votes for a sign if it can only be read with it: `1.5`, `0.125`, `1,234.5`. A cell such as `1,234` votes for
    none. A few broken cells (one in twenty) do not outvote the rest; they are refused by line.

    Args:
        texts: all numeric columns, whole.
        delimiter: the file's delimiter; if it is a comma, a point is the decimal sign unless cells show otherwise.

    Raises:
        UnreadableFile: every number with a comma (or point) can be read both ways, or they contradict each other.
    """
    commas, points = (sum(_count(text, rf"\{sign}") for text in texts) for sign in ",.")
    if not commas and (not points or delimiter == ","):
        return ".", ""
    speak = {sign: sum(_speaking(text, sign, other) for text in texts) for sign, other in ((",", "."), (".", ","))}
    sign, other = sorted(speak, key=lambda key: speak[key], reverse=True)
    if speak[sign] == 0 or speak[sign] < _OUTVOTED * speak[other]:
        raise UnreadableFile(
            "the commas and points in the numbers could part thousands or decimals",
            "declare dialect.decimal (and dialect.thousands) in a layout file (docs/layouts.md)",
        )
    grouped = sum(_count(text, rf"^\s*[+-]?\d{{1,3}}(\{other}\d{{3}})+(\{sign}\d*)?\s*$") for text in texts)
    return sign, other if grouped else ""


def _speaking(text: pa.Array, sign: str, other: str) -> int:
    """Cells that can only be read with `sign` as the decimal sign."""
    decimals = rf"^\s*[+-]?\d*\{sign}\d+\s*$"
    one_group = rf"^\s*[+-]?[1-9]\d{{0,2}}\{sign}\d{{3}}\s*$"
    both = rf"^\s*[+-]?\d{{1,3}}(\{other}\d{{3}})+\{sign}\d+\s*$"
    return _count(text, decimals) - _count(text, one_group) + _count(text, both)


def _count(text: pa.Array, pattern: str) -> int:
    return int(pc.sum(pc.match_substring_regex(text, pattern)).as_py() or 0)


def parse_numbers(text: pa.Array, factor: Decimal = Decimal(1), exact: bool = False) -> Numbers:
    """Parse a column of plain numbers and multiply by a factor.

    Args:
        text: strings with a decimal point, none of them empty.
        factor: multiplies every value, exactly.
        exact: also return the value in units of 10^-6.
    """
    ok = mask(pc.match_substring_regex(text, _NUMBER))
    reasons = {int(i): "not a number" for i in np.flatnonzero(~ok)}
    if exact:
        return _parse_exact(text, factor, ok, reasons)
    value = _doubles(text, ok)
    if factor != 1:
        # Multiply by a ratio of integers if that is one correctly rounded step (0.001 is not a double).
        top, bottom = factor.as_integer_ratio()
        value = value * top / bottom
    with np.errstate(invalid="ignore"):
        huge = ok & ~np.isfinite(value)
    for index in np.flatnonzero(huge):
        reasons[int(index)] = "the number does not fit a double"
    ok &= ~huge
    return Numbers(np.where(ok, value, np.nan), None, ok, reasons)


def _parse_exact(text: pa.Array, factor: Decimal, ok: BoolArray, reasons: dict[int, str]) -> Numbers:
    short = ok & mask(pc.match_substring_regex(text, _SHORT))
    micro = _micro(pc.if_else(pa.array(short), text, "0").cast(EXACT_TYPE))
    rounded = 0
    top, bottom = factor.as_integer_ratio()
    fast = short
    if (top, bottom) != (1, 1):
        # The fast route is valid while the product fits into 64 bits and nothing needs rounding.
        fast = short & (np.abs(micro) < (2**62) // max(abs(top), 1))
        product = np.where(fast, micro, 0) * top
        fast &= product % bottom == 0
        micro = np.where(fast, product // bottom, micro)
    for index in np.flatnonzero(ok & ~fast):
        row = int(index)
        scaled = _CONTEXT.multiply(Decimal(text[row].as_py()), factor).scaleb(6, _CONTEXT)
        whole = (
            scaled.to_integral_value(rounding=decimal.ROUND_HALF_EVEN, context=_CONTEXT)
            if scaled.adjusted() < 40
            else scaled
        )
        if abs(whole) >= EXACT_LIMIT:
            ok[row] = False
            micro[row] = 0
            reasons[row] = "the number does not fit DECIMAL(18,6)"
            continue
        rounded += int(whole != scaled)
        micro[row] = int(whole)
    over = ok & (np.abs(micro) >= EXACT_LIMIT)
    for index in np.flatnonzero(over):
        reasons[int(index)] = "the number does not fit DECIMAL(18,6)"
    ok &= ~over
    micro = np.where(ok, micro, 0)
    return Numbers(np.where(ok, _nearest(micro), np.nan), micro, ok, reasons, rounded)


def _nearest(micro: Int64Array) -> FloatArray:
    """The double nearest to units of 10^-6."""
    value = micro / 1e6
    if len(micro) and max(int(micro.max()), -int(micro.min())) > _FLOAT_SAFE:
        for index in np.flatnonzero(np.abs(micro) > _FLOAT_SAFE):
            value[index] = float(Decimal(int(micro[index])).scaleb(-6))
    return value


def scale_numbers(numbers: pa.Array, factor: Decimal) -> Numbers:
    """Multiply a column of doubles or DECIMAL(18,6) without NULLs by a factor; equal to `parse_numbers` of its text."""
    if factor != 1:
        text = pc.cast(numbers, pa.string())
        return parse_numbers(text, factor, exact=pa.types.is_decimal(numbers.type))
    ok = np.ones(len(numbers), np.bool_)
    if pa.types.is_decimal(numbers.type):
        micro = _micro(numbers)
        return Numbers(_nearest(micro), micro, ok, {})
    return Numbers(np.asarray(numbers.to_numpy(zero_copy_only=False), dtype=np.float64), None, ok, {})


def exact_array(micro: Int64Array, null: BoolArray) -> pa.Array:
    """Build DECIMAL(18,6) from units of 10^-6 without a Python object per row.

    Args:
        micro: values in units of 10^-6.
        null: where the value is NULL.
    """
    words = np.empty((len(micro), 2), np.int64)
    words[:, 0] = micro
    words[:, 1] = micro >> 63
    valid = pa.array(~null).buffers()[1] if null.any() else None
    return pa.Array.from_buffers(EXACT_TYPE, len(micro), [valid, pa.py_buffer(words.tobytes())])


def _micro(array: pa.Array) -> Int64Array:
    words = np.frombuffer(array.buffers()[1], dtype=np.int64).reshape(-1, 2)
    return words[array.offset : array.offset + len(array), 0].copy()


def _doubles(text: pa.Array, ok: BoolArray) -> FloatArray:
    safe = text if ok.all() else pc.if_else(pa.array(ok), text, "0")
    return np.asarray(safe.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
