"""ERCOT's 60-day disclosures of the DAM (NP3-966-ER) and of SCED (NP3-965-ER): single members, days, and bundles.

A member is recognised by its header; the operating day comes from its rows, because its name has the time of
publication. An unusable member is quarantined, and the others land.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow.compute as pc

from ingest.iso.ercot.documents import read_documents
from ingest.iso.ercot.layouts import Disclosed, recognise
from ingest.iso.ercot.rows import Layout, Rows, read_rows
from ingest.iso.ercot.statement import parsed, statement
from ingest.iso.ercot.timing import Timing, timing_of
from ingest.iso.statement import Statement, rows_of
from ingest.packed import Member
from lakehouse.source import LandOptions, Parsed, RawFile

#: Resource type of batteries since they are one resource.
STORAGE = "ESR"


def read(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Read a disclosure: a member (CSV), a day's archive, or a bundle of these.

    Raises:
        UnreadableFile: the archive is damaged, or no member of it can be landed.
    """
    return read_documents(file, "ercot-60d", lambda member: _member(file, member, options))


def _member(file: RawFile, member: Member, options: LandOptions) -> Iterator[Parsed]:
    recognised: list[Disclosed] = []

    def layout(header: list[str]) -> Layout:
        recognised.append(recognise(header))
        return recognised[0].layout

    states = statement(file, member.name, options)
    timing: Timing | None = None
    for rows in read_rows(member.content, layout):
        timing = timing or timing_of(rows.columns)
        yield _stated(states, recognised[0], timing.of(rows))
    if timing is not None:
        for rows in timing.rest():
            yield _stated(states, recognised[0], rows)


def _stated(states: Statement, disclosed: Disclosed, rows: Rows) -> Parsed:
    parts = {disclosed.contract.name: (disclosed.contract, rows)}
    if disclosed.storage is not None:
        kinds = rows.columns["resource_type"]
        names = kinds.dictionary.to_pylist()
        storage = names.index(STORAGE) if STORAGE in names else -1
        mask = np.asarray(pc.fill_null(kinds.indices, -2)) == storage
        if mask.all() and len(rows):
            parts = {disclosed.storage.name: (disclosed.storage, rows)}
        elif mask.any():
            parts[disclosed.contract.name] = (disclosed.contract, rows.where(~mask))
            parts[disclosed.storage.name] = (disclosed.storage, rows.where(mask))
    tables = {
        name: rows_of(contract, states, len(part), part.columns | {"line": part.line})
        for name, (contract, part) in parts.items()
    }
    return parsed(tables, rows, states.member, disclosed.layout.name)
