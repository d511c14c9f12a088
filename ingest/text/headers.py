"""Header cells: names of signals, units in brackets, times of interval columns."""

from __future__ import annotations

import re

_UNIT = {"[]": re.compile(r"\s*\[([^\[\]]*)\]$"), "()": re.compile(r"\s*\(([^()]*)\)$")}

#: Prefix of the name of a cell without text.
NAMELESS = "(column "


def signal_name(header: str, brackets: str) -> str:
    """The name of the signal in a header cell: the cell without its bracketed unit."""
    return _UNIT[brackets].sub("", header) if brackets else header


def unit_in(header: str, brackets: str) -> str | None:
    """The unit in the brackets of a header cell, if any."""
    found = _UNIT[brackets].search(header) if brackets else None
    return found.group(1) if found else None


def same_unit(one: str, other: str) -> bool:
    """Whether two spellings mean the same unit: case is ignored, and m³ equals m3."""
    return one.casefold().replace("³", "3") == other.casefold().replace("³", "3")


def numbered(cells: tuple[str, ...]) -> list[str]:
    """Header cells made unique: the second `x` becomes `x #2`."""
    seen: dict[str, int] = {}
    out = []
    for number, cell in enumerate(cells, 1):
        seen[cell] = seen.get(cell, 0) + 1
        if seen[cell] == 1:
            out.append(cell)
        else:
            out.append(f"{cell} #{seen[cell]}" if cell else f"{NAMELESS}{number})")
    return out


def is_nameless(cell: str) -> bool:
    """Whether a header cell, made unique, had no text."""
    return not cell or cell.startswith(NAMELESS)


def unnumbered(cell: str) -> str:
    """A header cell as written, without the number that made it unique."""
    return re.sub(r" #\d+$", "", cell)


_CLOCK = re.compile(r"\s*([0-9]{1,2}):([0-5][0-9])(:00)?\s*")


def clock(text: str) -> int | None:
    """Microseconds from midnight to a time such as `23:45`; None if the text is not a time."""
    found = _CLOCK.fullmatch(text)
    if found is None:
        return None
    minutes = int(found[1]) * 60 + int(found[2])
    return minutes * 60_000_000 if minutes <= 24 * 60 else None
