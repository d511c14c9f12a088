"""Answers of ISO-NE's web services other than LMPs: declared records with a stamp and values.

A list of one record is written as the record itself, and `current` leaves out the outer key of some. Nothing in a
record is guessed: an answer with an undeclared key is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.arrays import Int64Array
from ingest.iso import clock
from ingest.iso.isone.report import refuse_what_is_none
from ingest.iso.sheet import Sheet, codes, read_stamps
from ingest.text.json_text import read_json
from ingest.text.refusals import Refusals
from lakehouse.errors import UnreadableFile


@dataclass(frozen=True)
class Answer:
    """One kind of answer.

    Args:
        name: of the web service.
        path: keys down to the list of records.
        keys: of a record, nested ones with a dot → our name of the column; None for known keys that are not used.
            `start` is the stamp of an interval's start, with its offset.
        minutes: length of an interval.
        optional: keys that records may lack.
        beside: keys that may be beside those of `path`.
        series: our names of the columns that identify the place of a record.
    """

    name: str
    path: tuple[str, ...]
    keys: Mapping[str, str | None]
    minutes: int = 60
    optional: frozenset[str] = frozenset()
    beside: frozenset[str] = frozenset()
    series: tuple[str, ...] = ()


@dataclass
class Records:
    """An answer in columns.

    Args:
        answer: its kind.
        sheet: cells by our names; rows without a stamp of the kind's grid are refused.
        start: starts of intervals, microseconds since 1970 UTC.
        count: records in the answer.
    """

    answer: Answer
    sheet: Sheet
    start: Int64Array
    count: int

    @property
    def end(self) -> Int64Array:
        """Ends of intervals."""
        return self.start + self.answer.minutes * clock.MINUTE


def read_records(content: bytes, answers: Sequence[Answer], what: str) -> Records:
    """Bring an answer into columns.

    Args:
        content: the whole document.
        answers: the kinds that are wanted.
        what: in words, for messages.

    Raises:
        UnreadableFile: it is not JSON, is another answer or empty, or a record has an undeclared key.
    """
    refuse_what_is_none(content)
    answer, found = _found(read_json(content), answers, what)
    if not found:
        raise UnreadableFile(f"the document holds no {what}", "ask for another time")
    cells: dict[str, list[str]] = {name: [] for name in answer.keys.values() if name is not None}
    refusals, lines = Refusals(), []
    for number, record in enumerate(found, 1):
        row = _row(number, record, answer, refusals)
        if row is not None:
            lines.append(number)
            for name in cells:
                cells[name].append(row.get(name, ""))
    if not lines:
        raise UnreadableFile(f"no record is one of {what}", "check the document against its sender")
    sheet = Sheet(
        None,
        np.array(lines, np.int64),
        {name: pc.utf8_trim_whitespace(pa.array(column, pa.string())) for name, column in cells.items()},
        refusals,
        np.ones(len(lines), np.bool_),
        record=lambda number: json.dumps(found[number - 1]),
    )
    return Records(answer, sheet, _starts(sheet, answer), len(found))


def _starts(sheet: Sheet, answer: Answer) -> Int64Array:
    """Starts of intervals. Five-minute stamps may be a minute or two late: the five minutes that contain them count.

    Two late stamps of one place in the same five minutes would be two values of one interval: both rows are refused.
    """
    stamps = read_stamps(sheet.cells["start"], ("iso_offset",))
    sheet.refuse(~stamps.ok, "BeginDate", "the stamp is no date and time with an offset")
    grid = answer.minutes * clock.MINUTE
    start = stamps.micros // grid * grid
    late = stamps.ok & (stamps.micros != start)
    if answer.minutes != 5:
        sheet.refuse(late, "BeginDate", f"no full {answer.minutes} minutes begin then")
        return start
    if late.any():
        place = (
            codes(*(sheet.cells[name] for name in answer.series)) if answer.series else np.zeros(len(start), np.int64)
        )
        order = np.lexsort((stamps.micros, start, place))
        same = (np.diff(start[order]) == 0) & (np.diff(place[order]) == 0)
        torn = np.flatnonzero(same & (np.diff(stamps.micros[order]) != 0))
        both = np.unique(np.concatenate([order[torn], order[torn + 1]]))
        slots = set(zip(place[both].tolist(), start[both].tolist(), strict=True))
        clash = np.array([key in slots for key in zip(place.tolist(), start.tolist(), strict=True)], np.bool_)
        sheet.refuse(stamps.ok & clash, "BeginDate", "two stamps of one place lie in the same five minutes")
    return start


def _found(document: Any, answers: Sequence[Answer], what: str) -> tuple[Answer, list[Any]]:
    """The kind of an answer, and its records."""
    if isinstance(document, dict):
        for answer in answers:
            # Usually both keys; `current` of some services has only the inner one.
            for path in (answer.path, answer.path[-1:]):
                held: Any = document
                for key in path:
                    extra = held.keys() - {key} - answer.beside if isinstance(held, dict) and key in held else set()
                    if extra:
                        raise UnreadableFile(
                            f"the answer has an unknown key {min(extra)!r} beside {key!r}",
                            "report it: its meaning must be declared before it is read",
                        )
                    held = held.get(key) if isinstance(held, dict) else None
                if held is not None:
                    return answer, held if isinstance(held, list) else [held]
                if isinstance(document.get(path[0]), str) and not document[path[0]].strip():
                    return answer, []
    shown = f"ISO-NE's {min(document)}" if isinstance(document, dict) and len(document) == 1 else "of another kind"
    names = ", ".join(answer.name for answer in answers)
    raise UnreadableFile(f"the document is {shown}, not {what}", f"land answers of {names}")


def _row(number: int, record: Any, answer: Answer, refusals: Refusals) -> dict[str, str] | None:
    """The cells of a record; None where it is refused.

    Raises:
        UnreadableFile: a key is unknown.
    """
    if not isinstance(record, dict):
        refusals.add(number, "", "the record is no object")
        return None
    flat = dict(_flat(record))
    if unknown := sorted(flat.keys() - answer.keys.keys()):
        raise UnreadableFile(
            f"record {number} of {answer.name} has an unknown key {unknown[0]!r}",
            "report it: its meaning must be declared before it is read",
        )
    if missing := sorted(answer.keys.keys() - flat.keys() - answer.optional):
        refusals.add(number, missing[0], "the record lacks it")
        return None
    row: dict[str, str] = {}
    for key, cell in flat.items():
        name = answer.keys[key]
        if name is None:
            continue
        if cell is not None and not isinstance(cell, str):
            refusals.add(number, key, "the value is no text and no number")
            return None
        row[name] = cell or ""
    return row


def _flat(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in record.items():
        if isinstance(value, dict):
            yield from ((f"{key}.{inner}", cell) for inner, cell in value.items())
        else:
            yield key, value
