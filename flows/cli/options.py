"""Options that several commands take: for files to land, and for days to download."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import date
from typing import Any, TypeVar

import click

from flows.cli.arguments import LayoutName, ZoneName
from lakehouse.options import LandOptions

Command = TypeVar("Command", bound=Callable[..., Any])

#: Kind of a land option → the type that checks its value.
TYPES = {"text": click.STRING, "zone": ZoneName(), "layout": LayoutName(), "positive": click.FLOAT}


def land_options(*only: str) -> Callable[[Command], Command]:
    """Add the land options: all of them, or only some by name."""

    def add(command: Command) -> Command:
        for option in reversed([option for option in fields(LandOptions) if not only or option.name in only]):
            name, kind = f"--{option.name.replace('_', '-')}", option.metadata["kind"]
            takes = {"is_flag": True} if kind == "switch" else {"type": TYPES[kind]}
            command = click.option(name, help=option.metadata["help"], **takes)(command)
        return command

    return add


def day(_context: click.Context, _option: click.Parameter, value: str | None) -> date | None:
    """Parse a day as YYYY-MM-DD."""
    try:
        return date.fromisoformat(value) if value else None
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a day; write it as 2026-01-31") from None


def window_options(command: Command) -> Command:
    """Add the options that select the days to download."""
    start = click.option("--start", callback=day, help="first day, in the provider's own time zone: 2026-01-01")
    end = click.option("--end", callback=day, help="day after the last one (default: up to the newest day)")
    return start(end(command))


LOCATIONS = click.option(
    "--locations", default="", help="CAISO: nodes, separated by commas, instead of WATTLAKE_CAISO_NODES"
)
