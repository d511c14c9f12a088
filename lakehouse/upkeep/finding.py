"""What an examination finds."""

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
        name: what was looked at.
        status: 'ok'; 'warning' (it works, look at it); 'problem' (something will fail).
        says: what was found; holds no secret.
        mend: what to do; empty where nothing is.
    """

    name: str
    status: Status
    says: str
    mend: str = ""


Check = Callable[[Settings], Iterator[Finding]]
