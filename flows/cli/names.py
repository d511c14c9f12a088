"""The names that users type, without the declarations behind them.

Those load Arrow, which takes a second; a typing error and a completion should not wait for it. A test keeps the lists
equal to the declarations.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

#: Every source of `ingest.registry.sources()`.
SOURCES = (
    "bess",
    "caiso-dam-as",
    "caiso-dam-lmp",
    "caiso-hasp-lmp",
    "caiso-load-actual",
    "caiso-load-forecast",
    "caiso-rt15-as",
    "caiso-rt15-lmp",
    "caiso-rt5-lmp",
    "ercot-60d",
    "ercot-dam-mcpc",
    "ercot-dam-mcpc-year",
    "ercot-dam-spp",
    "ercot-dam-spp-corrections",
    "ercot-dam-spp-year",
    "ercot-rt15-mcpc",
    "ercot-rt15-spp",
    "ercot-rt15-spp-corrections",
    "ercot-rt15-spp-year",
    "ercot-sced-extract",
    "ercot-sced-lmp",
    "isone-dam-lmp",
    "isone-rt5-lmp",
    "isone-rth-lmp",
    "meter",
    "nyiso-dam-as",
    "nyiso-dam-lbmp-generator",
    "nyiso-dam-lbmp-zone",
    "nyiso-rt5-as",
    "nyiso-rt5-lbmp-generator",
    "nyiso-rt5-lbmp-zone",
    "nyiso-rth-lbmp-generator",
    "nyiso-rth-lbmp-zone",
)
#: Those of them that only land files; the others are downloaded too.
ONLY_FILES = ("bess", "ercot-sced-extract", "meter")
#: Every raw table of `ingest.registry.contracts()`.
RAW_TABLES = (
    "raw.as_prices",
    "raw.assets",
    "raw.bess_observations",
    "raw.ercot_dam_esr_resources",
    "raw.ercot_dam_gen_resources",
    "raw.ercot_dam_load_resources",
    "raw.ercot_sced_esr_resources",
    "raw.ercot_sced_gen_resources",
    "raw.ercot_sced_load_resources",
    "raw.ercot_smne",
    "raw.iso_prices",
    "raw.meter_observations",
    "raw.quarantine",
    "raw.signals",
    "raw.system_load",
)


def downloads() -> tuple[str, ...]:
    """Sources that can be downloaded."""
    return tuple(name for name in SOURCES if name not in ONLY_FILES)


def marts() -> tuple[str, ...]:
    """Every mart of the dbt project, as `marts.<name>`; each is a file of its own."""
    found = (ROOT / "dbt" / "models" / "marts").rglob("*.sql")
    return tuple(sorted(f"marts.{path.stem}" for path in found))


def layouts() -> tuple[str, ...]:
    """The shipped layouts, each in a file of its name, and the user's own, whose files may have any name."""
    found = {path.stem for path in (ROOT / "ingest" / "layouts").rglob("*.toml")}
    # Straight from the environment: `lakehouse.settings` takes half a second to load.
    home = Path(os.environ.get("WATTLAKE_HOME", ".wattlake"))
    folders = [home / "layouts", *(Path(given) for given in [os.environ.get("WATTLAKE_LAYOUTS")] if given)]
    for path in (path for folder in folders for path in folder.expanduser().rglob("*.toml")):
        if not path.is_file():  # a pipe would be waited for
            continue
        try:
            found.add(str(tomllib.loads(path.read_text(encoding="utf-8")).get("name", path.stem)))
        except (OSError, ValueError, RecursionError):
            found.add(path.stem)  # what is wrong with it is told when it is used
    return tuple(sorted(found))


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Known names that somebody who typed this one may have meant, the likeliest first; at most five."""
    by_low = {other.lower(): other for other in known}
    low = name.lower()
    close = difflib.get_close_matches(low, by_low, n=5, cutoff=0.6)
    parts = [other for other in by_low if low and (low in other or other in low)]
    return [by_low[other] for other in dict.fromkeys([*parts, *close])][:5]


def did_you_mean(name: str, known: Iterable[str], listed_by: str) -> str:
    """A next step for a name that does not exist."""
    close = nearest(name, known)
    return f"did you mean {either(close)}? {listed_by}" if close else listed_by


def either(several: Sequence[str]) -> str:
    """Names as `a, b or c`."""
    return " or ".join(part for part in (", ".join(several[:-1]), several[-1]) if part)
