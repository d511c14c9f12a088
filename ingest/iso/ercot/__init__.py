"""ERCOT: prices, and the 60-day disclosures."""
