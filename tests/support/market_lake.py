"""A lake of market tables and a dbt run over the market models alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from lakehouse.contract import Contract
from tests.support.lake import MARKET_TABLES, PROJECT, Lake

CONTRACTS = {contract.name: contract for contract in MARKET_TABLES}
#: dbt's selections: the marts of prices and of ERCOT's batteries and their findings, and all that they are made of.
MARKET_MARTS = ("path:models/marts/markets", "path:models/marts/ercot_batteries", "market_findings")
MADE_OF = tuple(f"path:models/intermediate/{domain}" for domain in ("markets", "ercot_batteries"))
MARKET_MODELS = " ".join((*MADE_OF, *MARKET_MARTS))
#: What a build reads of market tables around the UTC days that changed.
MARGIN = timedelta(days=2)


class MarketLake(Lake):
    """Market tables in the columns of their contracts, and builds of what changed in them."""

    def __init__(self, folder: Path, project: Path = PROJECT) -> None:
        super().__init__(folder, project)
        for contract in MARKET_TABLES:
            self.lake.execute(f"CREATE TABLE landed.{contract.name} AS FROM raw.{contract.name}")
            self.lake.execute(f"DROP TABLE raw.{contract.name}")

    def land(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Land rows; columns that a row does not name are what a parser gives where nothing is stated."""
        contract = CONTRACTS[table]
        named = [{**_unsaid(contract), **row} for row in rows]
        unknown = {name for row in named for name in row} - {column.name for column in contract.columns}
        assert not unknown, unknown
        types = {field.name: field.type for field in contract.arrow_schema}
        self.lake.register(
            "incoming",
            pa.table({c: pa.array([row.get(c) for row in named], types[c]) for c in types}),
        )
        self.lake.execute(f"INSERT INTO landed.{table} BY NAME FROM incoming")
        self.lake.unregister("incoming")

    def drop(self, table: str, condition: str) -> None:
        """Take rows away."""
        self.lake.execute(f"DELETE FROM landed.{table} WHERE {condition}")

    def build_markets(
        self,
        changed: Sequence[tuple[str, str | None, str | None, date, date]] | None = None,
        *,
        selected: str = MARKET_MODELS,
    ) -> str:
        """Build and test the market models.

        Args:
            changed: (table, key, second key, first UTC day, last) of what landed since the last build; None builds all.
            selected: dbt's selection.
        """
        self.lake.execute("DELETE FROM build.changed_tables")
        bounds = "true"
        if changed is not None:
            bounds = "false"
            if changed:
                self.lake.executemany("INSERT INTO build.changed_tables VALUES (?, ?, ?, ?, ?)", changed)
                first = _midnight(min(row[3] for row in changed)) - MARGIN
                last = _midnight(max(row[4] for row in changed)) + timedelta(days=1) + MARGIN
                bounds = "{} BETWEEN " + f"'{first.isoformat()}'::TIMESTAMPTZ AND '{last.isoformat()}'::TIMESTAMPTZ"
        for contract in MARKET_TABLES:
            where = bounds.format(contract.time_column)
            self.lake.execute(
                f"CREATE OR REPLACE VIEW raw.{contract.name} AS FROM lake.landed.{contract.name} WHERE {where}"
            )
        command = ["build", *(["--full-refresh"] if changed is None else []), "--select", *selected.split()]
        code, said = self._dbt(command, [])
        assert code == 0, said
        return said

    def market_checks(self) -> dict[str, list[dict[str, Any]]]:
        """Run the checks over the marts as they are: name of each that fails or warns → its rows."""
        self._dbt(["test", "--select", *MARKET_MARTS], [])
        found = self.unexpected()
        self.lake.close()
        try:
            with duckdb.connect(str(self.marts), read_only=True) as marts:
                marts.execute("SET TimeZone='UTC'")
                marts.execute(f"ATTACH '{self.folder / 'lake.duckdb'}' (READ_ONLY)")
                for result in self.outcomes():
                    if result.status != "pass":
                        cursor = marts.execute(result.sql)
                        columns = [column[0] for column in cursor.description or []]
                        rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
                        found[result.name] = rows
                return found
        finally:
            self._open()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), tzinfo=UTC)


def _unsaid(contract: Contract) -> dict[str, Any]:
    said: dict[str, Any] = {
        "published_at": datetime(2026, 1, 1, tzinfo=UTC), "published_basis": "operator", "is_simulated": False,
        "source_object": "0" * 64, "line": 1, "vintage": "posted", "location_type": "", "price_type": "SPP",
        "iso": "ERCOT", "resource_type": "ESR", "received_at": datetime(2026, 1, 1, tzinfo=UTC),
    }  # fmt: skip
    return {column.name: said[column.name] for column in contract.columns if column.name in said}


def price(location: str, start: datetime, minutes: int, usd: str | Decimal, **more: Any) -> dict[str, Any]:
    """A row of iso_prices."""
    end = start + timedelta(minutes=minutes)
    return {
        "location": location, "location_type": "RN", "market": "RT15" if minutes == 15 else "DAM",
        "interval_start": start, "interval_end": end, "lmp_usd_mwh": Decimal(usd), **more,
    }  # fmt: skip


def service_price(product: str, start: datetime, minutes: int, usd: str | Decimal, **more: Any) -> dict[str, Any]:
    """A row of as_prices."""
    end = start + timedelta(minutes=minutes)
    return {
        "location": "ERCOT", "market": "RT15" if minutes == 15 else "DAM", "product": product,
        "interval_start": start, "interval_end": end, "mcpc_usd_mw": Decimal(usd), **more,
    }  # fmt: skip


def load(area: str, start: datetime, mw: str | int | Decimal, **more: Any) -> dict[str, Any]:
    """A row of system_load, of an hour."""
    return {
        "report": "hourlyloadforecast", "kind": "forecast", "area": area, "area_type": "SYSTEM", "model": "",
        "interval_start": start, "interval_end": start + timedelta(hours=1), "load_mw": Decimal(mw), **more,
    }  # fmt: skip
