"""Received bytes compared with the landings before: they are new, a copy, or an earlier statement made again.

In most tables rows are observations. Bytes that land again are read with the options of this landing, and the rows that
they gave before are removed. In tables of statements (`lakehouse.contract.Contract`) nothing is removed. An operator
may publish the same bytes again after others, for instance to roll a correction back: they are its latest statement
then, and the first publication stays a statement too. So the time of publication decides:

- where a listing or header gives it, each such instant is a statement of its own;
- where nothing gives it, bytes are a new statement if the file that held them has held other bytes since. Otherwise
  they are a copy, which dates from the first landing.

In tables of slices (mode 'replace') the statement that was received last holds: bytes that land again state their slice
again, and equal rows change nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lakehouse.archive import Archive, Receipt
from lakehouse.landing.history import STATED, History, Landing, file_of, tail
from lakehouse.ops import canonical
from lakehouse.source import Source

#: Keys in the origin of a receipt that hold the operator's time of publication.
PUBLISHED = ("published_at", "modified_at")


@dataclass(frozen=True)
class Comparison:
    """How received bytes compare with what has landed.

    Args:
        request: identifies the landing, together with bytes and name: land options, and the time of publication where
            it is known; canonical JSON.
        adds_nothing: everything that the bytes say has landed.
        replaces: the bytes were read in another way before, and the rows of that reading are void.
        earlier: the landings of the same file, in order.
        dated_by: the receipt that says when the bytes were published or received.
    """

    request: str
    adds_nothing: bool
    replaces: bool
    dated_by: Receipt
    earlier: tuple[Landing, ...] = ()


def compare(receipt: Receipt, path: str, source: Source, history: History, archive: Archive) -> Comparison:
    """Compare received bytes with the landings of their source.

    Args:
        receipt: of the bytes.
        path: where they came from, printable.
        source: that reads them.
        history: the landings of the source.
        archive: holds the receipts of these landings.
    """
    before = history.of_bytes(receipt.sha256)
    alike = [landing for landing in before if tail(landing.path) == tail(path)]
    asked = canonical(receipt.request)
    modes = {contract.mode for contract in source.contracts}
    if not all(contract.statement for contract in source.contracts):
        file = file_of(receipt.sha256, path, receipt.request)
        latest = {landing.file: landing for landing in before}
        # Bytes that state a slice again are its latest statement, whatever other bytes stated meanwhile.
        unchanged = "replace" not in modes and file in latest and latest[file].request == asked
        replaces = modes != {"replace"} and any(
            _way(landing.asked) != _way(receipt.request) for landing in latest.values()
        )
        earlier = tuple(landing for landing in before if landing.file == file)
        return Comparison(asked, unchanged, replaces, receipt, earlier)
    if stated := {name: receipt.origin[name] for name in PUBLISHED if receipt.origin.get(name)}:
        request = canonical({**receipt.request, STATED: stated})
        return Comparison(request, any(landing.request == request for landing in alike), False, receipt)
    held = history.last_of_path(path)
    if held is not None and held.sha256 != receipt.sha256:
        return Comparison(asked, False, False, receipt)
    if any(landing.asked == json.loads(asked) for landing in alike):
        return Comparison(asked, True, False, receipt)
    return Comparison(asked, False, False, _first(before, archive) or receipt)


def _way(asked: Mapping[str, object]) -> str:
    """The land options that decide how bytes are read: all but the names."""
    return canonical({name: value for name, value in asked.items() if name not in ("asset", "site", STATED)})


def _first(landings: Sequence[Landing], archive: Archive) -> Receipt | None:
    """The first receipt that the archive still has."""
    receipts = (archive.receipt(landing.run_id, landing.sequence, landing.sha256) for landing in landings)
    return next((receipt for receipt in receipts if receipt is not None), None)
