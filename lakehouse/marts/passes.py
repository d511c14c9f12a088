"""The runs of dbt that a build takes: which models each makes, and over what.

A model that bounds itself (it reads the sources `build.*`, and says `bounded`) makes the rows of what changed alone.
Any other is made over whole tables: of one with `rebuild_by` only the rows of the changed keys. Where a model itself
has changed, it and all that stands on it is made anew.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from lakehouse.contract import QUARANTINE, Touches
from lakehouse.marts.dbt_models import Project


class Over(enum.Enum):
    """What a run of dbt makes its models over."""

    CHANGED = "the rows around what changed"
    KEYS = "whole tables, of which the rows of the changed keys are made again"
    TABLES = "whole tables"
    EVERYTHING = "every row, as if all had changed"


#: Whether models are created anew.
ANEW = frozenset({Over.TABLES, Over.EVERYTHING})


@dataclass(frozen=True)
class Pass:
    """A run of dbt.

    Args:
        over: what it makes its models over.
        models: names of the published models that it makes; those that they are made of come with them.
    """

    over: Over
    models: frozenset[str]


def stale(project: Project, live: Collection[str], recorded: Mapping[str, str]) -> set[str]:
    """The marts whose published rows were made by other code: their own, or that of a model that they stand on.

    Args:
        project: of the build.
        live: see `Project.live`.
        recorded: mart → digest of the code that made its published rows.
    """
    marts = {name for name in live if project.models[name].is_mart}
    return {name for name in marts if recorded.get(name) != project.models[name].digest}


def standing_on(project: Project, live: Collection[str], changed: Mapping[str, Touches]) -> tuple[set[str], set[str]]:
    """The models that stand on what changed, and those of them that are made anew because of it.

    Args:
        project: of the build.
        live: see `Project.live`.
        changed: source ("raw.iso_prices") → what a change of it touches.
    """
    touched, anew = set[str](), set[str]()
    for source, touches in changed.items():
        reading = project.standing_on([source]) & set(live)
        bounded = {name for name in reading if project.bounds_itself(name)}
        if source == f"raw.{QUARANTINE.name}":
            # A contradiction touches the observations that it is of: other refused rows change no such model.
            reading -= bounded
        elif touches == "whole":
            anew |= bounded
        elif touches == "assets":
            # Samples say which assets have changed, and one that is declared alone has none.
            anew |= {name for name in reading - bounded if project.models[name].rebuild_by}
        touched |= reading
    return touched, anew


def passes(project: Project, touched: Collection[str], stale: Collection[str]) -> list[Pass]:
    """The runs of dbt, in order.

    Args:
        project: of the build.
        touched: models that stand on what changed.
        stale: models to be made anew; see `stale`.
    """
    marts = {name for name in {*touched, *stale} if project.models[name].is_mart}
    parents = {name: _parents(project, name) & marts for name in marts}
    over: dict[str, Over | None] = {}
    for name in _ordered(parents):
        over[name] = _over(project, name, stale, [over[parent] for parent in parents[name]])
    found = []
    waiting = set(marts)
    while waiting:
        for kind in Over:
            ready = _ready({name for name in waiting if over[name] in (kind, None)}, parents, waiting)
            if any(over[name] is kind for name in ready):
                found.append(Pass(kind, frozenset(ready)))
                waiting -= ready
        if waiting and all(over[name] is None for name in waiting):
            found.append(Pass(Over.CHANGED if not stale else Over.TABLES, frozenset(waiting)))
            break
    return found


def _over(project: Project, name: str, stale: Collection[str], above: Iterable[Over | None]) -> Over | None:
    """What a model is made over; None for one that any run can make, because it reads marts and small tables alone."""
    model, bounded = project.models[name], project.bounds_itself(name)
    over_time = bounded or model.rebuild_by or project.inputs(name) & project.over_time
    if model.is_view or not over_time:
        return None
    again = any(one not in (None, Over.CHANGED) for one in above)
    if bounded:
        kept = model.rebuild_by and model.is_bounded and name not in stale and not again
        return Over.CHANGED if kept else Over.EVERYTHING
    return Over.KEYS if model.rebuild_by and name not in stale and not again and None not in above else Over.TABLES


def _parents(project: Project, name: str) -> set[str]:
    """The published models that a model reads, itself or through those that no file publishes."""
    read = {read for one in (name, *project.beneath([name])) for read in project.models[one].reads}
    return {one for one in read if one in project.models and project.models[one].is_mart}


def _ordered(parents: Mapping[str, Collection[str]]) -> Iterable[str]:
    """Names, each after its parents."""
    done: list[str] = []
    waiting = sorted(parents)
    while waiting:
        ready = [name for name in waiting if set(parents[name]) <= set(done)]
        done += ready
        waiting = [name for name in waiting if name not in ready]
    return done


def _ready(names: set[str], parents: Mapping[str, Collection[str]], waiting: Collection[str]) -> set[str]:
    """Those of some names whose waiting parents are ready too."""
    while blocked := {name for name in names if (set(parents[name]) & set(waiting)) - names}:
        names = names - blocked
    return names
