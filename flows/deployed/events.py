"""Events that deployed flows emit. They are hints for automations: a receiver looks at the data for the truth."""

from __future__ import annotations

from prefect.events import emit_event

#: Rows have landed; prefect.yaml starts a build on it.
LANDED = "wattlake.landed"
#: The newest row of a source is older than its contract allows; deploy/automations.yaml notifies.
STALE = "wattlake.stale"


def emit(event: str, source: str, **payload: object) -> None:
    """Emit an event of one source."""
    resource = {"prefect.resource.id": f"wattlake.source.{source}", "prefect.resource.name": source}
    emit_event(event, resource=resource, payload={"source": source, **payload})
