"""Arguments that are names or paths: checked before heavy imports, with suggestions for typos, and completed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from flows import names
from lakehouse.errors import TerminalError, WrongUsage, visible


class Name(click.ParamType):
    """One of a set of names."""

    def known(self) -> Sequence[str]:
        """The names, for the check and for completion."""
        raise NotImplementedError

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Names that begin with the typed text."""
        return [CompletionItem(name) for name in self.known() if name.startswith(incomplete)]


class SourceName(Name):
    """A source.

    Args:
        downloaded: only those that can be downloaded.
    """

    name = "source"

    def __init__(self, downloaded: bool = False) -> None:
        self.downloaded = downloaded

    def known(self) -> Sequence[str]:
        """All sources, or those that can be downloaded."""
        return names.downloads() if self.downloaded else names.SOURCES

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name itself.

        Raises:
            WrongUsage: there is no such source, or it cannot be downloaded.
        """
        if value in self.known():
            return value
        if value in names.SOURCES:
            raise WrongUsage(
                f"source {value!r} cannot be downloaded", f"give its files to `wattlake land {value} PATH`"
            )
        listed = "`wattlake sources` lists them"
        raise WrongUsage(f"there is no source {value!r}", names.did_you_mean(value, self.known(), listed))


class LayoutName(Name):
    """A layout: shipped, or the user's own."""

    name = "layout"

    def known(self) -> Sequence[str]:
        """Every layout, of all domains."""
        return names.layouts()

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name itself.

        Raises:
            WrongUsage: there is no such layout.
        """
        if value in self.known():
            return value
        listed = f"the layouts are: {', '.join(self.known())}; docs/layouts.md shows how to add one"
        raise WrongUsage(f"there is no layout {value!r}", names.did_you_mean(value, self.known(), listed))


class TableNames(Name):
    """Tables of raw.* and marts.*, separated by commas."""

    name = "tables"

    def known(self) -> Sequence[str]:
        """Every raw table and mart."""
        return (*names.RAW_TABLES, *names.marts())

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The names as given.

        Raises:
            WrongUsage: there is no such table.
        """
        for name in value.split(","):
            if name not in self.known():
                listed = "`wattlake catalog` lists them"
                raise WrongUsage(f"there is no table {name}", names.did_you_mean(name, self.known(), listed))
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Complete the last of the names."""
        *before, last = incomplete.split(",")
        return [CompletionItem(",".join([*before, name])) for name in self.known() if name.startswith(last)]


class ZoneName(Name):
    """An IANA time zone."""

    name = "zone"

    def known(self) -> Sequence[str]:
        """Every zone of the database."""
        from zoneinfo import available_timezones

        return sorted(available_timezones())

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name itself.

        Raises:
            click.BadParameter: there is no such zone.
        """
        from lakehouse.zones import zone

        try:
            return zone(value).key
        except TerminalError as error:
            wrong = error.message
        close = names.nearest(value, self.known())
        # Outside the handler: with an error of ours as its cause, it would be reported as that one.
        raise click.BadParameter(f"{wrong}{f'; did you mean {close[0]}?' if close else ''}", ctx, param)


class GivenPath(click.Path):
    """A file or folder that exists."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path.

        Raises:
            TerminalError: the path does not exist.
        """
        path = Path(super().convert(value, param, ctx))
        if not os.path.lexists(path):
            near: list[str] = []
            with suppress(OSError):
                near = sorted(other.name for other in path.parent.iterdir())
            raise TerminalError(
                f"{visible(path)} does not exist", names.did_you_mean(path.name, near, "check the path")
            )
        return path
