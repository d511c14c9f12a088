"""Judges answers of status 200, because operators put refusals, empty days and outages into such answers too."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from ingest.http.exchange import Denied, Malformed, Refused, Throttled, Verdict
from ingest.packed import DAMAGED

#: ISO-NE's text instead of an empty file (31 bytes).
ISONE_EMPTY = b"No data exists for this period"
#: Text of OASIS' page for too many requests.
OASIS_TOO_OFTEN = b"Acceptable Use Policy Violation"
#: Texts in the pages of the firewall before ercot.com.
FIREWALL = (
    b"request rejected",
    b"_incapsula_",
    b"incapsula",
    b"imperva",
    b"request unsuccessful",
    b"captcha",
    b"access denied",
)
#: Largest unpacked size that an archive may state, and its largest ratio; see `ingest.packed`.
UNPACKED_BYTES, RATIO, RATIO_FROM_BYTES, MEMBERS = 8 << 30, 200, 16 << 20, 2_000
#: A day of ISO-NE's hourly prices has 8 MB of JSON, a page of ERCOT's archive less than one.
JSON_BYTES = 256 << 20
HEAD_BYTES = 4096

ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
AGAIN = "the next run asks again; if it stays so, look at the URL in a browser"


#: Judges an archive whose files are all whole: a verdict, or None if it is a document.
Look = Callable[[zipfile.ZipFile, list[zipfile.ZipInfo]], Verdict | None]


def a_zip(path: Path, headers: Mapping[str, str], look: Look = lambda archive, listed: None) -> Verdict:
    """Judge a ZIP archive: every file must be whole; `look` may judge further."""
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
                return Verdict(error=Malformed(f"{broken} in the archive is damaged", AGAIN))
            if verdict := look(archive, listed):
                return verdict
    except (*DAMAGED, RuntimeError) as error:  # RuntimeError: it is encrypted
        return Verdict(error=Malformed(f"the archive is damaged or cut short: {error}", AGAIN))
    return Verdict() if listed else Verdict("empty")


def a_csv(path: Path, headers: Mapping[str, str]) -> Verdict:
    """Judge CSV, or ISO-NE's text that there are no data."""
    head = _head(path)
    if ISONE_EMPTY in head[:200]:
        return Verdict("empty")
    first = head.split(b"\n", 1)[0]
    if head.lstrip()[:1] == b"<" or b"," not in first or b"\0" in head:
        return _page(head, "a CSV file")
    has_rows = len(head) == HEAD_BYTES or len(head.strip().splitlines()) > 1
    return Verdict() if has_rows else Verdict("empty")  # a file of today before its first row


def a_json(path: Path, headers: Mapping[str, str]) -> Verdict:
    """Judge a JSON document; one without content is an empty day."""
    head = _head(path)
    if ISONE_EMPTY in head[:200]:
        return Verdict("empty")
    if (size := path.stat().st_size) > JSON_BYTES:
        says = f"the answer has {size / 2**20:.0f} MiB of JSON: that is no document"
        return Verdict(error=Refused(says, "check the base URL, and who answers for it on this network"))
    try:
        answer = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return _page(head, "JSON")
    return Verdict("empty") if _holds_nothing(answer) else Verdict()


def a_zip_or_csv(path: Path, headers: Mapping[str, str]) -> Verdict:
    """Judge a ZIP archive or CSV by the first bytes, because yearly documents are both."""
    return a_zip(path, headers) if _head(path).startswith(ZIP_MAGIC) else a_csv(path, headers)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def _holds_nothing(answer: object) -> bool:
    """ISO-NE's empty day is `{"HourlyLmps": ""}`."""
    if isinstance(answer, dict):
        return all(_holds_nothing(value) for value in answer.values())
    return answer in ("", None) or answer == []


def _page(head: bytes, wanted: str) -> Verdict:
    """The verdict on something else than the wanted document."""
    text = re.sub(rb"<(script|style)\b.*?(</\1>|$)|<[^>]*>?", b" ", head, flags=re.S | re.I)
    says = " ".join(text.decode("utf-8", "replace").split())[:200]
    if not head:
        return Verdict(error=Malformed(f"the answer is empty and not {wanted}", AGAIN))
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
    return Verdict(error=Malformed(f"the answer is not {wanted}: {says!r}", AGAIN))
