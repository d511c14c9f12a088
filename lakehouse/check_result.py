"""The result of a check of a build."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class CheckResult:
    """One check.

    Args:
        engine: 'gx' or 'dbt'.
        name: of the check.
        status: 'pass', 'fail' (rows break it), 'warn' (rows break it, and it does not block), 'error' (it could not
            run).
        rows_failed: number of rows that break it.
        sample: the first of these rows; of Great Expectations' checks with values as JSON has them.
        message: the failure, if there are no rows to show.
        seconds: run time.
        models: models that the check is about, by name; what is built of them stands on it too.
    """

    engine: str
    name: str
    status: str
    rows_failed: int = 0
    sample: list[dict[str, object]] = field(default_factory=list)
    message: str | None = None
    seconds: float = 0.0
    models: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> CheckResult:
        """The reverse of `dataclasses.asdict` after a trip through JSON."""
        return cls(**{**value, "models": tuple(value["models"])})

    @property
    def blocks(self) -> bool:
        """Whether the check keeps a build from being published."""
        return self.status in ("fail", "error")
