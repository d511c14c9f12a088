"""The shell of `wattlake sql`: one session, statements over several lines, history, and completion of names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click
import duckdb

from flows.cli.query import answer, parsed, session_for
from lakehouse.errors import WattlakeError
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from prompt_toolkit.history import History

HISTORY = "sql_history"
#: SQL keywords that completion offers beside tables and columns.
KEYWORDS = (
    "SELECT", "FROM", "WHERE", "GROUP BY ALL", "ORDER BY ALL", "HAVING", "LIMIT", "JOIN", "LEFT JOIN", "USING", "ON",
    "AND", "OR", "NOT", "AS", "WITH", "DISTINCT", "CASE", "WHEN", "THEN", "ELSE", "END", "INTERVAL", "BETWEEN",
    "IS NULL", "UNION ALL", "QUALIFY", "OVER", "PARTITION BY", "DESCRIBE", "SUMMARIZE", "SHOW TABLES", "EXPLAIN",
)  # fmt: skip
ENDS = (".quit", ".exit", "\\q", "quit", "exit")
HELP = "SHOW TABLES; DESCRIBE energy_1d; a statement ends with ; and .quit or Ctrl-D ends the shell"


def shell(settings: Settings, style: str) -> None:
    """Read statements and print their rows until the user ends the shell; an error does not end it.

    Args:
        settings: of the home.
        style: format of the rows.
    """
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import WordCompleter

    with session_for(settings, None) as connection:
        completer = WordCompleter(offered(connection), ignore_case=True, pattern=re.compile(r"[\w.]+"))
        session: PromptSession[str] = PromptSession(
            history=_history(settings.root / HISTORY),
            completer=completer,
            complete_while_typing=False,
            multiline=True,
            key_bindings=_enter_ends_a_statement(),
            prompt_continuation="      ... ",
        )
        click.echo(f"{settings.root} as it is now; {HELP}")
        while True:
            try:
                text = session.prompt("wattlake> ").strip()
            except KeyboardInterrupt:
                continue
            except EOFError:
                return
            if text.rstrip(";").strip().lower() in ENDS:
                return
            if text in (".help", "help", "?"):
                click.echo(HELP)
            elif text.strip("; \n"):
                _run(settings, connection, text, style)


def offered(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The completions: tables with and, for marts, without their schema, columns, SQL keywords."""
    tables = connection.execute(
        "SELECT database_name, table_name FROM duckdb_tables() WHERE database_name = 'marts' UNION ALL "
        "SELECT database_name, view_name FROM duckdb_views() WHERE database_name IN ('raw', 'ops') ORDER BY ALL"
    ).fetchall()
    columns = connection.execute(
        "SELECT DISTINCT column_name FROM duckdb_columns() WHERE database_name IN ('raw', 'marts', 'ops') ORDER BY 1"
    ).fetchall()
    bare = [table for schema, table in tables if schema == "marts"]
    return [*bare, *(f"{schema}.{table}" for schema, table in tables), *(column for (column,) in columns), *KEYWORDS]


def is_whole(text: str) -> bool:
    """Whether Enter runs the typed text: it ends with a semicolon, or is a command of the shell."""
    text = text.strip()
    return not text or text.endswith(";") or text.startswith((".", "\\", "?")) or text.lower() in (*ENDS, "help")


def _run(settings: Settings, connection: duckdb.DuckDBPyConnection, text: str, style: str) -> None:
    try:
        answer(settings, connection, parsed(text), style, None)
    except WattlakeError as error:
        click.echo(f"error: {error}", err=True)
    except KeyboardInterrupt:
        connection.interrupt()
        click.echo("stopped", err=True)


def _enter_ends_a_statement() -> object:
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

    bindings = KeyBindings()

    @bindings.add("enter")
    def _(event: KeyPressEvent) -> None:
        if is_whole(event.current_buffer.text):
            event.current_buffer.validate_and_handle()
        else:
            event.current_buffer.insert_text("\n")

    return bindings


def _history(path: Path) -> History:
    """The statements of earlier shells, kept in the home; in memory only if the home cannot be written."""
    from prompt_toolkit.history import FileHistory, InMemoryHistory

    try:
        path.touch(mode=0o600)
    except OSError:
        return InMemoryHistory()
    return FileHistory(str(path))
