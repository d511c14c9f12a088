"""One chart for each domain on the first page of the docs, from the published marts; simulated data are labelled."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any
from urllib.parse import quote as in_url

from flows.report.charts import Point, band, bars
from lakehouse.engine import quote

Query = Callable[[str], list[tuple[Any, ...]]]

#: Number of last days that a chart shows.
DAYS = 90


def charts(query: Query) -> str:
    """The charts of the domains with data, as HTML."""
    cards = [card for card in (_meter(query), _battery(query), _prices(query), _revenue(query)) if card]
    return f'<h2>At a glance</h2><div class="cards">{"".join(cards)}</div>' if cards else ""


def _card(title: str, says: str, chart: str) -> str:
    return f'<section class="card"><h3>{escape(title)}</h3><p>{says}</p>{chart}</section>'


def _marked(simulated: object) -> str:
    return "SIMULATED: " if simulated else ""


def _meter(query: Query) -> str | None:
    """Energy by local day, of the counter with the most days and then the most energy."""
    most = query(
        """
        SELECT asset_id, signal, bool_or(a.is_simulated) FROM energy_1d JOIN assets a USING (asset_id)
        WHERE a.domain = 'meter' GROUP BY ALL ORDER BY count(*) DESC, sum(energy_kwh) DESC, asset_id, signal LIMIT 1
        """
    )
    for asset, signal, simulated in most:
        rows = query(
            f"SELECT local_date, energy_kwh, is_estimated OR coverage < 0.99 FROM energy_1d "
            f"WHERE asset_id = {quote(asset)} AND signal = {quote(signal)} ORDER BY 1 DESC LIMIT {DAYS}"
        )
        points = [Point(str(day), 0.0, _number(kwh), None, bool(doubtful)) for day, kwh, doubtful in reversed(rows)]
        title = f"{_marked(simulated)}energy by day, kWh"
        says = (
            f"{escape(asset)} / {escape(signal)}, from {model_link('energy_1d')}; paler: in part estimated or missing"
        )
        return _card(title, says, bars(points, "kWh", title))
    return None


def _battery(query: Query) -> str | None:
    """State of charge by local day, of the system with the most days."""
    most = query(
        """
        SELECT asset_id, bool_or(a.is_simulated) FROM bess_kpis JOIN assets a USING (asset_id)
        WHERE soc_min_pct IS NOT NULL GROUP BY ALL ORDER BY count(*) DESC, asset_id LIMIT 1
        """
    )
    for asset, simulated in most:
        rows = query(
            f"SELECT local_date, soc_min_pct, soc_max_pct, soc_last_pct FROM bess_kpis "
            f"WHERE asset_id = {quote(asset)} ORDER BY 1 DESC LIMIT {DAYS}"
        )
        points = [Point(str(day), *map(_number, values)) for day, *values in reversed(rows)]
        title = f"{_marked(simulated)}state of charge by day, %"
        says = f"{escape(asset)}, from {model_link('bess_kpis')}: lowest to highest, and the last of the day as a line"
        return _card(title, says, band(points, "%", title))
    return None


def _prices(query: Query) -> str | None:
    """Price by day, of the location with the most prices."""
    most = query(
        """
        SELECT iso, market, location, price_type, bool_or(is_simulated) FROM iso_prices
        GROUP BY ALL ORDER BY count(*) DESC, iso, market, location, price_type LIMIT 1
        """
    )
    for iso, market, location, price_type, simulated in most:
        kind = "NULL" if price_type is None else quote(price_type)
        rows = query(
            f"SELECT strftime(interval_start, '%Y-%m-%d') AS day, min(lmp_usd_mwh), max(lmp_usd_mwh), "
            f"avg(lmp_usd_mwh) FROM iso_prices WHERE iso = {quote(iso)} AND market = {quote(market)} "
            f"AND location = {quote(location)} AND price_type IS NOT DISTINCT FROM {kind} "
            f"GROUP BY day ORDER BY day DESC LIMIT {DAYS}"
        )
        points = [Point(str(day), *map(_number, values)) for day, *values in reversed(rows)]
        title = f"{_marked(simulated)}price by UTC day, $/MWh"
        place = " ".join(escape(str(part)) for part in (iso, market, location))
        says = f"{place}, from {model_link('iso_prices')}: lowest to highest, and the mean as a line"
        return _card(title, says, band(points, "$/MWh", title))
    return None


def _revenue(query: Query) -> str | None:
    """Known revenue of all batteries by operating day."""
    rows = query(
        f"""
        SELECT operating_day, sum(known_usd), bool_or(total_usd IS NULL) FROM bess_revenue_1d
        GROUP BY ALL ORDER BY 1 DESC LIMIT {DAYS}
        """
    )
    if not rows:
        return None
    batteries, simulated = query("SELECT count(DISTINCT resource), bool_or(is_simulated) FROM bess_revenue_15min")[0]
    points = [Point(str(day), 0.0, _number(usd), None, bool(unknown)) for day, usd, unknown in reversed(rows)]
    title = f"{_marked(simulated)}known revenue by operating day, $"
    says = (
        f"{batteries:,} ERCOT batteries together, from {model_link('bess_revenue_1d')}; paler: some of it is not known"
    )
    return _card(title, says, bars(points, "$", title))


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def model_link(name: str) -> str:
    """A link to a model in dbt's page."""
    return f'<a href="dbt/index.html#!/model/model.wattlake.{in_url(name)}"><code>{escape(name)}</code></a>'
