"""`wattlake layout`: shows how a layout reads a file, before anything lands."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from flows.cli.arguments import GivenPath
from flows.cli.options import land_options

if TYPE_CHECKING:
    from flows.layout_check import LayoutCheck

#: Facts about how a file was read, in the order of the output: key → shown name.
_DIALECT = {
    "format": "format", "sheet": "sheet", "encoding": "encoding", "bom": "byte order mark",
    "header_line": "header line", "delimiter": "delimiter", "decimal": "decimal sign", "thousands": "thousands",
    "stamp_format": "stamp format", "stamp_zone": "stamp zone",
}  # fmt: skip


@click.group("layout", epilog="\b\nExample:\n  wattlake layout check export.csv")
def layout_group() -> None:
    """Layouts: how kinds of files are recognised and what their signals mean (docs/layouts.md)."""


@layout_group.command("check", epilog="\b\nExample:\n  wattlake layout check export.csv --layout mine.toml")
@click.argument("file", type=GivenPath())
@click.option("--layout", help="read with this layout: its name, or the path of a layout file")
@click.option("--domain", help="use only the layouts of this domain: meter, bess (default: all)")
@land_options("asset", "timezone", "site_timezone")
@click.option("--rows", "count", default=10, show_default=True, type=click.IntRange(0, 1000), help="values to show")
def check(file: Path, domain: str | None, count: int, **options: Any) -> None:
    """Show how a layout reads FILE: nothing lands, and no home is needed.

    The output shows which layout recognises the file, or what the nearest ones miss; how the file is read; its first
    values with instant, interval, signal and unit; and which rows would be refused, with the reason. Exits with 1 if
    the file would be refused.
    """
    from flows.cli.base import settings
    from flows.layout_check import check_layout
    from lakehouse.source import LandOptions

    report = check_layout(file, settings().layout_dirs, LandOptions(**options), domain, count)
    _show(report)
    if report.failure is not None:
        raise click.exceptions.Exit(1)


def _show(report: LayoutCheck) -> None:
    from flows.report.tables import plain, table

    click.echo(f"{plain(report.path.name)}: {report.size_bytes:,} bytes")
    for verdict in report.recognised:
        layout = verdict.layout
        click.echo(f"recognised by: {layout.name}, a layout of {layout.domain} ({plain(layout.description)})")
    if not report.recognised:
        click.echo("recognised by no layout")
    if report.failure is not None:
        click.echo(f"it would be refused: {plain(str(report.failure))}")
        missing = [(verdict.layout.name, verdict.layout.domain, verdict.why_not) for verdict in report.nearest]
        if not report.recognised and missing:
            table(("layout", "domain", "what is missing"), missing, "the nearest layouts")
        return
    click.echo(f"read as {report.domain} with: {report.layout}")
    facts = ((label, _named(report.dialect.get(key, ""))) for key, label in _DIALECT.items())
    shown = [(label, value) for label, value in facts if value]
    table(("how it is read", ""), shown)
    if report.first:
        table(
            ("line", "UTC", "local", "interval", "asset", "signal", "kind", "unit", "value", "status"),
            [_row(each) for each in report.first],
            "the first values",
            drop=("status", "kind"),
            shown_as=plain,
        )
    click.echo(
        f"{report.rows_read:,} values read: {report.rows_landed:,} would land, {report.rows_empty:,} are empty, "
        f"{sum(one.count for one in report.refused):,} are refused"
    )
    if report.refused:
        table(
            ("refused", "why", "first line", "column", "text"),
            [(one.count, one.reason, one.line, one.field or "-", _short(one.raw_text)) for one in report.refused],
            drop=("text",),
        )


def _row(each: dict[str, Any]) -> tuple[Any, ...]:
    start: datetime = each["ts"]
    local = start.astimezone(ZoneInfo(each["zone"]))
    length = None if each["interval_end"] is None else str(each["interval_end"] - start)
    means = each["means"]
    value = each["value_exact"] if each["value_exact"] is not None else each["value"]
    is_text = means["kind"] in ("code", "category")
    return (
        each["line"], f"{start:%Y-%m-%d %H:%M:%S}", f"{local:%Y-%m-%d %H:%M:%S %Z}", length,
        each["asset_id"], each["signal"], means["kind"], means["unit"],
        each["text"] if is_text else value, None if is_text else each["text"],
    )  # fmt: skip


def _named(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return {"\t": "tab", " ": "blank", ",": ", (comma)", ".": ". (point)", "0": ""}.get(str(value), str(value))


def _short(text: str | None, limit: int = 80) -> str:
    if text is None:
        return "-"
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
