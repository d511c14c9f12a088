"""What the dbt project declares of its models: the marts that a build publishes, what each model reads, and the digest
of what its rows are made by."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

#: In dbt's target folder: what a build needs of the project that dbt has parsed.
MODELS = "models.json"
#: Prefix of the sources that a build writes: what changed, and the calendar.
BUILD_SOURCES = "build."
#: Parts of a model's configuration that change none of its rows.
IDLE_CONFIG = frozenset(
    {"access", "contract", "docs", "event_time", "freshness", "group", "meta", "persist_docs", "tags"}
)
#: Space and comments of SQL and Jinja; and the strings, in which neither is any.
_SPACE = re.compile(r"('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\")|(?:\s+|--[^\n]*|/\*.*?\*/|\{#.*?#\})+", re.DOTALL)


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


@dataclass(frozen=True)
class Model:
    """A model of the dbt project.

    Args:
        name: of the model.
        layer: 'staging', 'intermediate' or 'marts'.
        is_view: whether it holds no rows of its own in the published file.
        rebuild_by: the unit of rows that are rebuilt together; None rebuilds the model whole.
        is_bounded: whether it promises that over what changed it makes exactly the rows that `rebuild_by` names.
        needs: raw tables without whose rows the model has nothing to say; see `Project.live`.
        reads: models and sources ("raw.iso_prices") that it is made of.
        digest: of its SQL without comments, its macros, its configuration, and all that of the models it reads.
        types: column → DuckDB type, as its YAML declares it.
        mart: the declaration of a model in the layer marts.
    """

    name: str
    layer: str
    is_view: bool
    rebuild_by: str | None
    is_bounded: bool
    needs: tuple[str, ...]
    reads: tuple[str, ...]
    digest: str
    types: dict[str, str]
    mart: Mart

    @property
    def is_mart(self) -> bool:
        """Whether readers of the published file see it."""
        return self.layer == "marts"

    @property
    def is_by_day(self) -> bool:
        """Whether rows lie in the days for which they are made again: findings, and months, reach beyond."""
        return self.rebuild_by is not None and self.rebuild_by.endswith("day")


@dataclass(frozen=True)
class Project:
    """The models of the dbt project.

    Args:
        models: name → model.
        tests: name → the models and sources that a test reads.
        over_time: raw sources with rows over time, of which a build reads only those around what changed.
    """

    models: Mapping[str, Model]
    tests: Mapping[str, tuple[str, ...]]
    over_time: frozenset[str]

    @classmethod
    def read(cls, target: Path) -> Project:
        """The project as a run of dbt has left it in its target folder."""
        found = json.loads((target / MODELS).read_text())
        models = {}
        for model in found["models"]:
            fields = {**model, "mart": Mart.from_json(model["mart"])}
            for name in ("needs", "reads"):
                fields[name] = tuple(fields[name])
            models[model["name"]] = Model(**fields)
        tests = {name: tuple(reads) for name, reads in found["tests"].items()}
        return cls(models, tests, frozenset(found["over_time"]))

    @property
    def digest(self) -> str:
        """Of the code that makes the rows of all models."""
        listed = "".join(f"{name} {self.models[name].digest} " for name in sorted(self.models))
        return hashlib.sha256(listed.encode()).hexdigest()[:16]

    @property
    def marts(self) -> list[Mart]:
        """The published models that hold rows of their own."""
        return [self.models[name].mart for name in self._published if not self.models[name].is_view]

    @property
    def views(self) -> list[Mart]:
        """The published models that hold no rows of their own."""
        return [self.models[name].mart for name in self._published if self.models[name].is_view]

    @property
    def _published(self) -> list[str]:
        return sorted(name for name, model in self.models.items() if model.is_mart)

    def standing_on(self, inputs: Iterable[str]) -> set[str]:
        """Names of the models that are made, directly or not, of some models or sources ("raw.iso_prices")."""
        reached = set(inputs)
        given = frozenset(reached)
        waiting = {name: set(model.reads) for name, model in self.models.items()}
        while more := {name for name, reads in waiting.items() if reads & reached}:
            reached |= more
            for name in more:
                del waiting[name]
        return reached - given

    def silent(self, live: Collection[str], among: Iterable[str] | None = None) -> list[Model]:
        """The intermediate models that have nothing to say: empty tables stand in for them.

        Args:
            live: see `live`.
            among: names of models; None for all.
        """
        models = [self.models[name] for name in (self.models if among is None else among)]
        return [model for model in models if model.layer == "intermediate" and model.name not in live]

    def beneath(self, names: Iterable[str]) -> set[str]:
        """The models that no file publishes and that the given ones are made of: a build makes them anew."""
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            for read in self.models[waiting.pop()].reads:
                if read in self.models and read not in found and not self.models[read].is_mart:
                    found.add(read)
                    waiting.append(read)
        return found

    def inputs(self, name: str) -> set[str]:
        """The sources that a model reads otherwise than through a mart, which is whole when it is read."""
        return {read for one in (name, *self.beneath([name])) for read in self.models[one].reads if "." in read}

    @cached_property
    def _raw_tables(self) -> dict[str, set[str]]:
        """Model → the raw tables that it is made of, directly or not."""
        found: dict[str, set[str]] = {}

        def visit(name: str) -> set[str]:
            if name not in found:
                reads = self.models[name].reads
                own = {read.removeprefix("raw.") for read in reads if read.startswith("raw.")}
                found[name] = own.union(*(visit(read) for read in reads if read in self.models))
            return found[name]

        for name in self.models:
            visit(name)
        return found

    def live(self, landed: Collection[str]) -> set[str]:
        """The models that have something to say: others cost a build nothing.

        Args:
            landed: raw tables into which anything has landed.
        """
        there = set(landed)
        conditions = {name: (tables, set(self.models[name].needs)) for name, tables in self._raw_tables.items()}
        return {name for name, wanted in conditions.items() if all(not some or some & there for some in wanted)}

    def bounds_itself(self, name: str) -> bool:
        """Whether a model reads what changed, and makes the rows of that alone."""
        return any(read.startswith(BUILD_SOURCES) for read in self.inputs(name))

    def checking(self, rebuilt: Collection[str], made: Collection[str]) -> list[str]:
        """The tests of rebuilt models that can run.

        Args:
            rebuilt: models that a run of dbt makes.
            made: all models that are there: of those that no file publishes, what this run makes or stands in for.
        """
        found = []
        for name, reads in self.tests.items():
            models = {read for read in reads if read in self.models}
            if models & set(rebuilt) and models <= set(made):
                found.append(name)
        return sorted(found)


def models_json(manifest: Any, variables: Mapping[str, Any]) -> str:
    """What `Project.read` reads, as JSON.

    Args:
        manifest: dbt's, of the parsed project.
        variables: of dbt_project.yml: models read them.
    """
    sources = {key: f"{source.source_name}.{source.name}" for key, source in manifest.sources.items()}
    nodes = {key: node for key, node in manifest.nodes.items() if node.resource_type in ("model", "seed")}
    names = sources | {key: node.name for key, node in nodes.items()}
    digests = _digests(manifest, nodes, variables)
    models = []
    for key, node in nodes.items():
        config = node.config.to_dict(omit_none=True)
        meta = node.config.meta
        described = {name: column.description for name, column in node.columns.items() if column.description}
        mart = Mart(
            node.name,
            node.description,
            tuple(meta.get("key", ())),
            meta.get("time"),
            meta.get("ranges", {}),
            described,
            tuple(tuple(key) for key in meta.get("further_keys", ())),
        )
        models.append(
            {
                "name": node.name,
                "layer": next((layer for layer in ("staging", "intermediate") if layer in node.fqn), "marts"),
                "is_view": config["materialized"] == "view",
                "rebuild_by": config.get("rebuild_by"),
                "is_bounded": bool(config.get("bounded")),
                "needs": config.get("needs", []),
                "reads": sorted(names[one] for one in node.depends_on.nodes) if node.resource_type == "model" else [],
                "digest": digests[key],
                "types": {name: column.data_type for name, column in node.columns.items()},
                "mart": asdict(mart),
            }
        )
    tests = {
        node.name: sorted(names[one] for one in node.depends_on.nodes if one in names)
        for node in manifest.nodes.values()
        if node.resource_type == "test"
    }
    touches = {names[key]: source.config.meta.get("touches") for key, source in manifest.sources.items()}
    over_time = sorted(name for name, touched in touches.items() if touched in ("asset_days", "key_days"))
    return json.dumps({"models": models, "tests": tests, "over_time": over_time})


def without_comments(code: str) -> str:
    """SQL or Jinja without its comments, and with one space wherever there is any."""
    return _SPACE.sub(lambda found: found.group(1) or " ", code).strip()


def _digests(manifest: Any, nodes: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}

    def visit(key: str) -> str:
        if key not in found:
            node = nodes[key]
            config = node.config.to_dict(omit_none=True)
            kept = {name: value for name, value in config.items() if name not in IDLE_CONFIG}
            made_by = f"macro.{node.package_name}.materialization_{config['materialized']}_duckdb"
            macros = _macros(manifest, [*getattr(node.depends_on, "macros", []), made_by])
            parts = [
                without_comments(node.raw_code) or node.checksum.checksum,
                json.dumps([kept, config.get("meta", {}).get("time"), dict(variables)], sort_keys=True, default=str),
                *(without_comments(sql) for sql in macros),
                *(visit(one) for one in sorted(getattr(node.depends_on, "nodes", [])) if one in nodes),
            ]
            found[key] = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
        return found[key]

    return {key: visit(key) for key in nodes}


def _macros(manifest: Any, direct: Iterable[str]) -> Iterator[str]:
    """The project's own macros that some macros lead to, in the order of their names."""
    reached: set[str] = set()
    waiting = list(direct)
    while waiting:
        key = waiting.pop()
        macro = manifest.macros.get(key)
        if macro is not None and key not in reached and macro.package_name == manifest.metadata.project_name:
            reached.add(key)
            waiting += macro.depends_on.macros
    return (manifest.macros[key].macro_sql for key in sorted(reached))
