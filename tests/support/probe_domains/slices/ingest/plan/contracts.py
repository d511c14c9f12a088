"""What planners state."""

from lakehouse.contract import Column, Contract

PLANS = Contract(
    name="plans",
    description="Plans of an area, stated a day at a time.",
    grain="one hour of one area",
    columns=(
        Column("area", "string", "Area.", nullable=False),
        Column("interval_start", "timestamptz", "Start of the hour.", nullable=False),
        Column("planned_mw", "double", "Planned power, MW.", minimum=0),
        Column("source_object", "string", "SHA-256 of the archived bytes.", nullable=False, provenance=True),
        Column("line", "long", "Line in those bytes, from 1.", nullable=False, provenance=True),
    ),
    key=("area", "interval_start"),
    mode="replace",
    time_column="interval_start",
    touch=("area",),
    touches="key_days",
    reach_days=1,
    sort=("area", "interval_start"),
)
