"""Records of landings, restored from the archive's receipts where the database that held them was lost.

What has landed is known from ops: it keeps the same bytes from landing twice, and says which rows go when they are read
in another way. A receipt says all of it but the assets, which a replay finds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from lakehouse.archive import Archive, Receipt
from lakehouse.landing.history import Landing
from lakehouse.landing.outcome import FileOutcome
from lakehouse.landing.run import printable
from lakehouse.ops import OPEN, RUNS, Ops, canonical


class Restoration:
    """Gathers, during a replay, what ops lacks of the runs that the archive knows; `write` records it.

    Args:
        ops: the records.
        receipts: all receptions.
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
        """Whether rows of a reception belong into the tables: it landed, or nobody said what came of it."""
        return receipt.outcome == "landed" or (receipt.outcome == "received" and receipt.run_id in self._runs)

    def landed(
        self,
        archive: Archive,
        members: Sequence[Receipt],
        slices: Sequence[Mapping[str, object]],
        received: Sequence[tuple[FileOutcome, Receipt]],
    ) -> None:
        """Take what the landing of a run gave again: rows of ops.slices, and what became of each reception."""
        run_id = members[0].run_id
        if run_id not in self._runs:
            return
        at = _instant(members[-1])
        self._slices += [
            {**row, "run_id": run_id, "started_at": at, "finished_at": at, "snapshot_id": None} for row in slices
        ]
        told = {receipt.id: receipt for receipt in self._runs[run_id]}
        for outcome, receipt in received:
            if receipt.outcome == "received":
                told[receipt.id] = archive.close(receipt, outcome.status, outcome.reason, outcome.layout)
        self._runs[run_id] = list(told.values())

    def write(self, archive: Archive, landings: Iterable[Landing]) -> int:
        """Record the runs, their files and their slices in one commit; returns how many runs.

        Args:
            archive: takes what came of receptions that were open.
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
