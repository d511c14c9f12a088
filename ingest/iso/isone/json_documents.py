"""ISO-NE's web services: records whose stamps have an offset. A list of one record is written as the record itself."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ingest.iso import clock
from ingest.iso.isone.report import MINUTES, Report, vintage_of, wrong_market
from ingest.iso.sheet import Sheet, read_stamps
from ingest.text.json_text import read_json
from ingest.text.refusals import Refusals
from lakehouse.errors import UnreadableFile

#: Document → its list of records.
DOCUMENTS = {"HourlyLmps": "HourlyLmp", "FiveMinLmps": "FiveMinLmp"}
#: Keys of a record that hold a price → our names.
PRICES = {
    "LmpTotal": "lmp",
    "EnergyComponent": "energy",
    "CongestionComponent": "congestion",
    "LossComponent": "loss",
}
_LOCATION = {"@LocId": "id", "$": "name", "@LocType": "type"}
_KEYS = frozenset({"BeginDate", "Location", *PRICES})
_WORDS = re.compile(r"[a-z]+")


def read_answer(content: bytes, path: Path, market: str) -> Report:
    """Bring an answer of the web services into columns.

    Args:
        content: the whole document.
        path: its name may give the market (day-ahead or real-time) and the vintage.
        market: DAM, RT5 or RTH.

    Raises:
        UnreadableFile: it is not JSON, is another document or empty, or a record has an unknown key.
    """
    records = _records(read_json(content), market)
    words = set(_WORDS.findall(path.name.lower()))
    if market != "RT5":
        named = "DAM" if words & {"da", "dalmp", "dam"} else "RTH" if words & {"rt", "rth"} else market
        if named != market:
            raise wrong_market(market, named)
    cells: dict[str, list[str]] = {name: [] for name in ("stamp", *PRICES.values(), *_LOCATION.values())}
    refusals = Refusals()
    lines: list[int] = []
    for number, record in enumerate(records, 1):
        row = _row(number, record, refusals)
        if row is None:
            continue
        lines.append(number)
        for name, cell in row.items():
            cells[name].append(cell)
    sheet = Sheet(
        None,
        np.array(lines, np.int64),
        {name: pa.array(column, pa.string()) for name, column in cells.items()},
        refusals,
        np.ones(len(lines), np.bool_),
        record=lambda number: json.dumps(records[number - 1]),
    )
    if not lines:
        raise UnreadableFile("no record is one of a price", "check the document against its sender")
    stamps = read_stamps(sheet.cells["stamp"], ("iso_offset",))
    sheet.refuse(~stamps.ok, "BeginDate", "the stamp is no date and time with an offset")
    grid = MINUTES[market] * clock.MINUTE
    sheet.refuse(stamps.ok & (stamps.micros % grid != 0), "BeginDate", f"no full {MINUTES[market]} minutes begin then")
    return Report(sheet, stamps.micros, vintage_of(market, path), "isone_json", None, {"records": len(records)})


def _records(document: Any, market: str) -> list[Any]:
    """The records of an LMP document."""
    if not isinstance(document, dict) or len(document) != 1:
        shown = f"{len(document)} keys" if isinstance(document, dict) else "a list or a value"
        raise UnreadableFile(
            f"the document is no answer of ISO-NE's web services about LMPs: it holds {shown}",
            "land documents of LMPs",
        )
    ((key, held),) = document.items()
    if key in DOCUMENTS.values():
        held = {key: held}
        key = next(name for name, records in DOCUMENTS.items() if records == key)
    if key not in DOCUMENTS:
        raise UnreadableFile(f"the document is ISO-NE's {key}, not LMPs", "land documents of LMPs")
    if (key == "FiveMinLmps") != (market == "RT5"):
        raise UnreadableFile(
            f"the document is ISO-NE's {key}, not of {market}",
            "land it with source isone-rt5-lmp" if market != "RT5" else "land it with isone-dam-lmp or isone-rth-lmp",
        )
    records = held.get(DOCUMENTS[key], []) if isinstance(held, dict) else held
    if not records:
        raise UnreadableFile("the document holds no prices", "ask for another time")
    return records if isinstance(records, list) else [records]


def _row(number: int, record: Any, refusals: Refusals) -> dict[str, str] | None:
    """The cells of a record; None where it is refused.

    Raises:
        UnreadableFile: a key is unknown.
    """
    location = record.get("Location") if isinstance(record, dict) else None
    if not isinstance(location, dict):
        refusals.add(number, "", "the record is no price of a location")
        return None
    if not (record.keys() <= _KEYS and location.keys() <= _LOCATION.keys()):
        unknown = sorted((record.keys() - _KEYS) | (location.keys() - _LOCATION.keys()))
        raise UnreadableFile(
            f"record {number} has an unknown key {unknown[0]!r}",
            "report it: its meaning must be declared before it is read",
        )
    row = {"stamp": record.get("BeginDate")}
    for key, name in PRICES.items():
        row[name] = record.get(key)
    for key, name in _LOCATION.items():
        row[name] = location.get(key)
    for name, cell in row.items():
        if cell is None:
            row[name] = ""
        elif not isinstance(cell, str):
            refusals.add(number, name, "the value is no text and no number")
            return None
    return row
