"""Green Button (ESPI) feeds into blocks: a signal for each usage point, quantity, direction and length of interval.

The ReadingType decides what a number means, never its size: readings without one, or with an unknown code, are refused.
Codes: ESPI schema (espi.xsd), enumerations of ReadingType and QualityOfReading.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
import pyarrow as pa

from ingest.layouts.engine.blocks import Block, Rows, Tabulated
from ingest.layouts.engine.espi_feed import Entry, Feed, Reading, read_feed, whole_number
from ingest.layouts.engine.espi_time import calendar_zone
from ingest.layouts.engine.layout import Layout
from ingest.layouts.engine.signal_rule import INTERVAL_KINDS
from ingest.layouts.engine.table import few_enough, one_asset_only
from ingest.text.refusals import Refusals
from lakehouse.errors import UnreadableFile
from lakehouse.source import LandOptions, RawFile

SECOND = 1_000_000
DAY_S = 86_400

#: UnitSymbol → quantity and unit. Amounts add up over time, the others do not.
_AMOUNTS = {
    72: ("energy", "Wh"), 73: ("reactive_energy", "VArh"), 71: ("apparent_energy", "VAh"), 169: ("energy", "therm"),
    132: ("energy", "BTU"), 31: ("energy", "J"), 42: ("volume", "m3"), 166: ("volume", "m3"), 167: ("volume", "m3"),
    119: ("volume", "ft3"), 120: ("volume", "ft3"), 134: ("volume", "L"), 156: ("volume", "L"), 157: ("volume", "L"),
    128: ("volume", "US gal"), 130: ("volume", "imp gal"), 80: ("money", None),
}  # fmt: skip
_RATES = {
    38: ("power", "W"), 63: ("reactive_power", "VAr"), 61: ("apparent_power", "VA"), 29: ("voltage", "V"),
    5: ("current", "A"), 33: ("frequency", "Hz"), 23: ("temperature", "°C"),
}  # fmt: skip
#: FlowDirection: delivered to the customer, received from the customer, and sums of both.
_DIRECTIONS = {0: "", 1: "forward_", 4: "net_", 19: "reverse_", 20: "total_", 21: "total_"}
#: Commodity, or else ServiceCategory of the usage point; electricity has no prefix.
_COMMODITIES = {1: "", 2: "", 7: "gas_", 9: "water_", 10: "steam_"}
_SERVICES = {0: "", 1: "gas_", 2: "water_"}
#: AccumulationBehaviour: bulk quantity, cumulative and summation are registers; indicating and instantaneous, samples.
_REGISTERS, _SAMPLES, _OF_INTERVALS = (1, 3, 9), (6, 12), (0, 4)
#: DataQualifier: not applicable, average, normal, sum; a maximum of an interval is no mean.
_PLAIN, _MAXIMUM, _MINIMUM = (0, 2, 12, 26), 8, 9
#: QualityOfReading: estimated from history, interpolated, projected.
ESTIMATED = ("8", "9", "12")


@dataclass(frozen=True)
class _Meaning:
    """The meaning of the readings of a type."""

    signal: str
    kind: str
    unit: str | None
    factor: Decimal
    length_s: int | None
    default_quality: str


@dataclass
class _Series:
    """Readings of one signal and one length."""

    meaning: _Meaning
    number: list[int] = field(default_factory=list)
    stamp: list[int] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    status: list[str] = field(default_factory=list)


def tabulate_espi(layout: Layout, file: RawFile, content: bytes, options: LandOptions) -> Tabulated:
    """Bring a feed into blocks; a line is the number of a reading in the document, from 1.

    The asset is the file's name if the feed has one usage point (or names none), and name and usage point if it has
    several, because ids of usage points, such as 01, are unique only within one customer.

    Raises:
        UnreadableFile: the XML cannot be read, or none of its readings can be used.
    """
    feed, refusals = read_feed(content), Refusals()
    series: dict[tuple[str, str, int, str], _Series] = {}
    native: dict[str, str] = {}
    calendars: dict[str, str] = {}
    shown: dict[int, Reading] = {}
    placed: set[str] = set()
    points, types = feed.of("UsagePoint"), feed.of("ReadingType")
    sole = types[0] if types and all(kind.fields == types[0].fields for kind in types) else None
    stem = file.path.parent.name if layout.asset.source == "folder" else file.path.stem
    for entry in feed.blocks():
        meter = _only(feed.holders("MeterReading", entry))
        point = _point(feed, points, meter, entry)
        name = None if point is None else _id(point)
        meaning = _meaning_of(_type(feed, meter, entry) or sole, point)
        if len(points) > 1 and name is None:
            meaning = "no link says which usage point it is of"
        own = stem if len(points) < 2 or name is None else f"{stem}-{name}"
        asset = options.asset or own
        for block, readings in entry.blocks:
            shown.update((reading.number, reading) for reading in readings)
            if isinstance(meaning, str):
                refusals.add_rows(np.array([r.number for r in readings], np.int64), "", meaning)
            elif not layout.ignores(meaning.signal):
                placed.add(own)
                for reading, start, length in _placed(block, readings, meaning, refusals):
                    source = "" if meter is None else meter.own_path or ""
                    _add(series, (asset, source), meaning, reading, start, length)
        if not isinstance(meaning, str):
            if name is not None:
                native[asset] = name
            zone = calendar_zone(feed, point)
            if zone is not None:
                calendars[asset] = zone
    one_asset_only(options, sorted(placed))
    blocks = _blocks(layout, series, refusals)
    if not blocks:
        reason = next(iter(refusals.found.values()), "it has no IntervalReading of a signal")
        raise UnreadableFile(f"no reading can be used: {reason}", "download interval data, or declare it in a layout")

    def raw_text(number: int) -> str | None:
        reading = shown.get(number)
        return None if reading is None else f"start {reading.start} duration {reading.duration} value {reading.value}"

    dialect: dict[str, object] = {"format": "espi", "decimal": ".", "thousands": "", "stamp_format": "epoch_s"}
    return Tabulated(blocks, refusals, dialect, native, raw_text, calendars)


def _only(entries: list[Entry]) -> Entry | None:
    """The only entry; None if there is none or more than one."""
    return entries[0] if len(entries) == 1 else None


def _point(feed: Feed, points: list[Entry], meter: Entry | None, entry: Entry) -> Entry | None:
    if len(points) == 1:
        return points[0]
    linked = None if meter is None else _only(feed.holders("UsagePoint", meter))
    return linked or _only(feed.holders("UsagePoint", entry))


def _id(point: Entry) -> str | None:
    """The id of a usage point, from its own path."""
    path = point.own_path or ""
    return path.rpartition("/")[2] or None


def _type(feed: Feed, meter: Entry | None, entry: Entry) -> Entry | None:
    """The reading type to which a block or its meter is linked."""
    for holder in (meter, entry):
        linked = [] if holder is None else feed.linked("ReadingType", holder)
        if linked and all(kind.fields == linked[0].fields for kind in linked):
            return linked[0]
    return None


def _meaning_of(kind: Entry | None, point: Entry | None) -> _Meaning | str:
    """The meaning of the readings of a type, or the reason why they cannot be used."""
    if kind is None:
        return "no ReadingType, or no link to one of several, says what it is"

    def code(name: str) -> int | None:
        text = kind.fields.get(name, "")
        return whole_number(text) if text else 0

    def unknown(*names: str) -> str:
        return f"its ReadingType says {', '.join(f'{name} {kind.fields.get(name)!r}' for name in names)}: not known"

    unit, power, flow, commodity = (code(n) for n in ("uom", "powerOfTenMultiplier", "flowDirection", "commodity"))
    quantity, symbol = _AMOUNTS.get(unit or 0) or _RATES.get(unit or 0) or (None, None)
    if quantity is None:
        return unknown("uom")
    if power is None or not -9 <= power <= 9:
        return unknown("powerOfTenMultiplier")
    direction = None if flow is None else _DIRECTIONS.get(flow)
    if direction is None:
        return unknown("flowDirection")
    service = None if point is None else whole_number(point.fields.get("ServiceCategory/kind"))
    prefix = _SERVICES.get(service or 0) if commodity == 0 else _COMMODITIES.get(commodity or -1)
    if prefix is None:
        return unknown("commodity") if commodity != 0 else f"service category {service} is not known"
    form = _form(unit in _AMOUNTS, code("accumulationBehaviour"), code("dataQualifier"))
    if form is None:
        return unknown("uom", "accumulationBehaviour", "dataQualifier")
    what, suffix = form
    parts = [
        f"_{label}{kind.fields[name]}"
        for name, label in (("tou", "tou"), ("consumptionTier", "tier"), ("cpp", "cpp"), ("phase", "phase"))
        if code(name) != 0 and not (name == "phase" and kind.fields[name] in _ALL_PHASES)
    ]
    return _Meaning(
        signal=f"{prefix}{direction}{quantity}{suffix}{''.join(parts)}",
        kind=what,
        unit=symbol,
        factor=Decimal(1).scaleb(power),
        length_s=code("intervalLength") or None,
        default_quality=kind.fields.get("defaultQuality", ""),
    )


#: PhaseCode of the whole connection: all phases, with or without neutral; both legs of a split phase.
_ALL_PHASES = ("224", "225", "768", "769", "784")


def _form(is_amount: bool, behaviour: int | None, qualifier: int | None) -> tuple[str, str] | None:
    """The kind of a signal, and the suffix of its name."""
    if is_amount and qualifier in _PLAIN:
        if behaviour in _OF_INTERVALS:
            return "interval_energy", ""
        return ("counter", "_register") if behaviour in _REGISTERS else None
    if not is_amount and qualifier in _PLAIN:
        if behaviour in _OF_INTERVALS:
            return "interval_mean", ""
        return ("instant", "_sample") if behaviour in _SAMPLES else None
    if not is_amount and behaviour in (*_OF_INTERVALS, *_SAMPLES):
        return {_MAXIMUM: ("max", "_max"), _MINIMUM: ("min", "_min")}.get(qualifier or 0)
    return None


def _placed(
    block: dict[str, str], readings: list[Reading], meaning: _Meaning, refusals: Refusals
) -> Iterator[tuple[Reading, int, int]]:
    """Readings with start and length in seconds; readings without times follow one another through their block."""
    first, whole = whole_number(block.get("interval/start")), whole_number(block.get("interval/duration"))
    follow = (
        all(reading.start is None for reading in readings)
        and first is not None
        and meaning.length_s is not None
        and len(readings) * meaning.length_s == whole
    )
    for place, reading in enumerate(readings):
        start, length = whole_number(reading.start), whole_number(reading.duration)
        if follow and first is not None:
            start = first + place * (meaning.length_s or 0)
        if reading.duration is None and meaning.kind in INTERVAL_KINDS:
            length = meaning.length_s
        if start is None or not 0 <= start < 2**40:
            refusals.add(reading.number, "", "the reading has no start in seconds since 1970")
        elif meaning.kind in INTERVAL_KINDS and (length is None or not 0 < length < 2**32):
            refusals.add(reading.number, "", "the reading has no duration")
        elif length is not None and not 0 <= length < 2**32:
            refusals.add(reading.number, "", "the reading's duration is none")
        else:
            yield reading, start, length or 0


def _add(
    series: dict[tuple[str, str, int, str], _Series],
    whose: tuple[str, str],
    meaning: _Meaning,
    reading: Reading,
    start: int,
    length: int,
) -> None:
    (asset, meter), signal, kept = whose, meaning.signal, 0
    if meaning.kind in INTERVAL_KINDS:
        signal, kept = signal + _long(length), length
    elif meaning.kind == "counter":
        start += length  # the reading of a register for a period is its value at the end
    found = series.setdefault((asset, signal, kept, meter), _Series(meaning))
    estimated = [quality for quality in reading.qualities if quality in ESTIMATED]
    found.number.append(reading.number)
    found.stamp.append(start * SECOND)
    found.text.append(reading.value)
    found.status.append(next(iter((*estimated, *reading.qualities)), meaning.default_quality))


def _long(length_s: int) -> str:
    """Suffix of a signal's name for its length, because days and billing periods must not be added to hours."""
    if length_s < 23 * 3600:
        return ""
    if length_s <= 25 * 3600:
        return "_daily"
    return "_billing" if length_s >= 20 * DAY_S else f"_{length_s // 3600}h"


def _blocks(layout: Layout, series: dict[tuple[str, str, int, str], _Series], refusals: Refusals) -> list[Block]:
    few_enough(len(series))
    usual = _usual_lengths(series)
    blocks: list[Block] = []
    for (asset, plain, length, meter), found in series.items():
        mine = usual[asset, plain][meter]
        finest = min(usual[asset, plain].values())
        # The same energy by quarter hours and by hours must not count twice.
        signal = plain if mine == finest else f"{plain}_{mine // 60}min"
        lines = np.array(found.number, np.int64)
        rule, unit = layout.rule(signal, asset), found.meaning.unit
        if rule is None or rule.kind != found.meaning.kind or rule.unit not in (None, unit):
            reason = f"{signal!r} ({found.meaning.kind} in {unit}) is not declared in layout {layout.name}"
            refusals.add_rows(lines, "", reason)
            continue
        expected = mine or found.meaning.length_s
        declared = rule.model_copy(
            update={
                "unit": unit,
                "factor": rule.factor * found.meaning.factor,
                "expected_interval_s": float(expected) if expected else rule.expected_interval_s,
                "estimated_statuses": rule.estimated_statuses or ESTIMATED,
            }
        )
        rows = Rows(lines, np.array(found.stamp, np.int64), np.ones(len(lines), np.bool_), instant=True)
        blocks.append(
            Block(
                asset,
                signal,
                declared,
                pa.array(found.text, pa.string()),
                np.arange(len(lines), dtype=np.int64),
                rows,
                status=pa.array(found.status, pa.string()),
                interval_s=float(length) if length else None,
            )
        )
    return blocks


def _usual_lengths(series: dict[tuple[str, str, int, str], _Series]) -> dict[tuple[str, str], dict[str, int]]:
    """The most common length of interval, in seconds, of every asset and signal, by MeterReading."""
    counts: dict[tuple[str, str], dict[str, Counter[int]]] = {}
    for (asset, signal, length, meter), found in series.items():
        counts.setdefault((asset, signal), {}).setdefault(meter, Counter())[length] += len(found.number)
    return {
        key: {meter: lengths.most_common(1)[0][0] for meter, lengths in meters.items()}
        for key, meters in counts.items()
    }
