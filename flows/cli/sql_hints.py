"""Next steps for a query that DuckDB refuses: a similar name, the table that has the column, or a first build."""

from __future__ import annotations

import re

import duckdb

from flows import names
from lakehouse.settings import Settings

#: DuckDB's messages for names that it does not find.
NO_TABLE = re.compile(r"Table with name (\S+) does not exist")
NO_COLUMN = re.compile(r'Referenced column "([^"]+)" not found|does not have a column named "([^"]+)"')
NO_FUNCTION = re.compile(r"Function with name (\S+) does not exist")
NO_SQL = "mend the SQL at the ^; duckdb.org/docs/sql describes DuckDB's SQL"
LISTED = "SHOW TABLES lists the tables"


def hint(settings: Settings, connection: duckdb.DuckDBPyConnection, query: str, error: duckdb.Error) -> str:
    """The next step for a refused query.

    Args:
        settings: of the home.
        connection: the session that refused the query.
        query: the refused query.
        error: DuckDB's error.
    """
    message = str(error)
    if found := NO_TABLE.search(message):
        return _table_hint(settings, connection, found[1])
    if found := NO_COLUMN.search(message):
        return _column_hint(connection, query, found[1] or found[2])
    if found := NO_FUNCTION.search(message):
        return f"{found[1]} is not a function of DuckDB; duckdb.org/docs/sql/functions lists them"
    if isinstance(error, duckdb.OutOfMemoryException):
        return "ask for less at once, or raise WATTLAKE_MEMORY_LIMIT"
    return f"mend the query; {LISTED}, and DESCRIBE marts.assets the columns of one"


def _table_hint(settings: Settings, connection: duckdb.DuckDBPyConnection, name: str) -> str:
    bare = name.strip('"').rpartition(".")[2]
    there = [
        f"{schema}.{table}"
        for schema, table in connection.execute(
            "SELECT database_name, table_name FROM duckdb_tables() WHERE database_name IN ('marts', 'ops') "
            "UNION ALL SELECT database_name, view_name FROM duckdb_views() WHERE database_name IN ('raw', 'ops')"
        ).fetchall()
    ]
    if not settings.marts_path.exists() and names.nearest(bare, [mart.partition(".")[2] for mart in names.marts()]):
        return "nothing is published yet: run `wattlake build`, after `wattlake land` or `wattlake download`"
    there = list(dict.fromkeys([*there, *names.RAW_TABLES]))
    same = [other for other in there if other.partition(".")[2] == bare]
    if same:
        return f"it is {' or '.join(same)}"
    by_bare = {other.partition(".")[2]: other for other in there}
    meant = [by_bare[close] for close in names.nearest(bare, by_bare)]
    return f"did you mean {names.either(meant)}? {LISTED}" if meant else LISTED


def _column_hint(connection: duckdb.DuckDBPyConnection, query: str, name: str) -> str:
    named = {word.lower() for word in re.findall(r"\w+", query)}
    found = connection.execute(
        "SELECT DISTINCT database_name, table_name, column_name FROM duckdb_columns() "
        "WHERE database_name IN ('raw', 'marts', 'ops') ORDER BY ALL"
    ).fetchall()
    of_query = [row for row in found if row[1].lower() in named]
    tables = list(dict.fromkeys(f"{schema}.{table}" for schema, table, _ in of_query))
    described = f"DESCRIBE {tables[0]} lists its columns" if tables else LISTED
    meant = names.nearest(name, dict.fromkeys(column for *_, column in of_query))
    if meant:
        return f"did you mean {names.either(meant)}? {described}"
    elsewhere = [f"{schema}.{table}" for schema, table, column in found if column == name]
    return f"{name} is a column of {names.either(elsewhere[:3])}; {described}" if elsewhere else described
