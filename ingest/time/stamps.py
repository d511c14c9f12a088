"""Text to instants: by declared formats, or by one decision for a whole column if a layout says `detect`."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.arrays import BoolArray, Int64Array, mask
from ingest.time.stamp_patterns import has_date, has_offset, pattern_error, read_pattern
from lakehouse.errors import UnreadableFile

SECOND = 1_000_000
DAY = 86400 * SECOND

# The same texts as Arrow's cast takes, so that a broken row does not change how the others are read.
ISO = r"^\d{4}-\d{2}-\d{2}([ T]\d{2}(:\d{2}(:\d{2}(\.\d{1,6})?)?)?)?$"
ISO_OFFSET = r"^\d{4}-\d{2}-\d{2}[ T]\d{2}(:\d{2}(:\d{2}(\.\d{1,6})?)?)?(Z|[+-]\d{2}(:?\d{2})?)$"
_EPOCH = {"epoch_s": (r"^\d{9,10}(\.\d{1,6})?$", SECOND), "epoch_ms": (r"^\d{12,13}$", 1000)}

#: Formats by name whose stamps are instants already, as are those of patterns with an offset.
INSTANTS = ("iso_offset", "epoch_s", "epoch_ms")
#: Formats that `detect` tries, in this order. Dots mean day first (no country writes months first with dots).
CANDIDATES = (
    "iso",
    "iso_offset",
    "epoch_s",
    "epoch_ms",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%d-%m-%Y %H:%M:%S",
    "%d-%m-%Y %H:%M",
    "%m-%d-%Y %H:%M:%S",
    "%m-%d-%Y %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
)
#: Unambiguous formats: if one reads every row, no other is tried.
_UNMISTAKABLE = (*CANDIDATES[:6], *CANDIDATES[-2:])
#: Days since 1899-12-30 of a spreadsheet's calendar, 1954 to 2119; to a millisecond, which is as exact as they are.
_SERIAL = r"^[2-7]\d{4}(\.\d{1,15})?$"
_SERIAL_1970 = 25_569
#: Formats that `detect` tries if stamps are dates without a time: one value per day.
_DATES = ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d")
#: Formats that `detect` tries if stamps end with an offset from UTC.
_OFFSET_CANDIDATES = tuple(f"{name}%z" for name in CANDIDATES if "%" in name)
_ENDS_WITH_OFFSET = r":\d{2}.*([+-]\d{2}(:?\d{2})?|Z|UTC|GMT)$"


@dataclass
class Stamps:
    """Stamps of a column.

    Args:
        micros: microseconds since 1970, UTC where `instant`, of the wall clock elsewhere; 0 where not ok.
        ok: where the text is a stamp.
        format: the format that was used.
        instant: whether `micros` are UTC.
    """

    micros: Int64Array
    ok: BoolArray
    format: str
    instant: bool


def format_error(name: str, dateless: bool = False) -> str | None:
    """The reason why a layout may not have this stamp format; None if it may.

    Args:
        name: the format.
        dateless: whether a time without a date is allowed.
    """
    return None if name in ("detect", "iso", "excel_serial", *INSTANTS) else pattern_error(name, dateless)


def is_instant(name: str) -> bool:
    """Whether stamps of a format are instants; others are wall-clock readings."""
    return name in INSTANTS or has_offset(name)


def read_stamps(column: pa.Array) -> Stamps:
    """Stamps of a column that Arrow has read as ISO wall-clock stamps."""
    return Stamps(_micros(column), np.ones(len(column), np.bool_), "iso", False)


def parse_stamps(text: pa.Array, formats: tuple[str, ...], zone: str = "UTC") -> Stamps:
    """Parse a column of stamps, all in one format.

    Args:
        text: strings; blanks around them are ignored.
        formats: allowed formats; the one that reads most rows is used. `detect` means CANDIDATES.
        zone: IANA zone that gives %Z its names.

    Raises:
        UnreadableFile: no format reads a row, most dates do not fit the declared one, or the whole column does not show
            which of day and month comes first.
    """
    text = pc.utf8_trim_whitespace(text)
    if "detect" in formats:
        best = _detect(text, tuple(name for name in formats if name not in ("detect", *CANDIDATES)))
    else:
        best = max((_parse(text, name, zone) for name in formats), key=lambda stamps: int(stamps.ok.sum()))
    if not best.ok.any() or ("%" in best.format and 2 * int(best.ok.sum()) < len(text)):
        # If most dates are unread, it is another format, and those that were read may have day and month swapped.
        odd = text[int(np.argmin(best.ok))].as_py()
        raise UnreadableFile(
            f"only {int(best.ok.sum())} of {len(text)} stamps read as {best.format}; {odd!r} does not",
            "declare the stamp format in a layout file (docs/layouts.md)",
        )
    return best


def parse_ends(text: pa.Array, formats: tuple[str, ...], starts: Stamps, zone: str = "UTC") -> Stamps:
    """Parse a column of ends of intervals; a time without a date is on its start's day, or on the next one.

    Args:
        text: strings.
        formats: as for `parse_stamps`; empty: the format of the starts.
        starts: the same rows' starts.
        zone: IANA zone that gives %Z its names.

    Raises:
        UnreadableFile: as `parse_stamps`.
    """
    ends = parse_stamps(text, formats or (starts.format,), zone)
    if "%" in ends.format and not has_date(ends.format):
        end = starts.micros - starts.micros % DAY + ends.micros
        ends.micros = np.where(end > starts.micros, end, end + DAY)
    elif ends.instant != starts.instant:
        raise UnreadableFile(
            f"starts read as {starts.format} and ends as {ends.format}: of one, the zone is not known",
            "declare both formats in a layout file (stamps.format and stamps.end_format, docs/layouts.md)",
        )
    return ends


def split_spans(text: pa.Array, separator: str) -> tuple[pa.Array, pa.Array]:
    """Starts and ends of cells that hold both; '' if a cell does not have the separator.

    Args:
        text: strings.
        separator: the text between the two.
    """
    parts = pc.extract_regex(text, f"^(?P<start>.*?){re.escape(separator)}(?P<end>.*)$")
    start, end = (pc.fill_null(pc.struct_field(parts, name), "") for name in ("start", "end"))
    return start, end


def _detect(text: pa.Array, more: tuple[str, ...] = ()) -> Stamps:
    tried: list[Stamps] = []
    offsets = bool(pc.any(pc.match_substring_regex(text, _ENDS_WITH_OFFSET)).as_py())
    dates = not pc.any(pc.match_substring(text, ":")).as_py()
    for name in (*CANDIDATES, *(_OFFSET_CANDIDATES if offsets else ()), *(_DATES if dates else ()), *more):
        stamps = _parse(text, name)
        if name in _UNMISTAKABLE and stamps.ok.all():
            return stamps
        if stamps.ok.any():
            tried.append(stamps)
    if not tried:
        shown = text[0].as_py() if len(text) else ""
        raise UnreadableFile(
            f"no known stamp format reads {shown!r}", "declare the stamp format in a layout file (docs/layouts.md)"
        )
    best = max(tried, key=lambda stamps: int(stamps.ok.sum()))
    for other in tried:
        if other is best or other.format == best.format:
            continue
        if int(other.ok.sum()) == int(best.ok.sum()) and not np.array_equal(other.micros, best.micros):
            raise UnreadableFile(
                f"stamps such as {text[0].as_py()!r} read as {best.format} and as {other.format} all through the file",
                "say which it is in a layout file (stamps.format, docs/layouts.md) and give it with --layout",
            )
    return best


def _parse(text: pa.Array, name: str, zone: str = "UTC") -> Stamps:
    if name in ("iso", "iso_offset"):
        kind = pa.timestamp("us") if name == "iso" else pa.timestamp("us", "UTC")
        micros, ok = _cast(text, ISO if name == "iso" else ISO_OFFSET, kind)
        return Stamps(micros, ok, name, name in INSTANTS)
    if name in _EPOCH:
        pattern, scale = _EPOCH[name]
        ok = mask(pc.match_substring_regex(text, pattern))
        exact = pc.if_else(pa.array(ok), text, "0").cast(pa.decimal128(20, 6))
        words = np.frombuffer(exact.buffers()[1], dtype=np.int64).reshape(-1, 2)[: len(text), 0]
        return Stamps(words // SECOND * scale + words % SECOND * scale // SECOND, ok, name, True)
    if name == "excel_serial":
        ok = mask(pc.match_substring_regex(text, _SERIAL))
        days = np.asarray(pc.if_else(pa.array(ok), text, "0").cast(pa.float64()).to_numpy(), dtype=np.float64)
        millis = np.rint((days - _SERIAL_1970) * 86_400_000).astype(np.int64)
        return Stamps(np.where(ok, millis * 1000, 0), ok, name, False)
    micros, ok = read_pattern(text, name, zone)
    return Stamps(micros, ok, name, is_instant(name))


def _cast(text: pa.Array, pattern: str, kind: pa.DataType) -> tuple[Int64Array, BoolArray]:
    """Cast ISO text; the whole column at once where all of it is good."""
    try:
        return _micros(text.cast(kind)), np.ones(len(text), np.bool_)
    except pa.ArrowInvalid:
        ok = mask(pc.match_substring_regex(text, pattern))
    micros = np.zeros(len(text), np.int64)
    pieces = [np.flatnonzero(ok)]
    while pieces:
        rows = pieces.pop()
        if not len(rows):
            continue
        try:
            micros[rows] = _micros(text.take(pa.array(rows)).cast(kind))
        except pa.ArrowInvalid:
            if len(rows) == 1:
                ok[rows] = False
            else:
                pieces += [rows[: len(rows) // 2], rows[len(rows) // 2 :]]
    return micros, ok


def _micros(array: pa.Array) -> Int64Array:
    return np.asarray(array.cast(pa.int64()).to_numpy(zero_copy_only=False), dtype=np.int64)
