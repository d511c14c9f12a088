"""Keys of a layout without effect on how its files are read: each is an error, because its author expects one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ingest.layouts.engine.layout_tables import TABLES, StampRule
from ingest.layouts.engine.signal_rule import INTERVAL_KINDS, TEXT_KINDS, SignalRule
from ingest.time.stamps import is_instant

if TYPE_CHECKING:
    from ingest.layouts.engine.layout import Layout

#: Shapes whose documents state what other layouts declare.
_OWN = {"nem12": "whose records say it", "espi": "whose feeds say it"}
#: Shapes in which a row may state the end of its interval, and a status column the quality of its values.
_ROWS = ("wide", "long")
_LONG = ("signal_column", "value_column", "unit_column", "factor_column")


def idle_keys(layout: Layout) -> Iterator[str]:
    """Every given key without effect, as `table.key: reason`; wrong rules come first."""
    yield from _recognise(layout)
    yield from _dialect(layout)
    yield from _stamps(layout)
    yield from _shape(layout)
    yield from _asset(layout)
    for rule in layout.signal:
        yield from (f"signal {rule.name or rule.match}: {why}" for why in _signal(layout, rule))


def _recognise(layout: Layout) -> Iterator[str]:
    kind, given = layout.shape.kind, layout.recognise.model_fields_set
    if kind.startswith("json"):
        used, what = {"paths", "stem"}, "a JSON document"
    elif kind == "espi":
        used, what = {"namespace", "stem"}, "an XML document"
    elif kind == "nem12":
        used, what = {"first_lines", "stem"}, "NEM12, which has no header"
    elif layout.dialect.header:
        used, what = {"header", "header_match", "first_lines", "rows", "columns", "stem"}, "a file with a header line"
    else:
        used, what = {"values", "first_lines", "rows", "columns", "stem"}, "a file without a header line"
    for key in sorted(given - used):
        yield f"recognise.{key}: does nothing for {what}"


def _dialect(layout: Layout) -> Iterator[str]:
    dialect, kind = layout.dialect, layout.shape.kind
    given = dialect.model_fields_set
    if kind not in TABLES:
        used = {"encoding", "nulls"} if kind == "nem12" else {"nulls"}
        for key in sorted(given - used):
            yield f"dialect.{key}: does nothing in {kind}, which writes cells in one way"
        return
    if layout.sheet is not None:
        for key in sorted(given & {"delimiter", "encoding", "trailing_cell"}):
            yield f"dialect.{key}: does nothing in the sheet of a workbook"
    if not dialect.header:
        for key in sorted(given & {"rows_after_header", "unit_row", "trailing_cell"}):
            yield f"dialect.{key}: does nothing without a header line"
    if dialect.unit_row is not None:
        if kind != "wide":
            yield f"dialect.unit_row: does nothing in a {kind} layout"
        elif dialect.unit_row > dialect.rows_after_header:
            yield "dialect.unit_row: is not one of dialect.rows_after_header lines"
    if dialect.thousands and dialect.thousands == dialect.decimal:
        yield "dialect.thousands: is the decimal sign"
    if all(rule.kind in TEXT_KINDS for rule in layout.signal):
        for key in sorted(given & {"decimal", "thousands"}):
            yield f"dialect.{key}: does nothing where no signal is a number"


def _stamps(layout: Layout) -> Iterator[str]:
    stamps, kind = layout.stamps, layout.shape.kind
    given = stamps.model_fields_set
    if kind in _OWN:
        for key in sorted(given - {"timezone", "site_timezone"}):
            yield f"stamps.{key}: does nothing in {kind}, {_OWN[kind]}"
        if kind == "espi" and given >= {"timezone", "site_timezone"}:
            yield "stamps.timezone: does nothing where stamps are instants; stamps.site_timezone is the calendar"
        return
    if kind == "json_series":
        if stamps.columns:
            yield "stamps.columns: does nothing in json_series, where every signal has its times"
    elif not stamps.columns:
        yield "stamps.columns: which column holds the stamps?"
    elif kind == "json_records" and len(stamps.columns) > 1:
        yield "stamps.columns: a record has one path of its time"
    if kind not in _ROWS:
        for key in sorted(given & {"end_columns", "separator", "end_format"}):
            yield f"stamps.{key}: does nothing in a {kind} layout"
    yield from _ends(stamps)
    yield from _intervals(layout)
    instants = all(is_instant(name) and "%Z" not in name for name in stamps.format)
    if instants and stamps.timezone and stamps.site_timezone:
        yield "stamps.timezone: does nothing where stamps are instants; stamps.site_timezone is the calendar"


def _ends(stamps: StampRule) -> Iterator[str]:
    if stamps.end_columns and stamps.separator:
        yield "stamps.separator: does nothing beside stamps.end_columns"
    if stamps.end_format and not stamps.has_ends:
        yield "stamps.end_format: does nothing without stamps.end_columns or stamps.separator"
    if stamps.has_ends and stamps.marks == "end":
        yield "stamps.marks: stamps are starts where the ends stand beside them"


def _intervals(layout: Layout) -> Iterator[str]:
    """Keys of intervals that no signal has, or that every signal overrides."""
    stamps = layout.stamps
    given = stamps.model_fields_set
    if stamps.interval and stamps.interval_s:
        yield "stamps.interval: and stamps.interval_s both say how long an interval is"
    users = [rule for rule in layout.signal if has_interval(rule)]
    for key in ("interval_s", "interval"):
        if key in given and not any(not (rule.interval or rule.interval_s) for rule in users):
            yield f"stamps.{key}: does nothing where no signal has an interval of that length ({_WHO})"
    if "marks" in given and not any(rule.marks is None for rule in users):
        yield f"stamps.marks: does nothing where no signal has an interval ({_WHO})"
    if stamps.end_columns and not users:
        yield f"stamps.end_columns: does nothing where no signal has an interval ({_WHO})"
    if "end_clock" in given:
        ends = [rule for rule in users if (rule.marks or stamps.marks) == "end" and not _is_calendar(stamps, rule)]
        if not ends or all(is_instant(name) for name in stamps.format):
            yield "stamps.end_clock: does nothing where no wall-clock stamp is the end of an interval"


_WHO = "kinds interval_mean and interval_energy have one, others with read_at"


def has_interval(rule: SignalRule) -> bool:
    """Whether the interval of a row matters to a signal."""
    return rule.kind in INTERVAL_KINDS or rule.read_at is not None


def _is_calendar(stamps: StampRule, rule: SignalRule) -> bool:
    lengths = (rule.interval_s,) if rule.interval_s else stamps.interval_s
    return bool(rule.interval or (stamps.interval and not rule.interval_s)) or (
        len(lengths) == 1 and lengths[0] % 86_400 == 0
    )


def _shape(layout: Layout) -> Iterator[str]:
    shape, kind = layout.shape, layout.shape.kind
    used = {
        "wide": {"signal_from", "unit_brackets", "status_column", "status_lists_signals"},
        "long": {"unit_brackets", "unit_in_signal", "status_column", *_LONG},
        "signal_rows": {"signal_column", "unit_column"},
        "day_rows": {"value_pattern", "signal"},
        "json_records": {"records"},
    }.get(kind, set())
    for key in sorted(shape.model_fields_set - used - {"kind"}):
        yield f"shape.{key}: does nothing in a {kind} layout"
    if shape.status_lists_signals is not None and shape.status_column is None:
        yield "shape.status_lists_signals: does nothing without shape.status_column"
    if "unit_brackets" in shape.model_fields_set:
        if kind == "long" and shape.signal_column is not None:
            yield "shape.unit_brackets: does nothing where shape.signal_column names the signals"
        elif not layout.dialect.header:
            yield "shape.unit_brackets: does nothing without a header line"


def _asset(layout: Layout) -> Iterator[str]:
    asset, kind = layout.asset, layout.shape.kind
    given = asset.model_fields_set
    if kind == "nem12":
        for key in sorted(given):
            yield f"asset.{key}: does nothing in nem12, whose records name the meter (NMI)"
        return
    if asset.column is not None and kind not in (*_ROWS, "signal_rows"):
        yield f"asset.column: a {kind} layout has no asset column"
    if kind == "espi":
        for key in sorted(given & {"native_match", "native_first"}):
            yield f"asset.{key}: does nothing in espi, whose feeds name the usage point"
        return
    if asset.source == "column":
        for key in sorted(given & {"native_match", "native_first"}):
            yield f"asset.{key}: does nothing where asset.column names the meter"
    elif asset.native_first and (asset.native_match is None or kind.startswith("json")):
        yield "asset.native_first: does nothing without asset.native_match, and in JSON"


def _signal(layout: Layout, rule: SignalRule) -> Iterator[str]:
    stamps, kind = layout.stamps, layout.shape.kind
    given = rule.model_fields_set
    if kind in _OWN:
        idle = {"marks", "interval_s", "interval", "read_at"}
        idle |= {"expected_interval_s", "estimated_statuses"} if kind == "nem12" else set()
        for key in sorted(given & idle):
            yield f"{key}: does nothing in {kind}, {_OWN[kind]}"
        return
    if rule.interval and rule.interval_s:
        yield "interval: and interval_s both say how long an interval is"
    if rule.kind in INTERVAL_KINDS:
        if rule.read_at is not None:
            yield f"read_at: does nothing for {rule.kind}, which is of its whole interval"
    elif rule.read_at is None:
        for key in sorted(given & {"marks", "interval_s", "interval"}):
            yield f"{key}: does nothing for {rule.kind}, which is read at its stamp (read_at says where else)"
    elif rule.read_at == (rule.marks or stamps.marks):
        yield f"read_at: does nothing, for the stamp is the {rule.read_at} of the interval already (marks)"
    if has_interval(rule):
        if rule.marks == "end" and stamps.has_ends:
            yield "marks: stamps are starts where the ends stand beside them"
        if not (rule.interval or rule.interval_s or stamps.interval or stamps.interval_s or stamps.has_ends):
            yield "an interval needs stamps.interval_s, stamps.interval, or ends in the file"
    if rule.kind != "power_factor" and "pair_signal" in given:
        yield f"pair_signal: does nothing for {rule.kind}"
    if rule.kind in TEXT_KINDS:
        for key in sorted(given & {"factor", "minimum", "maximum"}):
            yield f"{key}: does nothing for {rule.kind}, which is text"
    if rule.estimated_statuses:
        if layout.shape.status_column is None:
            yield "estimated_statuses: does nothing without shape.status_column"
        elif rule.kind not in (*INTERVAL_KINDS, "counter"):
            yield f"estimated_statuses: does nothing for {rule.kind}, which is no energy"
    if rule.minimum is not None and rule.maximum is not None and rule.minimum > rule.maximum:
        yield "minimum: is above maximum"
