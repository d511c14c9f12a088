"""The compose file fits the code: settings and commands exist, nothing is open to others, no secret has a default."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from lakehouse.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "compose.yaml").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
#: Those that run this repository's code.
OURS = {name: service for name, service in SERVICES.items() if service.get("image") == "wattlake"}
SECRETS = {"S3_ACCESS_KEY_ID": "key", "S3_SECRET_ACCESS_KEY": "very-secret", "POSTGRES_PASSWORD": "also-secret"}


def test_it_has_every_server_and_they_are_reached_through_loopback_only() -> None:
    assert set(SERVICES) == {"minio", "bucket", "postgres", "redis", "prefect", "deploy", "worker"}
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(published) == 5 and all(port.startswith("127.0.0.1:") for port in published)


def test_secrets_come_from_the_environment_and_have_no_default() -> None:
    variables = re.findall(r"\$\{(\w+)([^}]*)\}", TEXT)
    assert {name for name, _ in variables} == set(SECRETS)
    assert all(rest.startswith(":?") for _, rest in variables)
    assert ".env" in (ROOT / ".gitignore").read_text().split()
    assert ".env" in (ROOT / ".dockerignore").read_text().split()


def test_the_worker_s_environment_is_made_of_settings_and_they_are_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    given = SERVICES["worker"]["environment"]
    names = {name for name in given if name.startswith("WATTLAKE_")}
    assert names <= {f"WATTLAKE_{field.name.upper()}" for field in dataclasses.fields(Settings)}
    for name in names:
        monkeypatch.setenv(name, re.sub(r"\$\{(\w+)[^}]*\}", lambda match: SECRETS[match[1]], given[name]))
    settings = Settings()
    assert settings.s3.access_key_id == "key" and settings.ops_uri == settings.catalog_uri
    bucket = settings.warehouse.removeprefix("s3://").split("/")[0]
    assert SERVICES["bucket"]["command"][-1] == f"store/{bucket}"
    user, database = (SERVICES["postgres"]["environment"][f"POSTGRES_{name}"] for name in ("USER", "DB"))
    assert f"//{user}:also-secret@postgres:5432/{database}" in settings.catalog_uri.get_secret_value()


def test_commands_of_our_image_exist() -> None:
    installed = {path.name for path in Path(sys.executable).parent.iterdir()}
    lines = [" ".join(service["command"]).removeprefix("sh -c ") for service in OURS.values()]
    commands = [line.split() for text in lines for line in text.split(" && ")]
    assert [words[0] for words in commands].count("prefect") == 4
    for program, *arguments in commands:
        assert program in installed
        if program == "python":
            assert importlib.util.find_spec(arguments[arguments.index("-m") + 1])
    pool = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    assert pool["deployments"] and "pool wattlake" in " ".join(SERVICES["worker"]["command"])


def test_what_a_service_waits_for_exists_and_keeps_its_data() -> None:
    known = set(yaml.safe_load(TEXT)["volumes"])
    for service in SERVICES.values():
        assert set(service.get("depends_on", {})) <= set(SERVICES)
        assert {volume.split(":")[0] for volume in service.get("volumes", [])} <= known | {"./inbox"}
