"""A simulated fleet straight as rows of the raw tables: what its documents say, without writing and reading them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from ingest.iso.contracts import AS_PRICES, PRICES
from ingest.iso.ercot.contracts import DAM_ESR, DAM_GEN, DAM_LOAD, SCED_ESR, SCED_GEN, SCED_LOAD
from ingest.simulate.clock import FloatArray, IntArray
from ingest.simulate.fleet.calendar import HOUR_S, QUARTER_S, BoolArray, published_on
from ingest.simulate.fleet.day_ahead import BLANK, TICKS
from ingest.simulate.fleet.fleet import Fleet
from ingest.simulate.fleet.price_postings import AS_TYPES, POSTED_S
from ingest.simulate.fleet.real_time import MINIMUM_SOC, SCED_PRODUCTS
from ingest.simulate.fleet.text import CENTS
from lakehouse.contract import Contract

#: What exact columns count in.
MILLIONTHS = 1_000_000
STAMP = pa.timestamp("us", tz="UTC")


def tables(fleet: Fleet) -> dict[str, pa.Table]:
    """Rows by table, in the columns of its contract, each stated once: final telemetry and real-time prices.

    Offers, capabilities and limits that settle nothing are left NULL. Sorted as the contracts ask: by resource or
    location, then by time.
    """
    found = [_dam(fleet, DAM_ESR if fleet.rtcb else DAM_GEN), _sced(fleet, SCED_ESR if fleet.rtcb else SCED_GEN)]
    contracts = [DAM_ESR, SCED_ESR] if fleet.rtcb else [DAM_GEN, SCED_GEN]
    if not fleet.rtcb:
        found += [_dam_loads(fleet), _sced_loads(fleet)]
        contracts += [DAM_LOAD, SCED_LOAD]
    contracts.append(PRICES)
    found.append(_prices(fleet))
    if fleet.rtcb:
        contracts.append(AS_PRICES)
        found.append(_service_prices(fleet))
    return {
        contract.name: _table(fleet, contract, columns) for contract, columns in zip(contracts, found, strict=True)
    }  # fmt: skip


Columns = Mapping[str, pa.Array]


def _table(fleet: Fleet, contract: Contract, columns: Columns) -> pa.Table:
    """The columns that are given, and NULL in the others; other days and seeds are other documents."""
    count = len(next(iter(columns.values())))
    document = f"{contract.name} {fleet.calendar.period.dates[0]} {len(fleet.calendar.period.dates)} {fleet.seed}"
    given = {
        **columns,
        "published_basis": _repeated(["operator"], count),
        "is_simulated": pa.array(np.ones(count, dtype=bool)),
        "source_object": _repeated([hashlib.sha256(document.encode()).hexdigest()], count),
        "line": pa.array(np.arange(2, count + 2, dtype=np.int64)),
    }
    schema = contract.arrow_schema
    return pa.table([given.get(name, pa.nulls(count, schema.field(name).type)) for name in schema.names], schema=schema)


def exact(values: IntArray, scale: int) -> pa.Array:
    """Whole numbers of 1/scale as DECIMAL(18,6), `BLANK` as NULL."""
    flat = values.ravel()
    blank = flat == BLANK
    low = np.where(blank, 0, flat) * (MILLIONTHS // scale)
    words = np.stack([low, low >> 63], axis=1)
    valid = pa.array(~blank).buffers()[1] if blank.any() else None
    return pa.Array.from_buffers(pa.decimal128(18, 6), len(flat), [valid, pa.py_buffer(np.ascontiguousarray(words))])


def _number(values: IntArray | FloatArray, scale: int = 1) -> pa.Array:
    """Doubles, `BLANK` as NULL: the nearest ones to the decimals that a document has."""
    flat = values.ravel()
    return pa.array(flat / scale, mask=flat == BLANK if flat.dtype.kind == "i" else None)


def _repeated(texts: list[str], each: int) -> pa.Array:
    """Each text so many times."""
    return pa.array(texts).take(pa.array(np.repeat(np.arange(len(texts)), each)))


def _instants(seconds: IntArray, times: int) -> pa.Array:
    return pa.array(np.tile(seconds * 1_000_000, times), STAMP)


def _published(fleet: Fleet, instants: IntArray, times: int) -> pa.Array:
    """Publication of the disclosure of each instant's operating day, five in the morning UTC."""
    days = [
        int(datetime(day.year, day.month, day.day, 5, tzinfo=UTC).timestamp())
        for day in map(published_on, fleet.calendar.period.dates)
    ]
    return _instants(np.array(days, dtype=np.int64)[fleet.calendar.period.day_index(instants)], times)


def _hours(fleet: Fleet) -> dict[str, pa.Array]:
    calendar, times = fleet.calendar, len(fleet.batteries)
    dates = pa.array(calendar.period.dates, pa.date32())
    return {
        "operating_day": dates.take(pa.array(np.tile(calendar.period.day_index(calendar.hours), times))),
        "hour_ending": pa.array(np.tile(calendar.hour_ending, times)),
        "interval_start": _instants(calendar.hours, times),
        "interval_end": _instants(calendar.hours + HOUR_S, times),
        "published_at": _published(fleet, calendar.hours, times),
    }


def _names(fleet: Fleet, contract: Contract, count: int) -> dict[str, pa.Array]:
    kind = {DAM_ESR.name: "esr", SCED_ESR.name: "esr", DAM_LOAD.name: "load", SCED_LOAD.name: "load"}
    attribute = kind.get(contract.name, "generator")
    names = {"resource_name": _repeated([str(getattr(b, attribute)) for b in fleet.batteries], count)}
    if attribute != "load":
        types = ["ESR" if attribute == "esr" else "PWRSTR"] * len(fleet.batteries)
        names["resource_type"] = _repeated(types, count)
    if contract.name != DAM_LOAD.name:
        names |= {name: _repeated([getattr(b, name) for b in fleet.batteries], count) for name in ("qse", "dme")}
    return names


def _power(fleet: Fleet, out: BoolArray) -> FloatArray:
    return np.where(out, 0.0, np.array([battery.power_mw for battery in fleet.batteries])[:, None])


def _services(fleet: Fleet, services: dict[str, IntArray]) -> dict[str, pa.Array]:
    """Awards, and the prices where something was awarded or offered."""
    groups = {
        "regup": ("regup",), "regdown": ("regdown",), "rrs": ("rrspfr", "rrsffr", "rrsufr"),
        "ecrs": ("ecrssd", "ecrsmd"), "nonspin": ("nonspin",),
    }  # fmt: skip
    columns = {f"{name}_awarded_mw": exact(award, TICKS) for name, award in services.items()}
    for price, names in groups.items():
        stated = np.any([services[name] != BLANK for name in names if name in services], axis=0)
        paid = np.where(stated, fleet.prices.day_ahead_services[price][None, :], BLANK)
        columns[f"{price}_mcpc_usd_mw"] = exact(paid, CENTS)
    return columns


def _statuses(out: BoolArray, names: tuple[str, str]) -> pa.Array:
    return pa.array(list(names)).take(pa.array(out.ravel().astype(np.int64)))


def _dam(fleet: Fleet, contract: Contract) -> Columns:
    count, power = len(fleet.calendar.hours), _power(fleet, fleet.ahead.out)
    return {
        **_hours(fleet), **_names(fleet, contract, count),
        "hsl_mw": pa.array(power.ravel()),
        "lsl_mw": pa.array(0.0 - power.ravel() if fleet.rtcb else np.zeros(power.size)),
        "resource_status": _statuses(fleet.ahead.out, ("ON", "OUT")),
        "awarded_mw": exact(fleet.ahead.energy, TICKS),
        "settlement_point": _repeated([battery.settlement_point for battery in fleet.batteries], count),
        "spp_usd_mwh": exact(fleet.first_day_ahead[fleet.node_of], CENTS),
        **_services(fleet, fleet.ahead.services),
    }  # fmt: skip


def _dam_loads(fleet: Fleet) -> Columns:
    power = _power(fleet, fleet.ahead.out)
    return {
        **_hours(fleet), **_names(fleet, DAM_LOAD, len(fleet.calendar.hours)),
        "max_power_consumption_mw": pa.array(power.ravel()),
        "low_power_consumption_mw": pa.array(np.zeros(power.size)),
        **_services(fleet, fleet.ahead.load_services),
    }  # fmt: skip


def _runs(fleet: Fleet) -> tuple[BoolArray, dict[str, pa.Array]]:
    calendar, times = fleet.calendar, len(fleet.batteries)
    runs = calendar.runs[calendar.published]
    return calendar.published, {
        "sced_at": _instants(runs, times),
        "is_repeated_hour": pa.array(np.tile(calendar.is_repeated(runs), times)),
        "published_at": _published(fleet, runs, times),
    }


def _sced(fleet: Fleet, contract: Contract) -> Columns:
    kept, columns = _runs(fleet)
    real, out = fleet.real, fleet.real.out[:, kept]
    power, output, base = _power(fleet, out), real.output[:, kept], real.base_point[:, kept]
    columns |= {
        **_names(fleet, contract, int(kept.sum())),
        "hsl_mw": pa.array(power.ravel()), "hdl_mw": pa.array(power.ravel()),
        "resource_status": _statuses(out, ("ON", "OUT")),
    }  # fmt: skip
    if not fleet.rtcb:
        return columns | {
            "lsl_mw": pa.array(np.zeros(power.size)),
            "base_point_mw": pa.array(np.maximum(base, 0.0).ravel()),
            "telemetered_net_output_mw": _number(np.where(output == BLANK, BLANK, np.maximum(output, 0)), TICKS),
        }
    capacity = np.array([battery.energy_mwh for battery in fleet.batteries])[:, None]
    return columns | {
        "lsl_mw": pa.array(0.0 - power.ravel()),
        "base_point_mw": pa.array(base.ravel()),
        "telemetered_net_output_mw": _number(output, TICKS),
        **{f"as_award_{name}_mw": _number(real.awards[name][:, kept], TICKS) for name in SCED_PRODUCTS},
        "as_capability_regup_mw": pa.array(power.ravel()),
        "soc_mwh": _number(real.soc[:, kept], TICKS),
        "min_soc_mwh": pa.array(np.repeat(np.rint(capacity * MINIMUM_SOC * TICKS) / TICKS, out.shape[1])),
        "max_soc_mwh": pa.array(np.where(out, 0.0, capacity).ravel()),
    }


def _sced_loads(fleet: Fleet) -> Columns:
    kept, columns = _runs(fleet)
    output, out = fleet.real.output[:, kept], fleet.real.out[:, kept]
    power = _power(fleet, out)
    return columns | {
        **_names(fleet, SCED_LOAD, int(kept.sum())),
        "resource_status": _statuses(out, ("ONCLR", "OUTL")),
        "max_power_consumption_mw": pa.array(power.ravel()),
        "low_power_consumption_mw": pa.array(np.zeros(power.size)),
        "real_power_consumption_mw": _number(np.where(output == BLANK, BLANK, np.maximum(-output, 0)), TICKS),
        "base_point_mw": pa.array(np.rint(np.maximum(-fleet.real.base_point[:, kept], 0.0) * 10).ravel() / 10),
    }


def _posted(fleet: Fleet, times: int) -> dict[str, pa.Array]:
    quarters = fleet.calendar.quarters
    count = len(quarters) * times
    return {
        "iso": _repeated(["ERCOT"], count), "market": _repeated(["RT15"], count),
        "interval_start": _instants(quarters, times), "interval_end": _instants(quarters + QUARTER_S, times),
        "vintage": _repeated(["posted"], count),
        "published_at": _instants(quarters + QUARTER_S + POSTED_S, times),
    }  # fmt: skip


def _prices(fleet: Fleet) -> Columns:
    nodes = len(fleet.prices.nodes)
    columns = {
        **_posted(fleet, nodes),
        "location": _repeated(fleet.prices.nodes, len(fleet.calendar.quarters)),
        "location_type": _repeated(["RN"], nodes * len(fleet.calendar.quarters)),
        "price_type": _repeated(["SPP"], nodes * len(fleet.calendar.quarters)),
        "lmp_usd_mwh": exact(fleet.prices.real_time, CENTS),
    }
    kept = pa.array(~fleet.unknown_prices.ravel())
    return {name: column.filter(kept) for name, column in columns.items()}


def _service_prices(fleet: Fleet) -> Columns:
    count = len(fleet.calendar.quarters)
    prices = np.stack([fleet.prices.real_time_services[product] for product in AS_TYPES.values()])
    return {
        **_posted(fleet, len(AS_TYPES)),
        "location": _repeated(["ERCOT"], count * len(AS_TYPES)),
        "product": _repeated(list(AS_TYPES), count),
        "mcpc_usd_mw": exact(prices, CENTS),
    }
