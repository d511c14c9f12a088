"""Retries of tasks: only errors that call themselves transient are tried again."""

from __future__ import annotations

from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task, exponential_backoff

from lakehouse.errors import TransientError

#: A lost race is over in seconds, a restart of a server in a minute: 5 + 10 + 20 + 40 s, then the run fails.
RETRIES = 4
FIRST_DELAY_S = 5.0
#: Up to twice the delay, so that two runs that collided do not collide again.
JITTER = 1.0


def is_transient(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether to retry a failed attempt: only after a `TransientError`, never after a terminal error or a bug."""
    return isinstance(state.data, TransientError)


#: The work of a flow as one task, because Prefect retries tasks on a condition and with back-off, but not flows.
#: Nothing is cached or persisted: the lake itself knows what has been done.
attempted = task(
    retries=RETRIES,
    retry_delay_seconds=exponential_backoff(FIRST_DELAY_S),
    retry_jitter_factor=JITTER,
    retry_condition_fn=is_transient,
    cache_policy=NO_CACHE,
    persist_result=False,
)
