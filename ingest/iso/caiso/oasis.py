"""Files of an answer of CAISO's OASIS: CSV in parts, XML errors inside a good answer, pages of its gateway."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from xml.etree.ElementTree import Element, ParseError

from ingest.iso.clock import PACIFIC, instant
from ingest.iso.sheet import header, is_markup, whole, words_of_page
from ingest.packed import Member
from ingest.text.lines import Lines, split_lines
from ingest.text.pieces import PIECE_BYTES, cut
from lakehouse.errors import UnreadableFile

#: Error code for data that OASIS does not hold (any more).
NO_DATA = "1000"

#: `<from>_<to>_<query>_<run>_<when it was answered>_v<version>`, the name of an answer and of the files in it.
_NAME = re.compile(r"\d{8}_\d{8}_(?P<query>\w+?)_(?P<at>\d{8}_\d{2}_\d{2}_\d{2})_v\d+\.", re.IGNORECASE)


@dataclass(frozen=True)
class OasisError:
    """An error document: the operator's code and words."""

    code: str
    words: str


def answered_at(name: str) -> datetime | None:
    """Time at which OASIS made an answer, from its name; None if the name has none.

    The stamp is a Pacific wall clock: XML answers state the same moment in UTC (TimeDate 2016-05-20T00:07:07-00:00 in
    20160519_20160520_ENE_SLRS_DAM_20160519_17_07_07_v1.xml).
    """
    found = _NAME.search(name)
    try:
        return instant(found["at"], "%Y%m%d_%H_%M_%S", PACIFIC) if found else None
    except ValueError:
        return None


def query_in(name: str) -> str | None:
    """The query and run that an answer's name states (`SLD_FCST_DAM`), if it does."""
    found = _NAME.search(name)
    return found["query"] if found else None


def csv_parts(
    member: Member, name: str, columns_of: Callable[[list[str]], list[str | None]]
) -> Iterator[tuple[Lines, int, list[str | None]]]:
    """A CSV file of an answer in parts: lines, the first one of data, and our names of its columns.

    Args:
        member: the file.
        name: of it, for messages.
        columns_of: our names of the cells of its header; refuses another report's.

    Raises:
        UnreadableFile: it is not a CSV file, or `columns_of` refuses it.
    """
    names: list[str | None] = []
    base = 0
    parts = cut(member.content, PIECE_BYTES)
    for content in parts:
        if names:
            lines, first = Lines(content, base=base), base + 1
        else:
            if is_markup(content):
                raise refuse_markup(whole(chain([content], parts), name), name)
            lines = split_lines(content)
            if lines.encoding != "utf-8":
                raise UnreadableFile(f"the file is text in {lines.encoding}", "download it again")
            at, cells = header(lines)
            names, first = columns_of(cells), at + 1
        base = lines.last
        yield lines, first, names
    if not names:
        raise UnreadableFile("the file is empty", "download it again")


def error_in(content: bytes) -> OasisError | None:
    """The error in an XML document of OASIS, None if there is none.

    Raises:
        UnreadableFile: it is not XML, or harmful XML.
    """
    texts = {_local(element): " ".join((element.text or "").split()) for element in _parse(content).iter()}
    code, words = texts.get("ERR_CODE", ""), texts.get("ERR_DESC", "")
    return OasisError(code, words) if code or words else None


def refuse_markup(content: bytes, name: str) -> UnreadableFile:
    """The refusal of a document of markup, with the operator's words and the next step."""
    if (words := words_of_page(content)) is not None:
        return UnreadableFile(f"CAISO answered with a page instead of data: {words}", "download it again later")
    try:
        error = error_in(content)
    except UnreadableFile as broken:
        return UnreadableFile(f"{name}: {broken.message}", broken.next_step)
    if error is None:
        reports = [element.text for element in _parse(content).iter() if _local(element) == "REPORT"]
        what = f"the report {reports[0]}" if reports else "a report"
        return UnreadableFile(
            f"{name} is {what} of OASIS as XML; tables are read as CSV", "ask OASIS for resultformat=6"
        )
    if error.code == NO_DATA:
        return UnreadableFile(
            f"OASIS has no data for the request ({error.code}: {error.words})",
            "ask for other nodes or days; OASIS keeps prices for some 39 months",
        )
    return UnreadableFile(f"OASIS refused the request ({error.code}: {error.words})", "correct the request")


def _parse(content: bytes) -> Element:
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root: Element = fromstring(content)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise UnreadableFile(f"broken XML: {error}", "download it again") from error
    return root


def _local(element: Element) -> str:
    return element.tag.rsplit("}", 1)[-1]
