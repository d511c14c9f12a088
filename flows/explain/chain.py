"""`wattlake explain`: one published number, back to its lines in files.

A mart's own rule (`flows.explain.rules.RULES`) names the raw rows that go into a row and works its numbers out again,
in plain Python and not in the models' SQL. A mart without a rule is explained by its description, its model, and the
rows of the raw tables it depends on that share its keys and its time. This module has the part that all rules share.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import duckdb
import yaml

from flows.explain.lines import Line, lines_of
from flows.names import RAW_TABLES, ROOT
from lakehouse.errors import TerminalError, WrongUsage
from lakehouse.reader import open_session
from lakehouse.settings import Settings

Row = dict[str, Any]

MODELS = ROOT / "dbt" / "models"
#: Rows of one kind that are shown and whose lines are read; the others are counted.
SHOWN = 12


@dataclass(frozen=True)
class Step:
    """A number of the row, worked out again.

    Args:
        column: of the mart.
        formula: with the numbers in it.
        recomputed, published: the number computed here, and the mart's.
        tolerance: relative; 0 if both are exact.
    """

    column: str
    formula: str
    recomputed: object
    published: object
    tolerance: float = 0.0

    @property
    def agrees(self) -> bool:
        """Whether both say the same."""
        if self.recomputed is None or self.published is None or not self.tolerance:
            return self.recomputed == self.published
        found, said = float(str(self.recomputed)), float(str(self.published))
        return abs(found - said) <= self.tolerance * max(abs(found), abs(said), 1e-12)


@dataclass(frozen=True)
class Evidence:
    """Rows that a number was made of.

    Args:
        table: raw.* or marts.*.
        what: they are, in words.
        rows: all of them, or the first ones, as they are in the table.
        columns: of these that are shown.
        count: how many there are.
    """

    table: str
    what: str
    rows: Sequence[Row]
    columns: Sequence[str]
    count: int

    @property
    def some(self) -> Sequence[Row]:
        """The rows that are shown: of many the first and the last ones."""
        half = SHOWN // 2
        return self.rows if len(self.rows) <= SHOWN else [*self.rows[:half], *self.rows[-half:]]


@dataclass
class Explanation:
    """A row of a mart and its evidence.

    Args:
        mart, key, row: which.
        what: a row is, by the mart's description.
        model: path of its SQL.
        depends_on: names of raw tables.
        rules: in words, in the order in which they apply.
        steps, evidence: see there; evidence comes in the order of the steps.
        lines: of the shown rows, as they are in the archived files.
        next_command: a command that explains the largest part of this row, if it is a sum.
    """

    mart: str
    key: Row
    row: Row
    what: str
    model: str
    depends_on: Sequence[str]
    rules: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    next_command: str | None = None


@dataclass(frozen=True)
class House:
    """A session over raw.*, marts.* and ops.*."""

    settings: Settings
    connection: duckdb.DuckDBPyConnection

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """Rows by their columns' names; instants in UTC."""
        cursor = self.connection.execute(sql, list(values))
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def evidence(
        self, table: str, what: str, columns: Sequence[str], where: str, values: Sequence[object], order: str,
        limit: int | None = SHOWN,
    ) -> Evidence:  # fmt: skip
        """Rows of a table; all of them if `limit` is None."""
        select = f"FROM {table} WHERE {where}"
        bound = "" if limit is None else f" LIMIT {limit}"
        found = self.rows(f"SELECT * {select} ORDER BY {order}{bound}", values)
        count = len(found) if limit is None else self.rows(f"SELECT count(*) AS n {select}", values)[0]["n"]
        return Evidence(table, what, found, columns, count)


def explain(settings: Settings, mart: str, given: Sequence[str]) -> Explanation:
    """Explain one row of a mart.

    Args:
        settings: of the home.
        mart: its name.
        given: `column=value` pairs that identify the row.

    Raises:
        WrongUsage: there is no such mart or column, or a value is none of its column.
        TerminalError: no row, or several, have these values.
    """
    from ingest.registry import registry

    declared = models()[mart]
    connection = open_session(settings, registry().contracts)
    try:
        connection.execute("SET TimeZone='UTC'")
        house = House(settings, connection)
        row = _row(house, mart, declared.key, _conditions(house, mart, declared.key, given))
        found = Explanation(
            mart, {name: row[name] for name in declared.key}, row, declared.description, declared.path,
            depends_on(mart),
        )  # fmt: skip
        _rule(mart)(house, found)
        found.lines = lines_of(settings, connection, _places(found.evidence))
        return found
    finally:
        connection.close()


def _rule(mart: str) -> Callable[[House, Explanation], None]:
    from flows.explain.rules import RULES, of_any_mart

    if mart not in RULES:
        return of_any_mart
    module, _, function = RULES[mart].partition(":")
    rule: Callable[[House, Explanation], None] = getattr(importlib.import_module(module), function)
    return rule


def _places(evidence: Sequence[Evidence]) -> Iterator[tuple[str, str | None, int]]:
    """Object, file in it, and line of the shown rows, each once."""
    places = [
        (str(row["source_object"]), row.get("member"), int(row["line"]))
        for part in evidence
        for row in part.some
        if row.get("source_object") and row.get("line")
    ]
    yield from dict.fromkeys(places)


@dataclass(frozen=True)
class Model:
    """A mart as declared in its YAML: path of its SQL in the checkout, key columns, meaning of a row."""

    path: str
    key: tuple[str, ...]
    description: str


@cache
def models() -> Mapping[str, Model]:
    """Every mart by its name."""
    paths = {path.stem: path for path in (MODELS / "marts").rglob("*.sql")}
    found = {}
    for declared in (MODELS / "marts").rglob("*.yml"):
        for model in yaml.safe_load(declared.read_text(encoding="utf-8")).get("models", ()):
            key = model.get("config", {}).get("meta", {}).get("key", ())
            path = paths[model["name"]].relative_to(ROOT)
            found[model["name"]] = Model(str(path), tuple(key), model.get("description", ""))
    return found


@cache
def _named() -> Mapping[str, set[str]]:
    """Model → names of models and raw tables in it, and in the macros that it calls.

    A model may put a name together, or have it from a list: each text in quotes that is a name or begins one counts.
    """
    macros: dict[str, str] = {}
    for path in (MODELS.parent / "macros").rglob("*.sql"):
        for body in path.read_text(encoding="utf-8").split("{% macro ")[1:]:
            macros[body.partition("(")[0].strip()] = body
    paths = {path.stem: path for path in MODELS.rglob("*.sql")}
    found = {}
    for model, path in paths.items():
        text, called = path.read_text(encoding="utf-8"), set[str]()
        names = set()
        # A loop over a macro's list, each entry of which is a model or a raw table.
        for each, listing in re.findall(r"for (\w+) in (\w+)\(\)", text):
            if re.search(rf"(ref\(|source\('raw', ){each}\)", text):
                names |= _listed(listing, macros)
        for quoted, goes_on in re.findall(r"'(\w+)'(\s*~)?", text):
            names |= {name for name in paths if goes_on and name.startswith(quoted)} | {quoted}
        while more := {name for name in re.findall(r"(\w+)\(", text) if name in macros} - called:
            called |= more
            text = "".join(macros[name] for name in more)
            names |= set(re.findall(r"ref\('(\w+)'\)", text))
        found[model] = names
    return found


def _listed(macro: str, macros: Mapping[str, str]) -> set[str]:
    """Texts in quotes in a macro, and in the macros that it calls."""
    body = macros[macro]
    called = {name for name in re.findall(r"(\w+)\(", body) if name in macros and name != macro}
    return set(re.findall(r"'(\w+)'", body)).union(*(_listed(name, macros) for name in called))


def depends_on(mart: str) -> list[str]:
    """The raw tables that a model is made of, through all models between."""
    named, raw = _named(), {name.removeprefix("raw.") for name in RAW_TABLES}
    seen: set[str] = set()
    waiting = [mart]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += named.get(name, ())
    # A model and a raw table may have one name, which the model has from its hooks too.
    made_of = set().union(*(named.get(name, set()) for name in seen))
    return sorted(f"raw.{name}" for name in made_of & raw)


def _conditions(house: House, mart: str, key: Sequence[str], given: Sequence[str]) -> list[tuple[str, object]]:
    """Columns and the values that they must have."""
    from flows.names import did_you_mean

    try:
        types = {row["column_name"]: row["column_type"] for row in house.rows(f"DESCRIBE marts.{mart}")}
    except duckdb.Error as error:
        raise TerminalError(f"no build has published {mart}", "run `wattlake build` first") from error
    listed = f"a row of {mart} is named by {', '.join(key) or 'its columns'}: write column=value"
    conditions: list[tuple[str, object]] = []
    for text in given:
        column, sign, value = text.partition("=")
        if not sign:
            raise WrongUsage(f"{text!r} is no column=value", listed)
        if column not in types:
            raise WrongUsage(f"{mart} has no column {column!r}", did_you_mean(column, types, listed))
        ((typed,),) = house.connection.execute(f"SELECT try_cast(? AS {types[column]})", [value]).fetchall()
        if typed is None:
            raise WrongUsage(f"{value!r} is no {types[column].lower()}, which {column} is", listed)
        conditions.append((column, typed))
    return conditions


def _row(house: House, mart: str, key: Sequence[str], conditions: Sequence[tuple[str, object]]) -> Row:
    where = " AND ".join([f'"{column}" = ?' for column, _ in conditions] or ["true"])
    found = house.rows(f"SELECT * FROM marts.{mart} WHERE {where} LIMIT 6", [value for _, value in conditions])
    if len(found) == 1:
        return found[0]
    if not found:
        raise TerminalError(f"{mart} has no such row", _nearest(house, mart, conditions))
    open_ = [name for name in key if len({str(row[name]) for row in found}) > 1]
    several = " | ".join(" ".join(f"{name}={shown(row[name])}" for name in open_) for row in found[:5])
    raise TerminalError(
        f"several rows of {mart} are meant" + (", which differ in " + ", ".join(open_) if open_ else ""),
        f"give one of these too: {several}{' | ...' if len(found) > 5 else ''}",
    )


def _nearest(house: House, mart: str, conditions: Sequence[tuple[str, object]]) -> str:
    """A next step with existing values near the requested ones."""
    from flows.names import nearest

    for column, wanted in reversed(conditions):
        others = [(name, value) for name, value in conditions if name != column]
        where = " AND ".join([f'"{name}" = ?' for name, _ in others] or ["true"])
        values = [value for _, value in others]
        if isinstance(wanted, datetime | date):
            order = f'abs(epoch("{column}"::TIMESTAMP) - epoch(?::TIMESTAMPTZ::TIMESTAMP))'
            found = house.rows(
                f'SELECT "{column}" AS v FROM marts.{mart} WHERE {where} ORDER BY {order} LIMIT 1', [*values, wanted]
            )
        else:
            found = house.rows(f'SELECT DISTINCT "{column}" AS v FROM marts.{mart} WHERE {where} LIMIT 1000', values)
        if found:
            known = [str(row["v"]) for row in found]
            likely = nearest(str(wanted), known) if len(known) > 1 else [shown(found[0]["v"])]
            return f"with the other values, {column} is near {' or '.join(likely or known[:5])}"
    return f'look what is there: wattlake sql "SELECT * FROM {mart} LIMIT 5"'


def shown(value: object) -> str:
    """A value as text that a command line takes again."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    return "-" if value is None else str(value)
