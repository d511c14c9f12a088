"""The documentation site: dbt docs, Data Docs and the last checks, as files that open without internet."""

from __future__ import annotations

import functools
import http.server
import json
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa

from flows.docs_site.home import home_page
from flows.serve import until_signal
from ingest.registry import registry
from lakehouse.errors import TerminalError
from lakehouse.marts import audit
from lakehouse.marts.data_docs import html_page, html_table, rows_table, write_pages
from lakehouse.ops import CHECKS, Ops
from lakehouse.settings import Settings

Progress = Callable[[str], None]


def write_site(settings: Settings, output: Path | None, progress: Progress = lambda step: None) -> Path:
    """Write the site.

    Args:
        settings: of the home.
        output: folder of the site; `docs` in the home by default.
        progress: called at each step.

    Returns:
        Its first page. `dbt/index.html`, `checks.html` and `data-docs/` are beside it.

    Raises:
        TerminalError: dbt could not make its page.
    """
    folder = (output or settings.root / "docs").resolve()
    (folder / "dbt").mkdir(parents=True, exist_ok=True)
    progress("dbt docs generate")
    with audit.workspace(settings, registry().contracts, "docs") as work:
        work.dbt(["docs", "generate", "--static"])
        made = work.folder / "target" / "static_index.html"
        if not made.exists():
            raise TerminalError("dbt made no static page", "run `wattlake build` first")
        shutil.copyfile(made, folder / "dbt" / "index.html")
    progress("data docs")
    shutil.rmtree(folder / "data-docs", ignore_errors=True)
    builds = write_pages(settings, folder / "data-docs", "../../index.html")
    checks = _last_checks(settings)
    (folder / "checks.html").write_text(_checks_page(checks))
    progress("first page")
    counts = Counter(row.status for row in checks)
    page = folder / "index.html"
    page.write_text(home_page(settings, builds, counts, [row for row in checks if row.status != "pass"]))
    return page


def serve_site(folder: Path, host: str, port: int, progress: Progress) -> None:
    """Serve the site until Ctrl-C or SIGTERM; prints its URL.

    Raises:
        TerminalError: the port is taken.
    """
    handler = functools.partial(_Quiet, directory=str(folder))
    try:
        server = http.server.ThreadingHTTPServer((host, port), handler)
    except OSError as error:
        raise TerminalError(f"cannot serve on {host}:{port}: {error.strerror}", "choose another --port") from error
    with until_signal() as ended, server:
        thread = threading.Thread(target=server.serve_forever, name="docs")
        thread.start()
        click.echo(f"http://{host}:{server.server_port}/")
        ended.wait()
        server.shutdown()
        thread.join()
    progress("stopped")


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


def _last_checks(settings: Settings) -> list[Any]:
    """The checks of the last run that recorded any, failing ones first."""
    latest = sa.select(CHECKS.c.run_id).order_by(CHECKS.c.finished_at.desc()).limit(1).scalar_subquery()
    rows = Ops(settings).query(
        CHECKS.select().where(CHECKS.c.run_id == latest).order_by(CHECKS.c.engine, CHECKS.c.name)
    )
    return sorted(rows, key=lambda row: row.status == "pass")


def _checks_page(rows: Sequence[Any]) -> str:
    parts = ['<p><a href="index.html">Home</a></p><h1>Last checks</h1>']
    if rows:
        parts.append(
            f"<p>Build {escape(rows[0].build_id or '-')}, finished {rows[0].finished_at:%Y-%m-%d %H:%M} UTC.</p>"
        )
    else:
        parts.append("<p>None has run yet: <code>wattlake build</code> runs them.</p>")
    for row in rows:
        if row.status != "pass":
            sample = json.loads(row.sample or "[]")
            parts.append(
                f'<h4><span class="{row.status}">{row.status}</span> {escape(row.engine)}: {escape(row.name)}</h4>'
            )
            parts.append(f"<p>{row.rows_failed or 0} rows. {escape(row.error or '')}</p>")
            parts.append(rows_table(sample) if sample else "")
    listed = [(row.engine, row.name, row.status, row.rows_failed, round(row.seconds or 0, 2)) for row in rows]
    parts.append(html_table(("engine", "check", "outcome", "failing rows", "seconds"), listed))
    return html_page("Last checks", "".join(parts))
