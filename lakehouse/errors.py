"""Errors that say what happened, where, and what to do.

`TransientError` may succeed when tried again; `TerminalError` will not until somebody acts.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from lakehouse.check_result import CheckResult

#: Next step for a broken home.
MEND = "run `wattlake replay`, then `wattlake build`; see docs/mending.md"


def visible(text: object, keep: str = "") -> str:
    """Text that is safe to print: characters that a terminal or a page would obey, or not show, are escaped.

    Names and cells come from outside: control characters, escape sequences and bidirectional marks are escaped as in
    Python literals.

    Args:
        text: anything.
        keep: characters that stay as they are.
    """
    plain = str(text)
    if plain.isprintable():
        return plain
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in plain)


def printable(path: Path) -> str:
    """A path as text that every database takes; bytes that are not UTF-8 are escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def is_name(text: str) -> bool:
    """Whether text can be the id of an asset: it is printable, and has no white space at its ends."""
    return bool(text) and text.isprintable() and text == text.strip()


class WattlakeError(Exception):
    """An error with a next step. Both are safe to print, whatever names they contain.

    Args:
        message: what happened and where.
        next_step: what the reader can do about it, as an imperative sentence.
    """

    #: Characters that `visible` keeps: messages may have several lines.
    keep: ClassVar[str] = "\n"

    def __init__(self, message: str, next_step: str = "") -> None:
        message, next_step = (visible(text, self.keep) for text in (message, next_step))
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message}\n  next: {self.next_step}" if self.next_step else self.message


class TransientError(WattlakeError):
    """May succeed when tried again: a lost race, a busy file, a server that did not answer."""


class LostRace(TransientError):
    """Another commit came first, so the rows that were read before it are stale."""


class Overtaken(TransientError):
    """A check before the commit no longer holds: another landing has declared something else meanwhile."""


class Busy(TransientError):
    """Another process holds a lock, and the caller does not wait."""


class UnknownOutcome(TransientError):
    """A commit was not acknowledged and may have landed: its files must stay."""


class TerminalError(WattlakeError):
    """Will fail again until somebody acts."""


class BrokenHome(TerminalError):
    """Part of the home is damaged, lost or elsewhere; a replay restores it from the archive."""


class WrongUsage(TerminalError):
    """The request makes no sense, whatever the data are."""


class UnreadableFile(TerminalError):
    """A file none of whose rows can be used: unknown layout, broken encoding, truncated archive."""

    keep: ClassVar[str] = ""


class NotLanded(UnreadableFile):
    """A file of a known kind that is not landed on purpose."""


class ContractViolation(TerminalError):
    """Rows or a schema change that a table's contract refuses."""


class ModelsFailed(TerminalError):
    """dbt could not build models over the data that landed; the last good marts stay published.

    Args:
        message, next_step: see `WattlakeError`.
        models: names of the failed models.
    """

    def __init__(self, message: str, next_step: str, models: list[str]) -> None:
        super().__init__(message, next_step)
        self.models = models


class ChecksFailed(TerminalError):
    """A blocking check failed; the last good marts stay published.

    Args:
        message, next_step: see `WattlakeError`.
        checks: the failed checks, with their first rows.
    """

    def __init__(self, message: str, next_step: str = "", checks: Sequence[CheckResult] = ()) -> None:
        super().__init__(message, next_step)
        self.checks = checks
