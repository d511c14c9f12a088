"""Files of ERCOT: one document, an archive of one, or an archive of many; each document is read by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

from ingest.iso.ercot.rows import UnusableMember
from ingest.iso.ercot.statement import ROUNDED, rejects
from ingest.packed import Member, members
from lakehouse.errors import NotLanded, UnreadableFile
from lakehouse.source import Parsed, RawFile


class LeftOut(UnusableMember):
    """A known document that is not landed; `what` names it."""

    def __init__(self, what: str) -> None:
        super().__init__(f"it holds {what}, which are not landed", "land the whole publication, or another file of it")
        self.what = what


def read_documents(
    file: RawFile,
    layout: str,
    read: Callable[[Member], Iterator[Parsed]],
    documents: Callable[[RawFile], Iterator[Member]] = members,
) -> Iterator[Parsed]:
    """Read every document of a file. An unusable one is quarantined, and the others land.

    Args:
        file: the document, or an archive.
        layout: name of what is read.
        read: reads a document; the pieces' `layout` says what it is. May raise UnusableMember.
        documents: the documents of the file.

    Raises:
        UnreadableFile: the archive is damaged, or no document of it can be landed.
        NotLanded: all that it holds is known and not landed.
    """
    landed: Counter[str] = Counter()
    rounded = 0
    left_out: dict[str, str] = {}
    refused: list[tuple[str, UnusableMember]] = []
    for member in documents(file):
        name, kind = member.name or file.path.name, None
        try:
            for piece in read(member):
                kind = piece.layout
                rounded += int(str(piece.dialect[ROUNDED]))
                yield replace(piece, layout=layout)
        except LeftOut as why:
            left_out[name] = why.what
        except UnusableMember as why:
            refused.append((name, why))
        if kind is not None:
            landed[kind] += 1
    if not landed and refused:
        name, first = refused[0]
        raise UnreadableFile(f"{name}: {first.message}", first.next_step)
    if not landed:
        found = "; ".join(f"{name} holds {what}" for name, what in left_out.items())
        if not found:
            raise UnreadableFile("the archive is empty", "download it again")
        raise NotLanded(f"nothing in the file is landed: {found}", "land the other files of the publication")
    dialect: dict[str, object] = {"documents": dict(landed)}
    if rounded:
        dialect[ROUNDED] = rounded
    if left_out:
        dialect["left_out"] = left_out
    unread = rejects([(0, name, f"the document is not read: {why.message}", None) for name, why in refused])
    yield Parsed({}, unread, layout, dialect)
