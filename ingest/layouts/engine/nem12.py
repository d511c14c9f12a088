"""NEM12 into blocks, one day at a time through `nemreader`, which knows the format's rules.

Reading single days (their 200, 300 and 400 records) keeps a bad record from spoiling the file, and gives every value
its line. Files without the 100 record, which portals hand out, are read in the same way.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from ingest.layouts.engine.blocks import Block, Rows, Tabulated
from ingest.layouts.engine.layout import Layout
from ingest.layouts.engine.recognise import Found
from ingest.layouts.engine.signal_rule import SignalRule
from ingest.layouts.engine.table import one_asset_only
from ingest.text.lines import Lines, split_cells
from ingest.text.refusals import Refusals
from lakehouse.errors import UnreadableFile
from lakehouse.source import LandOptions

#: Quality flags (AEMO, Meter Data File Format Specification NEM12 & NEM13, appendix): E estimated, S substituted,
#: F final substituted; each may carry a two-digit method. A is actual, N is no data, V varies within the day.
_METHODS = (*range(11, 20), *range(51, 59), *range(61, 69), *range(71, 76))
ESTIMATED = tuple(f"{flag}{method}" for flag in "ESF" for method in ("", *_METHODS))

#: A quality flag with its method.
_QUALITY = re.compile(r"[AEFNSV]([0-9]{2})?")
#: Fields of a 300 record behind its values: quality, reason, its description, two dates.
_FIELDS_BEHIND = 5
_FIELDS_OF_400 = 6
_DATE = re.compile(r"[0-9]{8}")
_INDEX = re.compile(r"[0-9]{1,4}")

#: Interval length in minutes, as the 200 record writes it.
_INTERVAL = re.compile(r"^0{0,3}[1-9][0-9]{0,3}$")

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  NEM time is a wall clock without a zone


@dataclass
class _Register:
    """All values of one NMI and register, one entry each."""

    unit: str
    interval_s: float
    line: list[int] = field(default_factory=list)
    start: list[int] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    status: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


def tabulate_nem12(found: Found, lines: Lines, options: LandOptions) -> Tabulated:
    """Bring a NEM12 file into blocks.

    Raises:
        UnreadableFile: it holds no interval record, or is NEM13.
    """
    # The library logs every skipped record; here they become refused rows.
    logging.getLogger("nemreader").setLevel(logging.CRITICAL)
    from nemreader.nem_reader import parse_nem12_rows

    layout, refusals = found.layout, Refusals()
    registers: dict[tuple[str, str, str, float], _Register] = {}
    for line, records in _days(lines, refusals):
        details, values, *events = records
        try:
            _check_day(values, events, 24 * 60 // int(details[8]))
            records = [details, _filled(values, 2 + 24 * 60 // int(details[8]) + _FIELDS_BEHIND)]
            records += [_filled(event, _FIELDS_OF_400) for event in events]
            readings = parse_nem12_rows(records).readings[details[1]][details[4]]
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            cause = error.__cause__ or error
            refusals.add(line, "", f"the day cannot be read: {cause}")
            continue
        interval_s = float(details[8]) * 60
        key = (details[1].strip(), details[4].strip(), details[7].strip(), interval_s)
        register = registers.setdefault(key, _Register(details[7].strip(), interval_s))
        for number, reading in enumerate(readings, 1):
            register.line.append(line)
            register.start.append(round((reading.t_start - _EPOCH).total_seconds() * 1_000_000))
            # The value as written: the library's is a float.
            quality = reading.quality_method or ""
            register.text.append("" if quality.startswith("N") else values[number + 1])
            register.status.append(quality)
            register.names.append(f"interval {number}")
    if not registers and not refusals.found:
        raise UnreadableFile("the file has no interval record (300)", "ask for NEM12 interval data; NEM13 is not read")
    one_asset_only(options, [nmi for nmi, *_ in registers])
    blocks, native = _blocks(registers, layout, options, refusals)
    if not blocks:
        _, reason = next(iter(refusals.found.items()))
        raise UnreadableFile(f"no record can be used: {reason}", "check the file against its sender")
    dialect: dict[str, object] = {"encoding": lines.encoding, "bom": lines.bom, "format": "nem12", "decimal": "."}
    return Tabulated(blocks, refusals, dialect, native)


def _check_day(row: list[str], events: list[list[str]], count: int) -> None:
    """Check what the library does not: that a day has exactly its values, and a quality for each.

    Args:
        row: the 300 record.
        events: its 400 records.
        count: intervals of a day.

    Raises:
        ValueError: the day cannot be used; the message says why.
    """
    if not _DATE.fullmatch(row[1].strip() if len(row) > 1 else ""):
        raise ValueError("the record has no date YYYYMMDD")
    values = next((at for at, cell in enumerate(row[2:]) if _QUALITY.fullmatch(cell.strip())), None)
    if values is None:
        raise ValueError("the record states no quality")
    if values != count:
        raise ValueError(f"the record has {values} values, and its interval length asks for {count}")
    if any(cell.strip() for cell in row[2 + count + _FIELDS_BEHIND :]):
        raise ValueError("the record has more fields than a 300 record has")
    quality = row[2 + count].strip()
    ranges = []
    for event in events:
        first, last, flag = (cell.strip() for cell in _filled(event, 4)[1:4])
        stated = _INDEX.fullmatch(first) and _INDEX.fullmatch(last) and _QUALITY.fullmatch(flag)
        if not stated or flag.startswith("V"):
            raise ValueError("a 400 record names no intervals or no quality")
        if not quality.startswith("V") and flag != quality:
            raise ValueError(f"the 300 record states quality {quality} for the day, a 400 record {flag}")
        ranges.append((int(first), int(last)))
    if quality.startswith("V") or ranges:
        edges = [(0, 0), *sorted(ranges), (count + 1, count + 1)]
        in_turn = all(last + 1 == following for (_, last), (following, _) in pairwise(edges))
        if not in_turn or any(first > last for first, last in ranges):
            raise ValueError(f"the 400 records do not cover the day's {count} intervals once each")


def _filled(row: list[str], width: int) -> list[str]:
    """A record with the fields that portals leave out at its end."""
    return row[:width] + [""] * (width - len(row))


def _days(lines: Lines, refusals: Refusals) -> Iterator[tuple[int, list[list[str]]]]:
    """Every 300 record with its line, as [its 200 record, itself, its 400 records]."""
    details: list[str] | None = None
    day: tuple[int, list[list[str]]] | None = None
    for number in range(1, lines.last + 1):
        text = lines.text(number)
        if not text.strip():
            continue
        row = split_cells(text, ",")
        kind = row[0].strip()
        if number in lines.bad:
            refusals.add(number, "", lines.bad[number])
            if kind == "400" and day is not None:
                refusals.add(day[0], "", f"what line {number} says of this day's quality cannot be read")
                day = None
            if kind in ("300", "400"):
                continue
            kind = "unreadable"
        if kind == "400" and day is not None:
            day[1].append(row)
            continue
        if day is not None and kind != "500":
            yield day
            day = None
        if kind == "200":
            details = row if len(row) > 8 and _INTERVAL.match(row[8]) and 24 * 60 % int(row[8]) == 0 else None
            if details is None:
                refusals.add(number, "", "the 200 record has no interval length; its days are refused too")
        elif kind == "300":
            if details is None:
                refusals.add(number, "", "a day without a readable 200 record before it")
            else:
                day = (number, [details, row])
        elif kind not in ("100", "500", "900"):
            # It may have been a 200 record: the days below are not known to be of the register above.
            details = None
            refusals.add(number, "", f"unknown record {kind!r}")
    if day is not None:
        yield day


def _blocks(
    registers: dict[tuple[str, str, str, float], _Register], layout: Layout, options: LandOptions, refusals: Refusals
) -> tuple[list[Block], dict[str, str]]:
    blocks: list[Block] = []
    native: dict[str, str] = {}
    for (nmi, suffix, _, _), register in registers.items():
        if layout.ignores(suffix):
            continue
        asset = options.asset or nmi
        rule = layout.rule(suffix, nmi)
        unit = _unit(register.unit, rule)
        if rule is None or unit is None:
            reason = (
                f"register {suffix!r} is not declared in layout {layout.name}"
                if rule is None
                else f"register {suffix!r} has unit {register.unit!r}, layout {layout.name} declares {rule.unit!r}"
            )
            refusals.add_rows(np.unique(np.array(register.line, np.int64)), suffix, reason)
            continue
        estimated = ESTIMATED if rule.kind == "interval_energy" else ()
        declared: dict[str, Any] = {
            "unit": unit,
            "expected_interval_s": register.interval_s,
            "estimated_statuses": estimated,
        }
        count = len(register.line)
        rows = Rows(
            np.array(register.line, np.int64),
            np.array(register.start, np.int64),
            np.ones(count, np.bool_),
            instant=False,
            field=np.array(register.names, object),
        )
        blocks.append(
            Block(
                asset,
                suffix,
                rule.model_copy(update=declared),
                pa.array(register.text, pa.string()),
                np.arange(count, dtype=np.int64),
                rows,
                status=pa.array(register.status, pa.string()),
                interval_s=register.interval_s,
            )
        )
        native[asset] = nmi
    return blocks, native


#: Units by how a file may write them; energy keeps the file's own prefix.
_UNITS = {u.casefold(): u for u in ("Wh", "kWh", "MWh", "VArh", "kVArh", "MVArh", "VAh", "kVAh", "V", "A", "kV")}


def _unit(written: str, rule: SignalRule | None) -> str | None:
    """The unit of a register: the file's if it has the declared quantity, the declared one if the file has none."""
    if rule is None or rule.unit is None:
        return None
    if not written:
        return rule.unit
    unit = _UNITS.get(written.casefold())
    return unit if unit is not None and unit.lstrip("kM") == rule.unit.lstrip("kM") else None
