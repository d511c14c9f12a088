"""Impossible values: ranges that kinds, roles and units allow by physics, and the "no value" of registers.

A device with a missing sensor still answers: a Modbus register of 16 bits then often reads 65535, 32767 or -32768,
which after the factor is a state of charge of 6553.5 % or a temperature of -3276.8 °C. Such a cell is quarantined, and
the rest of its row lands. The ranges are wide: unlikely values land, and are findings of the quality rules
(docs/rules.md). A layout may narrow or widen them with `minimum` and `maximum`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from ingest.layouts.engine.signal_rule import SignalRule

#: Limit for every quantity of a site in any common unit: 10^15 W are the power of the sun on a continent.
#: Floating-point registers without a value often read 3.4e38.
BEYOND = 1e15

#: By kind: state of charge in percent with a margin for calibration; power factor with a margin for the rounding of
#: small powers; a flag or level, which is never a 16-bit register full of ones; a difference of maximum and minimum.
KINDS: dict[str, tuple[float, float]] = {
    "soc": (-5, 105),
    "power_factor": (-2, 2),
    "alarm": (0, 65_534),
    "spread": (0, BEYOND),
}
CELL_VOLTAGES = ("cell_v", "cell_v_avg", "cell_v_max", "cell_v_min", "cell_v_spread")
#: By role and unit. Cells of any chemistry stay below 5 V; batteries are low-voltage installations, which end at
#: 1,500 V DC (IEC 60364); a new battery may have more than its nominal capacity; coolant has valves of a few bar.
ROLES: dict[tuple[str, str], tuple[float, float]] = {
    **{(role, "V"): (0, 6) for role in CELL_VOLTAGES},
    **{(role, "mV"): (0, 6_000) for role in CELL_VOLTAGES},
    ("pack_voltage", "V"): (-50, 2_000),
    ("soh", "%"): (0, 120),
    ("ambient_humidity", "%"): (-5, 105),
    ("coolant_supply_pressure", "bar"): (-1, 50),
    ("coolant_return_pressure", "bar"): (-1, 50),
}  # fmt: skip
#: By unit: sensors of buildings, batteries and converters; the mains, of which 60 Hz is the highest.
UNITS: dict[str, tuple[float, float]] = {"°C": (-60, 200), "K": (-260, 473), "Hz": (0, 65)}

#: "No value" of 32-bit registers: all ones, and the extremes of signed ones.
WORDS = (2**32 - 1, 2**31 - 1, -(2**31))
#: Decimals that such a register may be scaled by, on top of the layout's factor.
WORD_DECIMALS = 3
NO_VALUE = "the value is that of a 32-bit register without one"


@dataclass(frozen=True)
class Limits:
    """The allowed range of a cell.

    Args:
        low, high: inclusive, in the signal's unit.
        reason: of the refusal of a cell outside.
    """

    low: float
    high: float
    reason: str


def limits(rule: SignalRule) -> Limits | None:
    """The allowed range of a signal; None for counters, whose steps are judged instead of their values."""
    if rule.minimum is None and rule.maximum is None and rule.kind == "counter":
        return None
    unit = rule.unit or ""
    low, high, of = -BEYOND, BEYOND, "any quantity"
    scale = 100 if rule.kind == "soc" and unit == "1" else 1
    for found, name in (
        (UNITS.get(unit), f"values in {unit}"),
        (KINDS.get(rule.kind), f"the kind {rule.kind}"),
        (ROLES.get((rule.role or "", unit)), f"the role {rule.role}"),
    ):
        if found is not None:
            low, high, of = max(low, found[0] / scale), min(high, found[1] / scale), name
    if rule.minimum is not None or rule.maximum is not None:
        low = low if rule.minimum is None else rule.minimum
        high = high if rule.maximum is None else rule.maximum
        return Limits(low, high, f"outside {low:g} to {high:g}, which the layout declares: other units?")
    shown = f"{low:g} to {high:g}" + (f" {unit}" if unit not in ("", "1") else "")
    return Limits(low, high, f"outside {shown}, the range of {of}")


def without_value(value: npt.NDArray[np.float64], factor: Decimal) -> npt.NDArray[np.bool_]:
    """Mask of values that are the "no value" of a 32-bit register.

    Args:
        value: after the factor.
        factor: by which they were multiplied.
    """
    found = np.zeros(len(value), np.bool_)
    if not factor:
        return found
    written = value / float(factor)
    for word in WORDS:
        for decimals in range(WORD_DECIMALS + 1):
            found |= written == word / 10**decimals
    return found
