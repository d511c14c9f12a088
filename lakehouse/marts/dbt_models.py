"""What the dbt project declares of its models: the marts that a build publishes, and what each model depends on."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: In dbt's target folder: what a build needs of the project that dbt has parsed.
MODELS = "models.json"


@dataclass(frozen=True)
class Mart:
    """A published model as the dbt project declares it.

    Args:
        name: table name.
        description: from its YAML.
        key: columns that identify a row.
        further_keys: other sets of columns that each identify a row.
        time: instant or date column, or None.
        ranges: column → (low, high) that values keep to.
        columns: column → its description.
    """

    name: str
    description: str
    key: tuple[str, ...]
    time: str | None
    ranges: dict[str, tuple[float | None, float | None]]
    columns: dict[str, str] = field(default_factory=dict)
    further_keys: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Mart:
        """The reverse of `dataclasses.asdict` after a trip through JSON."""
        ranges = {column: (pair[0], pair[1]) for column, pair in value["ranges"].items()}
        # A file of before these were kept has none.
        columns, further = value.get("columns", {}), tuple(tuple(key) for key in value.get("further_keys", ()))
        return cls(value["name"], value["description"], tuple(value["key"]), value["time"], ranges, columns, further)


def write_models(target: Path, manifest: Any) -> None:
    """Write `MODELS` from dbt's manifest, for `marts` and `depending_on`."""
    sources = {key: f"{source.source_name}.{source.name}" for key, source in manifest.sources.items()}
    nodes = {key: node for key, node in manifest.nodes.items() if node.resource_type == "model"}
    names = sources | {key: node.name for key, node in nodes.items()}
    models = [
        {
            "name": node.name,
            "description": node.description,
            "columns": {name: column.description for name, column in node.columns.items() if column.description},
            "is_mart": "marts" in node.fqn,
            "is_view": node.config.materialized == "view",
            "meta": node.config.meta,
            "reads": sorted(names[key] for key in node.depends_on.nodes),
        }
        for node in nodes.values()
    ]
    target.mkdir(parents=True, exist_ok=True)
    (target / MODELS).write_text(json.dumps(models))


def marts(target: Path, views: bool = False) -> list[Mart]:
    """The published models: those under models/marts that hold rows of their own, or the views."""
    found = []
    for model in json.loads((target / MODELS).read_text()):
        if model["is_mart"] and model["is_view"] == views:
            meta = model["meta"]
            declared = {"key": meta.get("key", ()), "time": meta.get("time"), "ranges": meta.get("ranges", {})}
            declared["further_keys"] = meta.get("further_keys", ())
            described = {name: model[name] for name in ("name", "description", "columns")}
            found.append(Mart.from_json({**described, **declared}))
    return sorted(found, key=lambda mart: mart.name)


def depending_on(target: Path, inputs: Collection[str]) -> set[str]:
    """Names of the models that are made of any of the given sources ("raw.iso_prices"), directly or not."""
    waiting = {model["name"]: set(model["reads"]) for model in json.loads((target / MODELS).read_text())}
    reached = set(inputs)
    while more := {name for name, reads in waiting.items() if reads & reached}:
        reached |= more
        for name in more:
            del waiting[name]
    return reached - set(inputs)
