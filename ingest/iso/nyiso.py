"""NYISO's public CSV files (mis.nyiso.com/public): LBMPs of zones and generators, and prices of ancillary services.

- A day-ahead or hourly stamp is the hour's start, a real-time one (realtime_*, rtasp) the end of what a run priced.
- No mark tells the repeated hour of a fall-back day in LBMP files: a location's rows stand in order of time, and where
  that order does not prove which hour a row is of, the row is refused. Ancillary files state EST or EDT.
- The published congestion has the other sign than all other operators': LBMP = energy + losses - congestion.
- A file of today runs ahead of now with prices of the real-time commitment (RTC): see `ingest.iso.nyiso_runs`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest.iso import clock
from ingest.iso.contracts import AS_PRICES, PRICES
from ingest.iso.nyiso_runs import RTC, Runs, runs_of
from ingest.iso.packed import members
from ingest.iso.sheet import (
    Price,
    Sheet,
    codes,
    header,
    named,
    read_sheet,
    refuse_repeated,
    refused_whole,
    rejects,
    whole,
)
from ingest.iso.statement import Statement, rows_of, statement
from ingest.lines import split_lines
from ingest.local_time import REASONS, to_wall
from ingest.source import LandOptions, Parsed, RawFile
from ingest.stamps import parse_stamps
from lakehouse.contract import Contract
from lakehouse.errors import UnreadableFile

Int64Array = npt.NDArray[np.int64]

#: Columns of LBMP files → our names. The last one was cut short until July 2016.
LBMP_COLUMNS = {
    "Time Stamp": "stamp",
    "Name": "name",
    "PTID": "ptid",
    "LBMP ($/MWHr)": "lbmp",
    "Marginal Cost Losses ($/MWHr)": "losses",
    "Marginal Cost Congestion ($/MWHr)": "congestion",
    "Marginal Cost Congestion ($/MWH": "congestion",
}
#: Places that had prices of their own before there were prices by zone.
PLACES = ("East", "West")
#: The place of a price that is of the whole control area.
WHOLE = "NYCA"
#: Columns of ancillary-service files → our names: by zone since June 2016, by place from 2005 on and of the whole area
#: before, all cut short at 31 characters (behind the place). Products keep the operator's name. The movement of regulation is paid per MW
#: moved, not per MW and hour.
AS_COLUMNS = {
    "Time Stamp": "stamp",
    "Time Zone": "zone",
    "Name": "name",
    "PTID": "ptid",
    "10 Min Spinning Reserve ($/MWHr)": "10 Min Spinning Reserve",
    "10 Min Non-Synchronous Reserve ($/MWHr)": "10 Min Non-Synchronous Reserve",
    "30 Min Operating Reserve ($/MWHr)": "30 Min Operating Reserve",
    "NYCA Regulation Capacity ($/MWHr)": "NYCA Regulation Capacity",
    "NYCA Regulation Movement ($/MW)": "NYCA Regulation Movement",
} | {
    f"{place}{column}": f"{place}{product}"
    for place in ("", *(f"{place} " for place in PLACES))
    for column, product in (
        ("10 Min Spinning Reserve ($/MWHr", "10 Min Spinning Reserve"),
        ("10 Min Non-Synchronous Reserve", "10 Min Non-Synchronous Reserve"),
        ("30 Min Operating Reserve ($/MWH", "30 Min Operating Reserve"),
        ("Regulation ($/MWHr)", "Regulation"),
    )
}
#: A column that only one other kind of document has → what it is.
OTHERS = {
    "Fuel Category": "fuel mix",
    "Interface Name": "interface limits and flows",
    "Load": "load",
    "Integrated Load": "hourly load",
    "Capitl": "load forecast",
    "Limiting Facility": "limiting constraints",
}
#: The eleven load zones and the four proxies of neighbours.
ZONE_PTIDS = frozenset(str(ptid) for ptid in (*range(61752, 61763), *range(61844, 61848)))
#: What the operator calls its feeds in file names → our market.
MARKETS = {"damlbmp": "DAM", "realtime": "RT5", "rtlbmp": "RTH", "damasp": "DAM", "rtasp": "RT5"}
_NAME = re.compile(r"(damlbmp|realtime|rtlbmp)_(zone|gen)|(damasp|rtasp)", re.IGNORECASE)
_STAMPS = ("%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S")


@dataclass(frozen=True)
class Feed:
    """One source: a market and what its files are of ('ZONE', 'GENERATOR', or 'AS')."""

    market: str
    kind: str

    @property
    def contract(self) -> Contract:
        """The table that it lands."""
        return AS_PRICES if self.kind == "AS" else PRICES

    @property
    def is_run(self) -> bool:
        """Whether stamps are ends of dispatch runs."""
        return self.market == "RT5"

    @property
    def source(self) -> str:
        """The name that a user gives."""
        market = self.market.lower()
        return f"nyiso-{market}-as" if self.kind == "AS" else f"nyiso-{market}-lbmp-{self.kind.lower()}"


def dam_zone(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Day-ahead LBMPs of zones (damlbmp_zone); see `ingest.source.Source.parse`."""
    return _read(file, options, Feed("DAM", "ZONE"))


def dam_generator(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Day-ahead LBMPs of generators (damlbmp_gen)."""
    return _read(file, options, Feed("DAM", "GENERATOR"))


def rt5_zone(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Real-time LBMPs of zones (realtime_zone)."""
    return _read(file, options, Feed("RT5", "ZONE"))


def rt5_generator(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Real-time LBMPs of generators (realtime_gen)."""
    return _read(file, options, Feed("RT5", "GENERATOR"))


def rth_zone(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Hourly integrated LBMPs of zones (rtlbmp_zone)."""
    return _read(file, options, Feed("RTH", "ZONE"))


def rth_generator(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Hourly integrated LBMPs of generators (rtlbmp_gen)."""
    return _read(file, options, Feed("RTH", "GENERATOR"))


def dam_as(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Day-ahead prices of ancillary services by zone (damasp)."""
    return _read(file, options, Feed("DAM", "AS"))


def rt5_as(file: RawFile, options: LandOptions) -> Iterator[Parsed]:
    """Real-time prices of ancillary services by zone (rtasp)."""
    return _read(file, options, Feed("RT5", "AS"))


def _read(file: RawFile, options: LandOptions, feed: Feed) -> Iterator[Parsed]:
    """A day's CSV file, or an archive of the days of a month; a day that cannot be used does not keep others out."""
    refused: list[tuple[str, UnreadableFile]] = []
    landed = False
    for member in members(file):
        try:
            parsed = _document(whole(member.content, member.name or file.path.name), file, member.name, options, feed)
        except UnreadableFile as error:
            if member.name is None:
                raise
            refused.append((member.name, error))
            continue
        landed = True
        yield parsed
    if not landed:
        if not refused:
            raise UnreadableFile("the archive is empty", "download it again")
        name, why = refused[0]
        raise UnreadableFile(f"{name}: {why.message}", why.next_step)
    nothing = feed.contract.arrow_schema.empty_table()
    for name, why in refused:
        yield Parsed({feed.contract.name: nothing}, refused_whole(name, why.message), "nyiso", rows_read=1)


def _document(content: bytes, file: RawFile, member: str | None, options: LandOptions, feed: Feed) -> Parsed:
    lines = split_lines(content)
    first, cells = header(lines)
    other = next((what for column, what in OTHERS.items() if column in cells), None)
    if other is not None:
        raise UnreadableFile(f"the file is NYISO's {other}, not prices", "land files of prices")
    is_as = any("10 Min " in cell for cell in cells)
    known, required = (AS_COLUMNS, ("stamp",)) if is_as else (LBMP_COLUMNS, tuple(LBMP_COLUMNS.values()))
    names = named(cells, known, required, "NYISO's price file")
    sheet = read_sheet(lines, first + 1, names)
    said = statement(file, options, member)
    _check_feed((member or file.path.name).rsplit("/", 1)[-1], sheet, is_as, feed)
    if not len(sheet.line):
        raise UnreadableFile("the file has a header and no prices yet", "download it again later")
    table, empty, dialect = _services(sheet, said, feed) if is_as else _lbmps(sheet, said, feed)
    if not table.num_rows and sheet.refusals.found:
        reason = next(iter(sheet.refusals.found.values()))
        raise UnreadableFile(f"no row can be used: {reason}", "check the file against its sender")
    return Parsed(
        {feed.contract.name: table},
        rejects(sheet, member),
        "nyiso_as" if is_as else "nyiso_lbmp",
        {"columns": cells, "rounded": sheet.rounded, **dialect},
        rows_read=table.num_rows + empty + len({line for line, _ in sheet.refusals.found}),
        rows_empty=empty,
    )


def _check_feed(name: str, sheet: Sheet, is_as: bool, feed: Feed) -> None:
    """Refuse what another source lands; where the name does not say what a file is, its rows do as far as they can.

    Raises:
        UnreadableFile: names the right source.
    """
    found = _NAME.search(name)
    market, kind = feed.market, feed.kind
    if found:
        market = MARKETS[(found[1] or found[3]).lower()]
        kind = {None: "AS", "zone": "ZONE", "gen": "GENERATOR"}[found[2].lower() if found[2] else None]
    if is_as != (kind == "AS") and (found or is_as != (feed.kind == "AS")):
        what = "prices of ancillary services" if is_as else "LBMPs"
        raise UnreadableFile(
            f"the file holds NYISO's {what}", "land it with the source of its kind: `wattlake sources`"
        )
    if not found and not is_as and len(sheet.line):
        ptids = set(pc.unique(sheet.cells["ptid"]).to_pylist())
        if (kind == "ZONE") != (ptids <= ZONE_PTIDS):
            kind = "ZONE" if kind == "GENERATOR" else "GENERATOR"
    stated = Feed(market, kind)
    if stated != feed:
        raise UnreadableFile(f"the file is of another feed of NYISO: {name}", f"land it with source {stated.source}")


def _instants(sheet: Sheet, series: Int64Array, step: int) -> tuple[Int64Array, str]:
    """Stamps as microseconds since 1970 UTC; rows without one are refused."""
    stamps = parse_stamps(sheet.cells["stamp"], _STAMPS)
    sheet.refuse(~stamps.ok, "Time Stamp", "the stamp is no date and time")
    naive = stamps.micros
    if "zone" in sheet.cells:
        utc = naive.copy()
        stated = sheet.cells["zone"]
        placed = np.zeros(len(naive), np.bool_)
        for name in ("EST", "EDT"):
            mine = np.asarray(pc.equal(stated, name).to_numpy(zero_copy_only=False), dtype=np.bool_)
            utc[mine] += clock.ABBREVIATED[name] * clock.HOUR
            placed |= mine
        placed &= to_wall(utc, clock.EASTERN) == naive
        sheet.refuse(stamps.ok & ~placed, "Time Zone", "the clocks of New York do not show this time with this zone")
        return utc, stamps.format
    utc, status = clock.by_order(naive, series, clock.EASTERN, step)
    for fault, reason in REASONS.items():
        sheet.refuse(stamps.ok & (status == fault), "Time Stamp", reason)
    return utc, stamps.format


def _intervals(sheet: Sheet, said: Statement, feed: Feed, series: Int64Array) -> tuple[Runs, str]:
    utc, written = _instants(sheet, series, RTC if feed.is_run else clock.HOUR)
    if feed.is_run:
        return runs_of(utc, series, sheet.ok, said), written
    sheet.refuse(sheet.ok & (utc % clock.HOUR != 0), "Time Stamp", "a stamp of an hourly price is a full hour")
    return Runs(utc, utc + clock.HOUR, np.zeros(len(utc), np.bool_)), written


def _vintage(advisory: npt.NDArray[np.bool_]) -> pa.Array:
    return pc.if_else(pa.array(advisory), "advisory", "posted")


def _lbmps(sheet: Sheet, said: Statement, feed: Feed) -> tuple[pa.Table, int, dict[str, object]]:
    sheet.refuse(np.asarray(pc.equal(sheet.cells["name"], "").to_numpy(zero_copy_only=False)), "Name", "no name")
    series = codes(sheet.cells["ptid"], sheet.cells["name"])
    lbmp, losses, congestion = sheet.exact("lbmp", required=True), sheet.exact("losses"), sheet.exact("congestion")
    runs, written = _intervals(sheet, said, feed, series)
    refuse_repeated(sheet, 2 * series + runs.advisory, runs.start, (lbmp, losses, congestion))
    energy = Price(lbmp.micro - losses.micro + congestion.micro, lbmp.null | losses.null | congestion.null)
    rows = np.flatnonzero(sheet.ok)
    take = pa.array(rows)
    table = rows_of(
        PRICES,
        said,
        len(rows),
        {
            "iso": "NYISO",
            "market": feed.market,
            "location": sheet.cells["name"].take(take),
            "location_type": feed.kind,
            "location_id": sheet.cells["ptid"].take(take),
            "price_type": "LBMP",
            "interval_start": runs.start[rows],
            "interval_end": runs.end[rows],
            "lmp_usd_mwh": lbmp.array(rows),
            "energy_usd_mwh": energy.array(rows),
            "congestion_usd_mwh": Price(-congestion.micro, congestion.null).array(rows),
            "loss_usd_mwh": losses.array(rows),
            "congestion_published_usd_mwh": congestion.array(rows),
            "vintage": _vintage(runs.advisory[rows]),
            "line": pa.array(sheet.line[rows], pa.int64()),
        },
    )
    return table, 0, {"stamps": written}


def _services(sheet: Sheet, said: Statement, feed: Feed) -> tuple[pa.Table, int, dict[str, object]]:
    zones = sheet.cells.get("name")
    series = np.zeros(len(sheet.line), np.int64) if zones is None else codes(zones)
    products = {name: sheet.exact(name) for name in sheet.cells if name not in ("stamp", "zone", "name", "ptid")}
    runs, written = _intervals(sheet, said, feed, series)
    refuse_repeated(sheet, 2 * series + runs.advisory, runs.start, tuple(products.values()))
    empty, tables = 0, []
    for name, price in products.items():
        rows = np.flatnonzero(sheet.ok & ~price.null)
        empty += int((sheet.ok & price.null).sum())
        place = next((place for place in PLACES if name.startswith(f"{place} ")), None)
        of_all = place or WHOLE
        tables.append(
            rows_of(
                AS_PRICES,
                said,
                len(rows),
                {
                    "iso": "NYISO",
                    "market": feed.market,
                    "location": of_all if zones is None else zones.take(pa.array(rows)),
                    "product": name.removeprefix(f"{place} ") if place else name,
                    "interval_start": runs.start[rows],
                    "interval_end": runs.end[rows],
                    "mcpc_usd_mw": price.array(rows),
                    "vintage": _vintage(runs.advisory[rows]),
                    "line": pa.array(sheet.line[rows], pa.int64()),
                },
            )
        )
    return pa.concat_tables(tables), empty, {"stamps": written}
