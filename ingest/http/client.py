"""One asynchronous HTTP client for every provider: rate limits per host, retries, documents streamed into files.

It knows HTTP and no market. The caller judges an answer of status 200 (`Judge`), because operators also send error
pages, refusals and empty days with that status.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import json
import logging
import random
import re
import ssl
import zlib
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from ingest.http.exchange import (
    Ask,
    AskedToWait,
    Denied,
    Judge,
    Malformed,
    Refused,
    Throttled,
    TryAgain,
    Unanswered,
    Verdict,
    file_name,
    http_date,
    judge_json,
    repeatable,
    retry_after,
)
from ingest.http.secrets import Secrets
from ingest.http.turns import Refusals, Turns
from lakehouse.download.fetcher import WALL, Answer, Clock
from lakehouse.errors import TerminalError, TransientError, WattlakeError

LOG = logging.getLogger(__name__)

#: Seconds to connect, and to wait for the next bytes.
CONNECT_S, READ_S = 15.0, 60.0
#: Seconds for one whole answer: ERCOT's largest document has 56 MB, and an answer that drips is given up.
ANSWER_S = 900.0
#: Largest size of one answer: a bulk download of 100 documents stays below.
ANSWER_BYTES = 2 << 30
#: Bytes of a refusal that are kept for the error message.
REASON_BYTES = 2_000
#: Attempts at one request, the first included.
ATTEMPTS = 5
#: Seconds that a server may ask to wait (Retry-After); beyond, the next run asks again.
LONGEST_WAIT_S = 300.0
REDIRECTS = 5


class _Renewed(Exception):
    """The credentials had expired and have been renewed: ask once more at once."""


class Client:
    """Asks operators, each at its own rate. Use it as an asynchronous context.

    Args:
        folder: for the bytes of answers in progress, of this process alone.
        turns: folder of the spacing of requests, shared with other processes.
        secrets: texts that must not appear in any error; `secrets` takes more of them later.
        clock: wall clock.
    """

    def __init__(self, folder: Path, turns: Path, secrets: Iterable[str] = (), clock: Clock = WALL) -> None:
        self._folder, self._clock = folder, clock
        self.secrets = Secrets(secrets)
        self._turns, self._refusals = Turns(turns, clock), Refusals(turns, clock)
        self._at_once: dict[str, asyncio.Semaphore] = {}
        self._asked_first: dict[str, asyncio.Task[Answer]] = {}
        self._http = _http()
        self._number = 0

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    def now(self) -> datetime:
        """The present, UTC."""
        return datetime.fromtimestamp(self._clock.now(), UTC)

    async def fetch(self, ask: Ask, judge: Judge) -> Answer:
        """Ask until there is a usable answer, or no attempt is left; whatever the server does, it raises nothing."""
        attempts = 0
        status: list[int | None] = [None]

        async def attempt() -> Answer:
            nonlocal attempts
            for _ in range(2):
                attempts += 1
                try:
                    return await self._once(ask, judge, status)
                except _Renewed:
                    continue
            raise Denied(f"{ask.operator.name} answers 401 also to a new token", _step(ask))

        limit = self._at_once.setdefault(ask.operator.name, asyncio.Semaphore(ask.operator.at_once))
        try:
            if ask.first:
                await self._before(ask, ask.first)
            async with limit:
                retrying = AsyncRetrying(
                    retry=retry_if_exception(_may_pass), stop=stop_after_attempt(ATTEMPTS), reraise=True,
                    wait=lambda state: _wait(state, ask.operator.wait_s), sleep=self._clock.sleep,
                    before_sleep=lambda state: self._tell(ask.operator.name, state),
                )  # fmt: skip
                answer: Answer = await retrying(attempt)
            return replace(answer, attempts=attempts)
        except WattlakeError as error:
            clean = type(error)(self.secrets.scrub(error.message), self.secrets.scrub(error.next_step))
            return Answer(
                getattr(error, "outcome", "failed"), ask.shown, attempts, status[0], fetched_at=self.now(), error=clean
            )  # fmt: skip

    async def json(self, ask: Ask) -> Any:
        """Fetch a small JSON document (a listing, a token).

        Raises:
            TransientError, TerminalError: it could not be fetched.
        """
        answer = await self.fetch(ask, judge_json)
        if answer.error:
            if isinstance(answer.error, TryAgain):
                answer.error.is_spent = True
            raise answer.error
        if answer.path is None:
            raise Refused(f"{ask.operator.name} has nothing at {self.secrets.scrub(ask.shown)}", "check the base URL")
        try:
            return json.loads(answer.path.read_bytes())
        finally:
            answer.path.unlink(missing_ok=True)

    async def _before(self, ask: Ask, url: str) -> None:
        """Ask once for a page whose cookie the other requests need."""
        if url not in self._asked_first:
            page = Ask(ask.operator, url)
            self._asked_first[url] = asyncio.create_task(self.fetch(page, lambda path, headers: Verdict()))
        answer = await asyncio.shield(self._asked_first[url])
        if answer.path:
            answer.path.unlink(missing_ok=True)
        if answer.error:
            self._asked_first.pop(url, None)
            raise answer.error

    async def _once(self, ask: Ask, judge: Judge, status: list[int | None]) -> Answer:
        headers = {"Accept": ask.accept}
        account = ask.account or (ask.credentials.account if ask.credentials else None)
        if account and (rest_s := self._refusals.rests_s(ask.operator.name, account)):
            says = f"{ask.operator.name} has refused this account: it is left alone for {rest_s / 60:.0f} minutes"
            raise Denied(f"{says}, because accounts that are tried again and again get locked", _step(ask))
        if ask.credentials:
            headers |= await ask.credentials.headers(self)
        if ask.etag:
            headers["If-None-Match"] = ask.etag
        self._number += 1
        part = self._folder / f"{self._number:06d}.part"
        part.parent.mkdir(parents=True, exist_ok=True)
        kept = False
        try:
            async with asyncio.timeout(ANSWER_S):
                response = await self._send(ask, headers)
                try:
                    status[0] = response.status_code
                    if response.status_code != 200:
                        return await self._ended(ask, response, headers)
                    sha256, size = await self._store(ask, response, part)
                finally:
                    await response.aclose()
            verdict = await asyncio.to_thread(judge, part, response.headers)
            if verdict.error:
                raise verdict.error
            kept = verdict.outcome == "done"
            modified = repeatable(response.headers.get("last-modified"))
            return Answer(
                verdict.outcome, ask.shown, 1, 200, part if kept else None, sha256, size,
                repeatable(response.headers.get("etag")), modified, http_date(modified),
                file_name(response.headers.get("content-disposition")), self.now(),
            )  # fmt: skip
        except (httpx.HTTPError, TimeoutError) as error:
            where = f"{ask.operator.name} at {urlsplit(ask.url).netloc}"
            what = "did not answer in time" if isinstance(error, TimeoutError | httpx.TimeoutException) else "broke off"
            raise Unanswered(
                f"{where} {what}: {type(error).__name__}: {error}", "check the network; the next run asks again"
            ) from None  # the error's request may hold credentials
        finally:
            if not kept:
                part.unlink(missing_ok=True)

    async def _send(self, ask: Ask, headers: dict[str, str]) -> httpx.Response:
        """Send a request and follow redirects to the operator's own hosts."""
        request = self._http.build_request(
            "GET" if ask.json is None and ask.form is None else "POST",
            ask.url, params=dict(ask.params) or None, json=ask.json, data=dict(ask.form) if ask.form else None,
            headers=headers,
        )  # fmt: skip
        for _ in range(REDIRECTS):
            target = request.url
            if target.netloc.decode() not in ask.operator.hosts:
                raise Refused(
                    f"{ask.operator.name} sends us to {target.host}, which is none of its hosts",
                    "check the base URL of the operator, and who answers for it on this network",
                )
            await self._turns.take(ask.operator.name, ask.operator.every_s)
            response = await self._http.send(request, stream=True)
            following = response.next_request
            if following is None:
                return response
            await response.aclose()
            if following.url.scheme != target.scheme and following.url.scheme != "https":
                raise Refused(
                    f"{ask.operator.name} sends us from {target.scheme} to {following.url.scheme}", "check the base URL"
                )
            if following.url.netloc != target.netloc:
                for name in headers.keys() - {"Accept"}:
                    following.headers.pop(name, None)
            request = following
        raise Refused(f"{ask.operator.name} sends us round in circles from {ask.shown}", "check the base URL")

    async def _store(self, ask: Ask, response: httpx.Response, part: Path) -> tuple[str, int]:
        digest, size = hashlib.sha256(), 0
        with part.open("wb") as file:
            async for block in _blocks(response):
                size += len(block)
                if size > ANSWER_BYTES:
                    raise Refused(
                        f"{ask.operator.name} sends more than {ANSWER_BYTES / 2**30:.0f} GiB for {ask.shown}",
                        "ask for a shorter time or fewer locations",
                    )
                digest.update(block)
                file.write(block)
        return digest.hexdigest(), size

    async def _ended(self, ask: Ask, response: httpx.Response, sent: Mapping[str, str]) -> Answer:
        """The meaning of a status other than 200; raises errors."""
        status, name = response.status_code, ask.operator.name
        if status == 304:
            if not ask.etag:
                raise Malformed(f"{name} says that nothing is new, and nothing is at hand", "the next run asks again")
            return Answer("unchanged", ask.shown, 1, status, fetched_at=self.now(), etag=ask.etag)
        if status in (404, 410):
            return Answer("absent", ask.shown, 1, status, fetched_at=self.now())
        words = await self._beginning(response)
        if status == 401 or (status == 400 and ask.account):  # a login tells a wrong password by 400
            if ask.credentials and ask.credentials.renew(sent):
                raise _Renewed
            if account := ask.account or (ask.credentials.account if ask.credentials else None):
                await asyncio.to_thread(self._refusals.add, name, account)
            raise Denied(f"{name} answers {status}: {words}", _step(ask))
        if status == 403:
            raise Denied(f"{name} answers 403: {words}", ask.operator.forbidden)
        if status in (408, 429) or status >= 500:
            wait = retry_after(response.headers.get("retry-after"), self.now())
            if wait is not None and wait > LONGEST_WAIT_S:
                raise AskedToWait(f"{name} asks to wait {wait:.0f} s", f"run it again in {wait / 60:.0f} minutes")
            says, step = f"{name} answers {status}: {words}", "run it again later"
            error = Throttled(says, step) if status == 429 else Unanswered(says, step)
            error.retry_after_s = wait
            raise error
        raise Refused(f"{name} answers {status} to {self.secrets.scrub(ask.shown)}: {words}", _step(ask))

    async def _beginning(self, response: httpx.Response) -> str:
        """The first words of a refusal, without markup."""
        content = b""
        async for block in response.aiter_bytes():
            content += block
            if len(content) > REASON_BYTES:
                break
        text = self.secrets.scrub(content[:REASON_BYTES].decode("utf-8", "replace"))
        text = re.sub(r"<(script|style)\b.*?(</\1>|$)|<[^>]*>?", " ", text, flags=re.S | re.I)
        return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:300] or "nothing more"

    def _tell(self, operator: str, state: RetryCallState) -> None:
        """Log why and how long a request waits before the next attempt."""
        error = state.outcome.exception() if state.outcome else None
        reason = self.secrets.scrub(error.message if isinstance(error, WattlakeError) else str(error))
        attempt = state.attempt_number + 1
        LOG.info("%s: %s; attempt %d of %d in %.0f s", operator, reason, attempt, ATTEMPTS, state.upcoming_sleep)


def _step(ask: Ask) -> str:
    return ask.credentials.next_step if ask.credentials else "check the base URL of the operator"


@functools.cache
def _trusted() -> ssl.SSLContext:
    """Certificate authorities that all clients trust; reading them takes 30 ms of CPU, so it is done once."""
    return httpx.create_ssl_context()


def _http() -> httpx.AsyncClient:
    try:
        return httpx.AsyncClient(
            timeout=httpx.Timeout(READ_S, connect=CONNECT_S), follow_redirects=False, trust_env=True, verify=_trusted(),
            headers={"User-Agent": "wattlake", "Accept-Encoding": "gzip"},
        )  # fmt: skip
    except (ValueError, ImportError, httpx.InvalidURL):
        # The error's text may contain the proxy's password.
        raise TerminalError(
            "HTTP_PROXY, HTTPS_PROXY or ALL_PROXY names no proxy that can be used", "write it as http://host:port"
        ) from None


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, TransientError) and not (isinstance(error, TryAgain) and error.is_spent)


def _wait(state: RetryCallState, first_s: float) -> float:
    """Seconds to the next attempt: as the server asks, else doubled each time, with up to a fifth of jitter."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, TryAgain) and error.retry_after_s is not None:
        return error.retry_after_s
    return min(first_s * 2.0 ** (state.attempt_number - 1), LONGEST_WAIT_S) * (1 + 0.2 * random.random())


async def _blocks(response: httpx.Response) -> AsyncIterator[bytes]:
    """The bytes of a document, unpacked from gzip here, because httpx takes a truncated stream for a whole one."""
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding == "identity":
        async for block in response.aiter_raw():
            yield block
        return
    if coding not in ("gzip", "x-gzip"):
        raise Malformed(f"the answer is encoded as {coding!r}, which nobody asked for", "the next run asks again")
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        async for block in response.aiter_raw():
            yield inflater.decompress(block)
    except zlib.error as error:
        raise Malformed(f"the answer is no gzip: {error}", "the next run asks again") from None
    if not inflater.eof or inflater.unused_data:
        raise Malformed("the answer ends in the middle of its gzip, or goes on after it", "the next run asks again")
