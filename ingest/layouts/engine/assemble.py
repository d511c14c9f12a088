"""Observations of a file to the tables of `Parsed`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest.arrays import Int64Array
from ingest.layouts.engine.blocks import Block
from ingest.layouts.engine.layout import Layout
from ingest.text.numbers import EXACT_TYPE, exact_array
from lakehouse.contract import ASSETS, SIGNALS, Contract
from lakehouse.source import LandOptions, RawFile

DEFAULT_ZONE = "Europe/Berlin"
#: Columns that hold the same text in many rows.
_ALIKE = ("asset_id", "signal", "source_object")


class Assembly:
    """Collects the observations of one file, signal by signal."""

    def __init__(self, file: RawFile, layout: Layout, options: LandOptions, contract: Contract) -> None:
        self._file, self._layout, self._options, self._contract = file, layout, options, contract
        self._parts: list[pa.Table] = []
        encoded = pa.dictionary(pa.int32(), pa.string())
        self._schema = pa.schema(
            [field.with_type(encoded) if field.name in _ALIKE else field for field in contract.arrow_schema]
        )
        self._signals: dict[tuple[str, str], Block] = {}

    def add(
        self,
        block: Block,
        start: Int64Array,
        end: Int64Array | None,
        value: npt.NDArray[np.float64] | None,
        micro: Int64Array | None,
        words: pa.Array | None,
        line: Int64Array,
    ) -> None:
        """Add the observations of a block.

        Args:
            block: their block.
            start, end: instants in microseconds since 1970; None for samples.
            value: doubles, NaN if there is none; None if the kind has no numbers.
            micro: exact values in units of 10^-6; None if the kind has none.
            words: texts or statuses.
            line: line of every observation.
        """
        count = len(start)
        kind = pa.timestamp("us", tz="UTC")
        doubles = pa.nulls(count, pa.float64()) if value is None else pa.array(value, from_pandas=True)
        exact = pa.nulls(count, EXACT_TYPE) if micro is None else exact_array(micro, np.zeros(count, np.bool_))
        if words is not None:
            words = pc.if_else(pc.equal(words, ""), pa.scalar(None, pa.string()), words)
        columns = {
            "asset_id": _constant(self._asset_id(block.asset), count),
            "signal": _constant(block.signal, count),
            "ts": pa.array(start, pa.int64()).cast(kind),
            "interval_end": pa.nulls(count, kind) if end is None else pa.array(end, pa.int64()).cast(kind),
            "value": doubles,
            "value_exact": exact,
            "text": pa.nulls(count, pa.string()) if words is None else words,
            "source_object": _constant(self._file.sha256, count),
            "line": pa.array(line, pa.int64()),
        }
        self._parts.append(pa.table([columns[name] for name in self._schema.names], schema=self._schema))
        self._signals.setdefault((block.asset, block.signal), block)

    def _asset_id(self, asset: str) -> str:
        return f"{self._options.site}/{asset}" if self._options.site else asset

    def tables(self, native_ids: dict[str, str], calendars: dict[str, str]) -> dict[str, pa.Table]:
        """Observations in file order, their assets, and the declarations of their signals.

        Args:
            native_ids: asset → the id in the bytes.
            calendars: asset → zone of its calendar, if the file states one.
        """
        options = self._options
        observed = pa.concat_tables(self._parts).unify_dictionaries() if self._parts else self._schema.empty_table()
        if len(self._parts) > 1:
            line = np.asarray(observed["line"].to_numpy(), dtype=np.int64)
            observed = observed.take(pa.array(np.argsort(line, kind="stable")))
        assets = [
            {
                "asset_id": self._asset_id(asset),
                "domain": self._layout.domain,
                "native_id": native_ids.get(asset),
                "site_id": options.site,
                "time_zone": options.site_timezone
                or options.timezone
                or calendars.get(asset, calendar_zone(self._layout, options)),
                "is_simulated": options.simulated,
                "max_power_kw": options.max_power_kw,
                "capacity_kwh": options.capacity_kwh,
            }
            for asset in dict.fromkeys(asset for asset, _ in self._signals)
        ]
        signals = [
            {
                "asset_id": self._asset_id(block.asset),
                "signal": block.signal,
                "kind": block.rule.kind,
                "unit": block.rule.unit,
                "expected_interval_s": block.rule.expected_interval_s,
                "max_gap_s": block.rule.gap_s,
                "role": block.rule.role,
                "pair_signal": block.rule.pair_signal,
                "estimated_statuses": "|".join(block.rule.estimated_statuses) or None,
                "layout": self._layout.name,
                "rollover_at": block.rule.rollover_at,
            }
            for block in self._signals.values()
        ]
        return {
            self._contract.name: observed,
            ASSETS.name: pa.Table.from_pylist(assets, schema=ASSETS.arrow_schema),
            SIGNALS.name: pa.Table.from_pylist(signals, schema=SIGNALS.arrow_schema),
        }


def stamp_zone(layout: Layout, options: LandOptions) -> str:
    """IANA zone of a file's wall-clock stamps."""
    return options.timezone or layout.stamps.timezone or DEFAULT_ZONE


def calendar_zone(layout: Layout, options: LandOptions) -> str:
    """IANA zone of the calendar of a file's assets."""
    return (
        options.site_timezone
        or options.timezone
        or layout.stamps.site_timezone
        or layout.stamps.timezone
        or DEFAULT_ZONE
    )


def _constant(text: str, count: int) -> pa.DictionaryArray:
    """A column with the same text in every row: a hash of 64 characters takes four bytes per row."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), pa.array([text], pa.string()))
