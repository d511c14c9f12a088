"""ERCOT: documents are listed and then fetched by their numbers; each is wanted once.

With an account the Public API lists and serves seven years, many documents at once; without one the MIS serves those of
the last days, one at a time.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from ingest.http.client import Client
from ingest.http.exchange import Ask
from ingest.http.plan import Request
from ingest.iso.answers import a_zip, a_zip_or_csv
from ingest.iso.ercot.access import ERCOT_ACCOUNT, Access
from ingest.iso.ercot.bulk import unpack_documents
from ingest.iso.ercot.listings import ZONE, Listed, archived, of_mis
from lakehouse.download.plan import Document, Known, Planned, Unobtainable, Window, runs

#: Disclosures are published 60 days after their operating day.
DISCLOSED_AFTER_DAYS = 60
#: Documents in one bulk download: 1,000 are allowed, but an answer that breaks off loses all of them.
BULK = 96
#: Hours after a day until which a document may still be missing.
DUE_AFTER = timedelta(hours=24)


@dataclass(frozen=True)
class Product:
    """One product of ERCOT.

    Args:
        emil: its id in the Public API; '' if only the MIS is asked.
        report: its report type id in the MIS.
        mis_days: days that the MIS keeps; None if it keeps all.
        bulk: documents in a bulk download (the product's own `downloadLimit`, or fewer).
        posted_after: time from its day to its posting, at midnight of that day; negative for the day ahead.
        looks_back: time by which a posting follows its subject: an interval is posted two minutes after its end, a SCED
            run some seconds after its stamp.
        daily: whether every day has a document, so that a day without one is reported.
        every: time between two postings, if a day has many, so that a day with fewer is reported: only the bytes show
            the interval of each, but ERCOT posts none twice.
        left_out: texts in friendly names of documents without a table (`ingest.iso.ercot`), which are not fetched.
    """

    emil: str
    report: int
    mis_days: int | None
    bulk: int = BULK
    posted_after: timedelta = timedelta(0)
    looks_back: timedelta = timedelta(minutes=10)
    daily: bool = True
    every: timedelta | None = None
    left_out: re.Pattern[str] | None = None


@dataclass(frozen=True)
class Documents:
    """A feed of one or two products."""

    products: tuple[Product, ...]
    zone: ZoneInfo = ZONE

    @property
    def lag_days(self) -> int:
        """See `Plan`."""
        return self.products[0].posted_after.days

    async def plan(self, source: str, window: Window, known: Known, access: Access, client: Client) -> Planned:
        """See `Plan`."""
        planned = Planned()
        for product in self.products:
            await self._product(source, product, window, known, access, client, planned)
        return planned

    async def _product(
        self, source: str, product: Product, window: Window, known: Known, access: Access, client: Client,
        planned: Planned,
    ) -> None:  # fmt: skip
        by_api = access.has_ercot_account and bool(product.emil)
        start = window.start
        if not by_api and product.mis_days is not None:
            oldest = window.today - timedelta(days=product.mis_days - 1) - _days(product.posted_after)
            if start < oldest:
                reason = f"ERCOT's MIS keeps {product.mis_days} days of this; older ones need an account"
                held = Counter(day for days in known.finished.values() for day in days)
                lacking = [
                    day
                    for day in window.days
                    if day < oldest and held[day] < len(self.products) * _expected(product, day, window)
                ]
                planned.unobtainable += [
                    Unobtainable(first, end, "denied", f"{reason}\n  next: {ERCOT_ACCOUNT}")
                    for first, end in runs(lacking)
                ]
                start = min(oldest, window.end)
        if start >= window.end:
            return
        documents: dict[str, Document] = {}
        for listed in await _listing(product, start, window, access, client, by_api):
            if product.left_out is not None and product.left_out.search(listed.label):
                continue
            document = self._document(source, product, listed, window)
            if self._is_of(document, listed, start, window.end):
                documents.setdefault(listed.doc_id, document)
        if product.daily:
            planned.unobtainable += _missing(product, start, window, documents.values())
        ordered = sorted(documents.values(), key=lambda document: (document.start, document.published_at or window.now))
        wanted = [document for document in ordered if known.wants(document, window.now)]
        planned.skipped += len(ordered) - len(wanted)
        # Documents that failed before are fetched alone, so that a bad one does not spoil a bulk download.
        for of_product, failed in ((product, False), (replace(product, bulk=1), True)):
            part = [document for document in wanted if known.failed(document) == failed]
            planned.requests += _requests(of_product, part, access, by_api)

    def _is_of(self, document: Document, listed: Listed, start: date, end: date) -> bool:
        """Whether a document is in a window."""
        return document.start < end and document.end > start

    def _document(self, source: str, product: Product, listed: Listed, window: Window) -> Document:
        start, end = self._days_of(product, listed)
        return Document(
            source, start, end, listed.name, due_at=window.midnight(end) + DUE_AFTER, is_final=True,
            lanes=(listed.doc_id,), doc_id=listed.doc_id, published_at=listed.published_at,
        )  # fmt: skip

    def _days_of(self, product: Product, listed: Listed) -> tuple[date, date]:
        """The days of a document, as far as its listing shows them."""
        posted = listed.published_at.astimezone(ZONE)
        # The day ahead is posted in the early afternoon.
        if product.posted_after < timedelta(0):
            day = (posted.replace(tzinfo=None) + timedelta(hours=18)).date()
        else:
            day = (posted.replace(tzinfo=None) - product.looks_back).date() - product.posted_after
        return day, day + timedelta(days=1)


@dataclass(frozen=True)
class Disclosures(Documents):
    """60-day disclosures and their supplementals.

    A supplemental corrects days long before its publication, and only its content names them: so all supplementals
    since the first day of a window was disclosed are in the window.
    """

    def _is_of(self, document: Document, listed: Listed, start: date, end: date) -> bool:
        regular = re.fullmatch(r"60_Day_(DAM|SCED)_Disclosure(_csv)?", listed.label, re.I) is not None
        return super()._is_of(document, listed, start, end) if regular else document.end > start


@dataclass(frozen=True)
class Years(Documents):
    """Workbooks of a year each; the current year's is posted again and again under a new number."""

    def _days_of(self, product: Product, listed: Listed) -> tuple[date, date]:
        found = re.search(r"(20[0-9]{2})(?!.*20[0-9]{2})", listed.label)
        year = int(found[1]) if found else listed.published_at.astimezone(ZONE).year
        return date(year, 1, 1), date(year + 1, 1, 1)


def _days(span: timedelta) -> timedelta:
    return timedelta(days=span.days)


async def _listing(
    product: Product, start: date, window: Window, access: Access, client: Client, by_api: bool
) -> list[Listed]:
    """Documents that cover a window, and possibly more."""
    if not by_api:
        return await of_mis(product.report, access, client)
    posted_from = start + _days(product.posted_after)
    posted_to = window.end + _days(product.posted_after) + timedelta(days=2)
    if product.posted_after.days == DISCLOSED_AFTER_DAYS:
        posted_to = window.today + timedelta(days=1)  # supplementals come weeks after the days that they correct
    return await archived(product.emil, posted_from, posted_to, access, client)


def _missing(product: Product, start: date, window: Window, documents: Iterable[Document]) -> Iterator[Unobtainable]:
    """Days without any document, and past days with too few."""
    listed = Counter(document.start for document in documents)
    found: dict[tuple[bool, bool], list[date]] = {}
    for day in window.days:
        posted_at, over = window.midnight(day) + product.posted_after, window.midnight(day + timedelta(days=1))
        lacks = posted_at <= window.now and not listed[day]
        short = over + product.looks_back <= window.now and 0 < listed[day] < _expected(product, day, window)
        if day >= start and (lacks or short):
            due = window.now >= posted_at + timedelta(days=1) + DUE_AFTER
            found.setdefault((due, short), []).append(day)
    for (due, short), days in sorted(found.items(), reverse=True):
        for first, end in runs(days):
            count, says = "no document", f"of {product.emil} for these days"
            if short:
                inside = [day for day in days if first <= day < end]
                expected = sum(_expected(product, day, window) for day in inside)
                count = f"{sum(listed[day] for day in inside):,} of {expected:,} documents"
            if due:
                says += "\n  next: land files that you have of them"
            yield Unobtainable(first, end, "gone" if due else "not_yet", f"ERCOT lists {count} {says}")


def _expected(product: Product, day: date, window: Window) -> int:
    """Documents of a whole day; a day on which clocks change has 23 or 25 hours."""
    if product.every is None:
        return 1
    return (window.midnight(day + timedelta(days=1)) - window.midnight(day)) // product.every


def _requests(product: Product, wanted: list[Document], access: Access, by_api: bool) -> Iterator[Request]:
    if not by_api:
        url = f"{access.ercot_mis_url}/misdownload/servlets/mirDownload"
        for document in wanted:
            ask = Ask(access.ercot_mis, url, {"doclookupId": str(document.doc_id)})
            yield Request((document,), ask=ask, judge=a_zip_or_csv)
        return
    url = f"{access.ercot_api_url}/archive/{product.emil.lower()}"
    for first in range(0, len(wanted), product.bulk):
        part = tuple(wanted[first : first + product.bulk])
        if len(part) == 1:
            ask = Ask(access.ercot_api, url, {"download": str(part[0].doc_id)}, credentials=access.ercot_credentials)
            yield Request(part, ask=ask, judge=a_zip_or_csv)
        else:
            body = {"docIds": [int(str(document.doc_id)) for document in part]}
            ask = Ask(access.ercot_api, f"{url}/download", json=body, credentials=access.ercot_credentials)
            yield Request(part, ask=ask, judge=a_zip, unpack=unpack_documents)


DAY_AHEAD = timedelta(days=-1)
QUARTER = timedelta(minutes=15)
#: Least frequency of SCED runs (nodal protocols, 6.5.7.3).
RUN = timedelta(minutes=5)
DISCLOSED = timedelta(days=DISCLOSED_AFTER_DAYS)

#: `pricecorrection_RTM_EBLMP_20260901_to_20260901_NP4197`: of buses, settlement-only units, constraints, single runs.
NO_POINTS = re.compile(r"_(EBLMP|SOGLMP|SOGPRICE|SHADOW|MCPC_SCED)_", re.IGNORECASE)
#: `60d_SCED_Resource_AS_OFFERS_02032026_thru_04032026_SUPPLEMENTAL`
OFFERS = re.compile(r"AS_OFFERS_.*SUPPLEMENTAL", re.IGNORECASE)
DAM_SPP = Documents((Product("NP4-190-CD", 12331, 31, posted_after=DAY_AHEAD),))
DAM_MCPC = Documents((Product("NP4-188-CD", 12329, 31, posted_after=DAY_AHEAD),))
RT15_SPP = Documents((Product("NP6-905-CD", 12301, 7, every=QUARTER),))
RT15_MCPC = Documents((Product("NP6-331-CD", 24898, 7, every=QUARTER),))
SCED_LMP = Documents((Product("NP6-788-CD", 12300, 5, looks_back=timedelta(0), every=RUN),))
DAM_SPP_CORRECTIONS = Documents((Product("NP4-196-M", 13044, 180, daily=False, left_out=NO_POINTS),))
RT15_SPP_CORRECTIONS = Documents((Product("NP4-197-M", 13045, 180, daily=False, left_out=NO_POINTS),))
# A day of SCED has 50 MB: few at once.
DISCLOSURES = Disclosures(
    (
        Product("NP3-966-ER", 13051, 1462, bulk=8, posted_after=DISCLOSED),
        Product("NP3-965-ER", 13052, 1462, bulk=4, posted_after=DISCLOSED, left_out=OFFERS),
    )
)
# Workbooks of all years are in the MIS, without an account.
DAM_SPP_YEAR = Years((Product("", 13060, None, daily=False),))
RT15_SPP_YEAR = Years((Product("", 13061, None, daily=False),))
DAM_MCPC_YEAR = Years((Product("", 13091, None, daily=False),))
# Load of a day is posted on the morning after it; a forecast is of the day on which it is posted, whatever it reaches.
LOAD_ACTUAL = Documents(
    (
        Product("NP6-345-CD", 13101, 31, posted_after=timedelta(days=1)),
        Product("NP6-346-CD", 14836, 31, posted_after=timedelta(days=1)),
    )
)
LOAD_FORECAST = Documents((Product("NP3-565-CD", 14837, 7, looks_back=timedelta(0), every=timedelta(hours=1)),))
