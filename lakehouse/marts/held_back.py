"""Assets whose data break a model or a check are held back: their published rows stay, and all others are published.

The rows of a failing check name the assets. A failing model names none, so it is built again with half of the changed
assets, then with half of those, until they are found. Each later build tries the held-back assets again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from lakehouse.check_result import CheckResult
from lakehouse.marts.changes import Changes, changes_in

Breaks = Callable[[Changes], bool]
"""Whether a model fails over some changes."""


def without(changes: Changes, assets: Collection[str], folder: Path) -> Changes:
    """The changes without those of some assets; changes of tables without observations stay.

    Args:
        changes: of the build.
        assets: assets to leave out.
        folder: gets the Parquet file of the rest.
    """
    folder.mkdir(parents=True, exist_ok=True)
    spans = pq.read_table(changes.spans)
    left = spans.filter(pc.invert(pc.is_in(spans["asset_id"], value_set=_strings(assets))))
    path = folder / changes.spans.name
    pq.write_table(left, path)
    return changes_in(path, changes.days, changes.tables, changes.names, everything=changes.everything)


def _strings(values: Collection[str]) -> object:
    import pyarrow as pa

    return pa.array(sorted(values), pa.string())


def named_by(failed: Sequence[CheckResult]) -> dict[str, str]:
    """Asset → the check that its rows fail; empty if any failing check names no asset."""
    found: dict[str, str] = {}
    for check in failed:
        rows = [row.get("asset_id") for row in check.sample]
        if check.status == "error" or not rows or None in rows:
            return {}
        found |= {str(asset): f"{check.name}: {check.rows_failed} rows fail it" for asset in rows}
    return found


def breaking(changes: Changes, breaks: Breaks, folder: Path) -> list[str]:
    """The assets whose changes break a model; empty if the model also breaks without any of them.

    Args:
        changes: changes over which the model failed.
        breaks: builds the model over some changes; called about 2 log₂(number of assets) times for each asset found.
        folder: gets Parquet files.
    """

    def only(assets: Sequence[str]) -> Changes:
        return without(changes, set(changes.assets) - set(assets), folder)

    def among(assets: Sequence[str]) -> list[str]:
        if not breaks(only(assets)):
            return []
        if len(assets) == 1:
            return list(assets)
        half = len(assets) // 2
        return among(assets[:half]) + among(assets[half:])

    if not changes.assets or breaks(only([])):
        return []
    half = len(changes.assets) // 2
    return among(changes.assets[:half]) + among(changes.assets[half:]) if half else list(changes.assets)


def warnings(held_back: Mapping[str, str]) -> list[CheckResult]:
    """A warning for each asset that a build held back."""
    return [
        CheckResult(
            "build",
            f"{asset} is held back",
            "warn",
            message=f"{reason}. Its rows stay as they were published; each build after a landing tries it again. "
            "Mend what landed of it, or land it under another --asset",
        )
        for asset, reason in sorted(held_back.items())
    ]
