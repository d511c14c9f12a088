"""Simulated fleets of batteries in ERCOT's market, before and since RTC+B, with the documents that disclose them."""

from ingest.simulate.fleet.fleet import Fleet, simulate_fleet

__all__ = ["Fleet", "simulate_fleet"]
