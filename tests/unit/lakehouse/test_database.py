"""Locks by name: one holder at a time, several in one order, and who waits learns for whom."""

from __future__ import annotations

import logging
import subprocess
import threading
from pathlib import Path

import pytest

from lakehouse.database import exclusive, is_free
from lakehouse.errors import Busy
from lakehouse.secret import Secret


@pytest.fixture(params=["sqlite", "postgres"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> Secret:
    """A database of each kind."""
    if request.param == "sqlite":
        return Secret(f"sqlite:///{tmp_path}/ops.db")
    return Secret(request.getfixturevalue("postgres_uri"))


def test_who_may_not_wait_is_told_who_holds_which_lock(uri: Secret) -> None:
    with exclusive(uri, "raw.a", "raw.b", work="replay, run 01234567"):
        assert not is_free(uri, "raw.b")
        said = r"^replay, run 01234567 \(process \d+, since 20.* UTC\) works at 'raw.b'"
        with pytest.raises(Busy, match=said), exclusive(uri, "raw.0", "raw.b", work="land", wait=False):
            raise AssertionError("held twice")
        assert is_free(uri, "raw.0")  # nothing is kept of a try that failed
        with exclusive(uri, "raw.c", wait=False):
            pass
    assert is_free(uri, "raw.a") and is_free(uri, "raw.b")


def test_who_waits_goes_on_when_the_holder_ends(uri: Secret, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "lakehouse.database")
    waits, order = threading.Event(), []
    caplog.handler.addFilter(lambda record: waits.set() or True)

    def second() -> None:
        with exclusive(uri, "raw.a"):
            order.append("second")

    thread = threading.Thread(target=second)
    with exclusive(uri, "raw.a", work="land meter, run 89abcdef"):
        thread.start()
        assert waits.wait(60)
        order.append("first")
    thread.join(60)
    assert order == ["first", "second"]
    (said,) = caplog.messages
    assert said.startswith("land meter, run 89abcdef (process ") and "works at 'raw.a'" in said


def test_the_note_of_a_holder_that_was_killed_names_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    uri, gone = Secret(f"sqlite:///{tmp_path}/ops.db"), subprocess.Popen(["true"])
    gone.wait()
    with exclusive(uri, "raw.a", work="land meter"):
        (tmp_path / "raw.a.holder").write_text(f'{{"work": "replay", "process": {gone.pid}, "since": "long ago"}}')
        with pytest.raises(Busy, match=r"^another process works at 'raw.a'"), exclusive(uri, "raw.a", wait=False):
            raise AssertionError("held twice")
