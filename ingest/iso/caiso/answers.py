"""Judges answers of OASIS: errors and empty days come in archives, and unknown nodes are left out silently."""

from __future__ import annotations

import csv
import io
import zipfile
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path

from ingest.http.exchange import Malformed, Refused, Verdict
from ingest.iso.answers import AGAIN, a_zip
from ingest.iso.caiso.oasis import NO_DATA, error_in
from lakehouse.errors import UnreadableFile

#: An error document of OASIS has 700 bytes.
ERROR_XML_BYTES = 1 << 20


def oasis_zip(path: Path, headers: Mapping[str, str]) -> Verdict:
    """Judge a ZIP archive: every file must be whole; an error document of OASIS in it is an error."""
    return a_zip(path, headers, _error)


def oasis_lacks(path: Path, nodes: tuple[str, ...], days: frozenset[date]) -> str | None:
    """The nodes and days that an answer of OASIS lacks: it leaves out unknown nodes silently.

    Args:
        path: the archive, judged before.
        nodes, days: requested nodes and operating days.

    Returns:
        A sentence with the nodes and the number of days that each lacks; None if nothing is missing, or if the columns
        are unknown (the reader refuses them by name).
    """
    wanted = {(node, day.isoformat()) for node in nodes for day in days}
    with zipfile.ZipFile(path) as archive, suppress(csv.Error):  # its reader says what is wrong with it
        for info in archive.infolist():
            with archive.open(info) as stream:
                rows = csv.reader(io.TextIOWrapper(stream, "utf-8", "replace", newline=""))
                header = [name.strip().upper() for name in next(rows, [])]
                if not {"NODE", "OPR_DT"} <= set(header):
                    return None
                node_at, day_at = header.index("NODE"), header.index("OPR_DT")
                wanted.difference_update(
                    (row[node_at], row[day_at][:10]) for row in rows if len(row) > max(node_at, day_at)
                )
    if not wanted:
        return None
    lacking = Counter(node for node, _ in wanted)
    listed = ", ".join(f"{node} ({number} days)" for node, number in sorted(lacking.items())[:10])
    return f"OASIS says nothing of {listed}\n  next: check the names of the nodes; they are asked for again"


def oasis_lacks_days(path: Path, days: frozenset[date]) -> str | None:
    """Operating days that an answer of OASIS lacks: some queries answer only one day.

    Args:
        path: the archive, judged before.
        days: requested days.

    Returns:
        A sentence with the days; None if none is missing, or if the columns are unknown.
    """
    wanted = {day.isoformat() for day in days}
    with zipfile.ZipFile(path) as archive, suppress(csv.Error):  # its reader says what is wrong with it
        for info in archive.infolist():
            with archive.open(info) as stream:
                rows = csv.reader(io.TextIOWrapper(stream, "utf-8", "replace", newline=""))
                header = [name.strip().upper() for name in next(rows, [])]
                if "OPR_DT" not in header:
                    return None
                day_at = header.index("OPR_DT")
                wanted.difference_update({row[day_at][:10] for row in rows if len(row) > day_at})
    if not wanted:
        return None
    listed = ", ".join(sorted(wanted)[:10])
    return f"OASIS says nothing of {listed}\n  next: they are asked for again"


def _error(archive: zipfile.ZipFile, listed: list[zipfile.ZipInfo]) -> Verdict | None:
    """The verdict on an error document in an archive of status 200; results are XML only on request."""
    if not listed or not all(info.filename.lower().endswith(".xml") for info in listed):
        return None
    for info in listed:
        if info.file_size > ERROR_XML_BYTES:
            continue
        try:
            error = error_in(archive.read(info))
        except UnreadableFile as broken:
            return Verdict(error=Malformed(f"{info.filename}: {broken.message}", AGAIN))
        if error is None:
            continue
        if error.code == NO_DATA:
            return Verdict("empty")
        says = f"OASIS refuses the query: {error.code} {error.words[:300]}"
        return Verdict(error=Refused(says, "check nodes and days, then ask again"))
    return Verdict()
