"""The statements that `wattlake sql` runs: only those that read.

DuckDB's own parser classifies a statement, so comments, quoting and several statements in one text hide nothing.
Allowed are a SELECT (with DESCRIBE, SHOW, SUMMARIZE, PIVOT and VALUES), an EXPLAIN of one, and SET, which
`lakehouse.reader` locks. A SELECT may call table functions that make or read rows. Other functions write:
`enable_logging` fills a file of any name, `set_iceberg_table_properties` changes a table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from lakehouse.engine import quote
from lakehouse.errors import WrongUsage
from lakehouse.settings import Settings
from lakehouse.storage import is_s3
from lakehouse.uris import is_sqlite, sqlite_path

#: Table functions that make rows of their arguments, read files, or describe the session.
READING_FUNCTIONS = re.compile(
    r"range|generate_series|unnest|repeat|repeat_row|json_each|json_tree|glob|sniff_csv|summary|histogram"
    r"|histogram_values|query_table|pg_timezone_names|icu_calendar_names|test_all_types"
    r"|read_(avro|blob|csv|csv_auto|json|json_auto|json_objects|json_objects_auto|ndjson|ndjson_auto|ndjson_objects"
    r"|parquet|text)|parquet_\w+|iceberg_(scan|snapshots|metadata|column_stats|partition_stats)|duckdb_\w+"
    r"|pragma_(table_info|show|version|platform|collations|database_size|storage_info|metadata_info|user_agent)"
)
#: Prefixes of extensions' table functions that reach databases or change tables.
OF_EXTENSIONS = ("postgres_", "sqlite_", "set_iceberg", "remove_iceberg", "iceberg_to")
#: What precedes the statement that an EXPLAIN explains.
EXPLAIN = re.compile(r"\s*EXPLAIN(\s+ANALYZE)?(\s*\([^()]*\))?\s+", re.IGNORECASE)
ONLY_READS = "ask with SELECT, and write rows with --output FILE; to change data, land files and build"


@dataclass(frozen=True)
class Statement:
    """One statement that reads.

    Args:
        text: its own text, without the following statements.
        gives_rows: whether it has a result that can be written to a file; SET has none, EXPLAIN a drawing.
    """

    text: str
    gives_rows: bool


def readable(query: str) -> list[Statement]:
    """The statements of a text; all of them only read.

    Raises:
        WrongUsage: a statement would write, or there is none.
        duckdb.Error: the text cannot be parsed.
    """
    with duckdb.connect() as parser:
        parsed = parser.extract_statements(query)
    statements: list[Statement] = []
    kinds = duckdb.StatementType
    # A PIVOT without its list of values is parsed as two nameless statements: one collects the values, one is a SELECT.
    if [(part.type, part.query.strip()) for part in parsed] == [(kinds.CREATE, ""), (kinds.SELECT, "")]:
        _judge_words(query)
        return [Statement(query, gives_rows=True)]
    for part in parsed:
        text = part.query.strip()
        if part.type == kinds.SELECT and text:
            _judge_functions(text)
            statements.append(Statement(text, gives_rows=True))
        elif part.type == kinds.EXPLAIN:
            inner = EXPLAIN.match(text)
            if inner is None:
                raise WrongUsage("only a SELECT can be explained", "write EXPLAIN [ANALYZE] SELECT …, without comments")
            readable(text[inner.end() :])
            statements.append(Statement(text, gives_rows=False))
        elif part.type == kinds.SET:
            statements.append(Statement(text, gives_rows=False))
        elif not text:
            raise WrongUsage(
                "a PIVOT without the list of its values must stand alone", "name them: PIVOT … ON x IN (…)"
            )
        else:
            raise WrongUsage(f"this is a {part.type.name} statement, and `wattlake sql` only reads", ONLY_READS)
    if not statements:
        raise WrongUsage("there is no statement in the query", 'such as wattlake sql "SELECT * FROM marts.assets"')
    return statements


def _judge_functions(text: str) -> None:
    """Refuse a SELECT that calls a table function that is not known to only read."""
    tree = tree_of(text)
    if tree is None:  # DuckDB has no tree for a PRAGMA function, nor for a PIVOT without its values inside a SELECT
        _judge_words(text)
        return
    for node in nodes(tree):
        if node.get("type") == "TABLE_FUNCTION":
            called = node["function"]
            name = str(called.get("function_name", "")).lower()
            # A call with the name of the published file is a macro in it: DuckDB's own functions are not there.
            of_marts = "marts" in (str(called.get("catalog", "")).lower(), str(called.get("schema", "")).lower())
            if not of_marts and not READING_FUNCTIONS.fullmatch(name):
                raise WrongUsage(f"the table function {name} is not served: it may do more than read", ONLY_READS)


def _judge_words(text: str) -> None:
    """The same without a tree: no such name may be anywhere in the text."""
    with duckdb.connect() as asked:
        listed = asked.execute("SELECT lower(function_name) FROM duckdb_functions() WHERE function_type = 'table'")
        functions = {name for (name,) in listed.fetchall() if not READING_FUNCTIONS.fullmatch(name)}
    words = {word.lower() for word in re.findall(r"\w+", text)}
    if refused := sorted(word for word in words if word in functions or word.startswith(OF_EXTENSIONS)):
        raise WrongUsage(f"the table function {refused[0]} is not served: it may do more than read", ONLY_READS)


def names_only_marts(query: str, marts: Collection[str] = ()) -> bool:
    """Whether a query is one SELECT that reads marts and nothing else, by DuckDB's own parser.

    Table functions count as something else: duckdb_tables() lists what is attached.

    Args:
        query: one statement or several.
        marts: names of marts, without `marts.`.
    """
    tree = tree_of(query)
    if tree is None or len(tree["statements"]) != 1:
        return False
    found = list(nodes(tree["statements"][0]))
    named = {entry["key"] for node in found if "cte_map" in node for entry in node["cte_map"]["map"]}
    for node in found:
        kind = node.get("type")
        if kind == "BASE_TABLE":
            is_mart = "marts" in (node["catalog_name"], node["schema_name"])
            is_bare = not node["catalog_name"] and not node["schema_name"]
            is_named = is_bare and (node["table_name"] in named or node["table_name"].lower() in marts)
            if not is_mart and not is_named:
                return False
        elif kind in ("TABLE_FUNCTION", "SHOW_REF"):
            return False
    return True


def tree_of(query: str) -> dict[str, Any] | None:
    """The syntax tree of SELECT statements as DuckDB writes it; None where it writes none."""
    with duckdb.connect() as parser:
        # Quoted, because DuckDB loads pandas and Arrow to bind a value.
        row = parser.execute(f"SELECT json_serialize_sql({quote(query)}::VARCHAR)").fetchone()
    tree: dict[str, Any] = json.loads(row[0]) if row else {"error": True}
    return None if tree["error"] else tree


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of a syntax tree."""
    if isinstance(value, dict):
        yield value
        for child in value.values():
            yield from nodes(child)
    elif isinstance(value, list):
        for child in value:
            yield from nodes(child)


def refuse_in_home(settings: Settings, output: Path) -> None:
    """Refuse to write a result over files of the home.

    Raises:
        WrongUsage: the path leads into the home, the warehouse, the archive, or to a database.
    """
    target = output.expanduser().resolve()
    kept = [settings.root, *(Path(place) for place in (settings.warehouse, settings.archive) if not is_s3(place))]
    kept += [sqlite_path(uri) for uri in (settings.catalog_uri, settings.ops_uri) if is_sqlite(uri)]
    for place in kept:
        if target.is_relative_to(place.resolve()):
            raise WrongUsage(f"--output {output} lies in {place}, which the house keeps", "write to another folder")
