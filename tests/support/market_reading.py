"""Market documents through their sources, and what was read beside what they state."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import astuple, replace
from datetime import date
from functools import lru_cache

import pyarrow as pa
import pytest

from ingest.iso.contracts import AS_PRICES, PRICES, SYSTEM_LOAD
from ingest.registry import declarations, registry
from ingest.simulate.markets.stated import Document
from lakehouse.errors import UnreadableFile
from lakehouse.source import LandOptions, Parsed, standing
from tests.support.market_documents import of_day, raw

SIMULATED = LandOptions(simulated=True)
#: Tables whose rows a simulated document states one by one.
STATED = (PRICES, AS_PRICES, SYSTEM_LOAD)
FEEDS = sorted(feed.name for declared in declarations() if declared.domain == "iso" for feed in declared.feeds)
PRICED = [s.name for s in map(registry().named, FEEDS) if set(s.contracts) & set(STATED)]
EVERY = pytest.mark.parametrize("name", FEEDS)
#: Rows of a document that is large, where another one of its form is not.
LARGE = 2500

Said = tuple[object, ...]


def parse(document: Document, **how: object) -> list[Parsed]:
    """All pieces; `how` as of `market_documents.raw`."""
    return standing(registry().sources[document.source].parse(raw(document, **how), SIMULATED))


def table(parsed: list[Parsed], name: str) -> pa.Table:
    """One table of all pieces, text as text."""
    contract = next(c for c in STATED if c.name == name)
    pieces = [piece.tables[name].cast(contract.arrow_schema) for piece in parsed if name in piece.tables]
    return pa.concat_tables(pieces) if pieces else contract.arrow_schema.empty_table()


def said(parsed: list[Parsed]) -> Counter[Said]:
    """What was read, without who said it."""
    prices = (
        (
            r["iso"], r["market"], r["location"], r["location_type"], r["location_id"], r["price_type"],
            r["interval_start"], r["interval_end"], r["lmp_usd_mwh"], r["energy_usd_mwh"], r["congestion_usd_mwh"],
            r["loss_usd_mwh"], r["ghg_usd_mwh"], r["congestion_published_usd_mwh"], r["vintage"],
        )
        for r in table(parsed, PRICES.name).to_pylist()
    )  # fmt: skip
    services = (
        (
            r["iso"], r["market"], r["location"], r["product"], r["interval_start"], r["interval_end"],
            r["mcpc_usd_mw"], r["vintage"],
        )
        for r in table(parsed, AS_PRICES.name).to_pylist()
    )  # fmt: skip
    loads = (
        (
            r["iso"], r["report"], r["kind"], r["area"], r["area_type"], r["model"], r["interval_start"],
            r["interval_end"], r["load_mw"], r["published_at"],
        )
        for r in table(parsed, SYSTEM_LOAD.name).to_pylist()
    )  # fmt: skip
    return Counter([*prices, *services, *loads])


def stated(document: Document) -> Counter[Said]:
    """What the simulator says that the document says."""
    return Counter(astuple(each) for each in (*document.prices, *document.services, *document.loads))


def everything(parsed: list[Parsed]) -> dict[str, set[Said]]:
    """Everything that was read, by table, to be compared between two readings."""
    tables: dict[str, list[Said]] = {}
    for piece in parsed:
        for name, rows in piece.tables.items():
            plain = pa.table({c: rows.column(c).combine_chunks() for c in rows.column_names}).to_pylist()
            tables.setdefault(name, []).extend(tuple(row.values()) for row in plain)
    return {name: set(rows) for name, rows in tables.items()}


@lru_cache(maxsize=128)
def said_of_day(name: str, day: date) -> list[tuple[Document, Counter[Said], int]]:
    """Documents of a source about a day, what was read of each, and how many rows of it were refused."""
    read = [(document, parse(document)) for document in of_day(day)[name]]
    return [(each, said(parsed), sum(piece.rejects.num_rows for piece in parsed)) for each, parsed in read]


def read(document: Document, **how: object) -> list[Parsed]:
    """What is read of a document, nothing where it is refused."""
    try:
        return parse(document, **how)
    except UnreadableFile as error:
        assert error.next_step
        return []  # a file that is refused leaves nothing, also of pieces before


def few(name: str, day: date) -> list[Document]:
    """One document of every form, a small one where there is one."""
    forms: dict[str, Document] = {}
    for document in of_day(day)[name]:
        form = re.sub(r"\d", "", document.name)
        known = forms.get(form)
        if known is None or size(known) > LARGE >= size(document):
            forms[form] = document
    return list(forms.values())


def size(document: Document) -> int:
    """Prices and loads in it."""
    return len(document.prices) + len(document.services) + len(document.loads)


def unsigned(parsed: list[Parsed]) -> list[Parsed]:
    """Pieces without the hash of their bytes, to be compared with those of other bytes."""
    made = []
    for piece in parsed:
        tables = {
            name: rows.drop_columns([c for c in ("source_object",) if c in rows.column_names])
            for name, rows in piece.tables.items()
        }
        made.append(replace(piece, tables=tables))
    return made
