"""Answers of CAISO's OASIS in which each row is a value: prices of ancillary services by region, and load by area.

Hours of an autumn day are labelled 1, 2, 25, 3 to 24, as recorded of SLD_FCST. Rows are in no order.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from ingest.simulate.clock import random_stream
from ingest.simulate.markets.caiso import error
from ingest.simulate.markets.days import PACIFIC, intervals
from ingest.simulate.markets.process import day_loads, day_service_prices
from ingest.simulate.markets.stated import Document, Load, ServicePrice, packed

REGIONS = ("SIM_AS_CAISO", "SIM_AS_CAISO_EXP")
#: Type → XML_DATA_ITEM.
PRODUCTS = {
    "RU": "RU_CLR_PRC", "RD": "RD_CLR_PRC", "SR": "SR_CLR_PRC", "NR": "NR_CLR_PRC", "RMU": "RMU_CLR_PRC",
    "RMD": "RMD_CLR_PRC",
}  # fmt: skip
#: Query → market here, run, minutes, version, columns.
SERVICES = {
    "PRC_AS": (
        "DAM", "DAM", 60, 12,
        "INTERVALSTARTTIME_GMT,INTERVALENDTIME_GMT,OPR_DT,OPR_HR,OPR_INTERVAL,OPR_TYPE,ANC_TYPE,ANC_REGION,"
        "MARKET_RUN_ID,XML_DATA_ITEM,MW,GROUP",
    ),
    "PRC_INTVL_AS": (
        "RT15", "RTM", 15, 1,
        "INTERVALSTARTTIME_GMT,INTERVALENDTIME_GMT,OPR_DT,OPR_HR,OPR_TYPE,ANC_TYPE,XML_DATA_ITEM,MARKET_RUN_ID,MW,"
        "ANC_REGION,OPR_INTERVAL,GROUP",
    ),
}  # fmt: skip
LOAD_COLUMNS = (
    "INTERVALSTARTTIME_GMT,INTERVALENDTIME_GMT,LOAD_TYPE,OPR_DT,OPR_HR,OPR_INTERVAL,MARKET_RUN_ID,TAC_AREA_NAME,LABEL,"
    "XML_DATA_ITEM,POS,MW,EXECUTION_TYPE,GROUP"
)
AREAS = {"CA ISO-TAC": "SYSTEM", "SIM-TAC": "TAC", "SIMP": "BAA"}
#: Run → market_run_id, minutes, item.
RUNS = {
    "ACTUAL": ("ACTUAL", 60, "SYS_FCST_ACT_MW"),
    "DAM": ("DAM", 60, "SYS_FCST_DA_MW"),
    "2DA": ("2DA", 60, "SYS_FCST_2DA_MW"),
    "7DA": ("7DA", 60, "SYS_FCST_7DA_MW"),
    "RTPD": ("RTM", 15, "SYS_FCST_15MIN_MW"),
    "RTD": ("RTM", 5, "SYS_FCST_5MIN_MW"),
}


def services_answer(seed: int, query: str, start: datetime, end: datetime, asked_at: datetime) -> Document:
    """Prices of ancillary services of a window: a day of PRC_AS, an hour of PRC_INTVL_AS.

    Args:
        start, end: window, UTC.
        asked_at: instant of the request.
    """
    market, run, minutes, version, columns = SERVICES[query]
    found, rows = [], []
    for day in _days(start, end):
        spans = intervals(day, PACIFIC, minutes)
        for region in REGIONS:
            for product, item in PRODUCTS.items():
                drawn = day_service_prices(seed, f"CAISO {market} {region}", day, len(spans), product)
                for (begins, ends), price in zip(spans, drawn, strict=True):
                    if start <= begins < end:
                        found.append(ServicePrice("CAISO", market, region, product, begins, ends, price))
                        rows.append(
                            {
                                **_times(day, begins, ends, minutes), "OPR_TYPE": "AS", "ANC_TYPE": product,
                                "ANC_REGION": region, "MARKET_RUN_ID": run, "XML_DATA_ITEM": item, "MW": _plain(price),
                            }
                        )  # fmt: skip
    source = f"caiso-{market.lower()}-as"
    name = f"{query}_{run}_{asked_at.astimezone(UTC):%Y%m%d_%H_%M_%S}_v{version}"
    return _document(seed, source, query, name, columns, rows, start, end, asked_at, services=tuple(found))


def load_answer(seed: int, run: str, start: datetime, end: datetime, asked_at: datetime) -> Document:
    """Load of a window, actual or as a run forecasts it (SLD_FCST).

    Args:
        run: one of `RUNS`.
        start, end: window, UTC.
        asked_at: instant of the request.
    """
    market, minutes, item = RUNS[run]
    kind, model = ("actual", "") if run == "ACTUAL" else ("forecast", run)
    found, rows = [], []
    for day in _days(start, end):
        spans = intervals(day, PACIFIC, minutes)
        for area, of_type in AREAS.items():
            drawn = day_loads(seed, f"CAISO {run}", day, tuple(s for s, _ in spans), PACIFIC, area)
            for (begins, ends), load in zip(spans, drawn, strict=True):
                if start <= begins < end:
                    found.append(Load("CAISO", "SLD_FCST", kind, area, of_type, model, begins, ends, load, asked_at))
                    rows.append(
                        {
                            **_times(day, begins, ends, minutes), "LOAD_TYPE": "0", "MARKET_RUN_ID": market,
                            "TAC_AREA_NAME": area, "LABEL": "Simulated", "XML_DATA_ITEM": item, "POS": "7",
                            "MW": _plain(load), "EXECUTION_TYPE": run,
                        }
                    )  # fmt: skip
    name = f"SLD_FCST_{run}_{asked_at.astimezone(UTC):%Y%m%d_%H_%M_%S}_v1"
    source = "caiso-load-actual" if kind == "actual" else "caiso-load-forecast"
    return _document(seed, source, "SLD_FCST", name, LOAD_COLUMNS, rows, start, end, asked_at, loads=tuple(found))


def _days(start: datetime, end: datetime) -> list[date]:
    first, last = (at.astimezone(PACIFIC).date() for at in (start, end - timedelta(microseconds=1)))
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _times(day: date, begins: datetime, ends: datetime, minutes: int) -> dict[str, str]:
    hours = intervals(day, PACIFIC, 60)
    index = int((begins - hours[0][0]).total_seconds()) // 3600 + 1
    label = index
    if len(hours) == 25 and index > 2:
        label = 25 if index == 3 else index - 1
    return {
        "INTERVALSTARTTIME_GMT": f"{begins:%Y-%m-%dT%H:%M:%S}-00:00",
        "INTERVALENDTIME_GMT": f"{ends:%Y-%m-%dT%H:%M:%S}-00:00",
        "OPR_DT": day.isoformat(),
        "OPR_HR": str(label),
        "OPR_INTERVAL": "0" if minutes == 60 else str(begins.minute // minutes + 1),
        "GROUP": "1",
    }


def _document(
    seed: int, source: str, query: str, name: str, columns: str, rows: Sequence[dict[str, str]], start: datetime,
    end: datetime, asked_at: datetime, services: tuple[ServicePrice, ...] = (), loads: tuple[Load, ...] = (),
) -> Document:  # fmt: skip
    if not rows:
        return error(query, "1000", "No data returned for the specified selection", start, end, asked_at)
    order = random_stream(seed, f"{name} {start}").permutation(len(rows))
    lines = [columns, *(",".join(rows[n][column] for column in columns.split(",")) for n in order)]
    full = f"{start.astimezone(PACIFIC):%Y%m%d}_{end.astimezone(PACIFIC):%Y%m%d}_{name}"
    content = packed({f"{full}.csv": ("\n".join(lines) + "\n").encode()}, asked_at)
    return Document(source, f"{full}.zip", content, asked_at, services=services, loads=loads)


def _plain(value: Decimal) -> str:
    """Without trailing zeros, as OASIS writes it."""
    return f"{value.normalize():f}"
