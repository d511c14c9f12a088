"""Shared by all commands: their group, which prints errors with a next step, and the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from lakehouse.errors import WattlakeError
    from lakehouse.settings import Settings


def example(text: str) -> str:
    """An epilog with an example, which click does not rewrap."""
    return f"\b\nExample:\n  {text}"


class Cli(click.Group):
    """Prints Wattlake's errors with their next step, without a stack trace."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; exit 2 on wrong usage and 1 on any other error that says what to do."""
        from flows.report.progress import report_waits
        from lakehouse.errors import WattlakeError, WrongUsage
        from lakehouse.outages import explained

        report_waits()
        try:
            with explained():
                return super().invoke(ctx)
        except WattlakeError as error:
            shown = error
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception:
            damage = _diagnosed()
            if damage is None:
                raise  # a bug of Wattlake
            shown = damage
        click.echo(f"error: {shown}", err=True)
        raise click.exceptions.Exit(2 if isinstance(shown, WrongUsage) else 1)


def _diagnosed() -> WattlakeError | None:
    """The damage of the home that explains an unexpected failure; None if there is none."""
    from lakehouse.damage import diagnosed, read_every_row
    from lakehouse.errors import WattlakeError

    try:
        return diagnosed(settings(), read_every_row)
    except WattlakeError as error:
        return error


def settings() -> Settings:
    """The settings of this process."""
    from lakehouse.settings import Settings

    return Settings()


def house() -> Settings:
    """The settings of this process, for commands that read: they refuse an empty home, such as a mistyped one."""
    from lakehouse.presence import require_house

    at = settings()
    require_house(at)
    return at
