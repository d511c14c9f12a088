"""A checkout of the product in a folder of its own, to which a test adds what a developer would add."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: What runs, and the files into which declarations are written.
PARTS = ("flows", "ingest", "lakehouse", "dbt", "docs", "prefect.yaml")
#: What interpreters, dbt and tests leave.
LEFT = shutil.ignore_patterns("__pycache__", "target", "logs", "*.duckdb")
#: One interpreter for all commands: each takes seconds to import what it needs. A line is a command: `-m` and a module,
#: `-c` and code, or what follows `wattlake`; the answer is its exit code and what it has printed.
WORKER = """
import contextlib, io, json, os, runpy, sys, traceback

answers, requests = os.fdopen(os.dup(1), "w"), os.fdopen(os.dup(0))
os.dup2(2, 1)
os.close(0)
os.open(os.devnull, os.O_RDONLY)


def done(command):
    first, rest = command[0], command[1:]
    if first in ("-m", "-c"):
        sys.argv, said = [first, *rest[1:]], io.StringIO()
        with contextlib.redirect_stdout(said):
            if first == "-m":
                runpy.run_module(rest[0], run_name="__main__")
            else:
                exec(rest[0], {"__name__": "__main__"})
        return 0, said.getvalue()
    from click.testing import CliRunner

    from flows.cli.main import main

    result = CliRunner().invoke(main, command, prog_name="wattlake")
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


for line in requests:
    try:
        answer = done(json.loads(line))
    except Exception:
        answer = (-1, traceback.format_exc())
    print(json.dumps(answer), file=answers, flush=True)
"""


@dataclass(frozen=True)
class Checkout:
    """The folder.

    Args:
        path: of it.
        home: of its commands.
        worker: runs them.
    """

    path: Path
    home: Path
    worker: subprocess.Popen[str]

    def add(self, tree: Path) -> list[str]:
        """Copy a tree of new files into it; gives their paths.

        Raises:
            FileExistsError: one is there already.
        """
        added = [path.relative_to(tree) for path in sorted(tree.rglob("*")) if path.suffix != ".pyc" and path.is_file()]
        for name in added:
            target = self.path / name
            if target.exists():
                raise FileExistsError(target)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(tree / name, target)
        return [name.as_posix() for name in added]

    def run(self, *command: str, expect: int = 0) -> str:
        """Run a command (see `WORKER`); gives what it prints.

        Raises:
            AssertionError: it ends with another exit code.
        """
        assert self.worker.stdin and self.worker.stdout
        print(json.dumps(command), file=self.worker.stdin, flush=True)
        answer = self.worker.stdout.readline()
        code, output = json.loads(answer) if answer else (None, "the interpreter has ended")
        assert code == expect, f"{' '.join(command)} ended with {code}\n{output}"
        return str(output)

    def edited(self) -> list[str]:
        """Files of the product that are other ones here than in this repository."""
        whole = [ROOT / part for part in PARTS]
        files = [path for part in whole for path in (sorted(part.rglob("*")) if part.is_dir() else [part])]
        found = []
        for path in files:
            copy = self.path / path.relative_to(ROOT)
            if copy.is_file() and path.suffix != ".pyc" and copy.read_bytes() != path.read_bytes():
                found.append(path.relative_to(ROOT).as_posix())
        return found


@contextmanager
def checkout(folder: Path, **environment: str) -> Iterator[Checkout]:
    """Make one in a folder.

    Args:
        folder: to which it goes, with its home.
        environment: more variables of its commands.
    """
    path, home = folder / "checkout", folder / "home"
    path.mkdir()
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, path / part, ignore=LEFT)
        else:
            shutil.copyfile(ROOT / part, path / part)
    own = {"PYTHONPATH": str(path), "WATTLAKE_HOME": str(home), "WATTLAKE_CACHE": str(folder / "cache")}
    own["COLUMNS"] = "200"  # tables whose cells are not folded, however wide the terminal of the tests is
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER], cwd=path, env={**os.environ, **own, **environment}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield Checkout(path, home, worker)
    finally:
        assert worker.stdin and worker.stdout
        worker.stdin.close()
        worker.stdout.close()
        worker.wait(timeout=60)
        if sys.pycache_prefix:  # bytecode of packages that are gone
            shutil.rmtree(Path(sys.pycache_prefix) / path.relative_to("/"), ignore_errors=True)
