"""The 60-day SCED disclosure (NP3-965-ER) of one operating day, and the supplemental that corrects one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from itertools import chain, repeat

import numpy as np

from ingest.simulate.clock import IntArray
from ingest.simulate.fleet import layouts
from ingest.simulate.fleet.calendar import published_on
from ingest.simulate.fleet.dam_disclosure import SOLAR
from ingest.simulate.fleet.day_ahead import BLANK, TICKS
from ingest.simulate.fleet.fleet import CORRECTED_BATTERY, CORRECTED_DAY, Fleet
from ingest.simulate.fleet.real_time import MINIMUM_SOC
from ingest.simulate.fleet.text import exact, member_date, sheet, single, stamps

Rows = list[tuple[str, ...]]
#: The rows of each resource, run after run.
Resources = list[Rows]
#: Responsibilities of SCED until RTC+B, in the order of the columns, as sums of day-ahead products.
GENERATOR_DUTIES = (("regup",), ("regdown",), ("rrspfr", "rrsufr"), ("rrsffr",), ("nonspin",), ("ecrssd",))
LOAD_DUTIES = (("rrspfr", "rrsufr"), ("rrsffr",), ("nonspin",), ("regup",), ("regdown",), ("ecrssd", "ecrsmd"))


def sced_members(fleet: Fleet, day: int) -> dict[str, bytes]:
    """Files of one day's disclosure, by name, as they were published first."""
    operating_day = fleet.calendar.period.dates[day]
    published = member_date(published_on(operating_day))
    runs = _runs(fleet, day)
    empty: Resources = []
    if fleet.rtcb:
        sheets = {
            "60d_ESR_Data_in_SCED": (layouts.sced_storage(operating_day), _storage(fleet, runs, fleet.first_output)),
            "60d_SCED_Gen_Resource_Data": (
                layouts.sced_generators_rtcb(operating_day), [_solar_rtcb(fleet, runs, operating_day)]
            ),
        }  # fmt: skip
    else:
        sheets = {
            "60d_SCED_Gen_Resource_Data": (
                layouts.SCED_GENERATORS, [*_generators(fleet, runs, fleet.first_output), _solar(fleet, runs)]
            ),
            "60d_Load_Resource_Data_in_SCED": (layouts.SCED_LOADS, _loads(fleet, runs, fleet.first_output)),
        }  # fmt: skip
    sheets["60d_SCED_SMNE_GEN_RES"] = (layouts.SMNE, [_metered(fleet, day)])
    sheets["60d_HDL_LDL_ManOverride"] = (layouts.OVERRIDES, empty)
    return {
        f"{name}-{published}.csv": sheet(header, _by_run(rows), quoted=not fleet.rtcb)
        for name, (header, rows) in sheets.items()
    }


def supplemental_members(fleet: Fleet) -> dict[str, bytes]:
    """The day that was disclosed wrong, once more: all its batteries, with what is true.

    The dates in the name are those of the first publication.
    """
    operating_day = fleet.calendar.period.dates[CORRECTED_DAY]
    first = f"{published_on(operating_day):%m%d%Y}"
    runs = _runs(fleet, CORRECTED_DAY)
    output = fleet.real.output
    if fleet.rtcb:
        header, rows = layouts.sced_storage(operating_day), _storage(fleet, runs, output)
        return {
            f"60d_ESR_Resource_Data_in_SCED_{first}_thru_{first}_SUPPLEMENTAL.csv": sheet(
                header, _by_run(rows), quoted=False
            )
        }
    return {
        f"60d_Gen_Resource_Data_in_SCED_{first}_thru_{first}_SUPPLEMENTAL.csv": sheet(
            layouts.SCED_GENERATORS, _by_run(_generators(fleet, runs, output)), quoted=True
        ),
        f"60d_Load_Resource_Data_in_SCED_{first}_thru_{first}_SUPPLEMENTAL.csv": sheet(
            layouts.SCED_LOADS, _by_run(_loads(fleet, runs, output)), quoted=True
        ),
    }


def has_supplemental(fleet: Fleet) -> bool:
    """Whether a day was disclosed wrong."""
    return bool((fleet.first_output != fleet.real.output)[CORRECTED_BATTERY:].any())


def _by_run(resources: Resources) -> Iterator[tuple[str, ...]]:
    """All resources of a run, then the next run."""
    return chain.from_iterable(zip(*resources, strict=True))


def _runs(fleet: Fleet, day: int) -> IntArray:
    on_day = fleet.calendar.period.day_index(fleet.calendar.runs) == day
    return np.flatnonzero(on_day & fleet.calendar.published)


def _when(fleet: Fleet, runs: IntArray) -> tuple[list[str], list[str]]:
    at = fleet.calendar.runs[runs]
    return stamps(fleet.calendar.period.local(at)), ["Y" if flag else "N" for flag in fleet.calendar.is_repeated(at)]


def _offer(kind: str) -> list[str]:
    return [kind, *[""] * 24, "No"]


def _curve(points: list[str], width: int) -> list[str]:
    return points + [""] * (width - len(points))


def _tenths(values: IntArray | float, out: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> list[str]:
    return exact(np.where(out, 0, np.rint(np.asarray(values) * 10).astype(np.int64)), 10)


def _storage(fleet: Fleet, runs: IntArray, output: IntArray) -> Resources:
    stamp, flag = _when(fleet, runs)
    operating_day = fleet.calendar.period.dates[int(fleet.calendar.period.day_index(fleet.calendar.runs[runs[:1]])[0])]
    capabilities = len(layouts.capability(operating_day))
    resources: Resources = []
    for number, battery in enumerate(fleet.batteries):
        real, out = fleet.real, fleet.real.out[number, runs]
        power, charging = _tenths(battery.power_mw, out), _tenths(-battery.power_mw, out)
        base = real.base_point[number, runs]
        limits = np.where(out, 0.0, battery.power_mw)
        ends = [f"-{battery.power_mw:g}", "-250", "0", "12.3400001525879", f"{battery.power_mw:g}", "250"]
        once = _curve(ends, 70)
        awards = {product: exact(award[number, runs]) for product, award in real.awards.items()}
        lowest = exact(np.full(len(runs), round(battery.energy_mwh * MINIMUM_SOC * TICKS)))
        columns = [
            stamp, flag, repeat(battery.qse), repeat(battery.dme), repeat(battery.esr), repeat("ESR"),
            *(repeat(cell) for cell in once + once), repeat("0"), power, single(limits), charging, single(-limits),
            ["OUT" if off else "ON" for off in out], single(base), exact(output[number, runs]),
            *(power for _ in range(2 + capabilities)),
            exact(real.soc[number, runs]), lowest, _tenths(battery.energy_mwh, out),
            *(awards[product] for product in ("nspin", "rrsffr", "rrspfr", "rrsufr", "ecrs", "regup", "regdn")),
            *(repeat(cell) for cell in _offer("3PT")),
        ]  # fmt: skip
        resources.append(list(zip(*columns, strict=False)))
    return resources


def _duties(fleet: Fleet, services: dict[str, IntArray], number: int, runs: IntArray,
            which: tuple[tuple[str, ...], ...]) -> list[list[str]]:  # fmt: skip
    hour = fleet.calendar.hour_of(fleet.calendar.runs[runs])
    return [
        exact(sum((np.maximum(services[product][number, hour], 0) for product in products), np.zeros_like(hour)))
        for products in which
    ]


def _half(values: IntArray, charging: bool) -> IntArray:
    """What the generator delivers, or the load takes; what is blank stays so."""
    return np.where(values == BLANK, BLANK, np.maximum(-values if charging else values, 0))


def _generators(fleet: Fleet, runs: IntArray, output: IntArray) -> Resources:
    stamp, flag = _when(fleet, runs)
    resources: Resources = []
    for number, battery in enumerate(fleet.batteries):
        out = fleet.real.out[number, runs]
        power = _tenths(battery.power_mw, out)
        once = _curve(["0", "15.5", f"{battery.power_mw:g}", "250"], 70)
        zero = repeat("0")
        columns = [
            stamp, flag, repeat(battery.qse), repeat(battery.dme), repeat(battery.generator), repeat("PWRSTR"),
            *(repeat(cell) for cell in once + once), zero, power, power, power, zero, zero, zero,
            ["OUT" if off else "ON" for off in out], single(np.maximum(fleet.real.base_point[number, runs], 0.0)),
            exact(_half(output[number, runs], charging=False)),
            *_duties(fleet, fleet.ahead.services, number, runs, GENERATOR_DUTIES),
            *(repeat(cell) for cell in _offer("3PT")),
        ]  # fmt: skip
        resources.append(list(zip(*columns, strict=False)))
    return resources


def _loads(fleet: Fleet, runs: IntArray, output: IntArray) -> Resources:
    stamp, flag = _when(fleet, runs)
    resources: Resources = []
    for number, battery in enumerate(fleet.batteries):
        out = fleet.real.out[number, runs]
        power = _tenths(battery.power_mw, out)
        bid = _curve(["0", "250", f"{battery.power_mw:g}", "12.34"], 20)
        taken = _half(output[number, runs], charging=True)
        base = np.rint(np.maximum(-fleet.real.base_point[number, runs], 0.0) * 10).astype(np.int64)
        columns = [
            stamp, flag, repeat(battery.qse), repeat(battery.dme), repeat(battery.load),
            ["OUTL" if off else "ONCLR" for off in out], power, repeat("0"), exact(taken),
            *_duties(fleet, fleet.ahead.load_services, number, runs, LOAD_DUTIES),
            *(repeat(cell) for cell in bid), power, power, repeat("0"), repeat("0"), exact(base, 10),
        ]  # fmt: skip
        resources.append(list(zip(*columns, strict=False)))
    return resources


def _sun(fleet: Fleet, runs: IntArray) -> list[str]:
    hour = (fleet.calendar.period.local(fleet.calendar.runs[runs]) % 86_400) / 3600
    return exact(np.rint(80 * np.clip(np.sin((hour - 6.5) / 12 * np.pi), 0, None) * 10).astype(np.int64), 10)


def _plant(fleet: Fleet, runs: IntArray, middle: Callable[[list[str]], list[Iterable[str]]]) -> Rows:
    stamp, flag = _when(fleet, runs)
    who = (repeat("QSIM99"), repeat("YSIM99"), repeat(SOLAR), repeat("PVGR"))
    curve = _curve(["0", "-20", "80", "-20"], 70)
    columns = [stamp, flag, *who, *(repeat(cell) for cell in curve + curve), *middle(_sun(fleet, runs))]
    return list(zip(*columns, *(repeat(cell) for cell in _offer("OC")), strict=False))


def _solar(fleet: Fleet, runs: IntArray) -> Rows:
    def middle(sun: list[str]) -> list[Iterable[str]]:
        fixed = [repeat(cell) for cell in ("0", "80", "80", "80", "0", "0", "0", "ON")]
        return [*fixed, sun, sun, *(repeat("0") for _ in range(6))]

    return _plant(fleet, runs, middle)


def _solar_rtcb(fleet: Fleet, runs: IntArray, operating_day: date) -> Rows:
    def middle(sun: list[str]) -> list[Iterable[str]]:
        fixed = [repeat(cell) for cell in ("0", "80", "80", "0", "0", "ON")]
        blanks = len(layouts.capability(operating_day)) + 7
        return [*fixed, sun, sun, repeat("8"), repeat("8"), *(repeat("") for _ in range(blanks))]

    return _plant(fleet, runs, middle)


def _metered(fleet: Fleet, day: int) -> Rows:
    """Settlement metering, of the plant that is no battery: quarters by their last second."""
    edges = fleet.calendar.period.edges[day : day + 2]
    ends = np.arange(edges[0] + 899, edges[1], 900, dtype=np.int64)
    return [
        (stamp, str(number + 1), SOLAR, "5") for number, stamp in enumerate(stamps(fleet.calendar.period.local(ends)))
    ]
