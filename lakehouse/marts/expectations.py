"""Great Expectations over a build file: keys and ranges, from the marts' own declarations.

Importing Great Expectations takes seconds: the process that runs dbt does it, once, and never the process that builds.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lakehouse.check_result import CheckResult
from lakehouse.engine import quote
from lakehouse.marts import data_docs, warm_process
from lakehouse.marts.dbt_models import Mart
from lakehouse.marts.reads import Range
from lakehouse.settings import Settings

#: Name of the batch that is a whole table.
WHOLE = "all"


#: How a line begins that says which mart is checked next.
CHECKED = '{"checked"'


def expect(
    settings: Settings,
    build_file: Path,
    marts: Sequence[Mart],
    kept: Path,
    assets: Sequence[str] | None = None,
    within: Sequence[Range] | None = None,
    entire: Collection[str] = (),
    watch: Callable[[int, int, str], None] = lambda done, total, name: None,
) -> list[CheckResult]:
    """Validate every mart of a build file against its declaration, and keep the results for the Data Docs.

    Args:
        settings: threads and memory.
        build_file: opened read-only, in another process.
        marts: their declarations in the dbt project.
        kept: file for the results; see `data_docs.kept_path`.
        assets: assets that the build has touched: in marts over time only their rows are checked, so that the checks
            cost as much as the change. None checks every row.
        within: ranges that the build has touched in marts over time without assets; None checks every row.
        entire: marts of which every row is checked.
        watch: called with the number of marts that are done, of all marts, and the mart that begins.

    Raises:
        TerminalError: Great Expectations could not run at all.
    """
    keyed = [mart for mart in marts if mart.key]
    done = 0

    def heard(line: str) -> None:
        nonlocal done
        if line.startswith(CHECKED):
            watch(done, len(keyed), str(json.loads(line)["checked"]))
            done += 1

    found = warm_process.call(
        f"{__name__}:validate",
        heard,
        build_file=str(build_file),
        scopes=[(asdict(mart), "true" if mart.name in entire else _scope(mart, assets, within)) for mart in keyed],
        kept=str(kept),
        config={
            "threads": settings.threads,
            "memory_limit": settings.memory_limit,
            "temp_directory": str(build_file.parent / "spill"),
        },
    )
    return [CheckResult.from_json(check) for check in found]


def validate(
    build_file: str, scopes: Sequence[tuple[dict[str, Any], str]], kept: str, config: dict[str, Any]
) -> list[dict[str, Any]]:
    """What `expect` asks of the process that has imported Great Expectations.

    Args:
        build_file: opened read-only.
        scopes: declaration of each mart, and the SQL condition of its rows to check.
        kept: file for the results.
        config: of DuckDB.

    Returns:
        The checks; see `CheckResult.from_json`.
    """
    import great_expectations as gx
    import sqlalchemy as sa
    from great_expectations.data_context.types.base import ProgressBarsConfig
    from great_expectations.datasource.fluent.sql_datasource import SQLDatasource

    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    _hear_duckdb(sa)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    connecting = {"connect_args": {"read_only": True, "config": config}}
    source = SQLDatasource(name="build", connection_string=f"duckdb:///{build_file}", kwargs=connecting)
    results: list[CheckResult] = []
    validated: dict[str, list[Any]] = {}
    try:
        marts = [(Mart.from_json(declared), scope) for declared, scope in scopes]
        unreadable = {mart.name: check for mart, _ in marts if (check := _add(source, mart))}
        # With its tables: a context writes itself as YAML for each one that is added later, a sixth of a small audit.
        data_sources: Any = context.data_sources  # its stub lacks the keyword
        source = data_sources.add_sql(name_or_datasource=source)
        for mart, scope in marts:
            print(json.dumps({"checked": mart.name}), flush=True)
            if mart.name in unreadable:
                results.append(unreadable[mart.name])
                validated[mart.name] = []
            else:
                outcomes, validated[mart.name] = _validate(gx, source, mart, scope)
                results += outcomes
        data_docs.keep(Path(kept), validated)
        return [asdict(result) for result in results]
    finally:
        source.get_execution_engine().close()
        source.get_engine().dispose()


def _scope(mart: Mart, assets: Sequence[str] | None, within: Sequence[Range] | None) -> str:
    """SQL condition of the rows to check; a row without an asset, or without a time, is always checked."""
    if mart.time is None:
        return "true"
    if "asset_id" not in mart.key:
        if within is None:
            return "true"
        quoted = [(quote(start.isoformat()), quote(end.isoformat())) for start, end in within]
        ranges = [f"{mart.time} >= {start}::timestamptz and {mart.time} < {end}::timestamptz" for start, end in quoted]
        return f"({' or '.join([*ranges, f'{mart.time} is null'])})"
    if assets is None:
        return "true"
    if not assets:
        return "asset_id is null"
    return f"(asset_id in ({', '.join(quote(asset) for asset in assets)}) or asset_id is null)"


def _add(source: Any, mart: Mart) -> CheckResult | None:
    """Add a mart's table to a data source; a failed check if it cannot be read."""
    from great_expectations.datasource.fluent.interfaces import TestConnectionError

    try:
        source.add_table_asset(mart.name, table_name=mart.name).add_batch_definition_whole_table(WHOLE)
    except TestConnectionError as error:
        return CheckResult("gx", f"{mart.name}: can be read", "error", message=str(error), models=(mart.name,))
    return None


def _validate(gx: Any, source: Any, mart: Mart, scope: str) -> tuple[list[CheckResult], list[Any]]:
    """Checks of one mart, and Great Expectations' result for each."""
    batch = source.get_asset(mart.name).get_batch_definition(WHOLE).get_batch()
    results = []
    found = []
    for name, expectation in _expectations(gx, mart, scope):
        expectation.description = name
        began = time.perf_counter()
        validated = batch.validate(expectation, result_format={"result_format": "COMPLETE"})
        results.append(_result(mart, name, validated, time.perf_counter() - began))
        found.append(validated)
    return results, found


def _expectations(gx: Any, mart: Mart, scope: str) -> list[tuple[str, Any]]:
    found = []
    for key in (mart.key, *mart.further_keys):
        columns = ", ".join(key)
        null = " or ".join(f"{column} is null" for column in key)
        query = (
            f"select {columns}, count(*) as found, case when {null} then 0 else 1 end as expected from {{batch}} "
            f"where {scope} group by {columns} having count(*) > 1 or {null}"
        )
        expectation = gx.expectations.UnexpectedRowsExpectation(unexpected_rows_query=query)
        found.append((f"{mart.name}: key ({columns}) is unique and has no NULL", expectation))
    for column, (low, high) in mart.ranges.items():
        tests = [f"{column} < {low}"] if low is not None else []
        tests += [f"{column} > {high}"] if high is not None else []
        found.append(
            (
                f"{mart.name}: {column} lies in [{low}, {high}]",
                gx.expectations.UnexpectedRowsExpectation(
                    unexpected_rows_query=f"select * from {{batch}} where {scope} and ({' or '.join(tests)})"
                ),
            )
        )
    return found


def _result(mart: Mart, name: str, validated: Any, seconds: float) -> CheckResult:
    """A GX result; an exception inside GX is an error, not a data failure."""
    about = (mart.name,)
    problems = _exceptions(validated.exception_info)
    if problems:
        return CheckResult("gx", name, "error", message="; ".join(problems), seconds=seconds, models=about)
    if validated.success:
        return CheckResult("gx", name, "pass", seconds=seconds, models=about)
    details = validated.result.get("details") or {}
    rows = [dict(row) for row in details.get("unexpected_rows", [])][: data_docs.SAMPLE_ROWS]
    count = int(validated.result.get("observed_value") or len(rows))
    return CheckResult("gx", name, "fail", count, rows, seconds=seconds, models=about)


def _exceptions(info: Any) -> list[str]:
    if not info:
        return []
    entries = [info] if "raised_exception" in info else list(info.values())
    return [str(e.get("exception_message")) for e in entries if isinstance(e, dict) and e.get("raised_exception")]


def _hear_duckdb(sa: Any) -> None:
    """Instants in UTC; and DuckDB's rows are fetched while the cursor is open: GX reads them after the connection is
    back in its pool, where a rollback has dropped the result ("list index out of range" in every expectation)."""
    from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy

    @sa.event.listens_for(sa.engine.Engine, "connect")  # type: ignore[untyped-decorator]
    def in_utc(connection: Any, _record: Any) -> None:
        connection.cursor().execute("SET TimeZone='UTC'")

    @sa.event.listens_for(sa.engine.Engine, "after_cursor_execute")  # type: ignore[untyped-decorator]
    def buffer(_conn: Any, cursor: Any, _statement: str, _parameters: Any, context: Any, _many: bool) -> None:
        if context is not None and context.dialect.name == "duckdb" and cursor.description:
            context.cursor_fetch_strategy = FullyBufferedCursorFetchStrategy(cursor, initial_buffer=cursor.fetchall())
