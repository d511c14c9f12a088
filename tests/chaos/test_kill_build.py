"""kill -9 while building and publishing: readers have a whole build at any time, and the next build mends the rest."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.kills.homes import Case, first_files, second_files
from tests.support.kills.worker import Worker

#: Beside other work the real builds that this begins with take long.
pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as started:
        yield started


@pytest.fixture(scope="module")
def publishing(worker: Worker, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A published house with new landings, whose next build is recorded up to its publishing."""
    folder = tmp_path_factory.mktemp("publishing")
    home, recorded = folder / "home", folder / "recorded"
    settings = {"home": str(home), "threads": 1}
    worker.done("land", settings, paths=first_files(folder / "first"))
    assert worker.done("build", settings) == "full"
    worker.done("land", settings, paths=second_files(folder / "second"))
    case = Case(worker, home, "publish", {"recorded": str(recorded)}, settings)
    case.keep()
    assert worker.done("publish", settings, recorded=str(recorded), record=True) == "incremental"
    case.put_back()
    case.learn()
    return case


def runs(pid: int) -> bool:
    """Whether a process still runs code: it is there, and it is no zombie that nobody has waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_publication_killed_before_or_after_the_rename_is_whole_after_the_next(publishing: Case) -> None:
    functions = [step.function for step in publishing.steps]
    renamed = functions.index("take_place")
    publishing.kill_at(publishing.steps[renamed - 1 : renamed + 2])


def test_a_publication_killed_at_a_step_is_whole_after_the_next(publishing: Case) -> None:
    assert len(publishing.steps) > 90
    publishing.kill_at_steps(3)


def test_dbt_killed_alone_or_beside_its_build_leaves_the_last_good_marts(publishing: Case, tmp_path: Path) -> None:
    publishing.put_back()
    told = tmp_path / "pid"
    ended = publishing.worker.run(
        "build_with_dbt_killed", publishing.settings, victim="dbt", told=str(tmp_path / "dbt")
    )
    assert not ended.killed and ended.error is not None and "dbt build stopped before it ran anything" in ended.error
    assert publishing.worker.run("build_with_dbt_killed", publishing.settings, victim="build", told=str(told)).killed
    deadline = time.monotonic() + 30
    while runs(int(told.read_text())):  # a child of a killed build ends with it
        assert time.monotonic() < deadline
        time.sleep(0.02)
    publishing.assert_unharmed("dbt and its build were killed", replayed=False, again="build")


def test_a_build_killed_in_its_checks_publishes_nothing(publishing: Case) -> None:
    publishing.put_back()
    arguments = publishing.arguments
    assert publishing.worker.run("build_killed_in_checks", publishing.settings, **arguments).killed
    assert publishing.worker.done("look", publishing.settings)["marts"] == publishing.before["marts"]
    publishing.assert_unharmed("the checks were killed", replayed=False)


@pytest.mark.nightly
@pytest.mark.timeout(4 * 3600)
def test_every_step_of_publishing_and_thirty_moments(publishing: Case) -> None:
    steps, moments = publishing.kill_at_steps(), publishing.kill_at_times(30)
    print(f"publish: killed at {steps} of {len(publishing.steps)} steps, and at {moments} of 30 moments")


@pytest.mark.nightly
@pytest.mark.timeout(4 * 3600)
def test_real_builds_killed_at_thirty_moments(publishing: Case) -> None:
    publishing.put_back()
    whole_s = publishing.worker.run("build", publishing.settings).cpu_s
    for part in range(1, 31):
        publishing.put_back()
        publishing.worker.run("build", publishing.settings, die_after_s=whole_s * part / 31)
        publishing.assert_unharmed(f"part {part} of a build", replayed=False, again="build")
