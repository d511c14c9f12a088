"""Final states of runs, for outcomes that plain Completed or Failed would hide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.report import artifacts
from lakehouse.errors import ChecksFailed, TerminalError
from lakehouse.landing.outcome import FileOutcome

#: Names of final states beside Prefect's own; deploy/automations.yaml names them too.
REFUSED, CHECKS_FAILED, STALE = "Refused", "ChecksFailed", "Stale"
#: Number of files that a state's message names; the run's artifact lists all.
NAMED = 3


def of_files(files: Sequence[FileOutcome]) -> State[dict[str, int]]:
    """The final state of a landing: Completed, or *Refused* if at least one file was refused.

    Refused is a state of the type Failed: it is red in every list of the UI, it counts among the failed runs of the
    dashboard, and whoever gets notifications of failed runs gets one. No retry follows, because retries are the
    tasks' and the task has done its work: what could be read has landed, and a refused file needs a person.
    """
    found = artifacts.counts(files)
    refused = [outcome for outcome in files if outcome.status == "refused"]
    if not refused:
        return Completed(message=artifacts.summary(files), data=found)
    alone = f"none of {len(files)} files landed" if len(refused) == len(files) else artifacts.summary(files)
    listed = [artifacts.plain((outcome.reason or "").partition("\n  next: ")[0]) for outcome in refused[:NAMED]]
    if len(refused) > NAMED:
        listed.append(f"and {len(refused) - NAMED:,} more")
    step = "see all of them in the run's artifact, mend the files and land them again"
    error = TerminalError("\n".join((alone, *listed)), step)
    return Failed(name=REFUSED, message=str(error), data=error)  # if it were raised, the log would have a stack trace


def of_failed_checks(error: ChecksFailed) -> State[Any]:
    """The final state of an unpublished build; its message names the checks and shows rows that fail them."""
    return Failed(name=CHECKS_FAILED, message=str(error), data=error)


def of_left_out(held_back: Mapping[str, str], kept_back: Mapping[str, str]) -> State[Any]:
    """The final state of a build that was published without some assets or marts: failed, because somebody must act."""
    reasons = [f"{asset} is held back: {reason}" for asset, reason in sorted(held_back.items())]
    reasons += [f"{mart} is kept back: {reason}" for mart, reason in sorted(kept_back.items())]
    step = "mend the data, the mart or its check; each build after a landing or a change of the project tries again"
    error = TerminalError("\n".join(reasons), step)
    return Failed(name=CHECKS_FAILED, message=str(error), data=error)
