"""Stamps by a pattern of %-parts: checks of patterns, and text to wall-clock readings or instants.

Parts are those of `strftime`: %Y %y %m %b %B %d %H %I %p %M %S %f, %a and %A (ignored), and %z or %Z, which make the
result an instant.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.arrays import BoolArray, Int64Array, mask
from ingest.time.local_time import changes_around, to_wall
from lakehouse.zones import zone as zone_of

SECOND = 1_000_000
DAY = 86_400 * SECOND

_NAME = r"\p{L}{2,12}\.?"
_PARTS = {
    "Y": r"(?P<Y>\d{4})",
    "y": r"(?P<y>\d{2})",
    "m": r"(?P<m>\d{1,2})",
    "b": rf"(?P<b>{_NAME})",
    "B": rf"(?P<b>{_NAME})",
    "d": r"(?P<d>\d{1,2})",
    "a": _NAME,
    "A": _NAME,
    "H": r"(?P<H>\d{1,2})",
    "I": r"(?P<I>\d{1,2})",
    "p": r"(?P<p>[AaPp]\.?\s?[Mm]\.?)",
    "M": r"(?P<M>\d{2})",
    "S": r"(?P<S>\d{2})",
    "f": r"(?P<f>\d{1,6})",
    "z": r"\s*(?P<z>Z|[+-]\d{2}(?::?\d{2})?|(?:UTC|GMT)(?:\s?[+-]\d{1,2}(?::?\d{2})?)?)",
    "Z": r"(?P<Z>\p{L}{1,5})",
}
#: Parts with the same role.
_SAME = ("Yy", "mbB", "HI", "aA", "zZ")
#: Part → the parts that it requires: a day without its month would be in January 1970.
_WITHIN = {"m": "year", "b": "year", "d": "month", "H": "day", "M": "hour", "S": "minute", "f": "second"}
_ROLE = {"Y": "year", "y": "year", "m": "month", "b": "month", "d": "day", "H": "hour", "M": "minute", "S": "second"}

#: Names of months in Western European exports, in lower case and without dots.
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january januar jänner januari janv janvier ene enero gen gennaio janeiro",
            "feb february februar februari fév févr février febrero febbraio fev fevereiro",
            "mar march mär mrz märz maart mrt mars marzo março",
            "apr april avr avril abr abril aprile",
            "may mai mei mayo mag maggio maio",
            "jun june juni juin junio giu giugno junho",
            "jul july juli juil juillet julio lug luglio julho",
            "aug august augustus août ago agosto",
            "sep sept september septembre septiembre set settembre setembro",
            "oct october okt oktober octobre octubre ott ottobre out outubro",
            "nov november novembre noviembre novembro",
            "dec december dez dezember déc décembre dic diciembre dicembre dezembro",
        ),
        1,
    )
    for name in names.split()
}

#: Names of UTC, and German names of the two Central European times.
_UTC_NAMES = ("UTC", "GMT", "UT", "Z")
_ALIASES = {"MEZ": "CET", "MESZ": "CEST"}


def pattern_error(pattern: str, dateless: bool = False) -> str | None:
    """The error in a pattern; None if it is right.

    Args:
        pattern: as in a layout.
        dateless: whether a time without a date is allowed.
    """
    parts = re.findall(r"%(.?)", pattern, re.DOTALL)
    if not parts or any(part not in _PARTS for part in parts):
        return f"unknown stamp format {pattern!r}"
    for same in (*_SAME, *_PARTS):
        both = [part for part in parts if part in same]
        if len(both) > 1:
            return (
                f"the stamp format {pattern!r} names one part twice (%{both[0]} and %{both[1]}); "
                "start and end in one cell are two stamps: stamps.separator"
            )
    if ("I" in parts) != ("p" in parts):
        return f"the stamp format {pattern!r} has only one of %I and %p"
    named = {{"B": "b", "I": "H"}.get(part, part) for part in parts}
    roles = {_ROLE[part] for part in named if part in _ROLE}
    if dateless and not roles & {"year", "month", "day"}:
        roles |= {"year", "month", "day"}
    for part in sorted(named & _WITHIN.keys()):
        if _WITHIN[part] not in roles:
            return f"the stamp format {pattern!r} has %{part} without the {_WITHIN[part]}"
    return None if "year" in roles else f"the stamp format {pattern!r} has no year"


def has_offset(pattern: str) -> bool:
    """Whether stamps of a pattern are instants."""
    return "%z" in pattern or "%Z" in pattern


def has_date(pattern: str) -> bool:
    """Whether stamps of a pattern are more than a time of day."""
    return "%Y" in pattern or "%y" in pattern


@lru_cache(maxsize=64)
def _regex(pattern: str) -> str:
    out, rest = "", pattern.replace(" %z", "%z")
    while rest:
        if rest[0] == "%":
            out, rest = out + _PARTS[rest[1]], rest[2:]
        else:
            out, rest = out + (r"\s+" if rest[0] == " " else re.escape(rest[0])), rest[1:]
    return f"^{out}$"


def read_pattern(text: pa.Array, pattern: str, zone: str) -> tuple[Int64Array, BoolArray]:
    """Parse with a pattern; 24:00 is midnight at the day's end, as load profiles write it.

    Args:
        text: strings without blanks around them.
        pattern: one without `pattern_error`.
        zone: IANA zone that defines the names for %Z, such as CET for Europe/Berlin.

    Returns:
        Microseconds since 1970 (UTC where the pattern `has_offset`, of the wall clock elsewhere), and where the text
        is a stamp; of a time alone, microseconds since midnight.
    """
    parts = pc.extract_regex(text, _regex(pattern))
    ok = ~mask(parts.is_null())
    fields = {parts.type.field(index).name for index in range(parts.type.num_fields)}

    def cells(field: str) -> pa.Array:
        return pc.fill_null(pc.struct_field(parts, field), "0")

    def number(field: str, absent: int = 0) -> Int64Array:
        if field not in fields:
            return np.full(len(text), absent, np.int64)
        found = pc.utf8_rpad(cells(field), 6, "0") if field == "f" else cells(field)
        return np.asarray(found.cast(pa.int64()).to_numpy(zero_copy_only=False), dtype=np.int64)

    year = number("Y", 1970) if "y" not in fields else 2000 + number("y")
    month = (
        _by_name(cells("b"), lambda name: _MONTHS.get(name.lower().rstrip("."), 0)) if "b" in fields else number("m", 1)
    )
    day, hour, minute, second = number("d", 1), number("H"), number("M"), number("S")
    if "I" in fields:
        twelve = number("I")
        afternoon = _by_name(cells("p"), lambda name: 12 if name[:1] in "Pp" else 0)
        ok &= (twelve >= 1) & (twelve <= 12)
        hour = twelve % 12 + afternoon
    ok &= (month >= 1) & (month <= 12) & (day >= 1)
    ok &= (minute < 60) & (second < 60) & ((hour < 24) | ((hour == 24) & (minute == 0) & (second == 0)))
    months = ((year - 1970) * 12 + np.where(ok, month, 1) - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (day - 1)
    ok &= days.astype("datetime64[M]") == months
    micros = days.astype(np.int64) * DAY + ((hour * 60 + minute) * 60 + second) * SECOND + number("f")
    if "z" in fields:
        offset = _by_name(cells("z"), _offset)
        ok &= np.abs(offset) < DAY
        micros = micros - offset
    elif "Z" in fields:
        micros, known = _by_zone_name(micros, cells("Z"), ok, zone)
        ok &= known
    return np.where(ok, micros, 0), ok


def _month(name: str) -> int:
    return _MONTHS.get(name.lower().rstrip("."), 0)


def _offset(written: str) -> int:
    """Microseconds east of UTC of a text such as +01:00, +0100, +1, GMT+2 or Z; DAY if it is not an offset."""
    found = re.fullmatch(r"(?:UTC|GMT)?\s?([+-])(\d{1,2}):?(\d{2})?", written)
    if found is None:
        return 0 if written in _UTC_NAMES else DAY
    minutes = int(found[2]) * 60 + int(found[3] or 0)
    return (-minutes if found[1] == "-" else minutes) * 60 * SECOND if minutes < 24 * 60 else DAY


def _by_zone_name(naive: Int64Array, names: pa.Array, ok: BoolArray, zone: str) -> tuple[Int64Array, BoolArray]:
    """Instants of readings with a zone's name: UTC, or a name that only the zone itself has at that time."""
    utc, known = naive.copy(), np.zeros(len(naive), np.bool_)
    encoded = names.dictionary_encode()
    codes = np.asarray(encoded.indices.to_numpy(), dtype=np.int64)
    offsets = _zone_names(naive[ok], zone) if ok.any() else {}
    for code, written in enumerate(encoded.dictionary.to_pylist()):
        rows = ok & (codes == code)
        name = written.upper()
        if name in _UTC_NAMES:
            known |= rows
            continue
        offset = offsets.get(_ALIASES.get(name, name), set())
        if len(offset) == 1 and rows.any():
            utc[rows] = naive[rows] - next(iter(offset))
            known[rows] = to_wall(utc[rows], zone) == naive[rows]
    return utc, known


def _zone_names(naive: Int64Array, zone: str) -> dict[str, set[int]]:
    """Names that a zone has around readings, each with its offsets in microseconds."""
    tz, found = zone_of(zone), dict[str, set[int]]()
    around = [int(naive.min()), *(at for c in changes_around(naive, zone) for at in (c.at - 1, c.at))]
    for at in around:
        moment = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)).astimezone(tz)
        offset = moment.utcoffset() or timedelta()
        found.setdefault((moment.tzname() or "").upper(), set()).add(offset // timedelta(microseconds=1))
    return found


def _by_name(cells: pa.Array, meaning: Callable[[str], int]) -> Int64Array:
    """Numbers for texts; a column has few different ones."""
    encoded = cells.dictionary_encode()
    numbers = np.array([meaning(name) for name in encoded.dictionary.to_pylist()], np.int64)
    return numbers[np.asarray(encoded.indices.to_numpy(), dtype=np.int64)] if len(numbers) else np.zeros(0, np.int64)
