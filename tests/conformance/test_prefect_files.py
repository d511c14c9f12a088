"""prefect.yaml, automations and job templates say what Prefect and the code understand."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import prefect.server.api.collections_data
import pytest
import yaml
from prefect.automations import Automation
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.flows import load_flow_from_entrypoint
from prefect.server.events.actions import SendNotification
from prefect.server.utilities.user_templates import render_user_template_sync
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.utilities.callables import parameter_schema
from prefect.workers.base import BaseJobConfiguration

from flows.automations import FILE, with_blocks
from flows.deployed import events, outcomes
from flows.deployed.parameters import FileOptions
from ingest.registry import feeds, provided_feeds, registry
from lakehouse.source import LandOptions

ROOT = Path(__file__).resolve().parents[2]
DEPLOYMENTS: list[dict[str, Any]] = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
#: Default job templates of every worker type, shipped with Prefect.
SHIPPED = Path(prefect.server.api.collections_data.__path__[0]) / "views" / "aggregate-worker-metadata.json"


def test_options_in_the_ui_are_those_of_the_command_line() -> None:
    assert list(FileOptions.model_fields) == [field.name for field in dataclasses.fields(LandOptions)]
    assert FileOptions().land_options() == LandOptions()
    with pytest.raises(ValueError, match="Mars/Olympus"):
        FileOptions(timezone="Mars/Olympus")


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment["name"])
def test_a_deployment_loads_takes_its_parameters_and_explains_each(deployment: dict[str, Any]) -> None:
    flow = load_flow_from_entrypoint(deployment["entrypoint"])
    flow.validate_parameters(deployment["parameters"])
    schema = parameter_schema(flow)
    assert set(deployment["parameters"]) <= set(schema.properties)
    assert [name for name, shown in schema.properties.items() if not shown.get("description")] == []
    assert deployment["description"].strip()
    assert deployment["concurrency_limit"]["limit"] == 1
    for trigger in deployment.get("triggers", ()):
        assert trigger["expect"] == [events.LANDED]
        assert trigger["schedule_after"] >= trigger["within"], "a landing in the window would go unbuilt"


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment["name"])
def test_a_source_is_a_choice_of_the_sources_there_are(deployment: dict[str, Any]) -> None:
    shown = parameter_schema(load_flow_from_entrypoint(deployment["entrypoint"])).properties
    for choice in (shown.get("source"), shown.get("sources", {}).get("items")):
        if choice:
            assert set(choice["enum"]) <= set(registry().sources)
            assert len(choice["enum"]) > 1


PROVIDED = set(provided_feeds())


def test_every_source_of_files_alone_has_a_landing_and_an_inbox() -> None:
    for flow in ("land", "inbox"):
        covered = {d["parameters"]["source"] for d in DEPLOYMENTS if d["entrypoint"].endswith(f"files.{flow}")}
        assert covered - PROVIDED == set(registry().sources) - PROVIDED


def test_every_source_of_a_provider_is_kept_up_to_date_by_one_deployment_and_each_is_of_one_provider() -> None:
    realtime = [d["parameters"]["sources"] for d in DEPLOYMENTS if d["entrypoint"].endswith(".realtime")]
    covered = [name for names in realtime for name in names]
    assert sorted(covered) == sorted(name for name, feed in feeds().items() if feed.plan)
    assert all(len({name.partition("-")[0] for name in names}) == 1 for names in realtime)
    (inbox,) = [d for d in DEPLOYMENTS if d["entrypoint"].endswith("files.provider_inbox")]
    assert inbox["schedules"][0]["active"]


def test_what_needs_the_internet_is_paused_until_somebody_wants_it() -> None:
    for deployment in DEPLOYMENTS:
        if deployment["entrypoint"].endswith(("downloads.realtime", "downloads.download", "downloads.backfill")):
            assert not any(schedule["active"] for schedule in deployment.get("schedules", ()))


AUTOMATIONS: list[dict[str, Any]] = yaml.safe_load(FILE.read_text())["automations"]


def test_a_run_without_heartbeats_is_a_zombie_after_three_and_no_end_of_ours_is_taken_for_one() -> None:
    (described,) = [one for one in AUTOMATIONS if one["name"] == "mark-zombies-crashed"]
    automation = Automation.model_validate(described)
    assert automation.trigger.within.total_seconds() == 90  # three heartbeats, see prefect.toml
    ends = {"Completed", "Failed", "Cancelled", "Crashed", outcomes.REFUSED, outcomes.CHECKS_FAILED, outcomes.STALE}
    assert automation.trigger.expect == {f"prefect.flow-run.{name}" for name in (*ends, "heartbeat")}


def test_every_end_of_the_type_failed_is_told() -> None:
    (described,) = [one for one in AUTOMATIONS if one["name"] == "tell-of-failed-runs"]
    ends = {"Failed", "Crashed", "TimedOut", outcomes.REFUSED, outcomes.CHECKS_FAILED}
    assert set(described["trigger"]["expect"]) == {f"prefect.flow-run.{name}" for name in ends}


@pytest.mark.parametrize("described", AUTOMATIONS, ids=lambda described: described["name"])
def test_an_automation_listens_to_events_that_are_emitted_and_its_templates_are_sound(
    described: dict[str, Any],
) -> None:
    for event in described["trigger"]["expect"]:
        assert event.startswith(("prefect.flow-run.", "prefect.work-pool.")) or event in (events.LANDED, events.STALE)
    for action in described["actions"]:
        if action["type"] == "send-notification":
            assert "block_document_id" not in action, "which block is told is found by its name"
            SendNotification(**action, block_document_id=uuid4())


def test_a_file_s_name_calls_nobody_in_a_chat() -> None:
    (described,) = [one for one in AUTOMATIONS if one["name"] == "tell-of-failed-runs"]
    SendNotification(**described["actions"][0], block_document_id=uuid4())  # makes its filters known
    state = State(type=StateType.FAILED, name=outcomes.REFUSED, message="<!channel>.csv is no known meter file")
    run = FlowRun(flow_id=uuid4(), name="land meter: <!channel>.csv", state=state)
    for part, words in (("subject", "land meter: "), ("body", " is no known meter file")):
        text = render_user_template_sync(described["actions"][0][part], {"flow_run": run})
        assert "\u2039!channel\u203a.csv" in text and words in text
        assert "<" not in text and ">" not in text


def test_an_automation_that_tells_somebody_is_off_until_there_is_a_block_and_tells_every_one_of_them() -> None:
    telling = [one for one in AUTOMATIONS if one["actions"][0]["type"] == "send-notification"]
    assert telling
    for described in telling:
        off = with_blocks(described, [])
        assert (off.enabled, [action.type for action in off.actions]) == (False, ["do-nothing"])
        blocks = [str(uuid4()), str(uuid4())]
        on = with_blocks(described, blocks)
        assert on.enabled
        assert [str(action.block_document_id) for action in on.actions] == blocks


class Rendered(BaseJobConfiguration, extra="allow"):
    """A job configuration with the fields of any worker type."""


@pytest.mark.parametrize("kind", ["docker", "kubernetes"])
def test_a_job_template_fills_from_its_defaults_and_stays_within_what_the_worker_takes(kind: str) -> None:
    template = json.loads((ROOT / "deploy" / f"{kind}-pool.json").read_text())
    shipped = json.loads(SHIPPED.read_text())[f"prefect-{kind}"][kind]["default_base_job_configuration"]
    assert set(template["job_configuration"]) <= set(shipped["job_configuration"])
    own = {"home_claim", "secret_name"}
    assert set(template["variables"]["properties"]) - own <= set(shipped["variables"]["properties"])
    values = DEPLOYMENTS[0]["work_pool"]["job_variables"]

    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):  # nothing in it asks a server
        filled = asyncio.run(Rendered.from_template_and_values(template, {**values, "name": "run"})).model_dump()
    assert "{{" not in json.dumps(filled)
    assert filled["env"] == {"WATTLAKE_HOME": "/data"}
    assert "wattlake:latest" in json.dumps(filled)
