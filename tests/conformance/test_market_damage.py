"""Market documents that are none, end too soon, or whose lines were lost, doubled or moved: nothing false is read."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.registry import registry
from ingest.simulate.markets.stated import Document
from tests.support.market_documents import AUTUMN, PRICED, few, read, said, stated

#: Sources of texts; a day of CAISO's five minutes is as its fifteen minutes are, and three times as long.
TEXTS = [
    name
    for name in PRICED
    if not name.endswith("-year")
    and name != "caiso-rt5-lmp"
    and registry().named(name).recognises(Path("document.csv"))
]
Lines = list[str]


def lose_and_double_some(rows: Lines, rng: random.Random) -> Lines:
    chosen = rng.sample(range(len(rows)), k=min(6, len(rows)))
    return [row for n, row in enumerate(rows) for _ in range(0 if n in chosen[:3] else 1 + (n in chosen))]


def shuffle(rows: Lines, rng: random.Random) -> Lines:
    return rng.sample(rows, k=len(rows))


def turn_round(rows: Lines, rng: random.Random) -> Lines:
    return rows[::-1]


def lose_the_first_half(rows: Lines, rng: random.Random) -> Lines:
    return rows[len(rows) // 2 :]


def plain(document: Document) -> Document | None:
    """The only text of an archive as a file of its own; None where it holds several files, or archives."""
    if not document.name.endswith(".zip"):
        return document
    with zipfile.ZipFile(io.BytesIO(document.content)) as archive:
        names = archive.namelist()
        return (
            replace(document, name=names[0], content=archive.read(names[0]))
            if len(names) == 1 and not names[0].endswith(".zip")
            else None
        )


def texts(name: str) -> list[Document]:
    """One text of every form that a source reads, none of them large."""
    found = [plain(document) for document in few(name, AUTUMN) if document.name.endswith((".csv", ".zip"))]
    small = [text for text in found if text and len(text.content) < 300_000]
    assert small
    return small


def damaged(document: Document, how: Callable[[Lines, random.Random], Lines], rng: random.Random) -> Document:
    """A text with its rows changed, headers and trailers left."""
    lines = document.content.decode().splitlines(keepends=True)
    first = 1 + max((n for n, line in enumerate(lines) if line.startswith(('"C"', '"H"'))), default=0)
    last = len(lines) - lines[-1].startswith('"T"')
    changed = "".join([*lines[:first], *how(lines[first:last], rng), *lines[last:]])
    return replace(document, content=changed.encode())


@pytest.mark.parametrize("how", [lose_and_double_some, shuffle, turn_round, lose_the_first_half])
@pytest.mark.parametrize("name", TEXTS)
def test_lines_that_are_lost_doubled_or_moved_put_no_price_into_another_interval(
    name: str, how: Callable[[Lines, random.Random], Lines]
) -> None:
    """Also where only the order of lines tells one of two equal hours from the other."""
    for document in texts(name):
        known = {row[:9]: row for row in stated(document)}
        for row in said(read(damaged(document, how, random.Random(name)))):
            # Where CAISO's row of a component is lost, the component is unknown and its price is not.
            assert all(cell in (None, true) for cell, true in zip(row, known[row[:9]], strict=True)), document.name


def changed_somewhere(content: bytes, rng: random.Random) -> bytes:
    """One byte replaced, taken out or put in, anywhere behind the header."""
    where = rng.randrange(content.index(b"\n"), len(content))
    with_one = bytes([rng.choice(b'0123456789,."\n -NXY/:')])
    return content[:where] + rng.choice((b"", with_one, with_one)) + content[where + rng.randint(0, 1) :]


@pytest.mark.parametrize("name", TEXTS)
def test_a_changed_byte_falsifies_no_more_than_its_own_line(name: str) -> None:
    """What is refused because of it is no falsehood; a digit that became another digit nobody can know."""
    rng = random.Random(name)
    for document in texts(name):
        true = stated(document)
        for _ in range(8):
            content = changed_somewhere(document.content, rng)
            false = said(read(replace(document, content=content))) - true
            # A line holds up to five products, and of load up to twelve areas; a line break more or less makes of one
            # line two, or of two one.
            assert len(false) <= (24 if "-load-" in name else 10), (document.name, content)
            if not name.endswith("-as") and "-load-" not in name:
                assert len(false) <= 2, (document.name, sorted(map(repr, false)))
