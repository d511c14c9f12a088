"""Documents for every market source, about days on which clocks change and one on which not.

What is read of each stands beside what the simulator says that it states.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import astuple
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pytest

from ingest.iso.contracts import AS_PRICES, PRICES, SYSTEM_LOAD
from ingest.registry import declarations, registry
from ingest.simulate.fleet import Fleet, simulate_fleet
from ingest.simulate.fleet.dam_disclosure import dam_members
from ingest.simulate.fleet.sced_disclosure import sced_members
from ingest.simulate.markets import ercot, nyiso, nyiso_load, workbooks
from ingest.simulate.markets.days import CENTRAL, midnight
from ingest.simulate.markets.every import day_documents
from ingest.simulate.markets.stated import Document, packed
from lakehouse.errors import UnreadableFile
from lakehouse.source import LandOptions, Parsed, RawFile, standing
from tests.support.given import raw_file

SEED = 11
SPRING, AUTUMN, PLAIN = date(2026, 3, 8), date(2025, 11, 2), date(2026, 7, 1)
HOURS = {SPRING: 23, AUTUMN: 25, PLAIN: 24}
RECEIVED = datetime(2026, 11, 1, 12, tzinfo=UTC)
SIMULATED = LandOptions(simulated=True)
#: Tables whose rows a simulated document states one by one.
STATED = (PRICES, AS_PRICES, SYSTEM_LOAD)
FEEDS = sorted(feed.name for declared in declarations() if declared.domain == "iso" for feed in declared.feeds)
PRICED = [s.name for s in map(registry().named, FEEDS) if set(s.contracts) & set(STATED)]
EVERY = pytest.mark.parametrize("name", FEEDS)
#: Rows of a document that is large, where another one of its form is not.
LARGE = 2500

Said = tuple[object, ...]


@lru_cache(maxsize=4)
def of_day(day: date) -> dict[str, list[Document]]:
    """Source → its documents about one operating day, each form of them once at least."""
    found: dict[str, list[Document]] = {}
    for document in (*day_documents(SEED, day, sced=False), *_more(day)):
        found.setdefault(document.source, []).append(document)
    return found


def raw(document: Document, *, block: int | None = None, published: bool = True) -> RawFile:
    """A document as a source is given it.

    Args:
        block: it comes in blocks of so many bytes.
        published: with what a listing says of its publication.
    """
    return raw_file(
        document.content,
        Path(document.source) / document.name,
        block=block,
        published_at=document.published_at if published else None,
        received_at=RECEIVED,
    )


def parse(document: Document, **how: object) -> list[Parsed]:
    """All pieces; `how` as of `raw`."""
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


def _more(day: date) -> Iterator[Document]:
    """Forms that a day of single postings does not have: pages, bundles, corrections, years, months, disclosures."""
    for emil in ercot.PRODUCTS:
        yield ercot.api_page(SEED, emil, day, 1, 10_000)
        yield _bundle(emil, day)
    for slot in ercot.slots(SEED, "np6-788-cd", day)[:40]:  # three hours: where clocks change, that one is among them
        yield ercot.posting(SEED, "np6-788-cd", day, slot)
    later = midnight(day + timedelta(days=3), CENTRAL)
    yield ercot.correction(SEED, "DAM", day, [0, 1, 2], later)
    yield ercot.correction(SEED, "RT15", day, [0, 1, 2], later)
    yield workbooks.rt15_year(SEED, [day])
    yield workbooks.dam_year(SEED, [day])
    yield workbooks.mcpc_year(SEED, [day])
    for stem in ("damlbmp_zone", "rtlbmp_gen", "damasp"):
        yield nyiso.monthly(SEED, stem, day, days=2)
    yield nyiso_load.monthly(SEED, "palIntegrated", day, days=2)
    yield from _disclosures(day)
    yield _extract(day)


def _bundle(emil: str, day: date) -> Document:
    """A bulk download: the day's archives in one."""
    made = [
        ercot.posting(SEED, emil, day, slot)
        for slot in ercot.slots(SEED, emil, day)[:: 12 if emil == "np3-565-cd" else 1]
    ]
    content = packed([(f"{n}.{each.name}", each.content) for n, each in enumerate(made, 1)], made[-1].published_at)
    return Document(
        made[0].source,
        f"{emil}_{day:%Y%m%d}.zip",
        content,
        made[-1].published_at,
        tuple(price for each in made for price in each.prices),
        tuple(service for each in made for service in each.services),
        tuple(load for each in made for load in each.loads),
    )


@lru_cache(maxsize=4)
def _fleet(day: date) -> Fleet:
    return simulate_fleet(day, 1, count=2, faults=False)


def _disclosures(day: date) -> Iterator[Document]:
    published = day + timedelta(days=60)
    for name, members in (("DAM", dam_members(_fleet(day), 0)), ("SCED", sced_members(_fleet(day), 0))):
        at = midnight(published, CENTRAL) + timedelta(hours=3)
        yield Document("ercot-60d", f"60_Day_{name}_Disclosure.zip", packed(members, at), at)


def _extract(day: date) -> Document:
    """An extract of the SCED disclosure for one battery, as a third party keeps it: columns renamed, UTC."""
    header = "sced_timestamp_utc,resource_name,telemetered_net_output,base_point,hsl,lsl,soc,min_soc,max_soc,"
    lines = [header + "telemetered_resource_status"]
    for n, run in enumerate(ercot.sced_runs(SEED, day)):
        stamp = f"{run:%Y-%m-%dT%H:%M:%SZ}"
        lines.append(f"{stamp},SIM_BESS1,{n % 40 - 20}.125,{n % 40 - 20}.0,100.0,-100.0,{n % 90}.5,0.0,102.1901,ON")
    content = ("\n".join(lines) + "\n").encode()
    return Document("ercot-sced-extract", f"SIM_BESS1_SCED_{day}.csv", content, midnight(day, CENTRAL))
