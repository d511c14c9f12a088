"""Simulated devices: seeded, physical, in the file formats of real ones, with a truth that comes from their state."""

from ingest.simulate.demo import Delivery, DemoFiles, simulate_demo
from ingest.simulate.demo_market import MarketFiles, compare_market, simulate_market
from ingest.simulate.truth import Comparison, GroupSummary, Truth, compare, summarise

__all__ = [
    "Comparison",
    "Delivery",
    "DemoFiles",
    "GroupSummary",
    "MarketFiles",
    "Truth",
    "compare",
    "compare_market",
    "simulate_demo",
    "simulate_market",
    "summarise",
]
