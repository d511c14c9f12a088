"""Errors that say what happened, where, and what to do.

`TransientError` may succeed when tried again; `TerminalError` will not until somebody acts.
"""

from __future__ import annotations


class WattlakeError(Exception):
    """An error with a next step.

    Args:
        message: what happened and where.
        next_step: what the reader can do about it, as an imperative sentence.
    """

    def __init__(self, message: str, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message}\n  next: {self.next_step}" if self.next_step else self.message


class TransientError(WattlakeError):
    """May succeed when tried again: a lost race, a busy file, a server that did not answer."""


class LostRace(TransientError):
    """Another commit came first; what was read before it no longer holds."""


class UnknownOutcome(TransientError):
    """A commit was not acknowledged and may have landed: what it wrote must stay."""


class TerminalError(WattlakeError):
    """Will fail again until somebody acts."""


class WrongUsage(TerminalError):
    """What was asked makes no sense, whatever the data are."""


class UnreadableFile(TerminalError):
    """A file none of whose rows can be used: unknown layout, broken encoding, truncated archive."""


class ContractViolation(TerminalError):
    """Rows or a schema change that a table's contract refuses."""


class ChecksFailed(TerminalError):
    """A blocking check failed; the last good marts stay published."""
