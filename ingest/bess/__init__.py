"""Battery systems: BMS, PCS, auxiliary and environment signals."""
