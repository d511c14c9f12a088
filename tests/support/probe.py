"""A probe domain of every kind: long observations, slices of a plan, and a stream with offsets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from lakehouse.contract import ASSETS, SIGNALS, Column, Contract, Slice, observations
from lakehouse.errors import TerminalError
from lakehouse.source import REJECTS_SCHEMA, LandOptions, Parsed, RawFile, Registry

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)

LEVELS = observations("probe", "Levels that probes have measured.")
_PROVENANCE = (
    Column("source_object", "string", "SHA-256 of the archived bytes.", nullable=False, provenance=True),
    Column("line", "long", "Line in those bytes, from 1.", nullable=False, provenance=True),
)
PLANS = Contract(
    name="probe_plans",
    description="Plans of an area, stated hour by hour.",
    grain="one hour of one area",
    columns=(
        Column("area", "string", "Area.", nullable=False),
        Column("interval_start", "timestamptz", "Start of the hour.", nullable=False),
        Column("planned_mw", "double", "Planned power in MW.", minimum=0),
        *_PROVENANCE,
    ),
    key=("area", "interval_start"),
    mode="replace",
    time_column="interval_start",
    touch=("area",),
    touches="key_days",
    reach_days=1,
    sort=("area", "interval_start"),
)
SAMPLES = Contract(
    name="probe_samples",
    description="Samples of a stream.",
    grain="one sample of one probe",
    columns=(
        Column("probe", "string", "Probe.", nullable=False),
        Column("ts", "timestamptz", "Instant of the sample.", nullable=False),
        Column("power_w", "double", "Power in W.", maximum=1000),
        *_PROVENANCE,
    ),
    key=("probe", "ts"),
    mode="append",
    time_column="ts",
    touch=("probe",),
    touches="key_days",
    reach_days=1,
    sort=("probe", "ts"),
)


def at(minute: int) -> datetime:
    """An instant by its minute."""
    return EPOCH + timedelta(minutes=minute)


@dataclass(frozen=True)
class ProbeSource:
    """Reads JSON files: a list of rows, each [name, minute, value]; and of slices, each [name, start, end].

    Args:
        name: of the source.
        contract: its table.
        domain: of its assets; None where it declares none.
    """

    name: str
    contract: Contract
    domain: str | None = None
    summary: str = "A probe."
    needs: str = "nothing"
    options: frozenset[str] = frozenset({"simulated"})

    @property
    def contracts(self) -> tuple[Contract, ...]:
        """Its one table."""
        return (self.contract,)

    def recognises(self, path: Path) -> bool:
        """JSON files."""
        return path.suffix == ".json"

    def parse(self, file: RawFile, options: LandOptions, layout_dirs: Sequence[Path] = ()) -> Iterator[Parsed]:
        """One piece a file."""
        said = json.loads(file.content)
        rows = [
            self._row(name, minute, value, file.sha256, line)
            for line, (name, minute, value) in enumerate(said["rows"], start=1)
        ]
        tables = {self.contract.name: pa.Table.from_pylist(rows, schema=self.contract.arrow_schema)}
        if self.domain:
            names = sorted({name for name, *_ in said["rows"]})
            tables[ASSETS.name] = _known(ASSETS, [
                {"asset_id": name, "domain": self.domain, "time_zone": "UTC", "is_simulated": False} for name in names
            ])  # fmt: skip
            tables[SIGNALS.name] = _known(SIGNALS, [
                {"asset_id": name, "signal": "level", "kind": "instant", "max_gap_s": 60.0, "layout": "probe"}
                for name in names
            ])  # fmt: skip
        slices = [
            Slice("interval_start", at(first), at(end), {"area": area}) for area, first, end in said.get("slices", [])
        ]
        stated = {self.contract.name: slices} if slices else {}
        yield Parsed(tables, REJECTS_SCHEMA.empty_table(), "probe", rows_read=len(rows), stated=stated)

    def _row(self, name: str, minute: int, value: float, sha256: str, line: int) -> dict[str, Any]:
        provenance = {"source_object": sha256, "line": line}
        if self.contract.mode == "replace":
            return {"area": name, "interval_start": at(minute), "planned_mw": value, **provenance}
        return {"asset_id": name, "signal": "level", "ts": at(minute), "value": value, **provenance}

    def layouts_digest(self, layout_dirs: Sequence[Path]) -> str | None:
        """It heeds none."""
        return None

    def broken_layouts(self, layout_dirs: Sequence[Path]) -> list[TerminalError]:
        """It heeds none."""
        return []


def _known(contract: Contract, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=contract.arrow_schema)


#: Two domains of observations in tables of their own, plans, and a stream.
OTHER_LEVELS = observations("other", "Levels that other probes have measured.")
PROBES = Registry(
    {
        source.name: source
        for source in (
            ProbeSource("probe", LEVELS, "probe"),
            ProbeSource("other", OTHER_LEVELS, "other"),
            ProbeSource("plan", PLANS),
        )
    },
    (SAMPLES,),
)


def write(path: Path, rows: Sequence[tuple[str, int, float]], slices: Sequence[tuple[str, int, int]] = ()) -> Path:
    """A file of a probe source."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"rows": rows, "slices": slices}))
    return path


def batch(rows: Sequence[tuple[str, int, float]]) -> pa.Table:
    """Rows of a batch: (probe, second, power in W)."""
    return pa.table({
        "probe": pa.array([probe for probe, *_ in rows], pa.string()),
        "ts": pa.array([EPOCH + timedelta(seconds=second) for _, second, _ in rows], pa.timestamp("us", tz="UTC")),
        "power_w": pa.array([power for *_, power in rows], pa.float64()),
    })  # fmt: skip
