"""What the readers of ISO-NE's two forms of documents (public CSV, web services) have in common."""

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
#: Hub and load zones (web services v1.1, /locations), for reports that give numbers or names alone.
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
#: How names of locations begin → their type (as the day-ahead reports and /locations state both): preliminary hourly
#: reports give names alone, and final ones the same names with their types.
TYPES = {
    ".H.": "HUB",
    ".Z.": "LOAD ZONE",
    ".I.": "EXT. NODE",
    "UN.": "NETWORK NODE",
    "LD.": "NETWORK NODE",
}
#: What the web services call the whole system (LocId 32 of hourlysysload).
SYSTEM = "NEPOOL AREA"
#: The whole answer for a day of which there is nothing.
NO_DATA = b"No data exists for this period"
_FINALITY = re.compile(r"(prelim|final)", re.IGNORECASE)


@dataclass
class Report:
    """A document brought into columns.

    Args:
        sheet: cells `id`, `name`, `type`, `lmp`, `energy`, `congestion`, `loss`.
        start: starts of intervals, microseconds since 1970 UTC.
        vintage: posted, prelim or final.
        layout: the form of the document.
        published_at: when the document says that it was made, UTC.
        dialect: how it was read.
    """

    sheet: Sheet
    start: Int64Array
    vintage: str
    layout: str
    published_at: datetime | None = None
    dialect: dict[str, object] = field(default_factory=dict)


def refuse_what_is_none(content: bytes) -> None:
    """Refuse an answer that is no document.

    Raises:
        UnreadableFile: it says that there are no data, or is a page, or XML.
    """
    if content.lstrip()[: len(NO_DATA)] == NO_DATA:
        said = content.strip()[:200].decode("utf-8", "replace")
        raise UnreadableFile(f"ISO-NE has no data: {said}", "ask for another day, or later")
    if (words := words_of_page(content)) is not None:
        raise UnreadableFile(f"ISO-NE answered with a page instead of data: {words}", "download it again later")
    if is_markup(content):
        raise UnreadableFile("the document is XML; JSON and CSV are read", "ask the web services for JSON")


def vintage_of(market: str, path: Path, *said: str) -> str:
    """How final a document is: what it says of itself, then its name, then its folder's name.

    The day-ahead market has one kind of prices. A real-time document that says nothing is taken for preliminary: that
    gives way to what calls itself final, never the other way round.
    """
    if market == "DAM":
        return "posted"
    for text in (*said, path.name, path.parent.name):
        if found := _FINALITY.search(text):
            return found[1].lower()
    return "prelim"


def wrong_market(market: str, found: str) -> UnreadableFile:
    """The refusal of a document of another market."""
    return UnreadableFile(f"the document is of {found}, not of {market}", f"land it with source {SOURCES[found]}")
