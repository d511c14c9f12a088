"""The batteries of a simulated fleet."""

from __future__ import annotations

from dataclasses import dataclass

from ingest.simulate.clock import random_stream

#: What a battery may offer, as the day-ahead disclosure names it → its share of the capacity that is left.
OFFERED = {"regup": 0.25, "regdown": 0.5, "rrspfr": 0.2, "rrsffr": 0.15, "ecrssd": 0.25, "nonspin": 0.15}


@dataclass(frozen=True)
class Battery:
    """One battery.

    Args:
        site: name of its site; every name of a simulated resource begins with `SIM_`.
        unit: number at the site.
        settlement_point: resource node that it is settled at.
        qse, dme: who schedules it.
        power_mw: the same both ways, tenths of a MW.
        energy_mwh: usable energy.
        charge_efficiency, discharge_efficiency: of the two ways between the grid and what is stored.
        services: day-ahead products that it offers, keys of `OFFERED`.
    """

    site: str
    unit: int
    settlement_point: str
    qse: str
    dme: str
    power_mw: float
    energy_mwh: float
    charge_efficiency: float
    discharge_efficiency: float
    services: tuple[str, ...]

    @property
    def esr(self) -> str:
        """Name as one resource, since RTC+B."""
        return f"{self.site}_ESR{self.unit}"

    @property
    def generator(self) -> str:
        """Name of the half that discharges, before."""
        return f"{self.site}_{'BES' if self.energy_mwh > self.power_mw else 'UNIT'}{self.unit}"

    @property
    def load(self) -> str:
        """Name of the half that charges, before."""
        return f"{self.site}_LD{self.unit}"


def make_batteries(count: int, seed: int) -> list[Battery]:
    """A fleet: sizes and durations of the market's own range; every fourth battery is the second one at its site."""
    rng = random_stream(seed, "batteries")
    batteries: list[Battery] = []
    for number in range(count):
        power_mw = round(float(rng.choice([9.9, 50.0, 100.0, 150.5, 200.0])) * float(rng.uniform(0.8, 1.0)), 1)
        hours = float(rng.choice([0.9, 1.0, 1.5, 2.0, 4.0]))
        second = number % 4 == 3
        site = batteries[-1].site if second else f"SIM_BAT{number + 1:03d}"
        dropped = set(rng.choice(list(OFFERED), size=int(rng.integers(0, 3)), replace=False))
        batteries.append(
            Battery(
                site=site,
                unit=2 if second else 1,
                settlement_point=f"{site}_RN",
                qse=f"QSIM{number % 7:02d}",
                dme=f"YSIM{number % 5:02d}",
                power_mw=power_mw,
                energy_mwh=round(power_mw * hours, 1),
                charge_efficiency=round(float(rng.uniform(0.90, 0.96)), 3),
                discharge_efficiency=round(float(rng.uniform(0.90, 0.96)), 3),
                services=tuple(service for service in OFFERED if service not in dropped),
            )
        )
    return batteries
