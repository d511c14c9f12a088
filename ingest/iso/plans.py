"""Every plan of a download: which documents of an operator a window of market days needs."""

from __future__ import annotations

import importlib

from ingest.iso.request import Plan
from lakehouse.errors import WrongUsage

#: Operators with a plan in their folder.
OPERATORS = ("ercot", "caiso", "isone", "nyiso")


def plans() -> dict[str, Plan]:
    """The plan of every source that can be downloaded, by its name."""
    found: dict[str, Plan] = {}
    for operator in OPERATORS:
        found.update(importlib.import_module(f"ingest.iso.{operator}.plan").PLANS)
    return found


def plan_of(source: str) -> Plan:
    """The plan of a source.

    Raises:
        WrongUsage: it cannot be downloaded.
    """
    known = plans()
    if source not in known:
        raise WrongUsage(f"source {source!r} cannot be downloaded", f"use one of: {', '.join(sorted(known))}")
    return known[source]
