"""What a reception says: something new, nothing, or what these bytes said before, at another time.

In most tables rows are observations: bytes that land again are read in the way that is asked for now, and what they
gave before goes. In tables of statements (`lakehouse.contract.Contract`) nothing goes. An operator may publish bytes
again after others, as where it rolls a correction back: they are its latest word then, and were its word the first time
too. So what counts is when they were published:

- where a listing or header says when, each such instant is a statement of its own;
- where nothing does, bytes state anew what they said when the file that held them has held others since. Elsewhere they
  are a copy, which dates from their first landing.

In tables of slices (mode 'replace') the statement that was received last holds: bytes that land again state their slice
again, and what is equal changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lakehouse.archive import Archive, Receipt
from lakehouse.landing.history import STATED, Landing, Landings, file_of, tail
from lakehouse.ops import canonical
from lakehouse.source import Source

#: In the origin of a receipt: when the operator says that it published the bytes.
PUBLISHED = ("published_at", "modified_at")


@dataclass(frozen=True)
class Reception:
    """What a reception is.

    Args:
        request: what identifies its landing, with its bytes and its name: land options, and when it was published if
            that was said; canonical JSON.
        says_nothing: all that it says has landed.
        replaces: its bytes were read in another way before, and what that gave is void.
        earlier: the landings of the same file, in order.
        dated_by: the receipt that says when its bytes were published or received.
    """

    request: str
    says_nothing: bool
    replaces: bool
    dated_by: Receipt
    earlier: tuple[Landing, ...] = ()


def reception(receipt: Receipt, path: str, source: Source, landings: Landings, archive: Archive) -> Reception:
    """Tell what some bytes say beyond what has landed.

    Args:
        receipt: of the bytes.
        path: where they came from, printable.
        source: that reads them.
        landings: what it has landed.
        archive: holds the receipts of these.
    """
    before = landings.of_bytes(receipt.sha256)
    alike = [landing for landing in before if tail(landing.path) == tail(path)]
    asked = canonical(receipt.request)
    modes = {contract.mode for contract in source.contracts}
    if not all(contract.statement for contract in source.contracts):
        file = file_of(receipt.sha256, path, receipt.request)
        latest = {landing.file: landing for landing in before}
        # Of slices that other bytes have stated since, these are the latest word again.
        unchanged = "replace" not in modes and file in latest and latest[file].request == asked
        replaces = modes != {"replace"} and any(
            _way(landing.asked) != _way(receipt.request) for landing in latest.values()
        )
        earlier = tuple(landing for landing in before if landing.file == file)
        return Reception(asked, unchanged, replaces, receipt, earlier)
    if stated := {name: receipt.origin[name] for name in PUBLISHED if receipt.origin.get(name)}:
        request = canonical({**receipt.request, STATED: stated})
        return Reception(request, any(landing.request == request for landing in alike), False, receipt)
    held = landings.last_of_path(path)
    if held is not None and held.sha256 != receipt.sha256:
        return Reception(asked, False, False, receipt)
    if any(landing.asked == json.loads(asked) for landing in alike):
        return Reception(asked, True, False, receipt)
    return Reception(asked, False, False, _first(before, archive) or receipt)


def _way(asked: Mapping[str, object]) -> str:
    """The way to read bytes that some land options ask for, whatever names they give."""
    return canonical({name: value for name, value in asked.items() if name not in ("asset", "site", STATED)})


def _first(landings: Sequence[Landing], archive: Archive) -> Receipt | None:
    """The receipt of the first landing whose receipt is there."""
    receipts = (archive.receipt(landing.run_id, landing.sequence, landing.sha256) for landing in landings)
    return next((receipt for receipt in receipts if receipt is not None), None)
