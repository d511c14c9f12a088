"""Names of runs from their work and its subject; Prefect uses them instead of two random words."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import PurePath

from prefect import runtime

from flows.report.artifacts import plain


def files() -> str:
    """`land meter: march.csv and 2 more`."""
    parameters = runtime.flow_run.parameters
    names = [plain(PurePath(path).name) for path in parameters["paths"]]
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{runtime.flow_run.flow_name} {parameters['source']}: {names[0] if names else 'nothing'}{more}"


def inbox() -> str:
    """`inbox meter 2026-11-30 11:25 UTC`."""
    return f"inbox {runtime.flow_run.parameters.get('source', 'markets')} {_minute()}"


def days() -> str:
    """`nyiso-rt5-lbmp-zone 2026-05-01 to 2026-05-07`, its first and last day."""
    parameters = runtime.flow_run.parameters
    start, end, back = (parameters.get(name) for name in ("start", "end", "days"))
    last = date.fromisoformat(str(end)) - timedelta(days=1) if end else "the newest day"
    first = start or (f"{back} days up" if back else "what is new")
    return f"{parameters['source']} {first} to {last}"


def realtime() -> str:
    """`realtime nyiso 2026-11-30 11:26 UTC`; of one feed, its whole name."""
    sources = runtime.flow_run.parameters["sources"]
    what = sources[0] if len(sources) == 1 else ", ".join(dict.fromkeys(name.partition("-")[0] for name in sources))
    return f"realtime {what} {_minute()}"


def house() -> str:
    """`transform 2026-11-30 11:07 UTC`, and the switches that are on: `(full refresh)`."""
    on = ", ".join(name.replace("_", " ") for name, value in runtime.flow_run.parameters.items() if value is True)
    return f"{runtime.flow_run.flow_name} {_minute()}{f' ({on})' if on else ''}"


def _minute() -> str:
    return f"{runtime.flow_run.scheduled_start_time:%Y-%m-%d %H:%M} UTC"
