"""The simulated operators answer as the real ones are known to, and fail as told."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx
import pytest

from tests.support.servers import market_ercot
from tests.support.servers.market_exchange import (
    cut,
    dripping,
    failing,
    instead,
    late,
    redirected,
    throttled,
    truncated,
    waf,
)
from tests.support.servers.market_server import CREDENTIALS, MarketServer, market_server

NOW = datetime(2025, 7, 15, 18, 2, tzinfo=UTC)
ZONES = "/nyiso/public/csv/realtime/20250715realtime_zone.csv"


@pytest.fixture(scope="module")
def operators() -> Iterator[MarketServer]:
    with market_server(now=NOW) as server:
        yield server


@pytest.fixture(autouse=True)
def healed(operators: MarketServer) -> Iterator[None]:
    yield
    operators.heal()
    operators.now = NOW
    operators.requests.clear()


@pytest.fixture
def client(operators: MarketServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=operators.url, timeout=5) as client:
        yield client


def token(client: httpx.Client, **other: str) -> httpx.Response:
    form = {
        "grant_type": "password", "username": market_ercot.USERNAME, "password": market_ercot.PASSWORD,
        "scope": "openid x offline_access", "client_id": "x", "response_type": "id_token",
    }  # fmt: skip
    return client.post("/ercot-token", data=form | other)


def allowed(client: httpx.Client) -> dict[str, str]:
    return {
        "Ocp-Apim-Subscription-Key": market_ercot.KEY,
        "Authorization": f"Bearer {token(client).json()['id_token']}",
    }


def test_ercots_archive_is_listed_page_by_page_and_downloaded_one_by_one_or_in_bulk(client: httpx.Client) -> None:
    headers = allowed(client)
    window = {"postDatetimeFrom": "2025-07-10T00:00:00", "postDatetimeTo": "2025-07-11T00:00:00"}
    pages = [
        client.get("/ercot-api/archive/np6-905-cd", headers=headers, params={**window, "size": 50, "page": n}).json()
        for n in (1, 2)
    ]
    assert [page["_meta"]["totalRecords"] for page in pages] == [96, 96]
    listed = [document for page in pages for document in page["archives"]]
    assert len({document["docId"] for document in listed}) == 96
    assert all(len(document["postDatetime"]) == 23 and "Z" not in document["postDatetime"] for document in listed)

    one = client.get("/ercot-api/archive/np6-905-cd", headers=headers, params={"download": listed[0]["docId"]})
    wanted = [document["docId"] for document in listed[:3]]
    bulk = client.post("/ercot-api/archive/np6-905-cd/download", headers=headers, json={"docIds": wanted})
    with zipfile.ZipFile(io.BytesIO(bulk.content)) as outer:
        names = outer.namelist()
        assert [int(name.split(".")[0]) for name in names] == wanted
        assert outer.read(names[0]) == one.content
    too_many = client.post("/ercot-api/archive/np6-905-cd/download", headers=headers, json={"docIds": [1] * 1001})
    assert too_many.status_code == 400


def test_ercot_refuses_without_key_or_token_and_after_a_token_has_expired(
    operators: MarketServer, client: httpx.Client
) -> None:
    url = "/ercot-api/archive/np4-190-cd"
    headers = allowed(client)
    assert client.get(url, headers={"Authorization": headers["Authorization"]}).status_code == 401
    assert client.get(url, headers={"Ocp-Apim-Subscription-Key": market_ercot.KEY}).status_code == 401
    assert token(client, password="wrong").status_code == 400
    operators.ercot.token_calls = 1
    try:
        headers = allowed(client)
        window = {"postDatetimeFrom": "2025-07-10T00:00:00"}
        statuses = [client.get(url, headers=headers, params=window).status_code for _ in range(2)]
        assert statuses == [200, 401]
    finally:
        operators.ercot.token_calls = 10**9


def test_ercots_query_pages_hold_what_the_postings_of_these_days_hold(client: httpx.Client) -> None:
    params = {"deliveryDateFrom": "2025-03-08", "deliveryDateTo": "2025-03-09", "size": 100, "page": 2}
    answer = client.get("/ercot-api/np4-190-cd/dam_stlmnt_pnt_prices", headers=allowed(client), params=params).json()
    assert answer["_meta"]["totalRecords"] == (24 + 23) * 4
    assert len(answer["data"]) == 88 and isinstance(answer["data"][0], list)
    assert [field["name"] for field in answer["fields"]][-1] == "DSTFlag"


def test_the_market_information_system_lists_every_posting_twice_and_keeps_it_for_days(
    operators: MarketServer, client: httpx.Client
) -> None:
    listing = client.get("/mis/misapp/servlets/IceDocListJsonWS", params={"reportTypeId": 12331}).json()
    documents = [item["Document"] for item in listing["ListDocsByRptTypeRes"]["DocumentList"]]
    assert len(documents) == 62 and {d["FriendlyName"][-4:] for d in documents} == {"_csv", "_xml"}
    found = {
        form: client.get(
            "/mis/misdownload/servlets/mirDownload",
            params={"doclookupId": next(d["DocID"] for d in documents if d["FriendlyName"].endswith(form))},
        ).content
        for form in ("_csv", "_xml")
    }
    assert b"SIM_DAMSPNP4190.csv" in found["_csv"] and b".xml" in found["_xml"]
    given = operators.ercot.give("np3-965-er", "60_Day_SCED_Disclosure.zip", b"PK-bytes", NOW - timedelta(days=1))
    listing = client.get("/mis/misapp/servlets/IceDocListJsonWS", params={"reportTypeId": 13052}).json()
    assert [item["Document"]["DocID"] for item in listing["ListDocsByRptTypeRes"]["DocumentList"]] == [str(given)]


def test_oasis_answers_rows_or_an_error_in_an_archive_always_with_status_200(client: httpx.Client) -> None:
    def ask(**other: str) -> tuple[int, str, bytes]:
        params = {
            "queryname": "PRC_LMP", "version": "12", "market_run_id": "DAM", "node": "SIM_NP15-APND",
            "startdatetime": "20250701T07:00-0000", "enddatetime": "20250702T07:00-0000", "resultformat": "6",
        }  # fmt: skip
        answer = client.get("/oasis/oasisapi/SingleZip", params=params | other)
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            return answer.status_code, answer.headers["Content-Disposition"], archive.read(archive.namelist()[0])

    status, name, rows = ask()
    assert (status, rows.count(b"\n")) == (200, 1 + 24 * 5) and ".csv" not in name and name.endswith("_v12.zip;")
    for other, code in (({"node": "NONE"}, b"1000"), ({"enddatetime": "20250901T07:00-0000"}, b"1004")):
        status, name, rows = ask(**other)
        assert status == 200 and b"<m:ERR_CODE>" + code in rows and name.endswith(".xml.zip;")


def test_iso_ne_wants_a_password_for_json_and_a_cookie_for_files(client: httpx.Client) -> None:
    url = "/isone-api/hourlylmp/rt/prelim/day/20250713/location/94000"
    assert client.get(url).status_code == 401
    auth = (CREDENTIALS["WATTLAKE_ISONE_USERNAME"], CREDENTIALS["WATTLAKE_ISONE_PASSWORD"])
    answer = client.get(f"{url}.json", auth=auth).json()
    assert len(answer["HourlyLmps"]["HourlyLmp"]) == 24
    future = client.get("/isone-api/hourlylmp/rt/final/day/20250714.json", auth=auth).json()
    assert future == {"HourlyLmps": ""}
    file = "/isone-public/static-transform/csv/histRpts/da-lmp/WW_DALMP_ISO_20250713.csv"
    assert client.get(file).status_code == 403
    client.get("/isone-public/isoexpress/web/reports/operations/-/tree/gen-fuel-mix")
    assert client.get(file).text.endswith('"T","72 lines"\n')
    early = client.get(file.replace("20250713", "20250720"))
    assert (early.status_code, early.content) == (200, b"No data exists for this period.")


def test_nyisos_file_of_today_grows_with_the_clock_and_is_told_by_its_tag(
    operators: MarketServer, client: httpx.Client
) -> None:
    first = client.get(ZONES)
    again = client.get(ZONES, headers={"If-None-Match": first.headers["ETag"]})
    since = client.get(ZONES, headers={"If-Modified-Since": first.headers["Last-Modified"]})
    assert (again.status_code, since.status_code, again.content) == (304, 304, b"")
    operators.now = NOW + timedelta(minutes=5)
    grown = client.get(ZONES, headers={"If-None-Match": first.headers["ETag"]})
    assert grown.status_code == 200
    known, ahead = first.text.splitlines()[:-16], first.text.splitlines()[-16:]
    assert grown.text.startswith("\n".join(known)) and len(grown.text) > len(first.text)
    assert [line[12:20] for line in ahead[::4]] == ["14:15:00", "14:30:00", "14:45:00", "15:00:00"]
    assert client.get(ZONES.replace("20250715", "20250701")).status_code == 404
    month = client.get("/nyiso/public/csv/realtime/20250701realtime_zone_csv.zip")
    assert len(zipfile.ZipFile(io.BytesIO(month.content)).namelist()) == 14


def test_faults_come_in_the_order_of_their_script(operators: MarketServer, client: httpx.Client) -> None:
    operators.script(
        "realtime_zone", throttled(7), throttled(), throttled(2, as_date=True), failing(502), waf(), waf(403),
        instead(b"No data exists for this period."), redirected("http://198.51.100.1/elsewhere"), None,
    )  # fmt: skip
    got = [client.get(ZONES) for _ in range(9)]
    assert [answer.status_code for answer in got] == [429, 429, 429, 502, 200, 403, 200, 302, 200]
    assert got[0].headers["Retry-After"] == "7" and "Retry-After" not in got[1].headers
    wait = parsedate_to_datetime(got[2].headers["Retry-After"]) - datetime.now(UTC)
    assert timedelta(seconds=1) < wait < timedelta(seconds=4)
    assert b"Incapsula incident" in got[4].content and got[8].text.startswith('"Time Stamp"')


def test_bodies_are_cut_truncated_slow_and_late_as_told(operators: MarketServer, client: httpx.Client) -> None:
    url = "/nyiso/public/csv/damlbmp/20250601damlbmp_zone_csv.zip"
    whole = client.get(url).content
    operators.script("damlbmp_zone", cut(), truncated(), dripping(4096, 0.02), late(0.2))
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(url)
    assert client.get(url).content == whole[: len(whole) // 2]
    began = time.monotonic()
    assert client.get(url).content == whole
    assert time.monotonic() - began > 0.02 * (len(whole) // 4096)
    with pytest.raises(httpx.ReadTimeout):
        client.get(url, timeout=0.1)


def test_what_comes_too_soon_is_refused_and_every_request_is_remembered_without_secrets(
    operators: MarketServer, client: httpx.Client
) -> None:
    operators.limit("/oasis", 0.2)
    statuses = [client.get("/oasis/oasisapi/SingleZip", params={"queryname": "PRC_LMP"}).status_code for _ in range(2)]
    assert statuses == [200, 429]
    client.get("/ercot-api/", headers=allowed(client))
    kept = repr(operators.requests)
    assert not [secret for secret in CREDENTIALS.values() if secret in kept] and "sim-token" not in kept
    assert operators.seen("/ercot-token")[0].fields[0] == "client_id"
    assert operators.secrets_leaked() == []
    client.get("/ercot-token", params={"password": market_ercot.PASSWORD})
    assert len(operators.secrets_leaked()) == 1


def test_bytes_are_served_at_any_path(operators: MarketServer, client: httpx.Client) -> None:
    operators.place("/nyiso/public/csv/rtlbmp/20251102rtlbmp_zone.csv", b"recorded", changed=NOW)
    answer = client.get("/nyiso/public/csv/rtlbmp/20251102rtlbmp_zone.csv")
    assert answer.content == b"recorded" and parsedate_to_datetime(answer.headers["Last-Modified"]) == NOW
