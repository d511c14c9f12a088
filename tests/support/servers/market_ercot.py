"""ERCOT as its clients see it: token endpoint, Public API (archive, bundles, queries), market information system."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from urllib.parse import parse_qs

from ingest.simulate.markets import ercot
from ingest.simulate.markets.days import CENTRAL
from ingest.simulate.markets.stated import packed
from tests.support.servers.market_exchange import JSON, ZIP, Answer, Asked, page

USERNAME, PASSWORD, KEY = "sim-user@example.org", "sim-password", "sim-subscription-key"
#: Report type ids and days at the market information system of products whose documents are given, not made.
GIVEN = {"np3-966-er": (13051, 1462), "np3-965-er": (13052, 1462), "np4-196-m": (13044, 31), "np4-197-m": (13045, 31)}
REPORTS = {product.report: emil for emil, product in ercot.PRODUCTS.items()} | {r: e for e, (r, _) in GIVEN.items()}
MIS_DAYS = {emil: product.days for emil, product in ercot.PRODUCTS.items()} | {e: d for e, (_, d) in GIVEN.items()}
BULK_DOCUMENTS = 1000
FIRST_DAY = date(2023, 12, 11)


@dataclass(frozen=True)
class Posted:
    """A document in ERCOT's listings.

    Args:
        name: file name of its archive.
        content: gives its bytes.
    """

    doc_id: int
    name: str
    published_at: datetime
    content: Callable[[], bytes]

    @property
    def friendly(self) -> str:
        """Its name without what all names have, and without its ending."""
        stem = self.name.removesuffix(".zip").split(".")[-1] if self.name.startswith("cdr.") else self.name
        return stem.removesuffix(".zip").removesuffix("_csv")


class Ercot:
    """The operator's state: tokens, given documents.

    Args:
        seed: of the simulated market.
        now: tells the time.
    """

    def __init__(self, seed: int, now: Callable[[], datetime]) -> None:
        self.seed, self.now = seed, now
        self.token_seconds, self.token_calls = 3600.0, 10**9
        #: Tokens given out so far.
        self.tokens = 0
        self._token: tuple[str, float, int] | None = None
        self._given: dict[str, list[Posted]] = {}

    def give(self, emil: str, name: str, content: bytes, published_at: datetime) -> int:
        """Publish these bytes under a product from `published_at` on; returns the document's id."""
        posted = self._given.setdefault(emil.lower(), [])
        doc_id = 900_000_000 + 10_000 * sorted(MIS_DAYS).index(emil.lower()) + len(posted)
        posted.append(Posted(doc_id, name, published_at, lambda: content))
        return doc_id

    def token(self, asked: Asked) -> Answer:
        """The B2C token endpoint: an id token for the right form, 400 for another."""
        form = {name: values[-1] for name, values in parse_qs(asked.body.decode()).items()}
        if asked.method != "POST" or form.get("grant_type") != "password" or not form.get("client_id"):
            return _json({"error": "invalid_request", "error_description": "AADB2C90079: malformed request"}, 400)
        if (form.get("username"), form.get("password")) != (USERNAME, PASSWORD):
            text = "AADB2C90225: The username or password provided in the request are invalid."
            return _json({"error": "access_denied", "error_description": text}, 400)
        self.tokens += 1
        token = f"sim-token-{self.tokens}"
        self._token = (token, time.monotonic() + self.token_seconds, self.token_calls)
        return _json({"id_token": token, "token_type": "Bearer", "expires_in": f"{self.token_seconds:g}"})

    def api(self, asked: Asked) -> Answer:
        """Everything below `/api/public-reports`."""
        if refused := self._refused(asked):
            return refused
        parts = [part for part in asked.path.split("/") if part]
        if not parts:
            products = [{"emilId": emil.upper(), "name": f"SIMULATED {emil}"} for emil in sorted(MIS_DAYS)]
            return _json({"_embedded": {"products": products}})
        if parts[0] in ("archive", "bundle") and len(parts) > 1 and parts[1].lower() in MIS_DAYS:
            return self._archive(asked, parts[0], parts[1].lower(), parts[2:])
        product = ercot.PRODUCTS.get(parts[0].lower())
        if product and parts[1:] == [product.operation]:
            return self._query(asked, product)
        return _json({"statusCode": 404, "message": "Resource not found"}, 404)

    def mis(self, asked: Asked) -> Answer:
        """Listing and download of the market information system; every posting is there twice, as CSV and as XML."""
        if asked.path == "/misapp/servlets/IceDocListJsonWS":
            emil = REPORTS.get(int(asked.query.get("reportTypeId", "0") or 0))
            documents = list(self._mis_documents(emil)) if emil else []
            return _json({"ListDocsByRptTypeRes": {"DocumentList": documents}})
        if asked.path == "/misdownload/servlets/mirDownload":
            wanted = asked.query.get("doclookupId", "")
            for emil in MIS_DAYS:
                for posted in self._mis_postings(emil):
                    if wanted == str(posted.doc_id):
                        return Answer(posted.content()).typed(ZIP)
                    if wanted == str(_twin(posted.doc_id)):
                        xml = posted.name.replace("_csv.zip", ".xml")
                        return Answer(packed({xml: b"<simulated/>\n"}, posted.published_at)).typed(ZIP)
            return page("The document is not available", 404)
        return page("Not found", 404)

    def _refused(self, asked: Asked) -> Answer | None:
        if asked.headers.get("Ocp-Apim-Subscription-Key") != KEY:
            text = "Access denied due to missing subscription key."
            return _json({"statusCode": 401, "message": text}, 401)
        given = asked.headers.get("Authorization", "").removeprefix("Bearer ")
        if self._token is None or given != self._token[0] or time.monotonic() >= self._token[1] or self._token[2] <= 0:
            return _json({"statusCode": 401, "message": "Unauthorized. Access token is missing or invalid."}, 401)
        self._token = (self._token[0], self._token[1], self._token[2] - 1)
        return None

    def _archive(self, asked: Asked, kind: str, emil: str, rest: list[str]) -> Answer:
        if rest == ["download"] and asked.method == "POST":
            return self._bulk(kind, emil, json.loads(asked.body).get("docIds", []))
        if wanted := asked.query.get("download"):
            posted = self._find(kind, emil, int(wanted))
            name = {"Content-Disposition": f'attachment; filename="{posted.name}"'} if posted else {}
            return Answer(posted.content(), 200, name).typed(ZIP) if posted else _json({"message": "No document"}, 404)
        since, until = (_local(asked.query.get(f"postDatetime{side}")) for side in ("From", "To"))
        found = self._postings(kind, emil, since, until)
        found.sort(key=lambda posted: posted.published_at, reverse=True)
        size, number = int(asked.query.get("size", "1000")), int(asked.query.get("page", "1"))
        listed = [
            {
                "docId": posted.doc_id,
                "friendlyName": posted.friendly,
                # Local time without an offset: the two hours of autumn look alike.
                "postDatetime": f"{posted.published_at.astimezone(CENTRAL):%Y-%m-%dT%H:%M:%S}.000",
                "_links": {"endpoint": {"href": f"/{kind}/{emil}?download={posted.doc_id}"}},
            }
            for posted in found[(number - 1) * size : number * size]
        ]
        meta = {
            "totalRecords": len(found), "pageSize": size, "totalPages": -(-len(found) // size), "currentPage": number,
        }  # fmt: skip
        product = {"emilId": emil.upper(), "name": f"SIMULATED {emil}"}
        return _json({"_meta": meta, "product": product, "archives" if kind == "archive" else "bundles": listed})

    def _bulk(self, kind: str, emil: str, wanted: list[int]) -> Answer:
        if not wanted or len(wanted) > BULK_DOCUMENTS:
            return _json({"statusCode": 400, "message": f"docIds must hold 1 to {BULK_DOCUMENTS} ids"}, 400)
        found = [self._find(kind, emil, int(doc_id)) for doc_id in wanted]
        members = [(f"{posted.doc_id}.{posted.name}", posted.content()) for posted in found if posted]
        return Answer(packed(members, self.now())).typed(ZIP) if members else _json({"message": "No document"}, 404)

    def _query(self, asked: Asked, product: ercot.Product) -> Answer:
        name = "deliveryDate" if product.minutes else "SCEDTimestamp"
        first, last = (asked.query.get(f"{name}{side}", "")[:10] for side in ("From", "To"))
        if not first:
            return _json({"statusCode": 400, "message": f"{name}From is required"}, 400)
        start, end = date.fromisoformat(first), date.fromisoformat(last or first)
        pages = [_page(self.seed, product.emil, start + timedelta(days=n)) for n in range((end - start).days + 1)]
        rows = [row for of_day in pages for row in of_day["data"]]
        size, number = int(asked.query.get("size", "1000")), int(asked.query.get("page", "1"))
        meta = {
            "totalRecords": len(rows), "pageSize": size, "totalPages": -(-len(rows) // size), "currentPage": number,
        }  # fmt: skip
        return _json({**pages[0], "_meta": meta, "data": rows[(number - 1) * size : number * size]})

    def _postings(self, kind: str, emil: str, since: datetime | None, until: datetime | None) -> list[Posted]:
        """What was published from `since` up to `until`, and not after now."""
        latest = min(until or self.now(), self.now())
        earliest = since or datetime.combine(FIRST_DAY, datetime.min.time(), CENTRAL)
        given = [p for p in self._given.get(emil, []) if earliest <= p.published_at <= latest]
        if kind == "bundle":
            return [posted for posted in self._bundles(emil) if earliest <= posted.published_at <= latest]
        if emil not in ercot.PRODUCTS:
            return given
        # A day's postings come out from the day before it to the day after it.
        first = max(earliest.astimezone(CENTRAL).date() - timedelta(days=1), FIRST_DAY)
        days = (latest.astimezone(CENTRAL).date() - first).days + 2
        made = [posted for n in range(days) for posted in _of_day(self.seed, emil, first + timedelta(days=n))]
        return [p for p in made if earliest <= p.published_at <= latest] + given

    def _find(self, kind: str, emil: str, doc_id: int) -> Posted | None:
        if kind == "archive" and emil in ercot.PRODUCTS and doc_id >= 10**9:
            made = _of_day(self.seed, emil, _day_of(doc_id))
        else:
            made = tuple(self._postings(kind, emil, None, None) if kind == "bundle" else self._given.get(emil, []))
        return next((p for p in made if p.doc_id == doc_id and p.published_at <= self.now()), None)

    def _bundles(self, emil: str) -> Iterator[Posted]:
        """Archives of whole months, of the last two that are over."""
        month = self.now().astimezone(CENTRAL).date().replace(day=1)
        for _ in range(2):
            end, month = month, (month - timedelta(days=1)).replace(day=1)
            out = datetime.combine(end + timedelta(days=1), datetime.min.time(), CENTRAL).astimezone(UTC)

            def content(first: date = month, last: date = end) -> bytes:
                days = range((last - first).days)
                made = [posted for n in days for posted in _of_day(self.seed, emil, first + timedelta(days=n))]
                return packed([(posted.name, posted.content()) for posted in made], self.now())

            if emil in ercot.PRODUCTS and out <= self.now():
                yield Posted(800_000_000 + month.toordinal(), f"{emil}_{month:%Y%m}.zip", out, content)

    def _mis_postings(self, emil: str) -> list[Posted]:
        return self._postings("archive", emil, self.now() - timedelta(days=MIS_DAYS[emil]), None)

    def _mis_documents(self, emil: str) -> Iterator[dict[str, object]]:
        report = next(number for number, of in REPORTS.items() if of == emil)
        offset = self.now().astimezone(CENTRAL).isoformat()[-6:]
        for posted in sorted(self._mis_postings(emil), key=lambda p: p.published_at, reverse=True):
            # As ERCOT has it: the document's own wall clock, and the offset of the moment of listing.
            local = posted.published_at.astimezone(CENTRAL)
            expires = f"{local + timedelta(days=MIS_DAYS[emil]):%Y-%m-%dT23:59:59}"
            for form in ("csv", "xml"):
                twin = posted.name.replace("_csv.zip", f"_{form}.zip")
                document = {
                    "ExpiredDate": f"{expires}{offset}",
                    "ILMStatus": "EXT",
                    "SecurityStatus": "P",
                    "ContentSize": "1000",
                    "Extension": "zip",
                    "ReportTypeID": str(report),
                    "Prefix": "cdr",
                    "FriendlyName": f"{posted.friendly}_{form}" if twin.endswith(f"_{form}.zip") else posted.friendly,
                    "ConstructedName": twin,
                    "DocID": str(posted.doc_id if form == "csv" else _twin(posted.doc_id)),
                    "PublishDate": f"{local:%Y-%m-%dT%H:%M:%S}{offset}",
                    "ReportName": f"SIMULATED {emil}",
                    "DUNS": "0000000000000000",
                    "DocCount": "0",
                }
                if form == "csv" or twin != posted.name:
                    yield {"Document": document}


def _doc_id(emil: str, day: date, number: int) -> int:
    product = sorted(ercot.PRODUCTS).index(emil) + 1
    return product * 10**9 + (day.toordinal() - 700_000) * 1000 + number


def _day_of(doc_id: int) -> date:
    return date.fromordinal(doc_id % 10**9 // 1000 + 700_000)


def _twin(doc_id: int) -> int:
    return doc_id + 50 * 10**9


@lru_cache(maxsize=256)
def _of_day(seed: int, emil: str, day: date) -> tuple[Posted, ...]:
    product = ercot.PRODUCTS[emil]

    def posted(number: int, slot: ercot.Slot) -> Posted:
        name = f"{ercot.posting_name(product.report, product.name, slot)}_csv.zip"
        return Posted(
            _doc_id(emil, day, number), name, slot.published_at, lambda: ercot.posting(seed, emil, day, slot).content
        )

    return tuple(posted(number, slot) for number, slot in enumerate(ercot.slots(seed, emil, day)))


@lru_cache(maxsize=64)
def _page(seed: int, emil: str, day: date) -> dict[str, list[object]]:
    page_of_all: dict[str, list[object]] = json.loads(ercot.api_page(seed, emil, day, 1, 10**9).content)
    return page_of_all


def _local(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=CENTRAL).astimezone(UTC) if text else None


def _json(body: object, status: int = 200) -> Answer:
    return Answer(json.dumps(body).encode(), status).typed(JSON)
