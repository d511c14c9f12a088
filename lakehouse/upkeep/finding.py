"""Findings of the doctor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from lakehouse.settings import Settings

Status = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report.

    Args:
        name: of the examined thing.
        status: 'ok'; 'warning' (it works, but look at it); 'problem' (something will fail).
        says: the finding; without secrets.
        mend: next step; empty if there is none.
    """

    name: str
    status: Status
    says: str
    mend: str = ""


Check = Callable[[Settings], Iterator[Finding]]
