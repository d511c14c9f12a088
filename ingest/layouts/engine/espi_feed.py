"""Green Button (ESPI) XML to reading types, meters, usage points and readings, connected by their Atom links.

Entries come in any order, with or without namespace prefixes; a document may also be one resource without a feed.
Names of elements and codes are those of NAESB's ESPI schema (REQ.21; espi.xsd of greenbuttonalliance.org).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

from lakehouse.errors import UnreadableFile

ATOM = "http://www.w3.org/2005/Atom"
ESPI = "http://naesb.org/espi"
#: Levels of nesting; known feeds have ten.
XML_DEPTH = 64
_LINK_LENGTH = 2000
_RESOURCES = ("UsagePoint", "MeterReading", "ReadingType", "LocalTimeParameters")
_WHOLE = re.compile(r"-?[0-9]{1,18}")


@dataclass(frozen=True)
class Reading:
    """One IntervalReading.

    Args:
        number: its place in the document, from 1.
        start: seconds since 1970, UTC, as written; None if it has no timePeriod.
        duration: seconds, as written; None if it has none.
        value: as written.
        qualities: its quality codes, without blanks.
    """

    number: int
    start: str | None
    duration: str | None
    value: str
    qualities: tuple[str, ...]


@dataclass
class Entry:
    """An entry of the feed, or a resource outside any entry.

    Args:
        links: relation → paths of the links, without host and query.
        kind: name of the resource.
        fields: texts of the resource's simple elements; nested ones with a slash (`ServiceCategory/kind`).
        blocks: IntervalBlocks: the block's own fields, and its readings.
    """

    links: dict[str, list[str]] = field(default_factory=dict)
    kind: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    blocks: list[tuple[dict[str, str], list[Reading]]] = field(default_factory=list)

    @property
    def own_path(self) -> str | None:
        """Path of the entry's own link."""
        return next(iter(self.links.get("self", ())), None)

    @property
    def leads_to(self) -> list[str]:
        """Paths that the entry is related to, or is in."""
        return [*self.links.get("related", ()), *self.links.get("up", ())]


class Feed:
    """A document: its entries, found by kind and by their links.

    Args:
        entries: in the document's order.
    """

    def __init__(self, entries: list[Entry]) -> None:
        self._kinds: dict[str, list[Entry]] = {}
        #: kind → path → entries with this path of their own, and entries that are related to this path.
        self._own: dict[str, dict[str, list[Entry]]] = {}
        self._related: dict[str, dict[str, list[Entry]]] = {}
        for entry in entries:
            self._kinds.setdefault(entry.kind, []).append(entry)
            if entry.own_path is not None:
                self._own.setdefault(entry.kind, {}).setdefault(entry.own_path, []).append(entry)
            for path in entry.links.get("related", ()):
                self._related.setdefault(entry.kind, {}).setdefault(path, []).append(entry)

    def of(self, kind: str) -> list[Entry]:
        """Entries of a kind."""
        return self._kinds.get(kind, [])

    def blocks(self) -> list[Entry]:
        """Entries with readings."""
        return self.of("IntervalBlock")

    def linked(self, kind: str, entry: Entry) -> list[Entry]:
        """Entries of a kind to which an entry has a link."""
        own = self._own.get(kind, {})
        return _once(each for path in entry.leads_to for each in own.get(path, ()))

    def holders(self, kind: str, entry: Entry) -> list[Entry]:
        """Entries of a kind that an entry belongs to: by their link to its collection, by its path, or by its link."""
        own, related = self._own.get(kind, {}), self._related.get(kind, {})
        by_collection = [each for path in entry.links.get("up", ()) for each in related.get(path, ())]
        paths = [*entry.links.get("up", ()), *entry.links.get("self", ())]
        by_path = [each for path in paths for above in _above(path) for each in own.get(above, ())]
        return _once([*by_collection, *by_path, *self.linked(kind, entry)])


def _once(entries: Iterable[Entry]) -> list[Entry]:
    return list({id(entry): entry for entry in entries}.values())


def _above(path: str) -> Iterator[str]:
    """The paths above a path."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def read_feed(content: bytes) -> Feed:
    """Read a document.

    Raises:
        UnreadableFile: it is not well-formed XML, declares entities or a document type, or nests too deep.
    """
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, iterparse

    builder, depth = _Builder(), 0
    try:
        for event, element in iterparse(BytesIO(content), events=("start", "end"), forbid_dtd=True):
            if event == "start":
                depth += 1
                if depth > XML_DEPTH:
                    raise UnreadableFile(f"the XML nests deeper than {XML_DEPTH} levels", "download it again")
                builder.start(element)
            else:
                depth -= 1
                builder.end(element)
    except DefusedXmlException as error:
        raise UnreadableFile(
            "the XML declares a document type or entities, which no Green Button file has", "check where it comes from"
        ) from error
    except (ParseError, ValueError, LookupError) as error:
        raise UnreadableFile(f"the XML cannot be read: {error}", "download it again") from error
    return Feed(builder.entries)


class _Builder:
    """Takes elements as they end and drops what it has read, so that memory is bounded by the readings."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._entry: Entry | None = None
        self._block: list[Reading] | None = None
        self._readings = 0

    def start(self, element: Any) -> None:
        space, name = _name(element)
        if space == ATOM and name == "entry":
            self._entry = Entry()
        elif space == ESPI and name == "IntervalBlock":
            self._block = []

    def end(self, element: Any) -> None:
        space, name = _name(element)
        if space == ATOM and name == "link" and self._entry is not None:
            path = _path(element.get("href", ""))
            if path:
                self._entry.links.setdefault(element.get("rel", ""), []).append(path)
        elif space == ATOM and name == "entry":
            if self._entry is not None and self._entry.kind:
                self.entries.append(self._entry)
            self._entry = None
            element.clear()
        elif space == ESPI and name == "IntervalReading":
            self._reading(element)
            element.clear()
        elif space == ESPI and name == "IntervalBlock":
            self._resource(name).blocks.append((_fields(element), self._block or []))
            self._block = None
            element.clear()
        elif space == ESPI and name in _RESOURCES:
            self._resource(name).fields = _fields(element)
            element.clear()

    def _resource(self, name: str) -> Entry:
        """The entry that a resource belongs to; resources without an entry are each one of their own."""
        if self._entry is not None and self._entry.kind in ("", name):
            self._entry.kind = name
            return self._entry
        entry = Entry(dict(self._entry.links) if self._entry else {}, name)
        self.entries.append(entry)
        return entry

    def _reading(self, element: Any) -> None:
        self._readings += 1
        if self._block is None:
            return
        period = _child(element, "timePeriod")
        qualities = (_text(_child(each, "quality")) for each in element if _name(each) == (ESPI, "ReadingQuality"))
        self._block.append(
            Reading(
                self._readings,
                None if period is None else _text(_child(period, "start")),
                None if period is None else _text(_child(period, "duration")) or None,
                _text(_child(element, "value")),
                tuple(quality for quality in qualities if quality),
            )
        )


def _name(element: Any) -> tuple[str, str]:
    space, brace, name = str(element.tag).rpartition("}")
    return space.lstrip("{").rstrip("/") if brace else "", name


def _path(href: str) -> str:
    try:
        return urlsplit(href[:_LINK_LENGTH].strip()).path.rstrip("/")
    except ValueError:
        return ""


def _child(element: Any, name: str) -> Any:
    return next((each for each in element if _name(each) == (ESPI, name)), None) if element is not None else None


def _text(element: Any) -> str:
    return (element.text or "").strip() if element is not None else ""


def _fields(element: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for child in element:
        name = _name(child)[1]
        if len(child) == 0:
            found.setdefault(name, _text(child))
        for inner in child:
            found.setdefault(f"{name}/{_name(inner)[1]}", _text(inner))
    return found


def whole_number(text: str | None) -> int | None:
    """A number as the schema writes them, or None."""
    return int(text) if text is not None and _WHOLE.fullmatch(text) else None
