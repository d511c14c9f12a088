"""The first page of the docs: the data, what needs attention, and links to everything else."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from typing import Any
from urllib.parse import quote as in_url

import duckdb

from flows.docs_site.domain_charts import Query, charts, model_link
from flows.report.charts import STYLE as CHART_STYLE
from ingest.registry import registry
from lakehouse.engine import identifier
from lakehouse.errors import TerminalError
from lakehouse.inventory import TableState, inventory
from lakehouse.marts.data_docs import html_page
from lakehouse.marts.published import open_marts, published
from lakehouse.ops import BUILDS, Ops
from lakehouse.settings import DBT_PROJECT, Settings

#: Rules whose findings are listed; the rest is counted.
FINDINGS = 12
#: Folder of the dbt project's marts → its heading, in the order of the page; other folders follow by their names.
TITLES = {
    "shared": "Meters and batteries: assets, levels, energy, power factor",
    "bess": "Battery systems",
    "markets": "Power markets: prices and load",
    "ercot_batteries": "ERCOT's batteries: revenue and state of charge",
    "quality": "Findings",
}

STYLE = (
    """
:root { --accent: #0b6e99; --dim: #59636e }
@media (prefers-color-scheme: dark) { :root { --accent: #58b4dc; --dim: #9aa4af } }
a { color: var(--accent) }
header { display: flex; flex-wrap: wrap; gap: .2rem 1rem; align-items: baseline }
header { border-bottom: 1px solid var(--line) }
header h1 { margin: .4rem 0 } header p { margin: .2rem 0; color: var(--dim) }
.simulated { background: var(--warn); color: #fff; border-radius: 4px; padding: .1rem .5rem; font: 600 .8rem system-ui }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1rem }
.card { border: 1px solid var(--line); border-radius: 8px; padding: .2rem 1rem .8rem; min-width: 0 }
.card h3 { margin: .7rem 0 .2rem; font-size: 1.05rem }
.card p { margin: .2rem 0 .6rem; color: var(--dim); font-size: .9rem; overflow-wrap: anywhere }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; margin: .6rem 0 }
h3 { margin: 1rem 0 .2rem } details { margin: .4rem 0 } summary { cursor: pointer }
td code, .whole { white-space: nowrap } ul.plain { padding-left: 1.1rem; margin: .4rem 0 }
"""
    + CHART_STYLE
)


NAVIGATION = (
    '<nav><a href="dbt/index.html">Models and columns</a><a href="checks.html">Last checks</a>'
    '<a href="#data-docs">Data Docs</a></nav>'
)


def home_page(
    settings: Settings, builds: Sequence[tuple[str, str, dict[str, bool]]], checks: Counter[str], failed: Sequence[Any]
) -> str:
    """The page as HTML. Names come from files, so every one is escaped.

    Args:
        settings: of the home.
        builds: builds in the Data Docs: build_id, instant of validation, mart → whether it passed; newest first.
        checks: number of checks of the last run, by status.
        failed: the checks of that run that did not pass, as rows of ops.checks.

    Raises:
        TerminalError: the published marts are of an earlier version, and lack tables or columns that the page shows.
    """
    states = inventory(settings, registry().contracts)
    parts: list[str] = []
    simulated = False
    if published(settings) is not None:
        connection = open_marts(settings)
        try:
            connection.execute("SET TimeZone='UTC'")
            connection.execute("USE marts")

            def query(sql: str) -> list[tuple[Any, ...]]:
                return connection.execute(sql).fetchall()

            held = _held(query, states)
            simulated = any(row.simulated for row in held)
            parts += [_needs_a_look(checks, failed, states, query), _shown_held(held), charts(query)]
            parts.append(_models(query))
        except duckdb.Error as error:
            text = str(error).splitlines()[0]
            raise TerminalError(f"the published marts cannot be shown: {text}", "run `wattlake build` first") from error
        finally:
            connection.close()
    else:
        parts.append(_needs_a_look(checks, failed, states, None))
        parts.append("<p>Nothing is published yet: <code>wattlake build</code> does it.</p>")
    parts.append(_data_docs(builds))
    return html_page("Wattlake docs", _header(settings, simulated) + "".join(parts), STYLE)


def _header(settings: Settings, simulated: bool) -> str:
    builds = Ops(settings).query(BUILDS.select().order_by(BUILDS.c.started_at.desc()).limit(20))
    last = next((build for build in builds if build.status in ("published", "done")), None)
    badge = '<span class="simulated">SIMULATED DATA</span>' if simulated else ""
    state = "nothing is published yet"
    if last is not None:
        took = sum(json.loads(last.durations or "{}").values())
        state = (
            f"last build {escape(last.id)}: {escape(last.mode or '-')}, {_instant(last.started_at)}, took {took:.0f} s"
        )
    header = f"<header><h1>Wattlake</h1>{badge}<p>{escape(settings.root.name)}: {state}</p></header>{NAVIGATION}"
    if builds and builds[0].status == "failed":
        reason = escape((builds[0].error or "").splitlines()[0] if builds[0].error else "no reason is known")
        header += (
            f'<div class="alert"><span class="fail">The newest build failed</span> ({_instant(builds[0].started_at)}); '
            f"this page shows the one before. {reason}</div>"
        )
    return header


def _needs_a_look(
    checks: Counter[str], failed: Sequence[Any], states: Sequence[TableState], query: Query | None
) -> str:
    parts = ["<h2>What needs a look</h2>"]
    for check in failed[:FINDINGS]:
        parts.append(
            f'<p><span class="{escape(check.status)}">{escape(check.status)}</span> {escape(check.engine)}: '
            f'<a href="checks.html">{escape(check.name)}</a>, {check.rows_failed or 0:,} rows</p>'
        )
    stale = [state.table for state in states if state.freshness == "stale"]
    if stale:
        parts.append(f'<p><span class="warn">stale</span> {escape(", ".join(stale))}: nothing new within its time</p>')
    rows = _findings(query) if query else []
    if rows:
        header = ("severity", "rule", "findings", "of", "last seen", "what the rule looks for")
        parts.append(_table(header, [_finding(row) for row in rows[:FINDINGS]]))
        more = f"{len(rows) - FINDINGS} more rules have findings. " if len(rows) > FINDINGS else ""
        where = f"{model_link('quality_findings')} or {model_link('market_findings')}"
        parts.append(f"<p>{more}Every finding is a row of {where}.</p>")
    elif query:
        parts.append("<p>No rule has found anything.</p>")
    counted = ", ".join(f"{number:,} {escape(status)}" for status, number in sorted(checks.items())) or "none has run"
    parts.append(f'<p><a href="checks.html">Last checks</a> of dbt and Great Expectations: {counted}.</p>')
    return "".join(parts)


def _finding(row: Sequence[Any]) -> str:
    severity, rule, count, of, last, looks_for = row
    facts = (
        f'<td class="number">{count:,}</td><td class="number">{of:,}</td><td class="whole">{escape(last or "-")}</td>'
    )
    kind = "warn" if severity == "warning" else "fail" if severity == "error" else ""
    return (
        f'<tr><td class="{kind}">{escape(severity)}</td><td class="whole">{escape(rule)}</td>{facts}'
        f"<td>{escape(looks_for or '')}</td></tr>"
    )


def _findings(query: Query) -> list[tuple[Any, ...]]:
    """severity, rule, findings, of how many assets or locations, last seen, what the rule looks for."""
    return query(
        """
        WITH found AS (
            SELECT severity, rule, asset_id AS of_what, interval_end FROM quality_findings
            UNION ALL SELECT severity, rule, coalesce(resource, location), interval_end FROM market_findings
        )
        SELECT severity, rule, count(*), count(DISTINCT of_what), strftime(max(interval_end), '%Y-%m-%d'),
            any_value(r.description)
        FROM found LEFT JOIN quality_rules r USING (rule)
        GROUP BY severity, rule
        ORDER BY list_position(['error', 'warning', 'info'], severity), count(*) DESC, rule
        """
    )


@dataclass(frozen=True)
class Held:
    """One line of the table of data."""

    what: str
    of: str
    first: datetime | None
    last: datetime | None
    rows: int
    freshness: str
    written: datetime | None
    simulated: bool


def _held(query: Query, states: Sequence[TableState]) -> list[Held]:
    raw = {state.table: state for state in states}
    held = []
    for domain, assets, simulated, first, last in query(
        """
        SELECT a.domain, count(DISTINCT a.asset_id), coalesce(bool_or(a.is_simulated), false),
            min(l.bucket_start), max(l.bucket_end)
        FROM assets a LEFT JOIN lod_1d l USING (asset_id) GROUP BY a.domain ORDER BY a.domain
        """
    ):
        state = raw.get(f"raw.{domain}_observations")
        held.append(_line(str(domain), _several(assets, "asset"), first, last, state, simulated))
    for iso, locations, simulated, first, last, rows in query(
        """
        SELECT iso, count(DISTINCT location), coalesce(bool_or(is_simulated), false), min(interval_start),
            max(interval_end), count(*) FROM iso_prices GROUP BY iso ORDER BY iso
        """
    ):
        line = _line(
            f"{iso} prices", _several(locations, "location"), first, last, raw.get("raw.iso_prices"), simulated
        )
        held.append(replace(line, rows=rows))
    for batteries, simulated, first, last, rows in query(
        """
        SELECT count(DISTINCT resource), coalesce(bool_or(is_simulated), false), min(interval_start),
            max(interval_end), count(*) FROM bess_revenue_15min HAVING count(*) > 0
        """
    ):
        line = _line("ERCOT batteries", _several(batteries, "resource"), first, last,
                     raw.get("raw.ercot_sced_esr_resources"), simulated)  # fmt: skip
        held.append(replace(line, rows=rows))
    return held


def _line(
    what: str, of: str, first: datetime | None, last: datetime | None, state: TableState | None, simulated: bool
) -> Held:
    fresh, written = (state.freshness, state.written_at) if state else ("-", None)
    return Held(what, of, first, last, state.rows if state else 0, fresh, written, bool(simulated))


def _shown_held(held: Sequence[Held]) -> str:
    if not held:
        return "<h2>What the house holds</h2><p>No asset and no price yet.</p>"
    rows = [
        f"<tr><td>{escape(line.what)}{' (simulated)' if line.simulated else ''}</td><td>{escape(line.of)}</td>"
        f'<td class="whole">{_day(line.first)}</td><td class="whole">{_day(line.last)}</td>'
        f'<td class="number">{line.rows:,}</td>'
        f"<td>{escape(line.freshness)}</td><td>{_instant(line.written) if line.written else '-'}</td></tr>"
        for line in held
    ]
    return "<h2>What the house holds</h2>" + _table(("domain", "of", "from", "to", "rows", "freshness", "landed"), rows)


def _table(header: Sequence[str], rows: Sequence[str]) -> str:
    """A table whose rows are HTML already."""
    head = "".join(f"<th>{name}</th>" for name in header)
    body = "".join(rows)
    return f'<div class="table-responsive"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def domains() -> dict[str, str]:
    """Every folder of marts and its title, in the order of the page."""
    there = sorted(path.name for path in (DBT_PROJECT / "models" / "marts").iterdir() if path.is_dir())
    own = {name: name.replace("_", " ").capitalize() for name in there if name not in TITLES}
    return {**{name: title for name, title in TITLES.items() if name in there}, **own}


def _models(query: Query) -> str:
    """Links to the models, by folder of the dbt project; empty ones are folded away."""
    described = dict(query("SELECT table_name, comment FROM duckdb_tables()"))
    described |= dict(query("SELECT view_name, comment FROM duckdb_views()"))
    parts = ["<h2>The models</h2>"]
    for folder, title in domains().items():
        names = [path.stem for path in sorted((DBT_PROJECT / "models" / "marts" / folder).glob("*.sql"))]
        lines: dict[bool, list[str]] = {True: [], False: []}
        for name in names:
            if name in described:
                count = query(f"SELECT count(*) FROM {identifier(name)}")[0][0]
                says = escape(described[name] or "")
                cells = f'<td>{model_link(name)}</td><td class="number">{count:,}</td><td>{says}</td>'
                lines[count > 0].append(f"<tr>{cells}</tr>")
        parts.append(f"<h3>{escape(title)}</h3>")
        header = ("mart", "rows", "what it is")
        if lines[True]:
            parts.append(_table(header, lines[True]))
        if lines[False]:
            table = _table(header, lines[False])
            parts.append(f"<details><summary>{len(lines[False])} empty</summary>{table}</details>")
    return "".join(parts)


def _data_docs(builds: Sequence[tuple[str, str, dict[str, bool]]]) -> str:
    parts = ['<h2 id="data-docs">Data Docs</h2><p>What Great Expectations looked at in the last builds.</p>']
    if not builds:
        parts.append("<p>No results are kept yet: <code>wattlake build</code> and <code>wattlake check</code> do.</p>")
    for build_id, at, outcomes in builds:
        links = {
            passed: [
                f'<li><a href="data-docs/{in_url(build_id)}/{in_url(mart)}.html">{escape(mart)}</a></li>'
                for mart, good in sorted(outcomes.items())
                if good == passed
            ]
            for passed in (False, True)
        }
        parts.append(f"<h3>Build {escape(build_id)}</h3><p>Validated {escape(at)}.</p>")
        if links[False]:
            parts.append(
                f'<p class="fail">{len(links[False])} failed</p><ul class="plain">{"".join(links[False])}</ul>'
            )
        parts.append(
            f"<details><summary>{len(links[True])} marts passed</summary>"
            f'<ul class="plain">{"".join(links[True])}</ul></details>'
        )
    return "".join(parts)


def _several(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _day(value: datetime | None) -> str:
    return f"{value:%Y-%m-%d}" if value else "-"


def _instant(value: datetime) -> str:
    """An instant to the minute; naive ones of the ops tables are UTC."""
    return f"{value.astimezone(UTC) if value.tzinfo else value:%Y-%m-%d %H:%M} UTC"
