"""Assets whose data break a model or a check are held back: their published rows stay, and all others are published.
A mart on which no other stands, and one that fails without any assets, is kept back instead: its published rows stay.

The rows of a failing check name the assets. A failing model names none, so it is built again with half of the changed
assets, then with half of those, until they are found. Each later build tries the held-back assets again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from lakehouse.check_result import CheckResult
from lakehouse.errors import ChecksFailed, ModelsFailed
from lakehouse.marts.changes import Changes, changes_in
from lakehouse.marts.checks import describe
from lakehouse.marts.dbt_models import Project

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


def at_fault(error: ModelsFailed | ChecksFailed, project: Project) -> tuple[dict[str, str], bool]:
    """The marts that a failure is about, and all that are made of them.

    Args:
        error: of an attempt.
        project: of the build.

    Returns:
        Mart → the reason; and whether others are made of those that the failure is about.
    """
    if isinstance(error, ModelsFailed):
        reasons = dict.fromkeys(error.models, f"it cannot be built: {error.message}")
    else:
        reasons = {name: describe([check]).strip() for check in error.checks for name in _subjects(check, project)}
    marts = {name for name, model in project.models.items() if model.is_mart}
    found = {name: reason for name, reason in reasons.items() if name in marts}
    direct = frozenset(found)
    for name in reasons:
        for one in sorted(project.standing_on([name]) & marts):
            found.setdefault(one, f"it is made of {name}" if name in marts else reasons[name])
    return found, found.keys() != direct


def _subjects(check: CheckResult, project: Project) -> tuple[str, ...]:
    """The models that a failing check is about: marts, or where it reads none, what they are made of."""
    marts = tuple(name for name in check.models if name in project.models and project.models[name].is_mart)
    return marts or check.models


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


def warnings(held_back: Mapping[str, str], kept_back: Mapping[str, str]) -> list[CheckResult]:
    """A warning for each asset that a build held back, and for each mart that it kept back."""
    marts = [
        CheckResult(
            "build",
            f"{mart} is kept back",
            "warn",
            message="its rows stay as they were published; each build after a landing or a change of the dbt project "
            f"tries it again: {reason}",
        )
        for mart, reason in sorted(kept_back.items())
    ]
    return marts + [
        CheckResult(
            "build",
            f"{asset} is held back",
            "warn",
            message=f"{reason}. Its rows stay as they were published; each build after a landing tries it again. "
            "Mend what landed of it, or land it under another --asset",
        )
        for asset, reason in sorted(held_back.items())
    ]
