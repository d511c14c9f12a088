"""The tables of a layout file: recognise, dialect, stamps, shape and asset, with the allowed values of each key."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ingest.time.stamps import format_error, is_instant
from lakehouse.errors import TerminalError
from lakehouse.zones import zone

#: Longest gap or cadence, three years; a longer one is probably a mistake of units.
MAX_GAP_S = 1_096 * 86_400.0
#: Shapes of files that are tables: rows of cells, as text or in a sheet.
TABLES = ("wide", "long", "day_rows", "signal_rows")

CalendarUnit = Literal["day", "week", "month", "year"]
Seconds = Annotated[float, Field(ge=0.001, le=MAX_GAP_S)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def compiles(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """The patterns, if all of them are regular expressions (ValueError names the wrong one)."""
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
    return patterns


class Recognise(Strict):
    """Conditions on a file for this layout; all given ones must hold.

    Args:
        header: cells that one line among the first must all hold.
        header_match: patterns, each of which must fit one whole cell of that line.
        first_lines: pattern that one of the first lines must hold.
        rows: pattern that the first rows below the header must all hold (which of several resolutions it is).
        columns: exact number of cells (a headerless file).
        values: patterns, one a column, that the first rows must fit (a headerless file).
        stem: pattern that the file's name without suffix must fit; only where the bytes hold no names at all.
        paths: dotted paths that a JSON document must hold (`data.0.time`).
        namespace: a namespace that an XML document must name.
    """

    header: tuple[str, ...] = ()
    header_match: tuple[str, ...] = ()
    first_lines: str | None = None
    rows: str | None = None
    columns: int | None = None
    values: tuple[str, ...] = ()
    stem: str | None = None
    paths: tuple[str, ...] = ()
    namespace: str | None = None

    @model_validator(mode="after")
    def _something(self) -> Recognise:
        if not (self.header or self.header_match or self.first_lines or self.values or self.paths or self.namespace):
            raise ValueError("give at least one of header, header_match, first_lines, values, paths, namespace")
        compiles((*self.header_match, *self.values, *(p for p in (self.first_lines, self.rows, self.stem) if p)))
        return self


class SheetRule(Strict):
    """The sheets of a workbook to read; a layout with this table reads only workbooks.

    A layout without it also reads workbooks, if exactly one sheet fits `recognise`.

    Args:
        name: the sheet of this name.
        match: pattern: every sheet whose whole name fits is read.
        number: the sheet at this place, from 1.
        header_row: row of the header, from 1, if its cells do not show it.
    """

    name: str | None = None
    match: str | None = None
    number: int | None = Field(default=None, ge=1)
    header_row: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _consistent(self) -> SheetRule:
        selectors = sum(key is not None for key in (self.name, self.match, self.number))
        if selectors > 1 or (not selectors and self.header_row is None):
            raise ValueError("give one of name, match and number, or header_row alone")
        compiles((self.match,) if self.match else ())
        return self

    @property
    def selects(self) -> bool:
        """Whether it selects sheets."""
        return (self.name, self.match, self.number) != (None, None, None)

    def means(self, name: str, number: int) -> bool:
        """Whether a sheet of this name, at this place, is read."""
        if self.match is not None:
            return re.fullmatch(self.match, name) is not None
        return self.name in (None, name) and self.number in (None, number)


class Dialect(Strict):
    """How cells are written.

    Args:
        delimiter: one character, or `detect`.
        decimal: decimal sign `.` or `,`, or `detect` (decided once over the whole file).
        thousands: separator inside numbers, if any.
        encoding: of a file without byte order mark.
        header: whether a header line names the columns.
        rows_after_header: lines between the header and the data (units, types).
        unit_row: which of these lines holds the units, from 1; they must be the declared ones.
        trailing_cell: rows end with a delimiter, so they have one empty cell more than the header.
        excel_text: cells are written ="..." to keep a spreadsheet from changing them.
        nulls: cells that mean "no value"; empty cells always do.
    """

    delimiter: str = "detect"
    decimal: Literal[".", ",", "detect"] = "detect"
    thousands: Literal["", ".", ",", " ", "'"] = ""
    encoding: str = "utf-8"
    header: bool = True
    rows_after_header: int = Field(default=0, ge=0)
    unit_row: int | None = Field(default=None, ge=1)
    trailing_cell: bool = False
    excel_text: bool = False
    nulls: tuple[str, ...] = ()

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, value: str) -> str:
        if value != "detect" and (len(value) != 1 or not value.isascii() or value in '"\r\n\x00'):
            raise ValueError("a delimiter is one ASCII character that is no quote and no line end, or detect")
        return value


class StampRule(Strict):
    """The location and the meaning of stamps.

    Args:
        columns: one column, or date and time; by header cell or a pattern that fits it, or by number from 1 in
            headerless files; in JSON records the path of the time; in signal_rows a pattern of the header cells that
            are stamps.
        format: `iso`, `iso_offset`, `epoch_s`, `epoch_ms`, `detect`, or patterns such as `%d.%m.%Y %H:%M`; of several
            the one that reads most rows is used for all of them.
        marks: whether a stamp is the start or the end of its interval.
        interval_s: length of an interval; several if the file mixes lengths (the step to the next row decides).
            Whole days of a wall clock are calendar days.
        interval: `day`, `week`, `month` or `year` of the calendar, instead of seconds.
        end_clock: how ends at a change of the clocks are written: `at_end`, as the clock shows them then; `at_start`,
            as start plus length; `detect`, as the file shows.
        end_columns: columns with the end of the interval, checked against its start.
        separator: text between start and end if one cell holds both.
        end_format: formats of the end if they differ from the start's; a time without a date is on the start's day, or
            on the next one.
        timezone: IANA zone of wall-clock stamps; `--timezone` overrides it.
        site_timezone: IANA zone of the calendar if it is not that of the stamps.
    """

    columns: tuple[str, ...] = Field(default=(), max_length=2)
    format: tuple[str, ...] = ("detect",)
    marks: Literal["start", "end"] = "start"
    interval_s: tuple[Seconds, ...] = ()
    interval: CalendarUnit | None = None
    end_clock: Literal["detect", "at_end", "at_start"] = "detect"
    end_columns: tuple[str, ...] = Field(default=(), max_length=2)
    separator: str | None = Field(default=None, min_length=1)
    end_format: tuple[str, ...] = ()
    timezone: str | None = None
    site_timezone: str | None = None

    @field_validator("timezone", "site_timezone")
    @classmethod
    def _exists(cls, value: str | None) -> str | None:
        try:
            return value if value is None else zone(value).key
        except TerminalError as error:
            raise ValueError(error.message) from error

    @field_validator("format", "end_format", "interval_s", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return value if isinstance(value, (list, tuple)) else [value]

    @field_validator("format")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _formats(value)

    @field_validator("end_format")
    @classmethod
    def _known_end(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _formats(value, dateless=True)

    @property
    def has_ends(self) -> bool:
        """Whether the file states the end of every interval."""
        return bool(self.end_columns or self.separator)


def _formats(value: tuple[str, ...], dateless: bool = False) -> tuple[str, ...]:
    for name in value:
        if (wrong := format_error(name, dateless)) is not None:
            raise ValueError(wrong)
    if len({is_instant(name) for name in value}) > 1:
        raise ValueError("formats of instants and of wall clocks cannot be alternatives")
    return value


class Shape(Strict):
    """The arrangement of signals and values in the file.

    Args:
        kind: `wide` (one column per signal), `long` (one row per value), `day_rows` (one row per day, one column per
            interval), `signal_rows` (one row per signal, one column per instant), `nem12`, `espi` (Green Button),
            `json_records` (a list of records), `json_series` (times and values for each signal).
        signal_from: wide: `header`, or `stem` if there is none.
        unit_brackets: brackets at the end of a header that hold a unit and are not part of the signal's name.
        signal_column, value_column, unit_column, factor_column: long; signal_rows has the first and the third too.
        unit_in_signal: long: whether the unit of a row is part of its signal's name, as in `Offtake [m3]`, for files
            that write one register in several units.
        status_column: quality status of a row's values.
        status_lists_signals: the status column names the columns it is about, separated by |; its text for them.
        value_pattern: day_rows: pattern of the header cells that are intervals; its group `start` is their time.
        signal: day_rows: name of the one signal.
        records: json_records: dotted path of the list.
    """

    kind: Literal["wide", "long", "day_rows", "signal_rows", "nem12", "espi", "json_records", "json_series"] = "wide"
    signal_from: Literal["header", "stem"] = "header"
    unit_brackets: Literal["[]", "()", ""] = "[]"
    signal_column: str | None = None
    value_column: str | None = None
    unit_column: str | None = None
    factor_column: str | None = None
    unit_in_signal: bool = False
    status_column: str | None = None
    status_lists_signals: str | None = None
    value_pattern: str | None = None
    signal: str | None = None
    records: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> Shape:
        needs = {
            "long": ("value_column",),
            "day_rows": ("value_pattern", "signal"),
            "signal_rows": ("signal_column",),
            "json_records": ("records",),
        }
        for key in needs.get(self.kind, ()):
            if getattr(self, key) is None:
                raise ValueError(f"a {self.kind} layout needs shape.{key}")
        if self.unit_in_signal and (self.kind != "long" or self.unit_column is None):
            raise ValueError("shape.unit_in_signal goes with a long layout's shape.unit_column")
        if self.value_pattern and "start" not in re.compile(compiles((self.value_pattern,))[0]).groupindex:
            raise ValueError("shape.value_pattern needs a group (?P<start>...), the time of the interval")
        return self


class AssetRule(Strict):
    """The origin of asset_id without `--asset` (`wide`, `long` and `nem12` files may hold it in a column).

    Args:
        source: `folder`, `stem`, or `column` (an id in the bytes).
        column: that column.
        native_match: pattern with one group, searched in the first lines: the id in the bytes, for raw.assets.
        native_first: whether that id, if there is one, is the asset_id too.
    """

    source: Literal["folder", "stem", "column"] = "stem"
    column: str | None = None
    native_match: str | None = None
    native_first: bool = False

    @model_validator(mode="after")
    def _complete(self) -> AssetRule:
        if (self.source == "column") != (self.column is not None):
            raise ValueError("asset.column goes with asset.source = 'column'")
        return self
