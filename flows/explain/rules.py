"""How rows of marts are explained: which mart by which rule, levels and figures, and every other mart."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from flows.explain.chain import Evidence, Explanation, House, Row, Step
from flows.explain.statements import SUPERSEDED
from ingest.registry import registry
from lakehouse.contract import Contract

#: Marts of the latest statements, and of the earlier ones.
STATED = ("", SUPERSEDED)
#: Mart → the rule that explains it; a new rule is a line here.
RULES = {
    "energy_15min": "flows.explain.energy:energy",
    "energy_1d": "flows.explain.energy:energy",
    "counter_events": "flows.explain.energy:event",
    **{f"lod_{level}": "flows.explain.rules:level" for level in ("5min", "15min", "1h", "1d")},
    **{f"{mart}{of}": "flows.explain.statements:price" for mart in ("iso_prices", "as_prices") for of in STATED},
    **{f"system_load{of}": "flows.explain.statements:load" for of in STATED},
    "bess_kpis": "flows.explain.rules:figures",
    "bess_revenue_15min": "flows.explain.revenue:quarter",
    "bess_revenue_1d": "flows.explain.revenue:day",
    "bess_revenue_1mo": "flows.explain.revenue:month",
}
PLACE = ("source_object", "member", "line")
#: Columns of a mart → columns of raw tables, if their names differ.
SAME = {"resource": "resource_name"}
#: Columns that bound the time of a mart's row: (start, end).
SPANS = (("interval_start", "interval_end"), ("bucket_start", "bucket_end"), ("span_start", "occurred_at"))


def observations(house: House, row: Row) -> tuple[str, Row]:
    """The raw table of an asset's observations, and the declaration of a signal.

    Args:
        row: with the asset and, if it has one, the signal.
    """
    asset, signal = row["asset_id"], row.get("signal")
    (domain,) = house.rows("SELECT domain FROM raw.assets WHERE asset_id = ?", [asset])
    declared = house.rows("SELECT * FROM raw.signals WHERE asset_id = ? AND signal = ?", [asset, signal])
    return f"raw.{domain['domain']}_observations", declared[0] if declared else {}


def level(house: House, found: Explanation) -> None:
    """A level of detail: the samples in the bucket."""
    row = found.row
    table, declared = observations(house, row)
    start, end = row["bucket_start"], row["bucket_end"]
    found.rules += [
        "Samples whose instant, or start of interval, lies in the bucket; an interval longer than it is left out.",
        f"The signal is declared as {declared.get('kind')} in {declared.get('unit') or 'no unit'} by layout "
        f"{declared.get('layout')}.",
    ]
    samples = house.evidence(
        table, "samples in the bucket", ("ts", "interval_end", "value", "value_exact", "text", "line"),
        "asset_id = ? AND signal = ? AND ts >= ? AND ts < ? AND (interval_end IS NULL OR interval_end - ts <= ? - ?)",
        [row["asset_id"], row["signal"], start, end, end, start], "ts", limit=None,
    )  # fmt: skip
    found.evidence.append(samples)
    found.steps.append(Step("n", "samples in the bucket", samples.count, row["n"]))
    if row["sum"] is None and row["min"] is None:
        return
    exact = [sample["value_exact"] for sample in samples.rows if sample["value_exact"] is not None]
    values = [sample["value"] for sample in samples.rows if sample["value"] is not None]
    if row["sum_exact"] is not None:
        found.steps.append(Step("sum_exact", _sum(exact), sum(exact, Decimal(0)), row["sum_exact"]))
    near = 1e-9
    if values:
        total = float(sum(exact, Decimal(0))) if row["sum_exact"] is not None else sum(values)
        found.steps.append(Step("sum", _sum(values), total, row["sum"], near))
        if row["mean"] is not None:
            found.steps.append(Step("mean", f"{total:.9g} / {len(values)}", total / len(values), row["mean"], near))
        found.steps += [
            Step("min", "smallest value", min(values), row["min"], near),
            Step("max", "largest value", max(values), row["max"], near),
            Step("first", f"value of {samples.rows[0]['ts'].isoformat()}", values[0], row["first"], near),
            Step("last", f"value of {samples.rows[-1]['ts'].isoformat()}", values[-1], row["last"], near),
        ]


def _sum(values: Sequence[object]) -> str:
    few = " + ".join(f"{value}" for value in values[:4])
    return few if len(values) <= 4 else f"{few} + ... ({len(values)} values)"


def figures(house: House, found: Explanation) -> None:
    """A battery's day: the days of its signals by role."""
    row = found.row
    found.rules.append(
        "Figures of a day come from marts.lod_1d, signal by signal, by the role that its layout declares."
    )
    days = house.rows(
        """SELECT days.*, declared.role FROM marts.lod_1d AS days JOIN raw.signals AS declared USING (asset_id, signal)
        WHERE days.asset_id = ? AND days.local_date = ? AND declared.role IS NOT NULL ORDER BY role, signal""",
        [row["asset_id"], row["local_date"]],
    )
    columns = ("role", "signal", "unit", "n", "min", "max", "first", "last", "value_seconds", "coverage")
    found.evidence.append(Evidence("marts.lod_1d", "days of its signals", days, columns, len(days)))
    soc = [day for day in days if day["role"] == "soc" and day["max"] is not None]
    soh = [day for day in days if day["role"] == "soh" and day["last"] is not None]
    near = 1e-9
    if soc:
        latest = max(soc, key=lambda day: day["last_at"])
        found.steps += [
            Step("soc_min_pct", "smallest of the day", min(day["min"] for day in soc), row["soc_min_pct"], near),
            Step("soc_max_pct", "largest of the day", max(day["max"] for day in soc), row["soc_max_pct"], near),
            Step("soc_last_pct", f"value of {latest['last_at']}", latest["last"], row["soc_last_pct"], near),
        ]
        of = f"asset_id={row['asset_id']} signal={latest['signal']} local_date={row['local_date']}"
        found.next_command = f"wattlake explain lod_1d {of}"
    if soh:
        latest = max(soh, key=lambda day: day["last_at"])
        found.steps.append(
            Step("soh_pct", f"value of {latest['last_at'].isoformat()}", latest["last"], row["soh_pct"], near)
        )


def of_any_mart(house: House, found: Explanation) -> None:
    """A mart without a rule of its own: rows of its raw tables with its keys, in its time."""
    row = found.row
    names_line = bool(row.get("source_object") and row.get("line"))
    found.rules.append(
        "The row names the line that it was made of."
        if names_line
        else "No rule is declared for this mart: the rows that it can be made of, by its keys and its time."
    )
    span = next((span for span in SPANS if all(row.get(name) is not None for name in span)), None)
    start, end = (row[name] for name in span) if span else _local_day(house, row)
    contracts = {f"raw.{contract.name}": contract for contract in registry().contracts}
    for table in found.depends_on:
        contract = contracts[table]
        columns = contract.arrow_schema.names
        keys = (*found.key, "signal", "source_object")
        shared = {
            SAME.get(key, key): value
            for key, value in row.items()
            if key in keys and SAME.get(key, key) in columns and isinstance(value, str)
        } | ({"line": row["line"]} if names_line and "line" in columns else {})
        if not shared or (names_line and "line" not in shared):
            continue
        where, values = [f'"{column}" = ?' for column in shared], list(shared.values())
        time = contract.time_column
        if time and start is not None:
            where.append(f"{time} >= ? AND {time} < ?")
            values += [start, end]
        signal = ("signal",) if "signal" in columns else ()
        seen = [column for column in (*signal, time, *shown_of(contract), *PLACE[1:]) if column in columns]
        rows = house.evidence(table, "rows of the same keys and time", seen, " AND ".join(where), values, time or "1")
        if rows.count:
            found.evidence.append(rows)


def shown_of(contract: Contract) -> Sequence[str]:
    """Columns of a raw table that are shown beside time and place."""
    if contract.touches == "asset_days":
        return ("value", "text")
    return SHOWN_OF.get(contract.name, contract.compared[:FEW])


#: Columns that are shown of wide tables without observations.
SHOWN_OF = {
    "iso_prices": ("lmp_usd_mwh", "vintage"), "as_prices": ("product", "mcpc_usd_mw", "vintage"),
    "system_load": ("load_mw", "published_at"),
    "signals": ("kind", "unit", "layout"),
    "assets": ("domain", "time_zone"), "ercot_sced_esr_resources": ("telemetered_net_output_mw", "soc_mwh"),
    "ercot_dam_esr_resources": ("awarded_mw", "spp_usd_mwh"),
}  # fmt: skip
#: Columns that are shown of the others.
FEW = 3


def _local_day(house: House, row: Row) -> tuple[object, object]:
    """Start and end of the local day of a row; (None, None) if it has none."""
    if row.get("local_date") is not None and row.get("asset_id") is not None:
        sql = """
            SELECT ?::DATE::TIMESTAMP AT TIME ZONE time_zone AS a, (?::DATE + 1)::TIMESTAMP AT TIME ZONE time_zone AS b
            FROM raw.assets WHERE asset_id = ?
        """
        (day,) = house.rows(sql, [row["local_date"], row["local_date"], row["asset_id"]])
        return day["a"], day["b"]
    return None, None
