"""The table `signal` of a layout file: the meaning of one signal, or of all that fit a pattern."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Literal

from pydantic import Field, field_validator, model_validator

from ingest.layouts.engine.layout_tables import MAX_GAP_S, CalendarUnit, Seconds, Strict, compiles
from lakehouse.contract import KINDS

#: Seconds that a sample covers if neither layout nor signal declares a cadence.
DEFAULT_MAX_GAP_S = 900.0
#: ... and the multiple of a declared cadence.
MAX_GAP_INTERVALS = 3.0
#: Limit of exact values (DECIMAL(18, 6)), and so of the value at which a register rolls over.
MAX_ROLLOVER = 10**12

EXACT_KINDS = ("counter", "interval_energy", "interval_mean")
INTERVAL_KINDS = ("interval_energy", "interval_mean")
TEXT_KINDS = ("code", "category")


class SignalRule(Strict):
    """The meaning of one signal, or of all signals that fit a pattern.

    Args:
        name, match: the signal's name, or a pattern its whole name fits; the first rule that fits is used.
        asset: pattern that the asset_id must fit too (long layouts with the same column name for all assets).
        kind, unit, role: see the contract of raw.signals.
        expected_interval_s, max_gap_s: cadence; by default the layout's.
        pair_signal: power factor: the power through which it is rolled up.
        estimated_statuses: statuses that mark an estimated value.
        factor: multiplies the values, on top of a factor column.
        minimum, maximum: values outside are refused.
        rollover_at: counter: the value at which it begins again at 0, in `unit` (100000 for five digits before the
            point); a fall is then a rollover if the connection can have delivered the energy in between.
        marks, interval_s, interval: if they differ from the stamps'.
        read_at: for a sample, such as a counter: whether it is read at the `start` or the `end` of its row's interval;
            by default at its stamp.
    """

    name: str | None = None
    match: str | None = None
    asset: str | None = None
    kind: str
    unit: str | None = None
    role: str | None = None
    expected_interval_s: float | None = Field(default=None, gt=0, le=MAX_GAP_S)
    max_gap_s: float | None = Field(default=None, ge=0, le=MAX_GAP_S)
    pair_signal: str | None = None
    estimated_statuses: tuple[str, ...] = ()
    factor: Decimal = Decimal(1)
    minimum: float | None = None
    maximum: float | None = None
    rollover_at: Decimal | None = None
    marks: Literal["start", "end"] | None = None
    interval_s: Seconds | None = None
    interval: CalendarUnit | None = None
    read_at: Literal["start", "end"] | None = None

    @field_validator("factor", mode="before")
    @classmethod
    def _exact(cls, value: object) -> object:
        if isinstance(value, float):
            raise ValueError("write a factor as text ('0.001') so that it stays exact")
        return value

    @field_validator("factor")
    @classmethod
    def _multiplies(cls, value: Decimal) -> Decimal:
        if not value.is_finite() or not -9 <= value.adjusted() <= 9 or len(value.as_tuple().digits) > 9:
            raise ValueError("a factor has at most nine digits and lies between 10^-9 and 10^9")
        return value

    @field_validator("rollover_at")
    @classmethod
    def _is_exact(cls, value: Decimal | None) -> Decimal | None:
        if value is not None and not (0 < value < MAX_ROLLOVER and value == value.quantize(Decimal("0.000001"))):
            raise ValueError(f"a register rolls over at a value above 0 and below {MAX_ROLLOVER:,}, of six decimals")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> SignalRule:
        if (self.name is None) == (self.match is None):
            raise ValueError("a signal needs either name or match")
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind {self.kind!r}; known: {', '.join(KINDS)}")
        if self.rollover_at is not None and self.kind != "counter":
            raise ValueError("rollover_at goes with kind = 'counter'")
        compiles(tuple(p for p in (self.match, self.asset) if p))
        return self

    def fits(self, signal: str, asset: str | None) -> bool:
        """Whether the rule is about this signal of this asset."""
        named = signal == self.name if self.name is not None else re.fullmatch(self.match or "", signal) is not None
        return named and (self.asset is None or (asset is not None and re.fullmatch(self.asset, asset) is not None))

    @property
    def gap_s(self) -> float:
        """Seconds that a sample covers."""
        if self.max_gap_s is not None:
            # Days of a cadence are local days, one of which has 25 hours each year.
            daily = self.expected_interval_s is not None and not self.expected_interval_s % 86_400
            return self.max_gap_s + (3_600 if daily and self.max_gap_s and not self.max_gap_s % 86_400 else 0)
        return MAX_GAP_INTERVALS * self.expected_interval_s if self.expected_interval_s else DEFAULT_MAX_GAP_S
