"""Power markets of the independent system operators ERCOT, CAISO, ISO-NE and NYISO."""
