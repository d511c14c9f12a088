"""kill -9 while landing and replaying: nothing lost, nothing twice, readers undisturbed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.kills.homes import Case, first_files, second_files, third_files
from tests.support.kills.worker import Worker


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as started:
        yield started


@pytest.fixture(scope="module")
def landing(worker: Worker, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Corrections, a new meter, refused rows and a refused file, onto what landed before."""
    folder = tmp_path_factory.mktemp("landing")
    home = folder / "home"
    worker.done("land", {"home": str(home)}, paths=first_files(folder / "first"))
    case = Case(worker, home, "land", {"paths": second_files(folder / "second")})
    case.prepare()
    return case


@pytest.fixture(scope="module")
def landing_anew(worker: Worker, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """The same bytes in another time zone: rows move, and those of another file are stated again."""
    folder = tmp_path_factory.mktemp("anew")
    home = folder / "home"
    files = first_files(folder / "first")
    worker.done("land", {"home": str(home)}, paths=files)
    worker.done("land", {"home": str(home)}, paths=second_files(folder / "second"))
    case = Case(worker, home, "land", {"paths": files, "options": {"timezone": "Asia/Tokyo"}})
    case.prepare()
    return case


@pytest.fixture(scope="module")
def first_landing(worker: Worker, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """The first landing of an empty home: the catalog, the ops tables and the raw tables are made."""
    folder = tmp_path_factory.mktemp("first")
    (folder / "home").mkdir()
    case = Case(worker, folder / "home", "land", {"paths": first_files(folder / "files")})
    case.prepare()
    return case


@pytest.fixture(scope="module")
def streaming(worker: Worker, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """The second batch of a stream, with a refused row."""
    home = tmp_path_factory.mktemp("streaming") / "home"
    worker.done("stream", {"home": str(home)}, upto=1)
    case = Case(worker, home, "stream", {"upto": 2})
    case.prepare()
    return case


@pytest.fixture(scope="module")
def replaying(worker: Worker, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A replay that has lost rows to bring back."""
    folder = tmp_path_factory.mktemp("replaying")
    home = folder / "home"
    settings = {"home": str(home)}
    worker.done("land", settings, paths=first_files(folder / "first"))
    worker.done("land", settings, paths=second_files(folder / "second"))
    worker.done("damage", settings)
    case = Case(worker, home, "replay", {})
    case.prepare()
    return case


@pytest.fixture(scope="module")
def maintaining(worker: Worker, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Maintenance that merges the files of three landings, and expires and sweeps all that may go."""
    folder = tmp_path_factory.mktemp("maintaining")
    settings = {"home": str(folder / "home"), "threads": 1, "snapshot_days": 0, "snapshots_kept": 1}
    worker.done("land", settings, paths=first_files(folder / "first"))
    worker.done("land", settings, paths=second_files(folder / "second"))
    worker.done("land", settings, paths=third_files(folder / "third"))
    case = Case(worker, folder / "home", "maintain", {}, settings)
    case.prepare()
    return case


def test_a_landing_killed_at_a_step_is_whole_after_the_next(landing: Case) -> None:
    assert len(landing.steps) > 40
    landing.kill_at_steps(4)


def test_a_first_landing_killed_at_a_step_is_whole_after_the_next(first_landing: Case) -> None:
    first_landing.kill_at_steps(2)


def test_a_batch_killed_at_a_step_lands_once_when_its_stream_goes_on(streaming: Case) -> None:
    assert len(streaming.steps) > 30
    streaming.kill_at_steps(4)


def test_a_replay_killed_at_a_step_is_whole_after_the_next(replaying: Case) -> None:
    assert len(replaying.steps) > 40
    replaying.kill_at_steps(2)


def test_maintenance_killed_at_a_step_is_whole_after_the_next(maintaining: Case) -> None:
    maintaining.kill_at_steps(2)


@pytest.mark.nightly
@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize("name", ["landing", "landing_anew", "first_landing", "streaming", "replaying", "maintaining"])
def test_every_step_and_thirty_moments(name: str, request: pytest.FixtureRequest) -> None:
    case: Case = request.getfixturevalue(name)
    steps, moments = case.kill_at_steps(), case.kill_at_times(30)
    print(f"{name}: killed at {steps} of {len(case.steps)} steps, and at {moments} of 30 moments")
