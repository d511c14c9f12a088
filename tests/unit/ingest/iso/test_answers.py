"""Answers of status 200 that are no documents are told apart from those that are."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from pathlib import Path

import pytest

from ingest.http.exchange import Denied, Malformed, Refused, Throttled
from ingest.iso.answers import a_csv, a_json, a_zip_or_csv
from ingest.iso.caiso.answers import oasis_lacks, oasis_zip
from ingest.iso.ercot.bulk import unpack_documents
from lakehouse.errors import UnreadableFile, WattlakeError

JUDGES = {"zip": oasis_zip, "csv": a_csv, "json": a_json, "zip or csv": a_zip_or_csv}
CSV = b'"Time Stamp","Name"\n"11/20/2026 00:05:00","CAPITL"\n'


def packed(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return out.getvalue()


def oasis(code: str, words: str) -> bytes:
    text = f'<m:R xmlns:m="http://x"><m:ERROR><m:ERR_CODE>{code}</m:ERR_CODE><m:ERR_DESC>{words}</m:ERR_DESC></m:ERROR></m:R>'
    return packed(INVALID__xml=text.encode())


def wrong_crc() -> bytes:
    content = bytearray(packed(a__csv=CSV))
    content[content.index(b"a.csv") + 10] ^= 0xFF
    return bytes(content)


def damaged_lzma() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.csv", CSV * 50)
    content = bytearray(out.getvalue())
    content[45:60] = b"\xff" * 15
    return bytes(content)


BOMB = packed(a__csv=b"0" * (64 << 20))
LAUGHS = packed(x__xml=b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><l><ERR_CODE>&b;</ERR_CODE></l>')


@pytest.mark.parametrize(
    ("kind", "content", "outcome", "error"),
    [
        ("zip", packed(a__csv=CSV), "done", None),
        ("zip", packed(), "empty", None),
        ("zip", oasis("1000", "No data returned for the specified selection"), "empty", None),
        ("zip", oasis("1015", "GET request resulted in an error"), None, Refused),
        ("zip", packed(a__xml=b"<cut"), None, Malformed),
        ("zip", LAUGHS, None, Malformed),
        ("zip", packed(a__csv=CSV * 50)[:-30], None, Malformed),
        ("zip", wrong_crc(), None, Malformed),
        ("zip", BOMB, None, Refused),
        ("zip", b"", None, Malformed),
        ("zip", b"<html><p>CAISO Acceptable Use Policy Violation. Please retry</p></html>", None, Throttled),
        ("zip", b"<html>Request unsuccessful. Incapsula incident ID: 1</html>", None, Denied),
        ("zip", b"<html>Scheduled maintenance</html>", None, Malformed),
        ("csv", CSV, "done", None),
        ("csv", CSV.split(b"\n")[0] + b"\r\n", "empty", None),
        ("csv", b"No data exists for this period.", "empty", None),
        ("csv", b"<!doctype html><html><body>a,b</body></html>", None, Malformed),
        ("csv", packed(a__csv=CSV), None, Malformed),
        ("json", b'{"HourlyLmps": {"HourlyLmp": [{"LmpTotal": 1}]}}', "done", None),
        ("json", b'{"HourlyLmps": ""}', "empty", None),
        ("json", b"No data exists for this period.", "empty", None),
        ("json", b'{"HourlyLmps": [', None, Malformed),
        ("json", b"[" * 200_000, None, Malformed),
        ("zip", packed(é__csv=CSV).replace("é".encode(), b"\xc3\x28"), None, Malformed),
        ("zip", damaged_lzma(), None, Malformed),
        ("zip or csv", CSV, "done", None),
        ("zip or csv", packed(a__csv=CSV), "done", None),
    ],
)
def test_an_answer_is_what_it_is(
    tmp_path: Path, kind: str, content: bytes, outcome: str | None, error: type[WattlakeError] | None
) -> None:
    path = tmp_path / "answer"
    path.write_bytes(content)
    verdict = JUDGES[kind](path, {})
    assert type(verdict.error) is (error or type(None))
    if verdict.error:
        assert verdict.error.next_step
    else:
        assert verdict.outcome == outcome


@pytest.mark.real_data
def test_recorded_answers_of_oasis_and_ercot_are_judged_as_what_they_are(recorded: Path, tmp_path: Path) -> None:
    iso = recorded / "iso"
    refusal = iso / "caiso" / "http_429_body.html"
    assert type(JUDGES["zip"](refusal, {}).error) is Throttled
    empty = tmp_path / "empty.zip"
    empty.write_bytes(packed(INVALID__xml=(iso / "caiso" / "oasis_no_data_error_1000.xml").read_bytes()))
    assert JUDGES["zip"](empty, {}).outcome == "empty"
    archives = list(iso.rglob("*.zip"))
    assert archives
    for path in archives:
        assert JUDGES["zip"](path, {}) == JUDGES["zip or csv"](path, {})
        assert JUDGES["zip"](path, {}).error is None, path.name


def test_an_answer_of_oasis_that_is_no_table_is_left_to_its_reader(tmp_path: Path) -> None:
    answer = tmp_path / "answer"
    answer.write_bytes(packed(a__csv=b'NODE,OPR_DT\n"' + b"x" * 200_000 + b'"\n'))
    assert "A (1 days)" in str(oasis_lacks(answer, ("A",), frozenset({date(2026, 10, 1)})))


def test_a_bulk_download_gives_what_was_asked_for_and_no_more(tmp_path: Path) -> None:
    inner = packed(a__csv=CSV)
    bulk = tmp_path / "bulk.part"
    with zipfile.ZipFile(bulk, "w") as archive:
        for name in ("11.SPP_csv.zip", "12.SPP_csv.zip", "../13.zip", "14.csv.zip"):
            archive.writestr(name, inner)
    found = unpack_documents(bulk, frozenset({"11", "13", "99"}), tmp_path)
    assert sorted(found) == ["11", "13"]
    paths = [path for path in found.values() if isinstance(path, Path)]
    assert [path.read_bytes() for path in paths] == [inner, inner]
    assert {path.parent for path in paths} == {tmp_path}
    with zipfile.ZipFile(bulk, "w") as archive:
        archive.writestr("11.SPP_csv.zip", inner[:-20])
        archive.writestr("12.SPP_csv.zip", inner)
    found = unpack_documents(bulk, frozenset({"11", "12"}), tmp_path)
    assert isinstance(found["12"], Path), "a damaged one does not cost the others"
    assert isinstance(found["11"], UnreadableFile)
    assert found["11"].message.startswith("document 11 of a bulk download: ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bulk-12.part", "bulk-13.part", "bulk.part"]
