"""Dollars of a battery, worked out again from its awards, its telemetry and the prices (docs/battery-revenue.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from flows.explain.chain import SHOWN, Evidence, Explanation, House, Row, Step, shown

#: Service in the marts → its name in price postings, and the columns of its real-time award.
SERVICES = {
    "regup": ("REGUP", ("regup",)), "regdown": ("REGDN", ("regdn",)),
    "rrs": ("RRS", ("rrs", "rrspfr", "rrsffr", "rrsufr")), "ecrs": ("ECRS", ("ecrs",)),
    "nonspin": ("NSPIN", ("nspin",)),
}  # fmt: skip
#: A run's values hold until the next run, and for so long at most.
HOLDS = timedelta(minutes=15)
QUARTER_US = 900_000_000
RUN_COLUMNS = ("sced_at", "telemetered_net_output_mw", "published_at", "member", "line")
LOAD_COLUMNS = ("sced_at", "real_power_consumption_mw", "published_at", "member", "line")
DOLLARS = ("dam_energy_usd", "dam_as_usd", "rt_energy_usd", "rt_as_usd", "known_usd", "total_usd")
SUMS = (*DOLLARS, "discharged_mwh", "charged_mwh")


@dataclass(frozen=True)
class Span:
    """A run and the microseconds of the quarter that its values hold for."""

    run: Row
    us: int


def quarter(house: House, found: Explanation) -> None:
    """A quarter of an hour: day-ahead energy and services, and what real time differed from them."""
    row, start = found.row, found.row["interval_start"]
    hours = house.rows(
        "SELECT * FROM marts.bess_dam_hours WHERE resource = ? AND interval_start <= ? AND interval_end > ?",
        [row["resource"], start, start],
    )
    hour = hours[0] if hours else {}
    found.rules += [
        "Day-ahead: award x price, a quarter of the hour. Real time: (what was put out - a quarter of the award) x "
        "price; services likewise.",
        "A run's output holds until the next run, for 15 minutes at most, cut at the quarter. Of each hour and run the "
        "row that was published last counts.",
    ]
    _day_ahead(house, found, hour)
    own = _spans(house, _own_table(row), row["resource"], start)
    load = hour.get("load_resource")
    charging = _spans(house, "raw.ercot_sced_load_resources", load, start) if load else []
    found.evidence.append(_evidence(_own_table(row), "runs that cover the quarter", own, RUN_COLUMNS))
    if load:
        found.evidence.append(
            _evidence("raw.ercot_sced_load_resources", f"the same of its charging half {load}", charging, LOAD_COLUMNS)
        )
    out, taken = _energy(own, "telemetered_net_output_mw"), _energy(charging, "real_power_consumption_mw")
    if row["charged_mwh"] is not None and out and (taken or not load):
        discharged, charged = (a + b for a, b in zip(out, _reversed(taken), strict=True))
        seconds = " + ".join(
            f"{_mw(span.run['telemetered_net_output_mw'])} MW x {span.us // 10**6} s" for span in own[:5]
        )
        found.steps += [
            Step("discharged_mwh", f"({seconds}) / 3600, positive parts", discharged, row["discharged_mwh"]),
            Step("charged_mwh", "the negative parts", charged, row["charged_mwh"]),
        ]
        _real_time_energy(house, found, hour, discharged - charged)
    _real_time_services(house, found, hour, own)


def _own_table(row: Row) -> str:
    return f"raw.ercot_sced_{'esr' if row['pairing'] == 'one resource' or _is_esr(row) else 'gen'}_resources"


def _is_esr(row: Row) -> bool:
    """On the day of the change a battery that kept its name is still a pair in the DAM, and one resource in SCED."""
    return bool(row["is_rtcb"])


def _day_ahead(house: House, found: Explanation, hour: Row) -> None:
    row = found.row
    if not hour:
        found.rules.append("No row of the day-ahead disclosure names the battery for this hour.")
        return
    found.evidence.append(Evidence(
        "marts.bess_dam_hours", "the hour of the day-ahead disclosure", [hour],
        ("hour_ending", "awarded_mw", "spp_usd_mwh", "load_resource", "published_at", "member", "line"), 1,
    ))  # fmt: skip
    amounts = {"dam_energy_usd": (hour["awarded_mw"], hour["spp_usd_mwh"])} | {
        f"dam_as_{name}_usd": (hour[f"{name}_awarded_mw"], hour[f"{name}_mcpc_usd_mw"]) for name in SERVICES
    }
    for column, (award, price) in amounts.items():
        usd = Decimal(0) if not award else None if price is None else award * price / 4
        if usd or row[column]:
            found.steps.append(Step(column, f"{_mw(award)} MW x {_mw(price)} $ / 4", usd, row[column]))
    if hour["load_resource"]:
        found.evidence.append(house.evidence(
            "raw.ercot_dam_load_resources", "awards of the charging half, part of the sums",
            ("hour_ending", "regup_awarded_mw", "regdown_awarded_mw", "published_at", "member", "line"),
            "resource_name = ? AND interval_start = ?", [hour["load_resource"], hour["interval_start"]],
            "published_at DESC, source_object DESC", limit=1,
        ))  # fmt: skip


def _spans(house: House, table: str, resource: str, start: datetime) -> list[Span]:
    """The latest statement of every run that holds in a quarter, and for how long in it."""
    end = start + HOLDS
    kind = " AND resource_type = 'PWRSTR'" if "sced_gen" in table else ""
    sql = f"""
        SELECT * FROM {table} WHERE resource_name = ? AND sced_at > ? AND sced_at < ?{kind}
        QUALIFY row_number() OVER (PARTITION BY sced_at ORDER BY published_at DESC, source_object DESC) = 1
        ORDER BY sced_at
    """
    runs = house.rows(sql, [resource, start - HOLDS, end + HOLDS])
    spans = []
    for number, run in enumerate(runs):
        until = run["sced_at"] + HOLDS
        if number + 1 < len(runs):
            until = min(until, runs[number + 1]["sced_at"])
        inside = min(until, end) - max(run["sced_at"], start)
        if inside > timedelta(0):
            spans.append(Span(run, inside // timedelta(microseconds=1)))
    return spans


def _evidence(table: str, what: str, spans: Sequence[Span], columns: Sequence[str]) -> Evidence:
    return Evidence(table, what, [span.run for span in spans], columns, len(spans))


def _energy(spans: Sequence[Span], column: str) -> tuple[Decimal, Decimal] | None:
    """MWh out and in, each rounded once to a billionth; None where no run states anything."""
    stated = [(_micro(span.run[column]), span.us) for span in spans if span.run[column] is not None]
    if not stated:
        return None
    return (
        _nano(sum(max(micro, 0) * us for micro, us in stated), 3_600_000),
        _nano(sum(max(-micro, 0) * us for micro, us in stated), 3_600_000),
    )


def _micro(mw: float) -> int:
    """Whole millionths of a MW, half away from zero."""
    return int(abs(mw) * 1_000_000 + 0.5) * (1 if mw >= 0 else -1)


def _reversed(taken: tuple[Decimal, Decimal] | None) -> tuple[Decimal, Decimal]:
    """What a load resource takes is what its battery charges."""
    return (taken[1], taken[0]) if taken else (Decimal(0), Decimal(0))


def _nano(amount: int, by: int) -> Decimal:
    """A whole number of billionths, half up."""
    return (Decimal(amount) / by).to_integral_value(ROUND_HALF_UP).scaleb(-9)


def _real_time_energy(house: House, found: Explanation, hour: Row, net: Decimal) -> None:
    row = found.row
    if not hour or row["rt_spp_usd_mwh"] is None:
        return
    (price,) = house.rows(
        "SELECT * FROM marts.iso_prices WHERE iso = 'ERCOT' AND market = 'RT15' AND location = ? "
        "AND interval_start = ? ORDER BY location_type <> 'RN', location_type LIMIT 1",
        [row["settlement_point"], row["interval_start"]],
    )
    found.evidence.append(house.evidence(
        "raw.iso_prices", "real-time price of the settlement point",
        ("location", "location_type", "lmp_usd_mwh", "vintage", "published_at", "member", "line"),
        "iso = 'ERCOT' AND market = 'RT15' AND location = ? AND location_type = ? AND interval_start = ? "
        "AND source_object = ? AND published_at = ?",
        [row["settlement_point"], price["location_type"], row["interval_start"], price["source_object"],
         price["published_at"]], "line", limit=1,
    ))  # fmt: skip
    award = hour["awarded_mw"] or Decimal(0)
    usd = (net - award / 4) * row["rt_spp_usd_mwh"]
    formula = f"({_mw(net)} MWh - {_mw(award)} MW / 4) x {_mw(row['rt_spp_usd_mwh'])} $/MWh"
    found.steps.append(Step("rt_energy_usd", formula, usd, row["rt_energy_usd"]))


def _real_time_services(house: House, found: Explanation, hour: Row, own: Sequence[Span]) -> None:
    row = found.row
    if not row["is_rtcb"] or not hour:
        return
    posted = house.rows(
        "SELECT * FROM marts.as_prices WHERE iso = 'ERCOT' AND market = 'RT15' AND interval_start = ? ORDER BY product",
        [row["interval_start"]],
    )
    prices = {price["product"]: price for price in posted}
    paid: list[Row] = []
    # A row with neither awards nor capabilities comes from a file without these columns.
    known = [
        span for span in own
        if any(span.run[name] is not None for name in span.run if name.startswith(("as_award_", "as_capability_")))
    ]  # fmt: skip
    for name, (product, columns) in SERVICES.items():
        column = f"rt_as_{name}_usd"
        award, sold = row[f"rt_{name}_award_mw"], hour[f"{name}_awarded_mw"] or Decimal(0)
        if not row[column] or award is None:
            continue
        held = sum(_micro(sum(span.run[f"as_award_{part}_mw"] or 0 for part in columns)) * span.us for span in known)
        covered = sum(span.us for span in known)
        mean = Decimal(abs(held) * 1000 // covered * (1 if held >= 0 else -1)).scaleb(-9)
        paid.append(prices[product])
        price = prices[product]["mcpc_usd_mw"]
        formula = f"({_mw(mean)} MW held - {_mw(sold)} MW sold) / 4 x {_mw(price)} $/MW"
        usd = ((mean - sold) / 4).quantize(Decimal("1e-9"), ROUND_HALF_UP) * price
        found.steps.append(Step(column, formula, usd, row[column]))
    if paid:
        found.evidence.append(house.evidence(
            "raw.as_prices", "real-time prices of services",
            ("product", "mcpc_usd_mw", "vintage", "published_at", "member", "line"),
            "iso = 'ERCOT' AND market = 'RT15' AND interval_start = ? AND (product, source_object, published_at) IN "
            f"({', '.join(['(?, ?, ?)'] * len(paid))})",
            [row["interval_start"],
             *(each[name] for each in paid for name in ("product", "source_object", "published_at"))],
            "product",
        ))  # fmt: skip


def day(house: House, found: Explanation) -> None:
    """A day: the sum of its quarters."""
    row = found.row
    _parts(house, found, "bess_revenue_15min", "interval_start", "operating_day = ?", [row["operating_day"]])


def month(house: House, found: Explanation) -> None:
    """A month: the sum of its days."""
    row = found.row
    where = "date_trunc('month', operating_day)::DATE = ?"
    _parts(house, found, "bess_revenue_1d", "operating_day", where, [row["month"]])


def _parts(house: House, found: Explanation, mart: str, column: str, where: str, values: list[object]) -> None:
    row = found.row
    found.rules.append(f"The sum of its rows in {mart}, unknown where one of them is; known_usd is what is known.")
    columns = (column, "dam_energy_usd", "dam_as_usd", "rt_energy_usd", "rt_as_usd", "known_usd", "coverage")
    parts = house.evidence(
        f"marts.{mart}", "what it is the sum of, the largest first", columns, f"resource = ? AND {where}",
        [row["resource"], *values], f"abs(known_usd) DESC, {column}", limit=None,
    )  # fmt: skip
    for name in SUMS:
        stated = [part[name] for part in parts.rows if part[name] is not None]
        energy = name.endswith("_mwh")
        total = sum(stated, Decimal(0)) if stated and (energy or len(stated) == len(parts.rows)) else None
        found.steps.append(Step(name, f"sum of {len(stated)} of {parts.count} rows", total, row[name]))
    found.evidence.append(Evidence(parts.table, parts.what, parts.rows[:SHOWN], parts.columns, parts.count))
    if parts.rows:
        first = parts.rows[0]
        found.next_command = f"wattlake explain {mart} resource={first['resource']} {column}={shown(first[column])}"


def _mw(value: object) -> str:
    if value is None:
        return "?"
    return f"{value.normalize():f}" if isinstance(value, Decimal) else f"{value:g}"
