"""The names that users type, without the objects behind them.

Those import Arrow, which takes a second; the error for a typo and a completion should not wait for it.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

from ingest.registry import feeds

ROOT = Path(__file__).resolve().parents[1]

#: Every source.
SOURCES = tuple(feeds())
#: Every raw table, from the YAML that is generated from the contracts.
RAW_TABLES = tuple(
    f"raw.{name}"
    for name in re.findall(
        r"^      - name: (\w+)$",
        (ROOT / "dbt" / "models" / "staging" / "_raw_sources.yml").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
)


def downloads() -> tuple[str, ...]:
    """Sources that can be downloaded."""
    return tuple(name for name, feed in feeds().items() if feed.plan)


def marts() -> tuple[str, ...]:
    """Every mart of the dbt project, as `marts.<name>`; each has a file of its own."""
    found = (ROOT / "dbt" / "models" / "marts").rglob("*.sql")
    return tuple(sorted(f"marts.{path.stem}" for path in found))


def layouts() -> tuple[str, ...]:
    """The shipped layouts, each in a file of its name, and the user's own, whose files may have any name."""
    found = {path.stem for path in (ROOT / "ingest" / "layouts").rglob("*.toml")}
    # Straight from the environment: `lakehouse.settings` takes half a second to load.
    home = Path(os.environ.get("WATTLAKE_HOME", ".wattlake"))
    folders = [home / "layouts", *(Path(given) for given in [os.environ.get("WATTLAKE_LAYOUTS")] if given)]
    for path in (path for folder in folders for path in folder.expanduser().rglob("*.toml")):
        if not path.is_file():  # reading a pipe would block
            continue
        try:
            found.add(str(tomllib.loads(path.read_text(encoding="utf-8")).get("name", path.stem)))
        except (OSError, ValueError, RecursionError):
            found.add(path.stem)  # a broken file is an error only when it is used
    return tuple(sorted(found))


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Known names that are similar to a typed one, the likeliest first; at most five."""
    by_low = {other.lower(): other for other in known}
    low = name.lower()
    close = difflib.get_close_matches(low, by_low, n=5, cutoff=0.6)
    parts = [other for other in by_low if low and (low in other or other in low)]
    return [by_low[other] for other in dict.fromkeys([*parts, *close])][:5]


def did_you_mean(name: str, known: Iterable[str], listed_by: str) -> str:
    """The next step for a name that does not exist."""
    close = nearest(name, known)
    return f"did you mean {either(close)}? {listed_by}" if close else listed_by


def either(several: Sequence[str]) -> str:
    """Names as `a, b or c`."""
    return " or ".join(part for part in (", ".join(several[:-1]), several[-1]) if part)
