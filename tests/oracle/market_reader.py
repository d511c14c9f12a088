"""A tiny reader of the recorded ERCOT documents, apart from the product's own."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

CENTRAL = ZoneInfo("America/Chicago")
DAM_COLUMNS = {
    "Awarded Quantity": "awarded_mw", "Energy Settlement Point Price": "spp_usd_mwh",
    "RegUp Awarded": "regup_awarded_mw", "RegUp MCPC": "regup_mcpc_usd_mw",
    "RegDown Awarded": "regdown_awarded_mw", "RegDown MCPC": "regdown_mcpc_usd_mw",
    "RRSPFR Awarded": "rrspfr_awarded_mw", "RRSFFR Awarded": "rrsffr_awarded_mw",
    "RRSUFR Awarded": "rrsufr_awarded_mw", "RRS MCPC": "rrs_mcpc_usd_mw",
    "ECRSSD Awarded": "ecrssd_awarded_mw", "ECRS MCPC": "ecrs_mcpc_usd_mw",
    "NonSpin Awarded": "nonspin_awarded_mw", "NonSpin MCPC": "nonspin_mcpc_usd_mw",
}  # fmt: skip


def midnight(day: date) -> datetime:
    """The instant at which an operating day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=CENTRAL).astimezone(UTC)


def dam_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of a DAM disclosure of one day without a clock change, in the contract's columns."""
    rows = []
    with path.open(newline="") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            month, of_month, year = map(int, row["Delivery Date"].split("/"))
            day = date(year, month, of_month)
            hour = int(row["Hour Ending"])
            start = midnight(day) + timedelta(hours=hour - 1)
            rows.append(
                {
                    "operating_day": day, "hour_ending": hour, "interval_start": start,
                    "interval_end": start + timedelta(hours=1), "qse": row["QSE"],
                    "resource_name": row["Resource Name"], "resource_type": row["Resource Type"],
                    "resource_status": row["Resource Status"], "settlement_point": row["Settlement Point Name"],
                    "hsl_mw": float(row["HSL"]), "lsl_mw": float(row["LSL"]), "line": line,
                    **{name: Decimal(row[column]) if row[column] else None for column, name in DAM_COLUMNS.items()},
                }
            )  # fmt: skip
    return rows


def batcave_rows(folder: Path) -> list[dict[str, Any]]:
    """The runs of BATCAVE_ESR1 in the contract's columns."""
    rows = []
    names = {
        "telemetered_net_output": "telemetered_net_output_mw", "base_point": "base_point_mw", "hsl": "hsl_mw",
        "lsl": "lsl_mw", "soc": "soc_mwh", "min_soc": "min_soc_mwh", "max_soc": "max_soc_mwh",
    }  # fmt: skip
    for path in sorted(folder.glob("BATC_ESR1_SCED_*.csv")):
        with path.open(newline="") as file:
            for line, row in enumerate(csv.DictReader(file), start=2):
                rows.append(
                    {
                        "sced_at": datetime.fromisoformat(row["sced_timestamp_utc"]),
                        "resource_name": row["resource_name"], "line": line,
                        "resource_status": row["telemetered_resource_status"],
                        **{to: float(row[name]) if row[name] else None for name, to in names.items()},
                    }
                )  # fmt: skip
    return rows
