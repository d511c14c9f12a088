"""Simulated devices: seeded, physical, in the file formats of real ones, with a truth that comes from their state."""

from ingest.simulate.demo import Delivery, DemoFiles, simulate_demo
from ingest.simulate.truth import Comparison, GroupSummary, Truth, compare, summarise

__all__ = ["Comparison", "Delivery", "DemoFiles", "GroupSummary", "Truth", "compare", "simulate_demo", "summarise"]
