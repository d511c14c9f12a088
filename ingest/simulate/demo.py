"""The demo's two sites, written as their devices would write them, with the truth beside them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from ingest.simulate import facts
from ingest.simulate.battery import CAPACITY_KWH, simulate_battery, spread_cells
from ingest.simulate.battery_signals import CELLS_FOLLOWED, SystemOutput, system_output
from ingest.simulate.clock import IntArray, Period, random_stream
from ingest.simulate.faults import REGISTER_DECIMALS
from ingest.simulate.files import WrittenFile, repeats_of, write_load_profile, write_signal
from ingest.simulate.meters import LAST_FAULT_DAY, Meter, cold_store, house, workshop
from ingest.simulate.truth import Fact, TrueEvent, Truth, utc_text
from lakehouse.source import LandOptions

ZONE = "Europe/Berlin"
#: Six days before the clocks go back, so that the period holds a day of 25 hours.
FIRST_DAY = date(2025, 10, 20)
#: The local day of m1 that arrives late, and the hours on both sides of it that arrive twice.
LATE_DAY, OVERLAP_HOURS = 5, 2
SYSTEM = "ZSIM001"
#: Share of rows that a gateway sends twice.
RESENT = 0.001


@dataclass(frozen=True)
class Delivery:
    """Files that arrive together.

    Args:
        source: name of the source that lands them.
        paths: files or folders.
        options: what the user says about them.
        title: one line for people.
    """

    source: str
    paths: list[Path]
    options: LandOptions
    title: str


@dataclass(frozen=True)
class DemoFiles:
    """What was simulated.

    Args:
        deliveries: in the order to land them.
        truth: what the simulator knows.
        truth_file: the same as JSON.
        files: every file with its rows.
    """

    deliveries: list[Delivery]
    truth: Truth
    truth_file: Path
    files: list[WrittenFile]


def simulate_demo(folder: Path, seed: int = 7, days: int = 14, first_day: date = FIRST_DAY) -> DemoFiles:
    """Simulate two sites and write their files and `truth/truth.json` into `folder`.

    Site `hof`: smart meters m1 and m2 (one CSV a signal) and a German load profile; m1 delivers one day late. Site
    `werk`: a battery system of 100 kW / 200 kWh. Equal arguments give equal bytes.

    Args:
        folder: created where absent; files of an earlier run are overwritten.
        seed: of every random number.
        days: whole local days from `first_day`, at least 8 so that every fault has its place.
        first_day: first local day (Europe/Berlin).

    Raises:
        ValueError: too few days.
    """
    if days <= LAST_FAULT_DAY:
        raise ValueError(f"{days} days cannot hold the simulated faults: take {LAST_FAULT_DAY + 1} or more")
    period = Period(ZONE, first_day, days)
    meters = [house(period, seed), workshop(period, seed)]
    profile = cold_store(period, seed)
    state = simulate_battery(period, seed)
    output = system_output(period, seed, state, spread_cells(state, seed, CELLS_FOLLOWED))

    on_time, late, system = folder / "hof" / "meter", folder / "hof_late" / "meter", folder / "werk" / "bess"
    files: list[WrittenFile] = []
    for meter in meters:
        files += _write_meter(on_time, late if meter.name == "m1" else None, meter, period, seed)
    files.append(
        write_load_profile(
            on_time / f"{profile.name}.csv", period, profile.interval_starts, profile.ticks, f"hof/{profile.name}"
        )
    )
    files += _write_system(system / SYSTEM, output, period, seed)

    known: list[Fact] = [fact for meter in meters for fact in facts.meter_facts(f"hof/{meter.name}", meter, period)]
    known += facts.profile_facts(f"hof/{profile.name}", profile, period)
    known += facts.battery_facts(f"werk/{SYSTEM}", state, output, period)
    known += _sample_counts(files)
    registers = [(f"hof/{m.name}", name, register) for m in meters for name, register in m.registers.items()]
    registers += [(f"werk/{SYSTEM}", s.name, s.register) for s in output.signals.values() if s.register is not None]
    truth = Truth(
        facts=known,
        events=[TrueEvent(asset, name, event) for asset, name, register in registers for event in register.events],
        counters=[(asset, name) for asset, name, _ in registers],
        notes=_notes(folder, files, meters, output, period, seed),
    )
    truth_file = folder / "truth" / "truth.json"
    truth_file.parent.mkdir(parents=True, exist_ok=True)
    truth_file.write_text(json.dumps(truth.to_json(), indent=1) + "\n", encoding="utf-8")

    hof = LandOptions(site="hof", simulated=True)
    werk = LandOptions(site="werk", simulated=True, max_power_kw=150.0, capacity_kwh=CAPACITY_KWH)
    return DemoFiles(
        deliveries=[
            Delivery("meter", [on_time], hof, "site hof: two smart meters and a load profile"),
            Delivery("bess", [system], werk, "site werk: a battery system"),
            Delivery("meter", [late], hof, "site hof: a day of m1 that arrives late, partly known already"),
        ],
        truth=truth,
        truth_file=truth_file,
        files=files,
    )


def _write_meter(on_time: Path, late: Path | None, meter: Meter, period: Period, seed: int) -> list[WrittenFile]:
    """Write the signals of a meter; where `late` is given, one day goes there together with the hours around it."""
    columns: dict[str, IntArray] = {name: register.ticks for name, register in meter.registers.items()}
    columns |= {"com_ap": meter.com_ap_ticks(), "pf": meter.pf_ticks()}
    day_start, day_end = (int(edge) for edge in period.edges[LATE_DAY : LATE_DAY + 2])
    overlap = OVERLAP_HOURS * 3600
    missing = (meter.stamps >= day_start) & (meter.stamps < day_end)
    in_late = (meter.stamps >= day_start - overlap) & (meter.stamps < day_end + overlap)
    files = []
    for name, ticks in sorted(columns.items()):
        rng = random_stream(seed, f"{meter.name} {name} resent")
        repeats = repeats_of(rng, len(ticks), RESENT)
        first = np.full(len(ticks), True) if late is None else ~missing
        asset_id = f"hof/{meter.name}"
        path = Path(meter.name) / f"{name}.csv"
        decimals = REGISTER_DECIMALS  # W and Wh resolution; a power factor has thousandths as well
        files.append(
            write_signal(on_time / path, period, meter.stamps[first], ticks[first], decimals, repeats[first], asset_id)
        )
        if late is not None:
            once = np.ones(int(in_late.sum()), dtype=np.int64)
            written = write_signal(
                late / path,
                period,
                meter.stamps[in_late],
                ticks[in_late],
                decimals,
                once,
                asset_id,
                overlap_rows=int((in_late & ~missing).sum()),
            )
            files.append(written)
    return files


def _write_system(folder: Path, output: SystemOutput, period: Period, seed: int) -> list[WrittenFile]:
    """Write every signal of the battery system."""
    files = []
    for name, signal in sorted(output.signals.items()):
        repeats = repeats_of(random_stream(seed, f"{name} resent"), len(signal.ticks), RESENT)
        path = folder / f"{name}.csv"
        files.append(
            write_signal(path, period, signal.stamps, signal.ticks, signal.decimals, repeats, f"werk/{folder.name}")
        )
    return files


def _sample_counts(files: list[WrittenFile]) -> list[Fact]:
    """Distinct samples of every signal, and that its asset is marked as simulated."""
    counts: dict[tuple[str, str], int] = {}
    for file in files:
        key = (file.asset_id, file.signal)
        counts[key] = counts.get(key, 0) + file.rows - file.duplicate_rows - file.overlap_rows
    reason = "every written sample once, however often it arrived: exact"
    samples = [Fact("samples", asset, signal, None, n, 0.0, reason) for (asset, signal), n in counts.items()]
    assets = sorted({asset for asset, _ in counts})
    return samples + [Fact("simulated", asset, "", None, 1, 0.0, "said when landing: exact") for asset in assets]


def _notes(
    folder: Path, files: list[WrittenFile], meters: list[Meter], output: SystemOutput, period: Period, seed: int
) -> dict[str, object]:
    gaps = [(f"hof/{meter.name}", gap) for meter in meters for gap in meter.gaps]
    gaps += [(f"werk/{SYSTEM}", gap) for gap in output.gaps]
    return {
        "is_simulated": True,
        "seed": seed,
        "time_zone": period.zone,
        "first_day": str(period.first_day),
        "days": period.days,
        "rows": sum(file.rows for file in files),
        "files": [
            {
                "path": file.path.relative_to(folder).as_posix(),
                "asset_id": file.asset_id,
                "signal": file.signal,
                "rows": file.rows,
                "duplicate_rows": file.duplicate_rows,
                "overlap_rows": file.overlap_rows,
            }
            for file in files
        ],
        "gaps": [{"asset_id": asset, "start": utc_text(start), "end": utc_text(end)} for asset, (start, end) in gaps],
        "late_day": {"asset_id": "hof/m1", "local_date": str(period.dates[LATE_DAY])},
        "alarms": [
            {
                "asset_id": f"werk/{SYSTEM}",
                "signal": alarm.signal,
                "start": utc_text(alarm.start),
                "end": utc_text(alarm.end),
                "value": alarm.value,
            }
            for alarm in output.alarms
        ],
    }
