"""A slow second reader: takes every landed value back to its line, with `Decimal`, `datetime` and `csv` alone."""

from __future__ import annotations

import codecs
import csv
import json
import math
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from lakehouse.contract import Contract
from lakehouse.source import Parsed
from lakehouse.writing.validate import check

_EXACT = Context(prec=6000)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_EXACT_KINDS = ("counter", "interval_energy", "interval_mean")


@dataclass(frozen=True)
class Reading:
    """How a person reads files of one layout.

    Args:
        stamp: names of the columns of stamps.
        zone: of stamps without an offset.
        mean_ends_s: seconds from the start of a mean to its stamp.
        read_after_s: seconds from a stamp to the reading of a sample.
        value: the column of values in a long layout.
        signal: the column of signals in a long layout.
        asset: the column of assets.
        unused: columns that are no signals.
        brackets: of units in headers.
        below: lines between the header and the data.
        nulls: cells without a value.
    """

    stamp: tuple[str, ...] = ()
    zone: str = "UTC"
    mean_ends_s: int = 0
    read_after_s: int = 0
    value: str | None = None
    signal: str | None = None
    asset: str | None = None
    unused: str = "(?!)"
    brackets: str = r"\s*\[[^\[\]]*\]$"
    below: int = 0
    nulls: tuple[str, ...] = field(default=("",))


_GAS = "(VERBR|GELVR)_(KWH|GAS)_X"
_NO_UNIT = "(?!)"
READINGS = {
    "reference_meter": Reading(("ts",), "Europe/Berlin"),
    "reference_bess": Reading(("ts",), "Europe/Berlin"),
    "lastgang": Reading(("Datum", "Zeit"), "Europe/Berlin", 900),
    "fluvius": Reading(
        ("From (date)", "From (time)"), "Europe/Brussels", value="Volume", signal="Register", asset="EAN code",
        unused="Until.*|Meter.*|Unit|Validation status|Description",
    ),
    "dsmrreader": Reading(("Hour Start",), brackets=_NO_UNIT),
    "p1mon_hour": Reading(("TIMESTAMP",), "Europe/Amsterdam", read_after_s=3600, unused=_GAS),
    "p1mon_minute": Reading(("TIMESTAMP",), "Europe/Amsterdam", read_after_s=60, unused=_GAS),
    "shelly_em3": Reading(("Date/time UTC",), brackets=_NO_UNIT),
    "enphase": Reading(("Date/Time",), "Europe/Berlin", brackets=r"\s*\([^()]*\)$"),
    "enel": Reading(("Giorno",), "Europe/Rome"),
    "energiemanager": Reading(
        ("moment",), value="value", signal="code", asset="ean", unused="name|moment-date|type|factor"
    ),
    "homewizard": Reading(("time",), "Europe/Amsterdam", brackets=_NO_UNIT),
    "opsd": Reading(("utc_timestamp",), unused="cet_cest_timestamp|interpolated_values"),
    "mieterstrom": Reading(("time",), value="Wh", asset="name"),
    "sma": Reading(("",), "Europe/Berlin", 300, brackets=_NO_UNIT, below=2, nulls=("", "NaN", "NaNStt", "NoneMsg")),
    "toon": Reading(("1",), mean_ends_s=300),
    "rack_bms": Reading(("timestamp",)),
    "cell_temperature": Reading(("_?time",)),
    "nem12": Reading(zone="Australia/Brisbane"),
    "givenergy": Reading(("time",)),
    "sunsynk_json": Reading(("time",), "Europe/Berlin"),
}  # fmt: skip


def text_lines(content: bytes) -> list[str]:
    """Lines of the file, without their ends."""
    encoding = "utf-8"
    for mark, name in _BOMS:
        if content.startswith(mark):
            content, encoding = content[len(mark) :], name
            break
    text = content.decode(encoding, "replace")
    if "\n" not in text:
        text = text.replace("\r", "\n")
    return [line.rstrip("\r") for line in text.split("\n")]


def stamp_candidates(text: str, written: str, zone: str) -> frozenset[int]:
    """Microseconds since 1970 that a stamp may mean: two where the clocks go back, none where it is no time."""
    text = text.strip().removeprefix("\ufeff")  # a byte order mark before the first row says nothing
    if written == "epoch_s":
        return frozenset({int(Decimal(text) * 1_000_000)} if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) else ())
    if written == "epoch_ms":
        return frozenset({int(text) * 1000} if re.fullmatch("[0-9]+", text) else ())
    day = timedelta(0)
    try:
        if written.startswith("iso"):
            read = datetime.fromisoformat(text)
        else:
            if re.search(r"\s24:00(:00)?$", text):
                text, day = re.sub(r"24:00(:00)?$", r"00:00\1", text), timedelta(days=1)
            read = datetime.strptime(text, written)  # noqa: DTZ007  a wall clock
        if read.tzinfo is not None:
            return frozenset({_micros(read.replace(tzinfo=None)) - round(read.utcoffset().total_seconds() * 1e6)})
        wall = read + day
    except (ValueError, OverflowError):
        return frozenset()
    return wall_candidates(wall, zone)


@lru_cache(maxsize=4096)
def wall_candidates(wall: datetime, zone: str) -> frozenset[int]:
    """Instants at which a zone's clock shows a time; those of the ends of Python's calendar never land."""
    found: set[int] = set()
    if not 2 <= wall.year <= 9998:
        return frozenset()
    for fold in (0, 1):
        instant = _micros(wall) - round(
            wall.replace(tzinfo=ZoneInfo(zone), fold=fold).utcoffset().total_seconds() * 1e6
        )
        shown = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant)).astimezone(ZoneInfo(zone))
        if shown.replace(tzinfo=None) == wall:
            found.add(instant)
    return frozenset(found)


def _micros(naive: datetime) -> int:
    return (naive - datetime(1970, 1, 1)) // timedelta(microseconds=1)  # noqa: DTZ001


def number(text: str, sign: str, thousands: str) -> Decimal | None:
    """The number a cell states, exactly; None where it is none."""
    text = text.strip()
    if thousands:
        group = re.escape(thousands)
        if re.fullmatch(rf"[+-]?[0-9]{{1,3}}({group}[0-9]{{3}})+({re.escape(sign)}[0-9]*)?", text):
            text = text.replace(thousands, "")
    if sign == ",":
        if "." in text:
            return None
        text = text.replace(",", ".")
    return Decimal(text) if _NUMBER.fullmatch(text) else None


class Disagreement(AssertionError):
    """The reader landed something that the file does not say."""


def verify(content: bytes, parsed: Parsed, contract: Contract) -> int:
    """Check every landed value against its source, and that every row is landed, refused or empty.

    Returns:
        How many values landed.

    Raises:
        Disagreement: one is not what its line says, or a row is missing.
    """
    landed, late = check(contract, parsed.tables[contract.name])
    total = landed.num_rows + len(late) + parsed.rejects.num_rows + parsed.rows_empty
    if parsed.rows_read != total:
        raise Disagreement(f"{parsed.rows_read} rows read, {total} accounted for")
    # Instants as numbers: some refused ones lie outside of Python's calendar.
    landed = landed.set_column(2, "ts", landed["ts"].cast(pa.int64()))
    landed = landed.set_column(3, "interval_end", landed["interval_end"].cast(pa.int64()))
    rows = landed.to_pylist()
    kinds = {(row["asset_id"], row["signal"]): row["kind"] for row in parsed.tables["signals"].to_pylist()}
    reader: Any = {"nem12": _Nem12, "givenergy": _Records, "sunsynk_json": _Series, "enel": _Days}.get(
        parsed.layout, _Cells
    )(content, parsed)
    for row in rows:
        reader.compare(row, kinds[row["asset_id"], row["signal"]])
    accounted = {row["line"] for row in rows} | set(parsed.rejects["line"].to_pylist())
    lines = parsed.tables[contract.name]["line"].to_pylist()
    reader.complete(accounted | {lines[refusal.row] for refusal in late})
    return len(rows)


class _Reader:
    def __init__(self, content: bytes, parsed: Parsed) -> None:
        self.content, self.parsed = content, parsed
        self.reading = READINGS[parsed.layout]
        self.dialect = parsed.dialect
        self.format = str(parsed.dialect.get("stamp_format", "iso"))

    def value(self, row: dict[str, Any], kind: str, cell: str, factor: Decimal = Decimal(1)) -> None:
        """Compare the value of a row with its cell."""
        cell = cell.strip()
        if kind == "category":
            return self.equal(row, row["text"], cell)
        if kind == "code":
            return self.equal(row, row["text"], re.sub(r"^([+-]?[0-9]+)\.0+$", r"\1", cell))
        if kind == "alarm":
            cell = {"true": "1", "false": "0", "True": "1", "False": "0"}.get(cell, cell)
        read = number(cell, str(self.dialect.get("decimal", ".")), str(self.dialect.get("thousands", "")))
        if read is None:
            raise Disagreement(f"{cell!r} is no number, and {row} landed")
        exact = _EXACT.multiply(read, factor)
        if kind in _EXACT_KINDS:
            exact = exact.quantize(Decimal("0.000001"), ROUND_HALF_EVEN, _EXACT)
            self.equal(row, row["value_exact"], exact)
            return self.equal(row, row["value"], float(exact))
        expected = float(exact)
        if not math.isclose(row["value"], expected, rel_tol=1e-15, abs_tol=0):
            raise Disagreement(f"{cell!r} is {expected!r}, and {row} landed")
        return None

    def instant(self, row: dict[str, Any], kind: str, candidates: frozenset[int]) -> None:
        """Compare the start of a row with what its stamp may mean."""
        shift = self.reading.mean_ends_s * 1_000_000 if kind == "interval_mean" else 0
        if self.reading.read_after_s and not kind.startswith("interval"):
            candidates = frozenset(instant + self.reading.read_after_s * 1_000_000 for instant in candidates)
        if shift and self.reading.zone != "UTC":
            # The end's wall clock, less the interval, names the start.
            shifted = {instant - shift for instant in candidates}
            if row["ts"] in shifted:
                return
            walls = {self._shown(instant) for instant in candidates}
            starts = (wall_candidates(wall - timedelta(microseconds=shift), self.reading.zone) for wall in walls)
            candidates = frozenset().union(*starts)
        elif shift:
            candidates = frozenset(instant - shift for instant in candidates)
        if row["ts"] not in candidates:
            raise Disagreement(f"the stamp means one of {candidates}, and {row} landed")

    def _shown(self, instant: int) -> datetime:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant)
        return moment.astimezone(ZoneInfo(self.reading.zone)).replace(tzinfo=None)

    def equal(self, row: dict[str, Any], landed: object, said: object) -> None:
        """Refuse a difference."""
        if landed != said:
            raise Disagreement(f"the source says {said!r}, and {row} landed")

    def complete(self, accounted: set[int]) -> None:
        """Every row is landed, refused or empty; documents without lines are counted by their reader."""


class _Cells(_Reader):
    """Wide and long tables."""

    def __init__(self, content: bytes, parsed: Parsed) -> None:
        super().__init__(content, parsed)
        self.lines = text_lines(content)
        self.delimiter = str(parsed.dialect["delimiter"])
        self.top = int(str(parsed.dialect["header_line"]))
        header = self.cells(self.top) if self.top else ["1", "2"]
        self.names = [self._numbered(header, at) for at in range(len(header))]
        self.first = self.top + self.reading.below + 1

    def _numbered(self, header: list[str], at: int) -> str:
        name = header[at].strip()
        before = sum(cell.strip() == name for cell in header[:at])
        return f"{name} #{before + 1}" if before and name else f"(column {at + 1})" if before else name

    def cells(self, line: int) -> list[str]:
        """Cells of a line."""
        found = next(csv.reader([self.lines[line - 1]], delimiter=self.delimiter), [])
        return [re.sub(r'^="(.*)"$', r"\1", cell) for cell in found] if self.parsed.layout == "fluvius" else found

    def column(self, wanted: str) -> int:
        """Place of a column of stamps."""
        if wanted in self.names:
            return self.names.index(wanted)
        return next(at for at, name in enumerate(self.names) if re.fullmatch(wanted, name))

    def compare(self, row: dict[str, Any], kind: str) -> None:
        """One landed row with its line."""
        reading, cells = self.reading, self.cells(row["line"])
        self.equal(row, len(cells) - len(self.names), 0)
        stamp = " ".join(cells[self.column(name)] for name in reading.stamp)
        self.instant(row, kind, stamp_candidates(stamp, self.format, reading.zone))
        factor = Decimal(1)
        if reading.asset is not None:
            self.equal(row, row["asset_id"], cells[self.names.index(reading.asset)].strip())
        if reading.signal is not None:
            self.equal(row, row["signal"], cells[self.names.index(reading.signal)].strip())
        if self.parsed.layout == "energiemanager":
            written = number(cells[self.names.index("factor")], ".", "")
            if written is None:
                raise Disagreement(f"the factor is no number, and {row} landed")
            factor = written * (-1 if row["signal"] == "eltm" else 1)
        if self.parsed.layout == "toon":
            at = 1
        elif reading.value is not None:
            at = self.names.index(reading.value)
        else:
            at = [re.sub(reading.brackets, "", name) for name in self.names].index(row["signal"])
        self.value(row, kind, cells[at], factor)

    def complete(self, accounted: set[int]) -> None:
        """A line that is neither landed nor refused holds no value."""
        refused = {
            row["field"] for row in self.parsed.rejects.to_pylist() if row["line"] == max(self.top, 1) and row["field"]
        }
        for line in range(self.first, len(self.lines) + 1):
            if line in accounted or not self.lines[line - 1].strip():
                continue
            cells = self.cells(line)
            self.equal({"line": line}, len(cells) - len(self.names), 0)
            stamps = {self.column(name) for name in self.reading.stamp}
            for at, (name, cell) in enumerate(zip(self.names, cells, strict=True)):
                key = name in (self.reading.asset, self.reading.signal)
                if at in stamps or key or name in refused or re.fullmatch(self.reading.unused, name):
                    continue
                if cell.strip() not in self.reading.nulls:
                    raise Disagreement(f"line {line} is neither landed nor refused: {self.lines[line - 1]!r}")


class _Days(_Cells):
    """A row a day, a column an interval."""

    def cells(self, line: int) -> list[str]:
        """Cells of a line, without the one after the last delimiter."""
        found = super().cells(line)
        return found[:-1] if line != self.top and found and not found[-1].strip() else found

    def compare(self, row: dict[str, Any], kind: str) -> None:
        """One landed interval with its day."""
        cells = self.cells(row["line"])
        day = datetime.strptime(cells[self.column("Giorno")].strip(), self.format)  # noqa: DTZ007
        for name, cell in zip(self.names, cells, strict=False):
            hit = re.match(r"(\d{2}):(\d{2})-", name)
            if hit:
                wall = day + timedelta(hours=int(hit[1]), minutes=int(hit[2]))
                if row["ts"] in wall_candidates(wall, self.reading.zone):
                    try:
                        return self.value(row, kind, cell)
                    except Disagreement:
                        if " #" not in name and f"{name} #2" not in self.names:
                            raise
        raise Disagreement(f"no interval of the day begins at {row}")


class _Nem12(_Reader):
    def __init__(self, content: bytes, parsed: Parsed) -> None:
        super().__init__(content, parsed)
        self.lines = text_lines(content)

    def cells(self, line: int) -> list[str]:
        """Cells of a record."""
        try:
            return [cell.strip() for cell in next(csv.reader([self.lines[line - 1]]), [])]
        except csv.Error:
            return []

    def compare(self, row: dict[str, Any], kind: str) -> None:
        """One landed interval with its record."""
        cells = self.cells(row["line"])
        self.equal(row, cells[0], "300")
        above = [line for line in range(1, row["line"]) if self.cells(line)[:1] == ["200"]]
        details = self.cells(above[-1])
        self.equal(row, (row["asset_id"], row["signal"]), (details[1], details[4]))
        minutes = int(details[8])
        day = datetime.strptime(cells[1], "%Y%m%d")  # noqa: DTZ007
        start = min(wall_candidates(day, self.reading.zone))
        place, rest = divmod(row["ts"] - start, minutes * 60_000_000)
        self.equal(row, (rest, 0 <= place < 24 * 60 // minutes), (0, True))
        self.value(row, kind, cells[2 + place])

    def complete(self, accounted: set[int]) -> None:
        """Every day is landed, refused, or marked as without data."""
        for line in range(1, len(self.lines) + 1):
            cells = self.cells(line)
            empty = all(not cell for cell in cells[2:50]) or "N" in self.lines[line - 1]
            marked = any(
                c[:1] == ["400"] and ",N" in ",".join(c)
                for c in map(self.cells, range(line + 1, min(line + 60, len(self.lines)) + 1))
            )
            if cells[:1] == ["300"] and line not in accounted and not empty and not marked:
                raise Disagreement(f"the day in line {line} is neither landed nor refused")


class _Records(_Reader):
    def __init__(self, content: bytes, parsed: Parsed) -> None:
        super().__init__(content, parsed)
        document = json.loads(content.decode("utf-8-sig"), parse_float=str, parse_int=str, parse_constant=str)
        self.records = document["data"]

    def compare(self, row: dict[str, Any], kind: str) -> None:
        """One landed value with its record."""
        record = self.records[row["line"] - 1]
        self.instant(row, kind, stamp_candidates(_leaf(record, ["time"]), self.format, self.reading.zone))
        self.value(row, kind, _leaf(record, row["signal"].split(".")))

    def complete(self, accounted: set[int]) -> None:
        """Every record is landed, refused, or without values."""
        for line, record in enumerate(self.records, 1):
            if line not in accounted and isinstance(record, dict) and len(record) > 1 and _values(record):
                raise Disagreement(f"record {line} is neither landed nor refused: {record}")


class _Series(_Reader):
    def __init__(self, content: bytes, parsed: Parsed) -> None:
        super().__init__(content, parsed)
        self.document = json.loads(content.decode("utf-8-sig"), parse_float=str, parse_int=str, parse_constant=str)

    def compare(self, row: dict[str, Any], kind: str) -> None:
        """One landed value with a time and a value of the same key."""
        signal, block = row["signal"], self.document[row["signal"]]
        times, values = block[f"{signal}_time"], block[f"{signal}_value"]
        at = [
            key
            for key, time in times.items()
            if row["ts"] in stamp_candidates(str(time), self.format, self.reading.zone) and key in values
        ]
        if not at:
            raise Disagreement(f"no time of {signal} means {row}")
        problems = []
        for key in at:
            try:
                return self.value(row, kind, _leaf(values, [key]))
            except Disagreement as problem:
                problems.append(problem)
        raise problems[0]


def _leaf(value: Any, path: list[str]) -> str:
    while path:
        if isinstance(value, list):
            value, path = value[int(path[0]) - 1], path[1:]
            continue
        taken = next(n for n in range(len(path), 0, -1) if ".".join(path[:n]) in value)
        value, path = value[".".join(path[:taken])], path[taken:]
    if isinstance(value, bool):
        return "1" if value else "0"
    return "" if value is None else str(value)


def _values(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_values(inner) for key, inner in value.items() if key != "time")
    if isinstance(value, list):
        return any(map(_values, value))
    return value is not None and str(value).strip() != ""
