"""Reads `area,interval_start,planned_mw`: all hours of the day in the file's name that the areas in it have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from ingest.plan.contracts import PLANS
from lakehouse.contract import Slice
from lakehouse.errors import UnreadableFile
from lakehouse.source import REJECTS_SCHEMA, LandOptions, Parsed, RawFile

HEADER = b"area,interval_start,planned_mw"
NEXT_STEP = "download it again"


def plan(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """The rows of one document, and the day of each area as the slice that they state whole.

    Raises:
        UnreadableFile: it is no plan.
    """
    named = re.fullmatch(r"plan_(\d{4}-\d\d-\d\d)\.csv", file.path.name)
    header, *lines = file.content.splitlines() or [b""]
    if named is None or header != HEADER:
        raise UnreadableFile("the file is no plan of Acme", NEXT_STEP)
    day = datetime.fromisoformat(named[1]).replace(tzinfo=UTC)
    rows, rejects = [], []
    for number, line in enumerate(lines, start=2):
        try:
            area, stamp, power = line.decode().split(",")
            at = datetime.fromisoformat(stamp).astimezone(UTC)
            if not day <= at < day + timedelta(days=1):
                raise ValueError("the hour is not of the file's day")
            rows.append(
                {"area": area, "interval_start": at, "planned_mw": float(power), "source_object": file.sha256,
                 "line": number}
            )  # fmt: skip
        except ValueError as error:
            text = line.decode(errors="replace")
            rejects.append({"line": number, "field": "", "reason": f"is no hour of a plan: {error}", "raw_text": text})
    if not rows:
        raise UnreadableFile("the plan has no hours", NEXT_STEP)
    stated = [
        Slice("interval_start", day, day + timedelta(days=1), {"area": area})
        for area in sorted({row["area"] for row in rows})
    ]
    yield Parsed(
        {PLANS.name: pa.Table.from_pylist(rows, schema=PLANS.arrow_schema)},
        pa.Table.from_pylist(rejects, schema=REJECTS_SCHEMA), "acme", rows_read=len(lines), stated={PLANS.name: stated},
    )  # fmt: skip
