"""ERCOT's listings: the documents and their times of posting.

Both the Public API and the MIS state the time as a Central wall clock. The API writes no offset; the MIS writes that of
the moment of listing, whatever the offset was at the time of posting: in a listing of March, documents from before the
change of the clocks are an hour off by it. So only the wall clock counts, which a document's own name repeats.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ingest.http.client import Client
from ingest.http.exchange import Ask, Malformed, plain_name
from ingest.iso.ercot.access import Access

ZONE = ZoneInfo("America/Chicago")
#: Documents on a page of a listing; the default of the Public API is the same.
PAGE = 1000
#: Largest number of pages of one listing: ten years of SCED have a thousand.
PAGES = 2000
#: Errors that a listing of unknown form raises.
ODD = (KeyError, TypeError, ValueError, AttributeError, OverflowError)
#: Years of postings, the last one excluded.
FIRST_YEAR, LAST_YEAR = 2000, 2100
#: Largest difference by which the clocks of two documents may contradict the order of their numbers.
_OUT_OF_STEP = timedelta(minutes=1)


@dataclass(frozen=True)
class Listed:
    """A document in a listing.

    Args:
        doc_id: its number.
        name: a file name for its bytes.
        label: its friendly name.
        published_at: UTC.
    """

    doc_id: str
    name: str
    label: str
    published_at: datetime


@dataclass(frozen=True)
class _Entry:
    """A document as its listing has it.

    Args:
        doc_id, name, label: see `Listed`.
        wall: Central clocks when it was posted.
        is_second: in the hour that autumn repeats, whether it says that it is of the second one.
    """

    doc_id: str
    name: str
    label: str
    wall: datetime
    is_second: bool


async def archived(emil: str, posted_from: date, posted_to: date, access: Access, client: Client) -> list[Listed]:
    """Documents of the Public API's archive.

    Args:
        emil: of the product.
        posted_from, posted_to: Central days of their posting, half-open.

    Raises:
        TransientError, TerminalError: the listing cannot be fetched, or its form is unknown.
    """
    return _dated([entry async for entry in _archive(emil, posted_from, posted_to, access, client)])


async def of_mis(report: int, access: Access, client: Client) -> list[Listed]:
    """Documents of the MIS, each posting once: it is there as CSV and as XML.

    Args:
        report: report type id.

    Raises:
        TransientError, TerminalError: the listing cannot be fetched, or its form is unknown.
    """
    return _dated([entry async for entry in _mis(report, access, client)])


def _dated(entries: Sequence[_Entry]) -> list[Listed]:
    """Documents with the instants of their posting.

    Both listings state Central wall clocks, and in autumn one hour of these occurs twice. Numbers of documents grow as
    they are posted. So of that hour a document is in the second pass that says so, or whose clock is back from that of
    a document of a lower number, and so is each with a higher number; any other one is in the first pass.
    """
    latest: dict[date, datetime] = {}
    second: set[date] = set()
    instants: dict[str, datetime] = {}
    for entry in sorted(entries, key=lambda entry: int(entry.doc_id)):
        wall, day = entry.wall, entry.wall.date()
        if _occurs_twice(wall):
            if entry.is_second or wall < latest.get(day, wall) - _OUT_OF_STEP:
                second.add(day)
            latest[day] = max(wall, latest.get(day, wall))
        instants[entry.doc_id] = wall.replace(tzinfo=ZONE, fold=int(day in second)).astimezone(UTC)
    return [Listed(entry.doc_id, entry.name, entry.label, instants[entry.doc_id]) for entry in entries]


def _occurs_twice(wall: datetime) -> bool:
    first, second = (wall.replace(tzinfo=ZONE, fold=fold).astimezone(UTC) for fold in (0, 1))
    return first < second


async def _archive(
    emil: str, posted_from: date, posted_to: date, access: Access, client: Client
) -> AsyncIterator[_Entry]:
    params = {
        "postDatetimeFrom": f"{posted_from}T00:00:00", "postDatetimeTo": f"{posted_to}T00:00:00", "size": str(PAGE),
    }  # fmt: skip
    url = f"{access.ercot_api_url}/archive/{emil.lower()}"
    page, pages, entries, promised = 1, 1, 0, 0
    seen: set[str] = set()
    while page <= pages:
        ask = Ask(access.ercot_api, url, {**params, "page": str(page)}, credentials=access.ercot_credentials,
                  accept="application/json")  # fmt: skip
        answer = await client.json(ask)
        try:
            meta = answer["_meta"]
            pages = int(meta["totalPages"])
            promised = promised or int(meta.get("totalRecords") or 0)
            listed = answer.get("archives") or ()
            entries += len(listed)
            ids = {_number(entry["docId"]) for entry in listed}
            if pages > PAGES or (pages > 1 and not ids - seen) or int(meta.get("currentPage") or page) != page:
                raise ValueError(f"page {page} of {pages} brings nothing new")
            seen |= ids
            for entry in listed:
                label, doc_id = str(entry["friendlyName"]), _number(entry["docId"])
                if not label.lower().endswith("_xml"):
                    wall = _wall(str(entry["postDatetime"]))
                    yield _Entry(doc_id, f"{doc_id}.{plain_name(label)}.zip", label, wall, _says_second(label))
        except ODD as error:
            raise _odd(f"the archive of {emil}", error) from error
        page += 1
    if entries < promised:
        says = f"ERCOT's archive of {emil} was changed while it was listed: {entries} of {promised} documents"
        raise Malformed(says, "run it again")


async def _mis(report: int, access: Access, client: Client) -> AsyncIterator[_Entry]:
    ask = Ask(
        access.ercot_mis, f"{access.ercot_mis_url}/misapp/servlets/IceDocListJsonWS",
        {"reportTypeId": str(report), "_": str(int(client.now().timestamp()))}, accept="application/json",
    )  # fmt: skip
    answer = await client.json(ask)
    try:
        entries: Any = answer["ListDocsByRptTypeRes"].get("DocumentList") or []
        for entry in [entries] if isinstance(entries, dict) else entries:
            found = entry["Document"]
            if str(found["FriendlyName"]).lower().endswith("_xml"):
                continue
            doc_id, label, name = _number(found["DocID"]), str(found["FriendlyName"]), str(found["ConstructedName"])
            wall = _wall(str(found["PublishDate"]))
            yield _Entry(doc_id, plain_name(name) or doc_id, label, wall, _says_second(label, name))
    except ODD as error:
        raise _odd(f"the MIS of report {report}", error) from error


def _odd(where: str, error: Exception) -> Malformed:
    says = f"the listing of {where} is not as known: {type(error).__name__}: {str(error)[:200]}"
    return Malformed(says, "try again later; if it stays so, ERCOT has changed it, and Wattlake needs a newer version")


def _number(number: object) -> str:
    """The number of a document: names of files, requests and records are made of it."""
    if re.fullmatch("[0-9]{1,18}", str(number), re.ASCII) is None:
        raise ValueError(f"{str(number)[:80]!r} is no number of a document")
    return str(number)


def _wall(stamp: str) -> datetime:
    """The Central wall clock of a stamp; an offset beside it says nothing."""
    at = datetime.fromisoformat(stamp)
    if not FIRST_YEAR <= at.year < LAST_YEAR:
        raise ValueError(f"{stamp[:80]!r} is not when a document was posted")
    return at.replace(tzinfo=None)


def _says_second(*names: str) -> bool:
    """Whether a document's name says that it is of the second of two equal hours."""
    return any("xhr" in name.lower() for name in names)
