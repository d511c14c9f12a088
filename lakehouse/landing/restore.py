"""Records of landings, restored from the archive's receipts where the database that held them was lost.

The records in ops keep the same bytes from landing twice, and say which rows are removed when bytes are read in another
way. A receipt holds all of a record except the assets, which a replay finds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from lakehouse.archive import Archive, Receipt
from lakehouse.errors import printable
from lakehouse.landing.history import Landing
from lakehouse.landing.outcome import FileOutcome
from lakehouse.ops import OPEN, RUNS, Ops, canonical


class Restoration:
    """Collects during a replay the runs that the archive knows and ops lacks; `write` records them.

    Args:
        ops: the records.
        receipts: all receipts of the archive.
    """

    def __init__(self, ops: Ops, receipts: Iterable[Receipt]) -> None:
        self._ops = ops
        self._states = dict(map(tuple, ops.query(sa.select(RUNS.c.id, RUNS.c.status))))
        self._runs: dict[str, list[Receipt]] = {}
        for receipt in receipts:
            if self._states.get(receipt.run_id, OPEN[0]) in OPEN:
                self._runs.setdefault(receipt.run_id, []).append(receipt)
        self._slices: list[dict[str, object]] = []

    def is_landed(self, receipt: Receipt) -> bool:
        """Whether the rows of a receipt belong into the tables: it landed, or its outcome is unknown."""
        return receipt.outcome == "landed" or (receipt.outcome == "received" and receipt.run_id in self._runs)

    def landed(
        self,
        archive: Archive,
        members: Sequence[Receipt],
        slices: Sequence[Mapping[str, object]],
        received: Sequence[tuple[FileOutcome, Receipt]],
    ) -> None:
        """Take the result of a repeated run: rows of ops.slices, and the outcome of each receipt."""
        run_id = members[0].run_id
        if run_id not in self._runs:
            return
        at = _instant(members[-1])
        self._slices += [
            {**row, "run_id": run_id, "started_at": at, "finished_at": at, "snapshot_id": None} for row in slices
        ]
        open_receipts = {receipt.id: receipt for receipt in self._runs[run_id]}
        for outcome, receipt in received:
            if receipt.outcome == "received":
                open_receipts[receipt.id] = archive.close(receipt, outcome.status, outcome.reason, outcome.layout)
        self._runs[run_id] = list(open_receipts.values())

    def write(self, archive: Archive, landings: Iterable[Landing]) -> int:
        """Record the runs, their files and their slices in one commit; returns how many runs.

        Args:
            archive: takes the outcomes of receipts that were open.
            landings: as the replay leaves them; a later reading may have added assets to an earlier one.
        """
        assets = {(landing.run_id, landing.sequence): canonical(landing.assets) for landing in landings}
        for row in self._slices:
            row["assets"] = assets.get((str(row["run_id"]), int(str(row["sequence"]))), row["assets"])
        runs, fetches = [], []
        for run_id, receipts in self._runs.items():
            for place, receipt in enumerate(receipts):
                if receipt.outcome == "received":  # its bytes are damaged
                    receipts[place] = archive.close(receipt, "failed", "interrupted")
            outcomes = {receipt.outcome for receipt in receipts}
            first, last = _instant(receipts[0]), _instant(receipts[-1])
            asked = {"source": receipts[0].source, "options": receipts[0].request, "restored": True}
            runs.append({
                "id": run_id, "kind": "land", "started_at": first, "finished_at": last, "request": canonical(asked),
                "attempt": 1, "status": "done" if outcomes & {"landed", "unchanged"} else "failed",
            })  # fmt: skip
            fetches += [_fetch(receipt) for receipt in receipts]
        self._ops.restore(runs, fetches, self._slices)
        return len(runs)


def _fetch(receipt: Receipt) -> dict[str, object]:
    at = _instant(receipt)
    return {
        "run_id": receipt.run_id, "source": receipt.source, "path": printable(Path(receipt.path)),
        "sha256": receipt.sha256, "bytes": receipt.bytes, "status": receipt.outcome, "error": receipt.reason,
        "attempt": 1, "layout": receipt.layout, "started_at": at, "finished_at": at,
    }  # fmt: skip


def _instant(receipt: Receipt) -> datetime:
    """When it was received, naive UTC as ops stores it."""
    return datetime.fromisoformat(receipt.received_at).astimezone(UTC).replace(tzinfo=None)
