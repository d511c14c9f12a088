"""dbt is kept ready between commands, and what happens to one command happens to no other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import duckdb
import pytest

from lakehouse.check_result import CheckResult
from lakehouse.errors import TerminalError
from lakehouse.marts import warm_process
from lakehouse.marts.dbt_models import Mart
from lakehouse.marts.dbt_runner import RESULTS, NodeResult
from lakehouse.marts.expectations import expect
from lakehouse.marts.warm_process import Command
from lakehouse.settings import Settings

PROJECT = """name: small
version: "1.0"
profile: small
"""
PROFILE = """small:
  target: dev
  outputs:
    dev: {type: duckdb, path: small.duckdb, threads: 1}
"""


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """No process of an earlier test waits: what it has parsed is another project."""
    warm_process.end_waiting()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A dbt project with one model, in a folder that dbt runs in."""
    (tmp_path / "models").mkdir()
    (tmp_path / "dbt_project.yml").write_text(PROJECT)
    (tmp_path / "profiles.yml").write_text(PROFILE)
    (tmp_path / "models" / "one.sql").write_text("select 1 as n, '{{ env_var('PROBE', 'none') }}' as said")
    return tmp_path


def request(project: Path, *command: str, **environment: str) -> Command:
    places = ["--project-dir", str(project), "--profiles-dir", str(project)]
    digest = str(project) + (project / "models" / "one.sql").read_text()
    return Command(command, places, digest, str(project), {**os.environ, "DO_NOT_TRACK": "1", **environment})


def names(lines: list[str]) -> list[str]:
    return [json.loads(line)["info"]["name"] for line in lines if line.startswith("{")]


def run(asked: Command) -> tuple[int, list[str]]:
    lines: list[str] = []
    return warm_process.run(asked, lines.append), lines


def shown(project: Path) -> str:
    """The model's row, as dbt shows it."""
    code, lines = run(request(project, "show", "--select", "one", PROBE="first"))
    assert code == 0
    return "".join(lines)


def process_of(project: Path) -> int:
    """The process that runs dbt in a folder."""
    for folder in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if folder.readlink() == project:
                return int(folder.parent.name)
        except OSError:
            continue
    raise AssertionError("dbt runs in no such folder")


def test_the_next_command_finds_the_project_parsed_and_a_changed_one_is_parsed_anew(project: Path) -> None:
    assert run(request(project, "compile"))[0] == 0
    (waiting,) = warm_process._idle
    assert "first" in shown(project)
    (project / "models" / "one.sql").write_text("select 2 as n, 'changed' as said")
    assert "changed" in shown(project)
    assert warm_process._idle == [waiting]


def test_each_command_has_its_own_environment_and_exit_code(project: Path) -> None:
    assert "first" in shown(project)
    code, lines = run(request(project, "show", "--select", "one"))
    assert code == 0 and "none" in "".join(lines) and "first" not in "".join(lines)
    (project / "models" / "one.sql").write_text("select no_such_column")
    assert run(request(project, "run"))[0] == 1
    code, lines = run(request(project, "run", "--no-such-flag"))
    assert code == 2 and "no-such-flag" in "".join(lines)
    (project / "models" / "one.sql").write_text("select {{ 1")
    code, lines = run(request(project, "run"))
    assert code == 2 and "one.sql" in "".join(lines)
    (project / "models" / "one.sql").write_text("select 3 as n")
    assert run(request(project, "run"))[0] == 0


def test_an_outcome_names_the_models_that_it_is_about(project: Path) -> None:
    (project / "models" / "two.sql").write_text("select * from {{ ref('one') }}")
    (project / "tests").mkdir()
    (project / "tests" / "agree.sql").write_text("select * from {{ ref('one') }} except from {{ ref('two') }}")
    assert run(request(project, "build"))[0] == 0
    nodes = [NodeResult.from_json(node) for node in json.loads((project / "target" / RESULTS).read_text())]
    assert {node.name: node.models for node in nodes} == {"one": (), "two": ("one",), "agree": ("one", "two")}


def at_the_first_model(act: Callable[[], None]) -> Callable[[str], None]:
    def heard(line: str) -> None:
        if names([line]) == ["LogStartLine"]:
            act()

    return heard


def test_a_command_that_is_killed_says_so_and_the_next_one_runs(project: Path) -> None:
    (project / "models" / "one.sql").write_text("select count(*) from range(200000) a, range(200000) b")

    def kill() -> None:
        os.kill(process_of(project), signal.SIGKILL)

    assert warm_process.run(request(project, "run"), at_the_first_model(kill)) == -signal.SIGKILL
    (project / "models" / "one.sql").write_text("select 4 as n")
    assert run(request(project, "run"))[0] == 0


def test_a_caller_that_gives_up_leaves_no_dbt_behind(project: Path) -> None:
    (project / "models" / "one.sql").write_text("select count(*) from range(200000) a, range(200000) b")
    running: list[int] = []

    def give_up() -> None:
        running.append(process_of(project))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        warm_process.run(request(project, "run"), at_the_first_model(give_up))
    deadline = time.monotonic() + 30
    while Path(f"/proc/{running[0]}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert warm_process._idle == []


def test_a_caller_that_is_gone_before_dbt_is_ready_has_nothing_built(project: Path) -> None:
    process = warm_process._Process()
    assert process._popen.stdin is not None
    process._popen.stdin.write(json.dumps({"Command": asdict(request(project, "run"))}) + "\n")
    process._popen.stdin.close()
    assert process._popen.wait(60) == 1
    assert not (project / "small.duckdb").exists()


def test_what_no_expectation_uses_is_loaded_when_something_reads_it(project: Path) -> None:
    assert run(request(project, "build"))[0] == 0
    found = warm_process.call("tests.support.warm_calls:imported")
    assert found == {"before": [True, False, False], "threads": 1, "median": 0.5, "charts": True}


def test_a_call_that_fails_says_why_and_the_next_one_is_answered() -> None:
    with pytest.raises(TerminalError, match="ValueError: not sound"):
        warm_process.call("tests.support.warm_calls:breaks", said="sound")
    assert warm_process.call("os.path:basename", p="a/b") == "b"


def audited(home: Path) -> list[CheckResult]:
    """The checks of a mart with a doubled key and a value out of its range."""
    path = home / "marts.duckdb"
    if not path.exists():
        with duckdb.connect(str(path)) as connection:
            stamp = "TIMESTAMPTZ '2024-06-01 00:00:00+00'"
            connection.execute(f"CREATE TABLE days AS SELECT 'a' AS asset_id, {stamp} AS day, 2.0 AS n FROM range(2)")
    mart = Mart("days", "", ("asset_id", "day"), None, {"n": (0, 1)})
    checks = expect(Settings(home=home), path, [mart], home / "kept.json")
    return [replace(check, seconds=0.0) for check in checks]


def test_where_processes_do_not_fork_each_request_has_one_of_its_own(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warm = audited(project)
    assert [(check.status, check.rows_failed) for check in warm] == [("fail", 1), ("fail", 2)]
    program = "from lakehouse.marts import warm_program; warm_program.FORKS = False; warm_program.serve()"
    popen = subprocess.Popen
    warm_process.end_waiting()
    monkeypatch.setattr(
        warm_process.subprocess, "Popen", lambda _, **options: popen([sys.executable, "-c", program], **options)
    )
    assert run(request(project, "run"))[0] == 0
    (project / "models" / "one.sql").write_text("select no_such_column")
    assert run(request(project, "run"))[0] == 1
    assert audited(project) == warm
    assert warm_process._idle == []


def test_a_fork_of_this_process_takes_none_of_its_dbt(project: Path) -> None:
    assert run(request(project, "compile"))[0] == 0
    (waiting,) = warm_process._idle
    child = os.fork()
    if child == 0:
        taken = warm_process._taken()
        os._exit(0 if taken is not waiting else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert run(request(project, "compile"))[0] == 0
