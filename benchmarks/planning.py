"""A year of five-minute prices over fifty nodes: requests, waits for the operators' limits, and our own time.

The operator is a stub on loopback that answers every query with the same small archive, and the clock is simulated: a
wait takes no time and is counted. So the figures are those of the client, not of an operator or a line.
"""

from __future__ import annotations

import asyncio
import io
import shutil
import tempfile
import threading
import time
import zipfile
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ingest.http.access import Access
from ingest.http.client import Client
from ingest.iso.caiso.access import Access as Caiso
from ingest.iso.isone.access import Access as Isone
from ingest.iso.nyiso.access import Access as Nyiso
from ingest.registry import plan_of
from lakehouse.download.fetcher import Clock
from lakehouse.download.plan import Known, Planned, Window
from lakehouse.download.spool import Spool

NODES = {"small": 50, "full": 50}
YEAR = (date(2025, 1, 1), date(2026, 1, 1))
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
#: Beside CAISO, only planned: requests times spacing.
PLANNED = ("caiso-rt5-lmp", "isone-rt5-lmp", "nyiso-rt5-lbmp-zone")


def archive() -> bytes:
    """A small document of OASIS."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("20250101_20250201_PRC_INTVL_LMP_RTM_20260301_12_00_00_v3.csv", "A,B\n" + "1,2\n" * 20_000)
    return out.getvalue()


def stub() -> ThreadingHTTPServer:
    """A server that answers everything with it."""
    body = archive()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


async def plan(source: str, access: Access, client: Client) -> Planned:
    """All requests of the year."""
    feed = plan_of(source)
    return await feed.plan(source, Window(*YEAR, NOW, feed.zone), Known(), access, client)


async def download(folder: Path, access: Caiso) -> tuple[Planned, float]:
    """Fetch the year into a spool; the requests, and the seconds that the simulated clock waited."""
    waited = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal waited
        waited += seconds

    clock = Clock(lambda: NOW.timestamp() + waited, sleep)
    spool = Spool(folder / "spool")
    async with Client(folder / "parts", folder / "turns", clock=clock) as client:
        planned = await plan("caiso-rt5-lmp", access, client)
        for request in planned.requests:
            answer = await client.fetch(request.ask, request.judge)
            assert answer.path is not None, answer.error
            spool.put(request.documents[0], answer, answer.path)
    return planned, waited


def measure(scale: str) -> list[dict[str, object]]:
    """The year over CAISO's limit, and what others would ask for."""
    nodes = ",".join(f"NODE_{number:03d}_7_N001" for number in range(NODES[scale]))
    folder, server = Path(tempfile.mkdtemp(prefix="wattlake-planning-")), stub()
    access = Caiso(caiso_nodes=nodes, caiso_url=f"http://127.0.0.1:{server.server_port}")
    try:
        began = time.process_time()
        planned, waited_s = asyncio.run(download(folder, access))
        ours_s = time.process_time() - began
        began = time.process_time()
        reached = {"caiso": access, "isone": Isone(), "nyiso": Nyiso()}
        lists = {name: asyncio.run(_planned(name, reached[name.partition("-")[0]], folder)) for name in PLANNED}
        planning_s = time.process_time() - began
    finally:
        server.shutdown()
        shutil.rmtree(folder)
    data = (
        f"caiso-rt5-lmp of 2025 over {NODES[scale]} nodes against a stub on loopback; the clock is simulated, so waits "
        "are counted and not lived"
    )
    span_s = access.caiso.every_s
    rows: list[dict[str, object]] = [
        {"name": "a year of 5-minute LMPs, 50 nodes: requests", "ours": len(planned.requests), "unit": "requests",
         "limit_note": "answers of at most 450,000 rows", "data": data},
        {"name": "the same: waits for OASIS' limit (simulated clock)", "ours": waited_s, "unit": "s",
         "limit_note": f"one request in {span_s} s"},
        {"name": "the same: our processor time, answers judged and spooled", "ours": ours_s, "unit": "s CPU",
         "limit_note": "the stub's share included"},
        {"name": "planning a year of three operators", "ours": planning_s, "unit": "s CPU", "limit_note": ""},
    ]  # fmt: skip
    for name, (requests, every_s) in lists.items():
        rows.append({
            "name": f"{name}, a year: least time by its limit (computed)", "ours": requests * every_s / 60,
            "unit": "min", "limit_note": f"{requests:,} requests, one in {every_s} s",
        })  # fmt: skip
    return rows


async def _planned(source: str, access: Access, folder: Path) -> tuple[int, float]:
    async with Client(folder / "parts", folder / "turns") as client:
        requests = (await plan(source, access, client)).requests
    return len(requests), requests[0].ask.operator.every_s
