"""A real S3 server for tests: OpenStack Swift in a venv of its own. It checks signatures and keeps objects on disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

#: What the server's venv holds. Swift brings the S3 interface and its own users; keystonemiddleware is imported by it.
PACKAGES = ("swift==2.38.3", "keystonemiddleware", "setuptools<81")
SCRIPT = Path(__file__).with_name("swift_in_one_process.py")
ACCESS_KEY_ID, SECRET_ACCESS_KEY = "test:tester", "secret-of-the-tests"


class Unavailable(Exception):
    """The server cannot run here; the text says why."""


@dataclass(frozen=True)
class S3Server:
    """A server that answers on loopback.

    Args:
        endpoint: its URL.
        access_key_id, secret_access_key: of its one user, who may do everything.
    """

    endpoint: str
    access_key_id: str = ACCESS_KEY_ID
    secret_access_key: str = SECRET_ACCESS_KEY

    def make_bucket(self, name: str) -> str:
        """Make a bucket; returns its URI."""
        self.files().mkdir(name)
        return f"s3://{name}"

    def files(self) -> Any:
        """The server as an s3fs file system, without caches."""
        from s3fs import S3FileSystem

        return S3FileSystem(
            key=self.access_key_id,
            secret=self.secret_access_key,
            endpoint_url=self.endpoint,
            client_kwargs={"region_name": "us-east-1"},
            use_listings_cache=False,
        )

    def settings(self) -> dict[str, Any]:
        """Keyword arguments for Settings."""
        return {
            "s3_endpoint": self.endpoint,
            "s3_access_key_id": self.access_key_id,
            "s3_secret_access_key": self.secret_access_key,
        }


def python_with_swift() -> Path:
    """The interpreter of the server's venv, made once a user.

    Raises:
        Unavailable: it cannot be installed.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wattlake-tests"
    cache.mkdir(parents=True, exist_ok=True)
    venv = cache / f"swift-2.38.3-py{sys.version_info[0]}{sys.version_info[1]}"
    python, made = venv / "bin" / "python", venv / "made"
    with FileLock(cache / "swift.lock"):
        if made.exists():
            return python
        uv = [shutil.which("uv") or ""] if shutil.which("uv") else [sys.executable, "-m", "uv"]
        shutil.rmtree(venv, ignore_errors=True)
        for command in (
            ["venv", "-q", "--python", sys.executable, str(venv)],
            ["pip", "install", "-q", "--python", str(python), *PACKAGES],
        ):
            done = subprocess.run([*uv, *command], capture_output=True, text=True, check=False)
            if done.returncode:
                raise Unavailable(f"the S3 server of the tests cannot be installed: {done.stderr.strip()[-500:]}")
        made.touch()
    return python


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """A running server that keeps its objects in a folder.

    Raises:
        Unavailable: it cannot be installed, or the folder's file system has no extended attributes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder) as probe:
        try:
            os.setxattr(probe.name, "user.wattlake", b"x")
        except OSError as error:
            raise Unavailable(f"the file system of {folder} has no extended attributes: {error.strerror}") from error
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [python_with_swift(), SCRIPT, folder, ACCESS_KEY_ID, SECRET_ACCESS_KEY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        assert process.stdin and process.stdout
        try:
            ready = process.stdout.readline().split()
            if not ready:
                raise Unavailable(f"the S3 server did not start:\n{(folder / 'log').read_text()[-2000:]}")
            yield S3Server(f"http://127.0.0.1:{ready[1]}")
        finally:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
