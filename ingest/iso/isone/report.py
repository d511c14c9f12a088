"""Shared by the readers of ISO-NE's two forms of documents (public CSV, web services)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from ingest.arrays import Int64Array
from ingest.iso.sheet import Sheet, is_markup, words_of_page
from lakehouse.errors import UnreadableFile

SOURCES = {"DAM": "isone-dam-lmp", "RT5": "isone-rt5-lmp", "RTH": "isone-rth-lmp"}
MINUTES = {"DAM": 60, "RT5": 5, "RTH": 60}
#: Hub and load zones (web services v1.1, /locations), for reports with numbers or names only.
LOCATIONS = {
    "4000": ".H.INTERNAL_HUB",
    "4001": ".Z.MAINE",
    "4002": ".Z.NEWHAMPSHIRE",
    "4003": ".Z.VERMONT",
    "4004": ".Z.CONNECTICUT",
    "4005": ".Z.RHODEISLAND",
    "4006": ".Z.SEMASS",
    "4007": ".Z.WCMASS",
    "4008": ".Z.NEMASSBOST",
}
#: Prefix of a location's name → its type (from the day-ahead reports and /locations): preliminary hourly reports have
#: names only, and final ones the same names with their types.
TYPES = {
    ".H.": "HUB",
    ".Z.": "LOAD ZONE",
    ".I.": "EXT. NODE",
    "UN.": "NETWORK NODE",
    "LD.": "NETWORK NODE",
}
#: Name of the whole system in the web services (LocId 32 of hourlysysload).
SYSTEM = "NEPOOL AREA"
#: The whole answer for a day without data.
NO_DATA = b"No data exists for this period"
_FINALITY = re.compile(r"(prelim|final)", re.IGNORECASE)


@dataclass
class Report:
    """A document in columns.

    Args:
        sheet: cells `id`, `name`, `type`, `lmp`, `energy`, `congestion`, `loss`.
        start: starts of intervals, microseconds since 1970 UTC.
        vintage: posted, prelim or final.
        layout: the form of the document.
        published_at: the document's own time of making, UTC.
        dialect: how it was read.
    """

    sheet: Sheet
    start: Int64Array
    vintage: str
    layout: str
    published_at: datetime | None = None
    dialect: dict[str, object] = field(default_factory=dict)


def refuse_what_is_none(content: bytes) -> None:
    """Refuse an answer that is not a document.

    Raises:
        UnreadableFile: the answer says that there are no data, or is a page, or XML.
    """
    if content.lstrip()[: len(NO_DATA)] == NO_DATA:
        text = content.strip()[:200].decode("utf-8", "replace")
        raise UnreadableFile(f"ISO-NE has no data: {text}", "ask for another day, or later")
    if (words := words_of_page(content)) is not None:
        raise UnreadableFile(f"ISO-NE answered with a page instead of data: {words}", "download it again later")
    if is_markup(content):
        raise UnreadableFile("the document is XML; JSON and CSV are read", "ask the web services for JSON")


def vintage_of(market: str, path: Path, *texts: str) -> str:
    """The vintage of a document: by its text, else by its name, else by its folder's name.

    The day-ahead market has one kind of prices. A real-time document without any of these counts as preliminary, which
    a final one replaces, never the other way round.
    """
    if market == "DAM":
        return "posted"
    for text in (*texts, path.name, path.parent.name):
        if found := _FINALITY.search(text):
            return found[1].lower()
    return "prelim"


def wrong_market(market: str, found: str) -> UnreadableFile:
    """The refusal of a document of another market."""
    return UnreadableFile(f"the document is of {found}, not of {market}", f"land it with source {SOURCES[found]}")
