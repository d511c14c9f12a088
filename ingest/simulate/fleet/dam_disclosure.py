"""The 60-day DAM disclosure (NP3-966-ER) of one operating day."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ingest.simulate.clock import IntArray
from ingest.simulate.fleet import layouts
from ingest.simulate.fleet.calendar import published_on
from ingest.simulate.fleet.day_ahead import BLANK
from ingest.simulate.fleet.fleet import Fleet
from ingest.simulate.fleet.text import CENTS, day_text, exact, member_date, sheet

#: Column of an award → product; and the price that belongs to it, after the last of its awards.
GENERATOR_AWARDS = (
    (("regup",), "regup"), (("regdown",), "regdown"), (("rrspfr", "rrsffr", "rrsufr"), "rrs"),
    (("ecrssd",), "ecrs"), (("nonspin",), "nonspin"),
)  # fmt: skip
LOAD_AWARDS = (*GENERATOR_AWARDS[:3], (("ecrssd", "ecrsmd"), "ecrs"), GENERATOR_AWARDS[4])
#: A plant that is no battery, so that a file is never all batteries.
SOLAR, SOLAR_NODE = "SIM_SUN_UNIT1", "SIM_SUN_ALL"


def dam_members(fleet: Fleet, day: int) -> dict[str, bytes]:
    """Files of one day's disclosure, by name."""
    published = member_date(published_on(fleet.calendar.period.dates[day]))
    columns = np.flatnonzero(fleet.calendar.period.day_index(fleet.calendar.hours) == day)
    sheets = {"Gen_Resource_Data": (layouts.DAM_RESOURCES, _solar(fleet, day, columns))}
    if fleet.rtcb:
        sheets["ESR_Data"] = (layouts.DAM_RESOURCES, _batteries(fleet, day, columns))
    else:
        sheets["Gen_Resource_Data"][1].extend(_batteries(fleet, day, columns))
        sheets["Load_Resource_Data"] = (layouts.DAM_LOADS, _loads(fleet, day, columns))
    return {
        f"60d_DAM_{name}-{published}.csv": sheet(header, sorted(rows, key=_hour), quoted=not fleet.rtcb)
        for name, (header, rows) in sheets.items()
    }


def _hour(row: Sequence[str]) -> int:
    return int(row[1])


def _awards(
    fleet: Fleet, services: dict[str, IntArray], which: tuple[tuple[tuple[str, ...], str], ...], columns: IntArray
) -> list[list[str]]:
    """Cells of awards and prices by column: a price is given with each award."""
    cells: list[list[str]] = []
    for products, price in which:
        found = [services[product] for product in products]
        cells += [exact(award[columns]) for award in found]
        stated = np.any([award[columns] != BLANK for award in found], axis=0)
        cells.append(exact(np.where(stated, fleet.prices.day_ahead_services[price][columns], BLANK), CENTS))
    return cells


def _batteries(fleet: Fleet, day: int, columns: IntArray) -> list[list[str]]:
    rows: list[list[str]] = []
    date = day_text(fleet.calendar.period.dates[day])
    for number, battery in enumerate(fleet.batteries):
        out = fleet.ahead.out[number, columns]
        power = exact(np.where(out, 0, round(battery.power_mw * 10)), 10)
        if fleet.rtcb:
            name, kind, lowest = battery.esr, "ESR", [f"-{text}" if text != "0" else text for text in power]
            curve = ["-" + power[0], "-250", "0", "0", power[0], "250"] if power[0] != "0" else []
        else:
            name, kind, lowest = battery.generator, "PWRSTR", ["0"] * len(power)
            curve = ["0", "15.5", power[0], "250"]
        curve += [""] * (20 - len(curve))
        services = {product: award[number] for product, award in fleet.ahead.services.items()}
        # Services may be offered alone: then there is no curve, and no energy is awarded.
        energy = exact(fleet.ahead.energy[number, columns])
        price = exact(fleet.first_day_ahead[fleet.node_of[number], columns], CENTS)
        awards = zip(*_awards(fleet, services, GENERATOR_AWARDS, columns), strict=True)
        who = [battery.qse, battery.dme, name, kind]
        for at, (hour, cells) in enumerate(zip(fleet.calendar.hour_ending[columns], awards, strict=True)):
            offered = curve if energy[at] else [""] * 20
            status = "OUT" if out[at] else "ON"
            rows.append([
                date, str(hour), *who, *offered, "", "", "", "", power[at], lowest[at], status, energy[at],
                battery.settlement_point, price[at], *cells,
            ])  # fmt: skip
    return rows


def _loads(fleet: Fleet, day: int, columns: IntArray) -> list[list[str]]:
    rows: list[list[str]] = []
    date = day_text(fleet.calendar.period.dates[day])
    for number, battery in enumerate(fleet.batteries):
        power = exact(np.where(fleet.ahead.out[number, columns], 0, round(battery.power_mw * 10)), 10)
        services = {product: award[number] for product, award in fleet.ahead.load_services.items()}
        awards = zip(*_awards(fleet, services, LOAD_AWARDS, columns), strict=True)
        for hour, most, cells in zip(fleet.calendar.hour_ending[columns], power, awards, strict=True):
            rows.append([date, str(hour), battery.load, most, "0", *cells])
    return rows


def _solar(fleet: Fleet, day: int, columns: IntArray) -> list[list[str]]:
    date = day_text(fleet.calendar.period.dates[day])
    price = exact(fleet.first_day_ahead[0, columns], CENTS)
    return [
        [date, str(hour), "QSIM99", "YSIM99", SOLAR, "PVGR", *[""] * 24, "80", "0", "ON", "", SOLAR_NODE, price[at],
         *[""] * 12]
        for at, hour in enumerate(fleet.calendar.hour_ending[columns])
    ]  # fmt: skip
