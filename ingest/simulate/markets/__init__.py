"""Simulated market operators: documents in their real layouts, and apart from them what those documents say."""
