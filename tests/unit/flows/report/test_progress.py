"""Progress: plain lines now and then, and why something waits."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

import pytest

from flows.report import progress
from flows.report.progress import Steps, report_waits
from lakehouse.database import exclusive
from lakehouse.secret import Secret


def test_a_long_step_tells_what_is_done_of_all_and_for_how_long(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    told = Steps()
    told("dbt")
    for second in range(25):
        now = 100.0 + second
        told.watch(second, 131, "lod_1d")
    assert capsys.readouterr().err.splitlines() == [
        "… dbt",
        "… dbt: 10 of 131 models and tests, now lod_1d, 10 s",
        "… dbt: 20 of 131 models and tests, now lod_1d, 20 s",
    ]


def test_waiting_for_another_process_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report_waits()
    report_waits()
    uri = Secret(f"sqlite:///{tmp_path}/catalog.db")
    waits = threading.Event()

    class Heard(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            waits.set()

    logger, heard = logging.getLogger("lakehouse"), Heard()
    logger.addHandler(heard)

    def second() -> None:
        with exclusive(uri, "build"):
            pass

    thread = threading.Thread(target=second)
    try:
        with exclusive(uri, "build", work="build, run 12345678"):
            thread.start()
            assert waits.wait(60)
    finally:
        thread.join()
        logger.removeHandler(heard)
    told = capsys.readouterr().err
    assert told.startswith(f"… build, run 12345678 (process {os.getpid()}, since 20")
    assert told.endswith(" UTC) works at 'build'; this one goes on when that has ended\n")
