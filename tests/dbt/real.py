"""The recorded files that the golden figures come from, read here by plain SQL and not by the sources."""
