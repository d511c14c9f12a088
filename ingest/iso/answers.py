"""What an answer of status 200 is worth: operators put their refusals, empty days and outages into such answers too."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path

from ingest.http.exchange import Denied, Judge, Malformed, Refused, Throttled, Verdict
from ingest.iso.caiso.oasis import NO_DATA, error_in
from ingest.iso.packed import DAMAGED
from lakehouse.errors import UnreadableFile

#: What ISO-NE says instead of an empty file (31 bytes).
ISONE_EMPTY = b"No data exists for this period"
#: What OASIS says, as a page, to whom asks too often.
OASIS_TOO_OFTEN = b"Acceptable Use Policy Violation"
#: Names of the firewall that stands before ercot.com, in its pages.
FIREWALL = (
    b"request rejected",
    b"_incapsula_",
    b"incapsula",
    b"imperva",
    b"request unsuccessful",
    b"captcha",
    b"access denied",
)
#: Bytes that a document's archive may claim to unpack to, and how many times its own size; see `ingest.iso.packed`.
UNPACKED_BYTES, RATIO, RATIO_FROM_BYTES, MEMBERS = 8 << 30, 200, 16 << 20, 2_000
#: An error document of OASIS has 700 bytes.
ERROR_XML_BYTES = 1 << 20
#: A day of ISO-NE's hourly prices has 8 MB of JSON, a page of ERCOT's archive less than one.
JSON_BYTES = 256 << 20
HEAD_BYTES = 4096

ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_AGAIN = "the next run asks again; if it stays so, look at the URL in a browser"


def a_zip(path: Path, headers: Mapping[str, str]) -> Verdict:
    """A ZIP archive whose every file is whole; a document of OASIS in it that tells an error is that."""
    head = _head(path)
    if not head.startswith(ZIP_MAGIC):
        return _page(head, "a ZIP archive")
    try:
        with zipfile.ZipFile(path) as archive:
            listed = archive.infolist()
            size, packed = sum(info.file_size for info in listed), path.stat().st_size
            if len(listed) > MEMBERS or size > UNPACKED_BYTES or (size > RATIO_FROM_BYTES and size > RATIO * packed):
                says = f"the archive claims {len(listed)} files of {size / 2**20:.0f} MiB: that is no document"
                return Verdict(error=Refused(says, "check the base URL, and who answers for it on this network"))
            broken = archive.testzip()
            if broken is not None:
                return Verdict(error=Malformed(f"{broken} in the archive is damaged", _AGAIN))
            if listed and all(info.filename.lower().endswith(".xml") for info in listed):
                return _oasis(archive, listed)
    except (*DAMAGED, RuntimeError) as error:  # RuntimeError: it is encrypted
        return Verdict(error=Malformed(f"the archive is damaged or cut short: {error}", _AGAIN))
    return Verdict() if listed else Verdict("empty")


def a_csv(path: Path, headers: Mapping[str, str]) -> Verdict:
    """Text in columns, or ISO-NE's word that there is none."""
    head = _head(path)
    if ISONE_EMPTY in head[:200]:
        return Verdict("empty")
    first = head.split(b"\n", 1)[0]
    if head.lstrip()[:1] == b"<" or b"," not in first or b"\0" in head:
        return _page(head, "a CSV file")
    has_rows = len(head) == HEAD_BYTES or len(head.strip().splitlines()) > 1
    return Verdict() if has_rows else Verdict("empty")  # a file of today before its first row


def a_json(path: Path, headers: Mapping[str, str]) -> Verdict:
    """A JSON document; one that holds nothing at all is an empty day."""
    head = _head(path)
    if ISONE_EMPTY in head[:200]:
        return Verdict("empty")
    if (size := path.stat().st_size) > JSON_BYTES:
        says = f"the answer has {size / 2**20:.0f} MiB of JSON: that is no document"
        return Verdict(error=Refused(says, "check the base URL, and who answers for it on this network"))
    try:
        said = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return _page(head, "JSON")
    return Verdict("empty") if _holds_nothing(said) else Verdict()


def a_zip_or_csv(path: Path, headers: Mapping[str, str]) -> Verdict:
    """Either, by its first bytes: yearly documents are both."""
    return a_zip(path, headers) if _head(path).startswith(ZIP_MAGIC) else a_csv(path, headers)


JUDGES: Mapping[str, Judge] = {"zip": a_zip, "csv": a_csv, "json": a_json, "zip or csv": a_zip_or_csv}


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def _holds_nothing(said: object) -> bool:
    """ISO-NE's empty day is `{"HourlyLmps": ""}`."""
    if isinstance(said, dict):
        return all(_holds_nothing(value) for value in said.values())
    return said in ("", None) or said == []


def _page(head: bytes, wanted: str) -> Verdict:
    """What came instead of a document."""
    text = re.sub(rb"<(script|style)\b.*?(</\1>|$)|<[^>]*>?", b" ", head, flags=re.S | re.I)
    says = " ".join(text.decode("utf-8", "replace").split())[:200]
    if not head:
        return Verdict(error=Malformed(f"the answer is empty and not {wanted}", _AGAIN))
    if OASIS_TOO_OFTEN in head:
        return Verdict(error=Throttled(f"OASIS answers with a page: {says}", "run it again later"))
    lower = head.lower()
    if b"<html" in lower and any(name in lower for name in FIREWALL):
        return Verdict(
            error=Denied(
                f"a firewall answers with a page and not {wanted}: {says or 'no words'}",
                "run it from an address in the United States without a VPN, or use an account (`wattlake doctor`)",
            )
        )
    return Verdict(error=Malformed(f"the answer is not {wanted}: {says!r}", _AGAIN))


def _oasis(archive: zipfile.ZipFile, listed: list[zipfile.ZipInfo]) -> Verdict:
    """Error documents of OASIS come in archives of status 200; results do as XML only where that is asked for."""
    for info in listed:
        if info.file_size > ERROR_XML_BYTES:
            continue
        try:
            error = error_in(archive.read(info))
        except UnreadableFile as broken:
            return Verdict(error=Malformed(f"{info.filename}: {broken.message}", _AGAIN))
        if error is None:
            continue
        if error.code == NO_DATA:
            return Verdict("empty")
        says = f"OASIS refuses the query: {error.code} {error.words[:300]}"
        return Verdict(error=Refused(says, "check nodes and days, then ask again"))
    return Verdict()


def oasis_lacks(path: Path, nodes: tuple[str, ...], days: frozenset[date]) -> str | None:
    """What an answer of OASIS says nothing about: it leaves out nodes that it does not know without a word.

    Args:
        path: the archive, judged before.
        nodes, days: that were asked for; operating days.

    Returns:
        The nodes with the number of days that each lacks, in a sentence; None where all are there, or where the columns
        are not as known (its reader refuses them by name).
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
    """Operating days that an answer of OASIS says nothing about: some queries answer one day whatever was asked.

    Args:
        path: the archive, judged before.
        days: that were asked for.

    Returns:
        The days in a sentence; None where all are there, or where the columns are not as known.
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


def unpack_documents(path: Path, doc_ids: frozenset[str], folder: Path) -> dict[str, Path | UnreadableFile]:
    """Split ERCOT's bulk download into its documents.

    Args:
        path: the outer archive, judged before; its files are `<docId>.<name>.zip`.
        doc_ids: what was asked for.
        folder: takes a file a document, named by its id.

    Returns:
        Document id → its bytes, or why they are damaged. What was not asked for is left out.
    """
    found: dict[str, Path | UnreadableFile] = {}
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            doc_id = re.split(r"[./\\]", info.filename.rpartition("/")[2])[0]
            if doc_id not in doc_ids or doc_id in found:
                continue
            target = folder / f"{path.stem}-{doc_id}.part"
            with archive.open(info) as stream, target.open("wb") as file:
                while block := stream.read(1 << 20):
                    file.write(block)
            found[doc_id] = target
            if error := a_zip_or_csv(target, {}).error:
                target.unlink()
                found[doc_id] = UnreadableFile(f"document {doc_id} of a bulk download: {error.message}", _AGAIN)
    return found
