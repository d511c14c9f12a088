"""ERCOT's 60-day disclosures of the DAM (NP3-966-ER) and of SCED (NP3-965-ER): single members, days, and bundles.

A member is known by its header; the operating day comes from its rows, since its name carries the publication. One that
cannot be used is quarantined, and the others land.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.iso.ercot.layouts import Disclosed, LeftOut, recognise
from ingest.iso.ercot.rows import Layout, Rows, UnusableMember, read_rows
from ingest.iso.ercot.statement import Statement, parsed, rejects, statement
from ingest.iso.ercot.timing import Timing, timing_of
from ingest.iso.packed import Member, members
from ingest.source import LandOptions, Parsed, RawFile
from lakehouse.errors import UnreadableFile

LAYOUT = "ercot-60d"
#: Resource type of batteries since they are one resource.
STORAGE = "ESR"


def read(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Read a disclosure: a member (CSV), a day's archive, or a bundle of these.

    Raises:
        UnreadableFile: the archive is damaged, or no member of it can be landed.
    """
    found: dict[str, str] = {}
    refused: list[tuple[str, UnusableMember]] = []
    landed = False
    for member in members(file):
        name = member.name or file.path.name
        try:
            for piece in _member(file, member, options, found):
                landed = True
                yield piece
        except LeftOut as why:
            found[name] = f"left out: {why.what}"
            if member.name is None:
                refused.append((name, why))
        except UnusableMember as why:
            found[name] = "refused"
            refused.append((name, why))
    if not landed:
        if refused:
            name, first = refused[0]
            raise UnreadableFile(f"{name}: {first.message}", first.next_step)
        left_out = "; ".join(f"{name} ({what.removeprefix('left out: ')})" for name, what in found.items())
        raise UnreadableFile(
            f"nothing in the archive is landed: {left_out or 'it is empty'}",
            "check that it is of NP3-966-ER or NP3-965-ER, and whole",
        )
    quarantined = rejects([(0, name, f"the member is not read: {reason.message}", None) for name, reason in refused])
    yield Parsed({}, quarantined, LAYOUT, {"members": found})


def _member(file: RawFile, member: Member, options: LandOptions, found: dict[str, str]) -> Iterator[Parsed]:
    recognised: list[Disclosed] = []

    def layout(header: list[str]) -> Layout:
        recognised.append(recognise(header))
        return recognised[0].layout

    states = statement(file, member.name, options)
    timing: Timing | None = None
    for rows in read_rows(member.content, layout):
        timing = timing or timing_of(rows.columns)
        found[member.name or file.path.name] = recognised[0].layout.name
        yield _stated(states, recognised[0], timing.of(rows))
    if timing is not None:
        for rows in timing.rest():
            yield _stated(states, recognised[0], rows)


def _stated(states: Statement, disclosed: Disclosed, rows: Rows) -> Parsed:
    parts = {disclosed.contract: rows}
    if disclosed.storage is not None:
        kinds = rows.columns["resource_type"]
        storage = kinds.dictionary.to_pylist().index(STORAGE) if STORAGE in kinds.dictionary.to_pylist() else -1
        mask = np.asarray(pc.fill_null(pc.equal(kinds.indices, pa.scalar(storage, kinds.indices.type)), False))
        if mask.all() and len(rows):
            parts = {disclosed.storage: rows}
        elif mask.any():
            parts = {disclosed.contract: rows.where(~mask), disclosed.storage: rows.where(mask)}
    tables = {contract.name: states.table(contract, part, part.columns) for contract, part in parts.items()}
    return parsed(tables, rows, states.member, LAYOUT)
