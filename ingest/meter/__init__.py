"""Smart meters: load profiles, counters and interval energy from the files that meters and portals write."""
