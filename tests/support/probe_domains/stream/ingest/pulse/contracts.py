"""What pulse counters stream."""

from lakehouse.contract import Column, Contract

SAMPLES = Contract(
    name="pulse_samples",
    description="Samples of pulse counters.",
    grain="one sample of one counter",
    columns=(
        Column("counter", "string", "Counter.", nullable=False),
        Column("ts", "timestamptz", "Instant of the sample.", nullable=False),
        Column("power_w", "double", "Power, W.", maximum=1000),
        Column("source_object", "string", "SHA-256 of the archived batch.", nullable=False, provenance=True),
        Column("line", "long", "Row in the batch, from 1.", nullable=False, provenance=True),
    ),
    key=("counter", "ts"),
    mode="append",
    time_column="ts",
    touch=("counter",),
    touches="key_days",
    reach_days=1,
    sort=("counter", "ts"),
)
