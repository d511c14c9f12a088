"""Options that several commands take: of files that land, and of days that are downloaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import date
from typing import Any, TypeVar

import click

from flows.cli.arguments import LayoutName, ZoneName
from lakehouse.options import LandOptions

Command = TypeVar("Command", bound=Callable[..., Any])

#: What an option of files takes → how it is checked.
TYPES = {"text": click.STRING, "zone": ZoneName(), "layout": LayoutName(), "positive": click.FLOAT}


def land_options(*only: str) -> Callable[[Command], Command]:
    """The options that say what the files don't: all of them, or some by their names."""

    def add(command: Command) -> Command:
        for option in reversed([option for option in fields(LandOptions) if not only or option.name in only]):
            name, kind = f"--{option.name.replace('_', '-')}", option.metadata["kind"]
            takes = {"is_flag": True} if kind == "switch" else {"type": TYPES[kind]}
            command = click.option(name, help=option.metadata["help"], **takes)(command)
        return command

    return add


def day(_context: click.Context, _option: click.Parameter, value: str | None) -> date | None:
    """A day as YYYY-MM-DD."""
    try:
        return date.fromisoformat(value) if value else None
    except ValueError:
        raise click.BadParameter(f"{value!r} is no day; write it as 2026-01-31") from None


def window_options(command: Command) -> Command:
    """The options that say which days are downloaded."""
    start = click.option("--start", callback=day, help="first day, in the provider's own time zone: 2026-01-01")
    end = click.option("--end", callback=day, help="day after the last one (default: the newest is the last)")
    return start(end(command))


LOCATIONS = click.option(
    "--locations", default="", help="CAISO: these nodes, with commas, instead of WATTLAKE_CAISO_NODES"
)
