"""Functions that tests call in the process that has imported Great Expectations."""

from __future__ import annotations

import inspect
import sys
import threading


def imported() -> dict[str, object]:
    """Called where Great Expectations is imported: what of it is loaded, before and after something is read of it."""
    import altair
    from scipy import stats

    inspect.stack()  # asks each module for its file
    before = [name in sys.modules for name in ("great_expectations", "scipy.stats._stats_py", "altair.vegalite")]
    charts = callable(altair.Chart)
    return {"before": before, "threads": threading.active_count(), "median": stats.norm.cdf(0.0), "charts": charts}


def breaks(said: str) -> None:
    """Called to fail."""
    raise ValueError(f"not {said}")
