"""What is recorded of work, whatever interrupts it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from lakehouse.ops import RUNS, Ops
from lakehouse.settings import Settings


class Terminated(BaseException):
    """As Prefect raises it on SIGTERM, in whatever the main thread is doing."""


@pytest.fixture
def terminations() -> Iterator[None]:
    def terminate(*_: object) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("terminations")
def test_a_run_that_is_terminated_twice_has_its_record(settings: Settings) -> None:
    ops = Ops(settings)
    with pytest.raises(Terminated), ops.run("backfill"):

        @sa.event.listens_for(ops.engine, "before_cursor_execute", once=True)
        def terminate_again(*_: object) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

        os.kill(os.getpid(), signal.SIGTERM)
    assert ops.query(sa.select(RUNS.c.status, RUNS.c.error)) == [("failed", "Terminated: ")]
