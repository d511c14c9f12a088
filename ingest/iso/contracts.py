"""The contracts of markets: prices of energy and of ancillary services, and load; every statement is a row.

Another value for the same thing is a new statement, not a change: `published_at` orders them. So the marts show the
latest one, and can also show the statements known at any instant in the past.

None says how old its newest row may be: operators share the tables, and rows of the future (day-ahead prices,
forecasts) would hide a feed that has ended. Whether days are lacking, a download says.
"""

from __future__ import annotations

from dataclasses import replace

from lakehouse.contract import Column, Contract, Restated

ISOS = ("ERCOT", "CAISO", "ISONE", "NYISO")
#: Day-ahead; real time by 5 minutes, 15 minutes and hours; CAISO's hour-ahead; ERCOT's dispatch runs.
MARKETS = ("DAM", "RT5", "RT15", "RTH", "HASP", "SCED")
#: posted: the only kind the operator knows; prelim and final: of ISO-NE; advisory: a forecast of NYISO's RTC;
#: correction: of ERCOT's price corrections.
VINTAGES = ("posted", "prelim", "final", "correction", "advisory")

PUBLISHED_BY_OPERATOR = "operator"
PUBLISHED_AS_MODIFIED = "modified"
PUBLISHED_AS_RECEIVED = "received"
PUBLISHED_BY_SCHEDULE = "schedule"
#: A statement that a file repeats each time it is fetched adds nothing.
RESTATED = Restated(
    "published_at", "published_basis", (PUBLISHED_AS_MODIFIED, PUBLISHED_AS_RECEIVED), also_key=("interval_end",)
)


def statement_columns() -> tuple[Column, ...]:
    """The columns for the operator's statement: its time, and its bytes."""
    return (
        Column("published_at", "timestamptz", "When the operator published it; see published_basis.", nullable=False),
        Column(
            "published_basis",
            "string",
            "operator: from a listing or the document's name; modified: when the operator last wrote the file that "
            "holds it, among others; received: when the bytes first arrived here.",
            nullable=False,
            allowed=(PUBLISHED_BY_OPERATOR, PUBLISHED_AS_MODIFIED, PUBLISHED_AS_RECEIVED),
        ),
        Column("is_simulated", "boolean", "True for simulated markets.", nullable=False),
        Column("source_object", "string", "SHA-256 of the archived bytes.", nullable=False),
        Column("member", "string", "File inside of those bytes, where they are an archive.", provenance=True),
        Column("line", "long", "Line in that file, from 1.", nullable=False, provenance=True),
    )


#: UTC days that are read around a changed one: market days begin up to 8 hours later than UTC days, so the changed day
#: touches the one before it too, and the last interval of the market day before that reaches into it.
REACH_DAYS = 2

PRICES = Contract(
    name="iso_prices",
    description="Energy prices of four markets: every statement of an operator, none overwritten.",
    grain="one statement of the price of one location and interval",
    columns=(
        Column("iso", "string", "Independent system operator.", nullable=False, allowed=ISOS),
        Column("market", "string", "Market and cadence.", nullable=False, allowed=MARKETS),
        Column("location", "string", "Settlement point, pricing node or zone by its name.", nullable=False),
        Column(
            "location_type",
            "string",
            "The operator's own type (RN, LZ, LZEW, HU; ZONE, GENERATOR; HUB ...), or '' where it states none.",
            nullable=False,
        ),
        Column("location_id", "string", "The operator's number of the location (PTID, LocId), where it has one."),
        Column("price_type", "string", "SPP, LMP or LBMP: what the operator calls the price.", nullable=False),
        Column("interval_start", "timestamptz", "Start of the interval.", nullable=False),
        Column("interval_end", "timestamptz", "End of the interval (exclusive).", nullable=False),
        Column("lmp_usd_mwh", "decimal(18,6)", "The price in $/MWh.", nullable=False),
        Column("energy_usd_mwh", "decimal(18,6)", "Energy component; the four components add up to the price."),
        Column("congestion_usd_mwh", "decimal(18,6)", "Congestion component; positive raises the price."),
        Column("loss_usd_mwh", "decimal(18,6)", "Loss component; positive raises the price."),
        Column("ghg_usd_mwh", "decimal(18,6)", "Greenhouse gas component (CAISO), where stated."),
        Column(
            "congestion_published_usd_mwh",
            "decimal(18,6)",
            "Congestion as published: NYISO's sign is the other way round (price = energy + losses - congestion).",
        ),
        Column("vintage", "string", "How final the operator calls it.", nullable=False, allowed=VINTAGES),
        *statement_columns(),
    ),
    key=(
        "iso",
        "market",
        "location",
        "location_type",
        "price_type",
        "interval_start",
        "vintage",
        "published_at",
        "source_object",
    ),
    mode="merge",
    time_column="interval_start",
    touch=("iso", "market"),
    touches="key_days",
    reach_days=REACH_DAYS,
    sort=("iso", "market", "location", "location_type", "interval_start"),
    statement=("vintage", "published_at", "source_object"),
    restated=RESTATED,
)

AS_PRICES = Contract(
    name="as_prices",
    description="Clearing prices for ancillary services: every statement of an operator, none overwritten.",
    grain="one statement of the price of one product, location and interval",
    columns=(
        Column("iso", "string", "Independent system operator.", nullable=False, allowed=ISOS),
        Column("market", "string", "Market and cadence.", nullable=False, allowed=MARKETS),
        Column(
            "location",
            "string",
            "Zone or region as stated; the operator's own name where the price is of the whole system. CAISO's regions "
            "nest, and a price is that of its region by itself.",
            nullable=False,
        ),
        Column("product", "string", "The operator's own name of the product (REGUP, RRS, ...).", nullable=False),
        Column("interval_start", "timestamptz", "Start of the interval.", nullable=False),
        Column("interval_end", "timestamptz", "End of the interval (exclusive).", nullable=False),
        Column(
            "mcpc_usd_mw",
            "decimal(18,6)",
            "Market clearing price for capacity in $/MW for an hour of it; of the movement of regulation (CAISO's RMU "
            "and RMD, ISO-NE's regulation service, NYISO's Regulation Movement) in $/MW moved.",
            nullable=False,
        ),
        Column("vintage", "string", "How final the operator calls it.", nullable=False, allowed=VINTAGES),
        *statement_columns(),
    ),
    key=("iso", "market", "location", "product", "interval_start", "vintage", "published_at", "source_object"),
    mode="merge",
    time_column="interval_start",
    touch=("iso", "market"),
    touches="key_days",
    reach_days=REACH_DAYS,
    sort=("iso", "market", "location", "product", "interval_start"),
    statement=("vintage", "published_at", "source_object"),
    restated=RESTATED,
)

#: actual: metered or telemetered; forecast: the operator's own.
LOAD_KINDS = ("actual", "forecast")
_LOAD = ("iso", "report", "kind", "area", "area_type", "model", "interval_start")

SYSTEM_LOAD = Contract(
    name="system_load",
    description="Load of four operators, actual and forecast: every statement of an operator, none overwritten.",
    grain="one statement of the load of one area and interval by one report and model",
    columns=(
        Column("iso", "string", "Independent system operator.", nullable=False, allowed=ISOS),
        Column(
            "report",
            "string",
            "The operator's report, query or service that states it; two of them may differ for one hour.",
            nullable=False,
        ),
        Column("kind", "string", "actual or forecast.", nullable=False, allowed=LOAD_KINDS),
        Column(
            "area",
            "string",
            "Area by one name an operator (ERCOT: as in NP6-345-CD and NP6-346-CD; NYISO: as in pal).",
            nullable=False,
        ),
        Column(
            "area_type",
            "string",
            "SYSTEM, or what the operator calls its areas: WEATHER ZONE, FORECAST ZONE, TAC, BAA, LOAD ZONE, "
            "RELIABILITY REGION, ZONE. Zones of equal name and other type are other zones.",
            nullable=False,
        ),
        Column(
            "model",
            "string",
            "Of a forecast: ERCOT's model, CAISO's run (DAM, 2DA, 7DA, RTPD, RTD); '' where there is one.",
            nullable=False,
        ),
        Column("interval_start", "timestamptz", "Start of the interval.", nullable=False),
        Column("interval_end", "timestamptz", "End of the interval (exclusive).", nullable=False),
        Column("load_mw", "decimal(18,6)", "Mean load over the interval in MW.", nullable=False),
        Column(
            "native_load_mw",
            "decimal(18,6)",
            "ISO-NE: load without that of storage and pumping (ArdDemand), in MW; load_mw holds both.",
        ),
        Column("is_in_use", "boolean", "Whether ERCOT used the model for this hour (InUseFlag); NULL elsewhere."),
        *(
            replace(
                column,
                description=f"{column.description} schedule: derived from when the operator publishes such a forecast, "
                "as the document does not say.",
                allowed=(*(column.allowed or ()), PUBLISHED_BY_SCHEDULE),
            )
            if column.name == "published_basis"
            else column
            for column in statement_columns()
        ),
        Column("received_at", "timestamptz", "When the bytes first arrived here.", nullable=False, provenance=True),
    ),
    key=(*_LOAD, "published_at", "source_object"),
    mode="merge",
    time_column="interval_start",
    touch=("iso", "report"),
    touches="key_days",
    reach_days=REACH_DAYS,
    sort=("iso", "report", "area", "area_type", "model", "interval_start"),
    statement=("published_at", "source_object"),
    restated=replace(RESTATED, values=(*RESTATED.values, PUBLISHED_BY_SCHEDULE)),
)
