"""The contract of a table: names, types, units, key, grain, write mode, partition, sort, freshness, ranges.

DDL, casts, checks and the dbt source YAML are derived from it; nothing repeats them. Each domain declares its
contracts beside its sources (`ingest/<domain>/contracts.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

import pyarrow as pa

WriteMode = Literal["replace", "merge", "append"]

Touches = Literal["asset_days", "key_days", "assets", "whole"]
"""What a change of a table touches: the local days of the signals whose samples changed; the UTC days of the keys that
changed; every day of the assets or signals that changed; the whole table."""

#: Columns that a table of samples needs: the models unite these tables.
SAMPLE_COLUMNS = ("asset_id", "signal", "ts", "interval_end", "value", "value_exact", "text")


@dataclass(frozen=True)
class Column:
    """One column.

    Args:
        name: column name; numbers carry their unit in it unless the unit is a column of its own.
        type: one of the keys of `TYPES`.
        description: what a value means, for the catalog and the dbt source YAML.
        nullable: whether NULL is allowed; a NULL elsewhere is a contract violation.
        minimum, maximum: inclusive range; a row outside it is quarantined.
        allowed: the closed list of values, if there is one.
        sticky: in a merge, NULL leaves the earlier value in place (optional settings of an asset).
        fixed: in a merge, a row with another value than the stored one of its key is refused.
        provenance: says where the row came from; ignored when two rows are compared for equality.
    """

    name: str
    type: str
    description: str
    nullable: bool = True
    minimum: float | None = None
    maximum: float | None = None
    allowed: tuple[str, ...] | None = None
    sticky: bool = False
    fixed: bool = False
    provenance: bool = False


#: Column type → (Arrow type, DuckDB type). Instants are UTC microseconds; exact numbers carry six decimals
#: (a counter in kWh to the milliwatt hour, in Wh up to 10^12).
TYPES: dict[str, tuple[pa.DataType, str]] = {
    "string": (pa.string(), "VARCHAR"),
    "timestamptz": (pa.timestamp("us", tz="UTC"), "TIMESTAMPTZ"),
    "date": (pa.date32(), "DATE"),
    "double": (pa.float64(), "DOUBLE"),
    "long": (pa.int64(), "BIGINT"),
    "boolean": (pa.bool_(), "BOOLEAN"),
    "decimal(18,6)": (pa.decimal128(18, 6), "DECIMAL(18,6)"),
}


@dataclass(frozen=True)
class Slice:
    """A range that a source states whole: half-open instants, of some keys.

    Args:
        column: instant or date column.
        start: first instant in it, with its zone.
        end: first instant after it.
        where: columns that are fixed in it (iso, market, ...).
    """

    column: str
    start: datetime
    end: datetime
    where: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None or self.start >= self.end:
            raise ValueError(f"a slice of {self.column} from {self.start} to {self.end} is no range of instants")


@dataclass(frozen=True)
class Restated:
    """Rule for rows that are left out because they only repeat an earlier statement.

    Args:
        order: instant column that orders statements.
        column, values: rows with one of these values are left out if the statement before them is equal. Rows with
            these values must arrive in order, such as the states of a growing file at each fetch: if rows arrived late,
            a row that was left out could be needed later.
        also_key: columns that identify the subject of a statement, together with the key without the statement columns:
            a forecast of a longer interval that begins at the same instant is not about the same subject.
    """

    order: str
    column: str
    values: tuple[str, ...]
    also_key: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contract:
    """The contract of one raw table.

    Args:
        name: table name inside the namespace `raw`.
        description: one sentence: what a row is.
        grain: the grain in words.
        columns: in order.
        key: columns that identify a row.
        mode: how the writer lands rows (`replace`, `merge` or `append`).
        time_column: the instant that partitions by month, and that bounds the range that a landing touches; None for
            tables without time.
        touch: the columns that name the touched keys of a landing (asset, signal); the build rebuilds these.
        touches: what a change of the table touches, see `Touches`. Of a table that does not say it, a change touches
            everything that is made from it, which is slow and right.
        reach_days: of a table that touches the days of keys: how many UTC days around a changed one are read with it,
            so that every local day that the changed one touches is read whole.
        sort: sort order inside a file.
        fresh_within_hours: the table is stale if its newest row (by `time_column`) is older; None if age means nothing.
        statement: key columns that distinguish statements about one subject, with `source_object`: rows of different
            bytes never conflict, and no landed row is removed.
        restated: rule for statements that are left out because they add nothing.
    """

    name: str
    description: str
    grain: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    mode: WriteMode
    time_column: str | None
    touch: tuple[str, ...]
    sort: tuple[str, ...]
    fresh_within_hours: float | None = None
    statement: tuple[str, ...] = ()
    restated: Restated | None = None
    touches: Touches = "whole"
    reach_days: int = 0

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        if len(set(names)) != len(names):
            raise ValueError(f"contract {self.name}: a column name occurs twice")
        for used in (
            *self.key,
            *self.statement,
            *self.touch,
            *self.sort,
            *([self.time_column] if self.time_column else []),
            *(self.restated.also_key if self.restated else ()),
        ):
            if used not in names:
                raise ValueError(f"contract {self.name}: {used} is not one of its columns")
        if self.fresh_within_hours and not self.time_column:
            raise ValueError(f"contract {self.name}: without a time column nothing says how fresh it is")
        if self.statement and not {"source_object", *self.statement} <= {*self.statement} & {*self.key}:
            raise ValueError(f"contract {self.name}: its statement must be a part of its key, with source_object")
        for column in self.columns:
            if column.type not in TYPES:
                raise ValueError(f"contract {self.name}.{column.name}: unknown type {column.type}")
            if column.name in self.key and column.nullable:
                raise ValueError(f"contract {self.name}: key column {column.name} must not be nullable")
        self._refuse_unfit_touches(names)

    def _refuse_unfit_touches(self, names: list[str]) -> None:
        """Raise ValueError where the columns are not those that a change of the table is to be found by."""
        said = f"contract {self.name} touches {self.touches}"
        if self.touches not in get_args(Touches):
            raise ValueError(f"{said}, which is none of {', '.join(get_args(Touches))}")
        if self.touches == "asset_days":
            if missing := set(SAMPLE_COLUMNS) - set(names):
                raise ValueError(f"{said}, and lacks columns of samples: {', '.join(sorted(missing))}")
            if (self.touch, self.time_column) != (("asset_id", "signal"), "ts"):
                raise ValueError(f"{said}: it must touch (asset_id, signal) by ts")
        if self.touches == "key_days" and not (self.time_column and 1 <= len(self.touch) <= 2 and self.reach_days >= 1):
            raise ValueError(f"{said}: it needs a time column, one or two touch columns and reach_days above 0")
        if self.touches == "assets" and self.touch not in (("asset_id",), ("asset_id", "signal")):
            raise ValueError(f"{said}: its touch columns must be asset_id, or asset_id and signal")
        if self.touches != "key_days" and self.reach_days:
            raise ValueError(f"{said}: only a table that touches key_days states reach_days")

    @property
    def arrow_schema(self) -> pa.Schema:
        """The Arrow schema of the table, in column order."""
        return pa.schema([pa.field(c.name, TYPES[c.type][0], nullable=c.nullable) for c in self.columns])

    @property
    def compared(self) -> tuple[str, ...]:
        """Columns whose difference makes two rows of one key a conflict."""
        return tuple(c.name for c in self.columns if c.name not in self.key and not c.provenance)


def observations(domain: str, description: str, fresh_within_hours: float | None = None) -> Contract:
    """The shared shape of long observations: one row an asset, signal and instant (`raw.<domain>_observations`)."""
    return Contract(
        name=f"{domain}_observations",
        description=description,
        grain="one observation of one signal of one asset at one instant",
        columns=(
            Column("asset_id", "string", "Meter, battery system, vehicle or heat pump.", nullable=False),
            Column("signal", "string", "Signal as the source names it, without its bracketed unit.", nullable=False),
            Column("ts", "timestamptz", "Instant of the sample, or start of its interval.", nullable=False),
            Column("interval_end", "timestamptz", "End of the interval (exclusive); NULL for instant samples."),
            Column("value", "double", "Value in the signal's unit (raw.signals.unit)."),
            Column(
                "value_exact", "decimal(18,6)", "The same value without rounding, for counters and interval values."
            ),
            Column("text", "string", "Text of a category or code, or the source's quality status of a number."),
            Column("source_object", "string", "SHA-256 of the archived bytes.", nullable=False, provenance=True),
            Column("line", "long", "Line in those bytes, from 1.", nullable=False, provenance=True),
        ),
        key=("asset_id", "signal", "ts"),
        mode="merge",
        time_column="ts",
        touch=("asset_id", "signal"),
        touches="asset_days",
        sort=("asset_id", "signal", "ts"),
        fresh_within_hours=fresh_within_hours,
    )


KINDS = (
    "instant",
    "interval_mean",
    "interval_energy",
    "counter",
    "min",
    "max",
    "spread",
    "alarm",
    "code",
    "category",
    "soc",
    "power_factor",
)

#: Connection limit of an asset that states none: 3 x 25 A at 230 V, the smallest common house connection.
#: dbt_project.yml says the same.
DEFAULT_MAX_POWER_KW = 17.25

ASSETS = Contract(
    name="assets",
    description="Every asset that has landed.",
    grain="one asset",
    columns=(
        Column("asset_id", "string", "Id in every table.", nullable=False),
        Column("domain", "string", "Domain the asset belongs to (meter, bess, ...).", nullable=False, fixed=True),
        Column("native_id", "string", "The id in the bytes (EAN, NMI, name), where there is one."),
        Column("site_id", "string", "Site given when landing."),
        Column("time_zone", "string", "IANA zone of the asset's calendar: its days are local days.", nullable=False),
        Column("is_simulated", "boolean", "True for simulated devices.", nullable=False),
        Column(
            "max_power_kw",
            "double",
            f"Connection limit in kW; NULL means the default of {DEFAULT_MAX_POWER_KW}.",
            sticky=True,
        ),
        Column("capacity_kwh", "double", "Usable energy of a battery in kWh, where given.", sticky=True),
    ),
    key=("asset_id",),
    mode="merge",
    time_column=None,
    touch=("asset_id",),
    touches="assets",
    sort=("asset_id",),
)

SIGNALS = Contract(
    name="signals",
    description="The meaning of every signal, as its layout declares it; nothing is guessed from a name.",
    grain="one signal of one asset",
    columns=(
        Column("asset_id", "string", "Asset.", nullable=False),
        Column("signal", "string", "Signal.", nullable=False),
        Column("kind", "string", "Meaning of a value; decides how it is rolled up.", nullable=False, allowed=KINDS),
        Column("unit", "string", "Unit of value, after the layout's factor."),
        Column("expected_interval_s", "double", "Declared cadence in seconds; NULL where none is declared."),
        Column("max_gap_s", "double", "A sample covers at most this many seconds after it.", nullable=False, minimum=0),
        Column("role", "string", "Part of the signal for its asset (soc, battery_discharge_power, ...), or NULL."),
        Column("pair_signal", "string", "For a power factor: the active or apparent power it is rolled up through."),
        Column("estimated_statuses", "string", "Statuses in text, joined by |, that mean an estimated value."),
        Column("layout", "string", "Layout that declared the signal.", nullable=False, provenance=True),
        Column(
            "rollover_at",
            "decimal(18,6)",
            "Value at which a counter begins again at 0, in unit; NULL where none is declared.",
        ),
    ),
    key=("asset_id", "signal"),
    mode="merge",
    time_column=None,
    touch=("asset_id", "signal"),
    touches="assets",
    sort=("asset_id", "signal"),
)

QUARANTINE = Contract(
    name="quarantine",
    description="Rows that could not be used, kept with their text and the reason.",
    grain="one refused row, or one refused cell of a row",
    columns=(
        Column("source", "string", "Source that was landing.", nullable=False),
        Column("source_object", "string", "SHA-256 of the archived bytes.", nullable=False),
        Column("file", "string", "Name of the file as it was given.", nullable=False, provenance=True),
        Column("line", "long", "Line in the file, from 1; 0 for the file as a whole.", nullable=False),
        Column("field", "string", "Column or signal that was refused; empty for the whole row.", nullable=False),
        Column("reason", "string", "Why the row could not be used.", nullable=False),
        Column("raw_text", "string", "The text of the row in the file."),
    ),
    key=("source", "source_object", "line", "field"),
    mode="merge",
    time_column=None,
    touch=(),
    touches="whole",
    sort=("source", "source_object", "line", "field"),
)

#: Tables that every domain shares.
SHARED = (ASSETS, SIGNALS, QUARANTINE)
