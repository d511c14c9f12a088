"""The spool gives back what is whole and its own, whatever a crash or a disk has made of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ingest.http.exchange import http_date
from lakehouse.download.fetcher import Answer
from lakehouse.download.plan import Document
from lakehouse.download.spool import Spool

DAY = date(2026, 11, 12)
DOCUMENT = Document(
    "nyiso-rth-lbmp-zone", DAY, date(2026, 11, 13), "20261112rtlbmp_zone.csv", datetime(2026, 11, 14, tzinfo=UTC),
    is_final=True, states_modified=True,
)  # fmt: skip
CONTENT = b'"Time Stamp","Name"\n"11/12/2026 00:00:00","CAPITL"\n'


def put(folder: Path, document: Document = DOCUMENT, **answered: str) -> Spool:
    """A spool with one document."""
    spool, part = Spool(folder / "spool"), folder / "1.part"
    part.write_bytes(CONTENT)
    modified_at = http_date(answered.get("last_modified"))
    spool.put(document, Answer("done", "http://x/y", modified_at=modified_at, **answered), part)
    return spool


def files(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "spool").rglob("*") if path.is_file())


def test_what_was_put_is_given_back(tmp_path: Path) -> None:
    (found,) = put(tmp_path, last_modified="Fri, 13 Nov 2026 05:00:00 GMT").waiting()
    assert (found.document, found.path.read_bytes()) == (DOCUMENT, CONTENT)
    assert found.origin["published_at"] == "2026-11-13T05:00:00+00:00"


@pytest.mark.parametrize("stamp", ["rubbish", "Wed, 21 Oct 99999999999999999999 07:28:00 GMT", "", "x" * 900])
def test_a_date_that_is_none_says_nothing_of_the_publication(tmp_path: Path, stamp: str) -> None:
    (found,) = put(tmp_path, last_modified=stamp).waiting()
    assert found.origin["published_at"] is None


@pytest.mark.parametrize(
    "sidecar",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"document": [], "origin": {}}', b'{"document": {}, "origin": null}'],
)
def test_a_damaged_sidecar_costs_its_document_and_not_the_run(tmp_path: Path, sidecar: bytes) -> None:
    spool = put(tmp_path)
    files(tmp_path)[0].write_bytes(sidecar)
    assert spool.waiting() == []
    spool.tidy()
    assert files(tmp_path) == []


@pytest.mark.parametrize("name", ["origin", "document", "sha256", "simulated"])
def test_a_sidecar_of_another_version_costs_its_document_and_not_the_run(tmp_path: Path, name: str) -> None:
    spool = put(tmp_path)
    sidecar = files(tmp_path)[0]
    said = json.loads(sidecar.read_text())
    sidecar.write_text(json.dumps({**said, name: {"other": 1} if isinstance(said[name], dict) else None}))
    assert [entry.document for entry in spool.waiting()] == ([DOCUMENT] if name == "simulated" else [])


def test_bytes_that_are_not_those_that_came_are_fetched_again(tmp_path: Path) -> None:
    for damaged in (CONTENT[:-1], CONTENT.replace(b"CAPITL", b"CAPITX"), b""):
        spool = put(tmp_path)
        files(tmp_path)[1].write_bytes(damaged)
        assert spool.waiting() == []


def test_a_document_of_a_simulator_never_lands_as_a_real_one(tmp_path: Path) -> None:
    real = put(tmp_path)
    simulated = Spool(tmp_path / "spool", simulated=True)
    assert simulated.waiting() == []
    assert len(real.waiting()) == 1


def test_two_documents_of_one_name_wait_side_by_side(tmp_path: Path) -> None:
    spool = put(tmp_path, replace(DOCUMENT, doc_id="1"))
    (tmp_path / "2.part").write_bytes(b"second")
    spool.put(replace(DOCUMENT, doc_id="2"), Answer("done", "http://x/y"), tmp_path / "2.part")
    assert sorted(entry.path.read_bytes() for entry in spool.waiting()) == sorted([CONTENT, b"second"])
