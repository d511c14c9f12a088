"""The stream of pulse counters."""

STREAMED = ("ingest.pulse.contracts:SAMPLES",)
