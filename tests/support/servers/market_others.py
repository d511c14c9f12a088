"""CAISO's OASIS, ISO-NE's web services and public files, and NYISO's files, as their clients see them."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache

from ingest.simulate.markets import caiso, caiso_values, isone, isone_services, nyiso, nyiso_load
from ingest.simulate.markets.days import EASTERN, PACIFIC
from ingest.simulate.markets.stated import Document
from tests.support.servers.market_exchange import CSV, JSON, WAF_PAGE, ZIP, Answer, Asked, page

ISONE_USERNAME, ISONE_PASSWORD = "sim-user@example.org", "sim-password"
#: OASIS answers at most so many days at once.
OASIS_DAYS = 31
#: NYISO keeps files of single days for so long.
NYISO_DAYS = 10
#: ISO-NE has public data from then on.
ISONE_FIRST_DAY = date(2016, 1, 1)
COOKIE_PAGE = "/isoexpress/web/reports/operations/-/tree/gen-fuel-mix"
COOKIE = "JSESSIONID=simulated"

Clock = Callable[[], datetime]


class Oasis:
    """CAISO's OASIS."""

    def __init__(self, seed: int, now: Clock) -> None:
        self.seed, self.now = seed, now

    def answer(self, asked: Asked) -> Answer:
        """`/oasisapi/SingleZip`: always status 200 and an archive, of rows or of an error."""
        if asked.path != "/oasisapi/SingleZip":
            return page("Not found", 404)
        query = asked.query.get("queryname", "")
        try:
            start, end = (_gmt(asked.query[name]) for name in ("startdatetime", "enddatetime"))
        except (KeyError, ValueError):
            start = end = self.now()
            return _attached(caiso.error(query, "1015", "GET request resulted in an error", start, end, self.now()))
        if query in caiso_values.SERVICES or query == "SLD_FCST":
            return _attached(self._values(query, asked.query.get("market_run_id", ""), start, end))
        if query not in caiso.QUERIES or asked.query.get("resultformat") != "6":
            return _attached(caiso.error(query, "1015", "GET request resulted in an error", start, end, self.now()))
        if end - start > timedelta(days=OASIS_DAYS, hours=1):
            text = f"Exceeded maximum date range of {OASIS_DAYS} days"
            return _attached(caiso.error(query, "1004", text, start, end, self.now()))
        nodes = [node for node in asked.query.get("node", "").split(",") if node]
        if not nodes and asked.query.get("grp_type"):
            nodes = list(caiso.NODES)
        known = min(end, self._known_until(query))
        return _attached(caiso.answer(self.seed, query, nodes, start, known, self.now()))

    def _values(self, query: str, run: str, start: datetime, end: datetime) -> Document:
        """Prices of ancillary services of one day or hour whatever is asked, and load of up to 30 days."""
        now, one = self.now(), timedelta(hours=1)
        if query == "PRC_INTVL_AS":
            return caiso_values.services_answer(self.seed, query, start, min(start + one, now), now)
        if query == "PRC_AS":
            next_day = (start.astimezone(PACIFIC) + timedelta(days=1)).astimezone(UTC)
            return caiso_values.services_answer(self.seed, query, start, min(next_day, now + timedelta(days=1)), now)
        if run not in caiso_values.RUNS or end - start > timedelta(days=30) + one:
            return caiso.error(query, "1004", "Data can be requested for period of 31 days only", start, end, now)
        ahead = timedelta(days={"DAM": 1, "2DA": 2, "7DA": 7}.get(run, 0))
        return caiso_values.load_answer(self.seed, run, start, min(end, now + ahead), now)

    def _known_until(self, query: str) -> datetime:
        """Day-ahead prices until tomorrow's end, others until now."""
        return self.now() + timedelta(days=1) if query == "PRC_LMP" else self.now()


class IsoNe:
    """ISO-NE: web services behind a password, public files behind a cookie."""

    def __init__(self, seed: int, now: Clock) -> None:
        self.seed, self.now = seed, now

    def api(self, asked: Asked) -> Answer:
        """Everything below `/api/v1.1`."""
        wanted = "Basic " + base64.b64encode(f"{ISONE_USERNAME}:{ISONE_PASSWORD}".encode()).decode()
        if asked.headers.get("Authorization") != wanted:
            return Answer(b"", 401, {"WWW-Authenticate": 'Basic realm="webservices"'})
        path, as_json = re.subn(r"\.json$", "", asked.path)
        if not as_json and "json" not in asked.headers.get("Accept", ""):
            return Answer(b"<simulated/>").typed("application/xml")
        service = re.fullmatch(r"/(\w+)/(?:all/)?day/(\d{8})(?:/all)?(?:/location/(\d+))?", path)
        if service is not None and service[1] in isone_services.SERVICES:
            zone = f"9{service[3]}" if service[3] else None  # a simulated zone has a number of its own
            day, now = _day(service[2]), self.now()
            return Answer(isone_services.answer(self.seed, service[1], day, now, zone).content).typed(JSON)
        match = re.fullmatch(
            r"/(?:hourlylmp/(da|rt)/(prelim|final)|fiveminutelmp/(prelim|final))/day/(\d{8})(?:/starthour/(\d\d))?"
            r"(?:/location/(\d+))?",
            path,
        )
        if match is None:
            return page("Not found", 404)
        market, hourly, five, day_text, hour, location = match.groups()
        report = "dam" if market == "da" else f"rth-{hourly}" if market else f"rt5-{five}"
        day = _day(day_text)
        until = self.now() if isone.published_at(report, day) > self.now() else None
        if until is not None and (report == "dam" or report.endswith("-final")):
            until = datetime(1970, 1, 1, tzinfo=UTC)
        made = isone.web_service(self.seed, report, day, int(hour) if hour else None, location, until)
        return Answer(made.content).typed(JSON)

    def public(self, asked: Asked) -> Answer:
        """Pages and files of www.iso-ne.com: a file needs the cookie that a page gives."""
        if asked.path == COOKIE_PAGE:
            return Answer(b"<html>simulated</html>", 200, {"Set-Cookie": f"{COOKIE}; Path=/"}).typed("text/html")
        if COOKIE not in asked.headers.get("Cookie", ""):
            return Answer(WAF_PAGE, 403).typed("text/html")
        for report, what in isone.REPORTS.items():
            match = re.fullmatch(
                rf"/static-transform/csv/histRpts/{what.folder}/{what.stem}(\d{{8}})(?:_(\d\d-\d\d))?\.csv", asked.path
            )
            if match and report not in isone.WEB_ONLY:
                return self._file(report, _day(match[1]), match[2])
        return page("Not found", 404)

    def _file(self, report: str, day: date, hours: str | None) -> Answer:
        parts = {f"{first:02d}-{last:02d}": n for n, (first, last) in enumerate(isone.PARTS)}
        part = parts.get(hours) if hours else None
        if (part is None) != (report != "rt5-prelim"):
            return page("Not found", 404)
        if day < ISONE_FIRST_DAY or isone.published_at(report, day, part) > self.now():
            return Answer(isone.NO_DATA).typed(CSV)
        return Answer(isone.public_csv(self.seed, report, day, part).content).typed(CSV)


class Nyiso:
    """NYISO's files: by day for ten days, by month before; the file of today and the archive of this month grow."""

    def __init__(self, seed: int, now: Clock) -> None:
        self.seed, self.now = seed, now

    def answer(self, asked: Asked) -> Answer:
        """Everything below `/public`."""
        match = re.fullmatch(r"/public/csv/([A-Za-z]+)/(\d{8})([A-Za-z_]+?)(_csv\.zip|\.csv)", asked.path)
        if match is None:
            return page("Not found", 404)
        folder, day_text, stem, ending = match.groups()
        if stem in nyiso_load.FEEDS and folder == stem:
            return self._load(stem, _day(day_text), ending)
        if stem not in nyiso.FEEDS or nyiso.FEEDS[stem].folder != folder:
            return page("Not found", 404)
        day = _day(day_text)
        made = self._month(stem, day) if ending == "_csv.zip" else self._day(stem, day)
        if made is None:
            return page("Not found", 404)
        return Answer(made.content, 200, dated(made.content, made.published_at)).typed(
            ZIP if ending == "_csv.zip" else CSV
        )

    def _load(self, name: str, day: date, ending: str) -> Answer:
        now = self.now()
        today = now.astimezone(EASTERN).date()
        if ending == "_csv.zip":
            days = [day + timedelta(days=n) for n in range(31) if (day + timedelta(days=n)).month == day.month]
            count = sum(nyiso_load.published_at(name, each) <= now for each in days)
            made = nyiso_load.monthly(self.seed, name, day, count) if day.day == 1 and count else None
        elif today - timedelta(days=NYISO_DAYS) <= day <= today or nyiso_load.published_at(name, day) <= now:
            made = nyiso_load.daily(self.seed, name, day, now)
        else:
            made = None
        if made is None or not made.loads:
            return page("Not found", 404)
        return Answer(made.content, 200, dated(made.content, made.published_at)).typed(
            ZIP if ending == "_csv.zip" else CSV
        )

    def _day(self, stem: str, day: date) -> Document | None:
        now = self.now()
        today = now.astimezone(EASTERN).date()
        if day < today - timedelta(days=NYISO_DAYS):
            return None
        if nyiso.FEEDS[stem].market == "DAM":
            return nyiso.daily(self.seed, stem, day) if nyiso.published_at(stem, day) <= now else None
        if day > today:
            return None
        # The file changes with every run of real time.
        run = now.replace(minute=now.minute // 5 * 5, second=0, microsecond=0)
        return nyiso.daily(self.seed, stem, day, run)

    def _month(self, stem: str, first: date) -> Document | None:
        if first.day != 1:
            return None
        following = (first + timedelta(days=32)).replace(day=1)
        complete = [
            n for n in range((following - first).days)
            if nyiso.published_at(stem, first + timedelta(days=n)) <= self.now()
        ]  # fmt: skip
        return _month_of(self.seed, stem, first, len(complete)) if complete else None


def dated(content: bytes, changed: datetime) -> dict[str, str]:
    """Headers that say which version a file is."""
    return {
        "ETag": f'"{hashlib.sha256(content).hexdigest()[:16]}"',
        "Last-Modified": format_datetime(changed.astimezone(UTC).replace(microsecond=0), usegmt=True),
    }


@lru_cache(maxsize=64)
def _month_of(seed: int, stem: str, first: date, days: int) -> Document:
    return nyiso.monthly(seed, stem, first, days)


def _attached(document: Document) -> Answer:
    return Answer(
        document.content, 200, {"Content-Disposition": f"attachment; filename={document.name};"}
    ).typed(ZIP)  # fmt: skip


def _gmt(text: str) -> datetime:
    """`20250701T07:00-0000`."""
    return datetime.strptime(text, "%Y%m%dT%H:%M%z").astimezone(UTC)


def _day(text: str) -> date:
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))
