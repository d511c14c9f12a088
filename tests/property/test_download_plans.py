"""Plans of downloads: whatever the window, its days are asked for once each, and what is at hand is not."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.http.access import Access
from ingest.http.client import Client
from ingest.iso import answers
from ingest.registry import feeds, plan_of
from lakehouse.download.plan import Document, Known, Last, Planned, Window, runs
from tests.support.market import access_of

#: Plans that need no listing.
BY_DAYS = {name: plan_of(name) for name, feed in feeds().items() if feed.plan and not name.startswith("ercot-")}
ACCESS = {"caiso_nodes": "A,B,C"}
#: Services of ISO-NE that are given with an account only.
WITH_ACCOUNT = {"isone_username": "u", "isone_password": "p"}
#: The first day of a service.
FIRST_DAYS = {"isone-dam-as": date(2025, 3, 1)}

nows = st.integers(0, 900 * 86400).map(lambda second: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=second))


def planned(source: str, window: Window, known: Known, access: Access | None = None) -> Planned:
    without = source.endswith("-lmp") or not source.startswith("isone-")
    access = access or access_of(source, ACCESS if without else WITH_ACCOUNT)
    nobody = cast(Client, None)  # these plans ask nobody
    return asyncio.run(BY_DAYS[source].plan(source, window, known, access, nobody))


def window(source: str, now: datetime, ago: int, days: int) -> Window:
    zone = BY_DAYS[source].zone
    start = now.astimezone(zone).date() - timedelta(days=ago)
    return Window(start, start + timedelta(days=days), now, zone)


def documents(plan: Planned) -> list[Document]:
    return [document for request in plan.requests for document in request.documents]


def lanes(plan: Planned) -> dict[str, list[Document]]:
    found: dict[str, list[Document]] = {}
    for document in documents(plan):
        for lane in document.lanes:
            found.setdefault(lane, []).append(document)
    return found


@pytest.mark.parametrize("source", sorted(BY_DAYS))
@settings(max_examples=40, deadline=None)
@given(now=nows, ago=st.integers(-1, 400), days=st.integers(1, 70))
def test_the_days_of_a_window_are_asked_for_once_in_every_lane(source: str, now: datetime, ago: int, days: int) -> None:
    asked = window(source, now, ago, days)
    plan = planned(source, asked, Known())
    newest = asked.today - timedelta(days=BY_DAYS[source].lag_days)
    there = {day for day in asked.days if FIRST_DAYS.get(source, day) <= day <= newest}
    for lane, of_lane in lanes(plan).items():
        ordered = sorted(of_lane, key=lambda document: document.start)
        assert all(earlier.end <= later.start for earlier, later in pairwise(ordered)), lane
    covered = {d.start + timedelta(days=n) for d in documents(plan) for n in range((d.end - d.start).days)}
    if source.startswith("nyiso-"):  # an archive is of a month
        assert there <= covered or (not there and not covered)
    else:
        assert covered == there
    assert len({(document.slice, document.name) for document in documents(plan)}) == len(documents(plan))
    assert len({document.key for document in documents(plan)}) == len(documents(plan))


@pytest.mark.parametrize("source", sorted(BY_DAYS))
@settings(max_examples=25, deadline=None)
@given(now=nows, ago=st.integers(0, 100), days=st.integers(1, 40), data=st.data())
def test_what_is_at_hand_and_final_is_never_asked_for_again(
    source: str, now: datetime, ago: int, days: int, data: st.DataObject
) -> None:
    asked = window(source, now, ago, days)
    wanted = documents(planned(source, asked, Known()))
    if not wanted:
        return
    brought = data.draw(st.sets(st.sampled_from(range(len(wanted)))))
    finished: dict[str, set[date]] = {}
    last: dict[str, Last] = {}
    for number in brought:
        document = wanted[number]
        last[document.key] = Last("done", document.is_final, now)
        if document.is_final:
            for lane in document.lanes:
                days_of = {document.start + timedelta(days=n) for n in range((document.end - document.start).days)}
                finished.setdefault(lane, set()).update(days_of)
    again = documents(planned(source, asked, Known(finished, last)))
    final = {wanted[number].key for number in brought if wanted[number].is_final}
    assert not final & {document.key for document in again}
    for document in again:
        for lane in document.lanes:
            assert not any(day in finished.get(lane, ()) for day in (document.start,)) or source.startswith("nyiso-")
    rest = {document.key for document in wanted} - final
    if not source.startswith("caiso-"):  # its nodes are grouped by what each lacks
        assert rest <= {document.key for document in again}
    # Realtime leaves alone for a while what is complete and may still be corrected.
    patient = documents(planned(source, asked, Known(finished, last, timedelta(hours=6))))
    assert not {d.key for d in patient} & {d.key for n, d in enumerate(wanted) if n in brought and now >= d.due_at}


@given(st.sets(st.dates(date(2026, 1, 1), date(2026, 3, 1))))
def test_stretches_are_the_days_themselves(days: set[date]) -> None:
    found = list(runs(sorted(days)))
    assert {start + timedelta(days=n) for start, end in found for n in range((end - start).days)} == days
    assert all(earlier[1] < later[0] for earlier, later in pairwise(found))


@pytest.mark.parametrize("source", ["isone-rt5-lmp", "isone-rth-lmp"])
def test_with_an_account_the_web_services_are_asked_by_hour_and_vintage(source: str, tmp_path: Path) -> None:
    account = access_of(source, {"isone_username": "u", "isone_password": "p"})
    now = datetime(2026, 11, 20, 18, 2, tzinfo=UTC)
    plan = planned(source, window(source, now, 5, 1), Known(), account)
    number = 48 if source == "isone-rt5-lmp" else 2
    assert len(plan.requests) == number
    assert {request.judge for request in plan.requests} == {answers.a_json}
