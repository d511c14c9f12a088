"""The `wattlake` command. Commands call plain functions; heavy imports are made only in the command that needs them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from flows.cli import house as house_commands
from flows.cli import landing
from flows.cli.base import Cli, example, house
from flows.cli.explain import explain
from flows.cli.layouts import layout_group


@click.group(cls=Cli, context_settings={"help_option_names": ["-h", "--help"]}, epilog=example("wattlake demo"))
@click.version_option(package_name="wattlake")
def main() -> None:
    """Wattlake: one lakehouse for energy data.

    The data live in WATTLAKE_HOME (default ./.wattlake). Exit codes: 0 done, 1 failed, 2 wrong usage.
    """


for command in (
    *(landing.land, landing.sources, landing.download, landing.realtime, landing.backfill),
    *(landing.replay, house_commands.build, house_commands.sql, house_commands.catalog, house_commands.check),
    *(house_commands.dbt_env, house_commands.maintain, house_commands.doctor, explain, layout_group),
):
    main.add_command(command)


@main.command(epilog=example("wattlake docs --no-serve"))
@click.option("--output", type=click.Path(path_type=Path), help="write the site to this folder and end")
@click.option("--serve/--no-serve", "serving", default=None, help="serve the site (default, unless --output is given)")
@click.option("--host", default="127.0.0.1", show_default=True, help="address to listen on")
@click.option("--port", default=8090, show_default=True, type=click.IntRange(0, 65535), help="0 picks a free port")
def docs(output: Path | None, serving: bool | None, host: str, port: int) -> None:
    """Write the documentation site and serve it: dbt docs, Data Docs, the last checks.

    The pages work without internet, and also without a server, from the folder. Ends on Ctrl-C or SIGTERM.
    """
    from flows.docs_site.site import serve_site, write_site
    from flows.report.terminal import log

    page = write_site(house(), output, progress=log)
    click.echo(f"docs: {page}")
    if serving if serving is not None else output is None:
        serve_site(page.parent, host, port, log)


@main.group(epilog=example("wattlake serve sql"))
def serve() -> None:
    """Serve the published marts to people and tools."""


@serve.command("sql", epilog=example("wattlake serve sql --port 9494"))
@click.option("--host", default="127.0.0.1", show_default=True, help="address to listen on")
@click.option("--port", default=9494, show_default=True, type=click.IntRange(1, 65535))
def serve_sql(host: str, port: int) -> None:
    """Answer SQL over the published marts, read-only, for many clients at once, and follow new builds.

    Clients are DuckDB with its Quack extension; see docs/connect.md. They need the token: WATTLAKE_SQL_TOKEN, or one
    that is generated once and kept in the home. Ends on Ctrl-C or SIGTERM.
    """
    from flows.report.terminal import log
    from flows.serve import serve_sql as run

    run(house(), host, port, log)
    # Everything is closed, so the process exits at once: a statement that DuckDB still winds up may call the guard,
    # which would abort the process while the interpreter is shutting down.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


@main.command(epilog=example("wattlake demo"))
@click.option(
    "--home", type=click.Path(path_type=Path), default=Path(".wattlake-demo"), show_default=True, help="its own home"
)
@click.option("--days", default=14, show_default=True, type=click.IntRange(8, 60), help="days to simulate")
def demo(home: Path, days: int) -> None:
    """Simulate two sites and four power markets, and land, build, check and publish them, offline."""
    from flows.demo import demo as run

    if not run(home, days):
        raise click.exceptions.Exit(1)


if __name__ == "__main__":
    sys.exit(main())
