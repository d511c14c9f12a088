"""The statements that a client of the SQL server may run: one SELECT over the published marts.

A statement is judged by the syntax tree of DuckDB's own parser, so comments and quoting hide nothing. Tables and table
functions are allowed by name; all others are refused.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Collection
from typing import Any

import duckdb

from lakehouse.engine import quote
from lakehouse.serving.queries import nodes

#: Schemas of the serving session that hold the marts, so that `marts.` is optional.
SCHEMAS = ("main", "marts")
#: Table functions that make rows from their arguments only.
TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest", "json_each", "json_tree", "repeat_row"})
#: Functions that describe the host or this server, or write to it.
REFUSED_FUNCTIONS = re.compile(
    r"(getenv|current_setting|getvariable|nextval|currval|write_log|which_secret|duckdb_.*|pragma_.*|quack_.*|wattlake_.*)"
)
#: Metadata views that SQL tools query.
INFORMATION_SCHEMA = frozenset({"tables", "columns", "schemata"})
#: A common table expression may not be named like a file: the same name elsewhere in the statement would read it.
PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_ ]*")

#: Queries that the Quack client of DuckDB 1.5 sends when it attaches → queries that run instead, which list each mart
#: under one name. The unchanged answers would also list every attached build.
LISTINGS = {
    "SELECT catalog_name, schema_name FROM information_schema.schemata "
    "WHERE catalog_name NOT IN ('system', 'temp') ORDER BY ALL": "SELECT 'memory', 'main'",
    "SELECT schema_name, sql, 'table' FROM duckdb_tables() UNION ALL SELECT schema_name, view_name, 'view' "
    "FROM duckdb_views()": "SELECT schema_name, view_name, 'view' FROM duckdb_views() "
    "WHERE database_name = 'memory' AND schema_name = 'main' AND NOT internal",
}


class Refused(Exception):
    """A refused statement; the message says why."""


class Guard:
    """Judges statements. Threads may share it.

    Args:
        longest_bytes: longest statement that is judged.
    """

    def __init__(self, longest_bytes: int = 100_000) -> None:
        self._longest_bytes = longest_bytes
        self.tables: Collection[str] = ()  #: lower-case names of the marts being served
        self._parser = duckdb.connect()
        self._lock = threading.Lock()

    def authorize(self, _session: str, query: str) -> str:
        """The statement that the server runs for a client: the same, or an error with the reason.

        It has the signature of Quack's authorization callback. If it raises, Quack refuses the statement.
        """
        listing = LISTINGS.get(" ".join(query.split()))
        if listing:
            return listing
        try:
            self.check(query)
        except Refused as refused:
            return f"SELECT error({quote(f'refused: {refused}; this server answers SELECT over the marts')})"
        return query

    def check(self, query: str) -> None:
        """Judge one statement.

        Raises:
            Refused: the statement is too long, is not a single SELECT, or reads something else than the marts.
        """
        if len(query.encode()) > self._longest_bytes:
            raise Refused(f"it is longer than {self._longest_bytes:,} bytes")
        with self._lock:
            row = self._parser.execute("SELECT json_serialize_sql(?::VARCHAR)", [query]).fetchone()
        tree = json.loads(row[0]) if row else {"error": True, "error_message": "it cannot be parsed"}
        if tree["error"]:
            raise Refused(tree["error_message"])
        if len(tree["statements"]) != 1:
            raise Refused("one statement at a time")
        found = list(nodes(tree))
        named = {entry["key"].lower() for node in found for entry in node.get("cte_map", {}).get("map", [])}
        named |= {str(node["cte_name"]).lower() for node in found if node.get("cte_name")}
        for name in named:
            if not PLAIN_NAME.fullmatch(name):
                raise Refused(f"the name {name!r} reads like a file's")
        for node in found:
            self._judge(node, named)

    def _judge(self, node: dict[str, Any], named: Collection[str]) -> None:
        match node.get("type"):
            case "BASE_TABLE":
                self._judge_table(node, named)
            case "TABLE_FUNCTION":
                name = node["function"].get("function_name", "").lower()
                if name not in TABLE_FUNCTIONS:
                    raise Refused(f"the table function {name} is not served")
            case "FUNCTION":
                name = node["function_name"].lower()
                if REFUSED_FUNCTIONS.fullmatch(name):
                    raise Refused(f"the function {name} is not served")

    def _judge_table(self, node: dict[str, Any], named: Collection[str]) -> None:
        catalog, schema, name = (node[part].lower() for part in ("catalog_name", "schema_name", "table_name"))
        if catalog in ("", "memory"):
            if schema == "" and name in named:
                return
            if schema in ("", *SCHEMAS) and name in self.tables:
                return
            if schema == "information_schema" and name in INFORMATION_SCHEMA:
                return
        shown = ".".join(part for part in (catalog, schema, name) if part)
        raise Refused(f"there is no mart {shown}")
