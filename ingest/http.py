"""HTTP to a remote system: limits, retries and a circuit breaker for reads; writes are sent once.

Unavailable   try again later: connection, timeout, rate_limit, server, body, circuit
├── NotSent   nothing reached the remote: the same may be sent again
└── CutOff    it may or may not have happened: read back before anything else
Rejected      trying again changes nothing: auth, request, cursor
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import Literal
from urllib.parse import urlsplit

import httpx
import msgspec
import tenacity

from data.errors import ConfigError, SourceRejected, SourceUnavailable
from ingest.adapter import WriteRequest, WriteResult

ATTEMPTS = 5
LONGEST_WAIT_SECONDS = 30.0  #: a remote that asks for more is left alone for so long, and later polls try again
LONGEST_READ_SECONDS = 45.0  #: no attempt begins after this: other systems wait to be read, too
LARGEST_ANSWER = 64 * 1024 * 1024
DEADLINE_SECONDS = 60.0  #: of one answer, however slowly it drips
EXCERPT = 2_000

_ANY = msgspec.json.Decoder()
_TIMEOUT = httpx.Timeout(20.0, connect=5.0)
_GZIP = b"\x1f\x8b"

Query = Mapping[str, str | int | list[str]]  #: what is asked for; a list names its field more than once


class Unavailable(SourceUnavailable):
    """The remote cannot answer now; `error_class` says in which way."""

    def __init__(self, message: str, *, error_class: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message, retry_after_seconds=retry_after_seconds)
        self.error_class = error_class


class NotSent(Unavailable):
    """Nothing reached the remote; the same request may be sent again."""


class CutOff(Unavailable):
    """The request left and no answer came: it may or may not have happened."""


class Rejected(SourceRejected):
    """The remote refused; `error_class` is auth, request or cursor."""

    def __init__(self, message: str, *, error_class: str, status: int) -> None:
        super().__init__(message)
        self.error_class = error_class
        self.status = status


def error_class(error: SourceUnavailable | SourceRejected) -> str:
    """Name the class under which a failed read is counted."""
    return error.error_class if isinstance(error, Unavailable | Rejected) else "source"


@dataclass
class TokenBucket:
    """At most `rate` requests a second on average and `burst` at once."""

    rate: float
    burst: float
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _tokens: float = field(init=False)
    _at: float = field(init=False)
    _lock: Lock = field(default_factory=Lock, init=False)

    def __post_init__(self) -> None:
        self._tokens, self._at = self.burst, self.monotonic()

    def take(self) -> None:
        """Wait until one more request is allowed."""
        with self._lock:
            now = self.monotonic()
            self._tokens = min(self.burst, self._tokens + (now - self._at) * self.rate) - 1
            self._at = now
            wait = -self._tokens / self.rate
        if wait > 0:
            self.sleep(wait)


@dataclass
class Breaker:
    """Opens after `limit` failures in a row; then lets one probe through at a time, never more than one a second.

    A remote that says how long to wait is left alone for so long, whoever asks.
    """

    limit: int = 5
    longest: float = 10.0
    monotonic: Callable[[], float] = time.monotonic
    _failures: int = field(default=0, init=False)
    _next: float = field(default=0.0, init=False)
    _quiet_until: float = field(default=0.0, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)

    def closed_in(self) -> float:
        """Give 0 where a request may be made now, else the seconds until the next probe; takes the probe."""
        with self._lock:
            now = self.monotonic()
            if (quiet := self._quiet_until - now) > 1e-6:
                return quiet
            if self._failures < self.limit:
                return 0.0
            if now < self._next:
                return self._next - now
            self._next = now + self._pause()
            return 0.0

    def succeeded(self) -> None:
        """Close."""
        with self._lock:
            self._failures = 0

    def failed(self) -> None:
        """Count a failure; the pause between probes doubles up to `longest`."""
        with self._lock:
            self._failures += 1
            self._next = self.monotonic() + self._pause()

    def quiet_for(self, seconds: float) -> None:
        """Ask nothing for so long: the remote said so."""
        with self._lock:
            self._quiet_until = max(self._quiet_until, self.monotonic() + seconds)

    def _pause(self) -> float:
        return float(min(self.longest, 2.0 ** min(max(0, self._failures - self.limit), 16)))


@dataclass(frozen=True)
class Answer:
    """What came back, whole."""

    status: int
    body: bytes
    retry_after: float | None


class TrueLabels(httpx.BaseTransport):
    """Takes the label off an answer that says it is compressed and is not: some servers label plain bodies."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass on, and look at the first bytes of what is labelled as gzip."""
        response = self._inner.handle_request(request)
        stream, label = response.stream, response.headers.get("Content-Encoding", "")
        if label.lower() != "gzip" or response.is_closed or not isinstance(stream, httpx.SyncByteStream):
            return response
        parts = iter(stream)
        first = next((part for part in parts if part), b"")
        headers = response.headers.copy()
        if not first.startswith(_GZIP):
            del headers["Content-Encoding"]
        kept = _Rest(first, parts, stream)
        return httpx.Response(response.status_code, headers=headers, stream=kept, extensions=response.extensions)

    def close(self) -> None:
        """Give back the connections."""
        self._inner.close()


class _Rest(httpx.SyncByteStream):
    """A body of which the first part was looked at."""

    def __init__(self, first: bytes, rest: Iterator[bytes], whole: httpx.SyncByteStream) -> None:
        self._first, self._rest, self._whole = first, rest, whole

    def __iter__(self) -> Iterator[bytes]:
        yield self._first
        yield from self._rest

    def close(self) -> None:
        self._whole.close()


class Http:
    """One account's HTTP: authentication, limits, retries of reads.

    `authorization` goes with every request; a system that has sessions, or a scheme other than `Bearer`, sets it.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        token: str,
        *,
        rate: float = 100.0,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.base_url = safe_url(base_url)
        self.token = token
        self.authorization: str | None = f"Bearer {token}"
        self._client = httpx.Client(
            base_url=self.base_url,
            headers={"Accept": "application/json"},
            timeout=_TIMEOUT,
            transport=TrueLabels(transport or httpx.HTTPTransport(trust_env=False)),
            trust_env=False,
        )
        self._bucket = TokenBucket(rate, max(1.0, rate / 2), monotonic, sleep)
        self._breaker = Breaker(monotonic=monotonic)
        self._sleep = sleep
        self.monotonic = monotonic

    def close(self) -> None:
        """Give back the connections."""
        self._client.close()

    def read(self, path: str, params: Query | None = None) -> bytes | None:
        """Read one JSON document, trying again while the remote is unavailable; None where there is none (404).

        Raises:
            Unavailable: it did not answer properly within the attempts, or asks to wait longer than is sensible.
            Rejected: it refuses; trying again changes nothing.
        """
        return self._retrying()(self._read_once, path, lambda: self._exchange("GET", path, params=params or {}))

    def ask(self, path: str, body: bytes) -> bytes | None:
        """Read by a POST that changes nothing, trying again as `read` does.

        Raises:
            Unavailable, Rejected: as of `read`.
        """
        return self._retrying()(self._read_once, path, lambda: self._exchange("POST", path, content=body))

    def send(self, request: WriteRequest, *, key: str) -> WriteResult:
        """Send a write once; what is not known to have failed or succeeded comes back as unknown."""
        try:
            answer = self.once(request.method, request.path, json=request.body, headers={"Idempotency-Key": key})
        except NotSent as error:
            return _not_sent(request, str(error), error.retry_after_seconds or 1.0)
        except CutOff as error:
            return WriteResult(outcome="unknown", request=request, response=str(error))
        return _result(request, answer)

    def once(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, object] | None = None,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send once and give the answer, whatever its status; the caller judges it.

        Raises:
            NotSent: nothing reached the remote.
            CutOff: it left, and no whole answer came.
        """
        wait = self._breaker.closed_in()
        if wait:
            raise NotSent(
                f"{self.name} failed repeatedly or asked to wait", error_class="circuit", retry_after_seconds=wait
            )
        try:
            self._bucket.take()
            answer = self._exchange(method, path, json=json, content=content, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            self._breaker.failed()
            raise NotSent(
                f"{self.name} cannot be reached: {error}", error_class="connection", retry_after_seconds=1.0
            ) from error
        except (httpx.HTTPError, Unavailable) as error:
            self._breaker.failed()
            told = f"no answer after sending: {type(error).__name__} {error}".strip()
            raise CutOff(told, error_class="connection") from error
        if answer.retry_after is not None and answer.status in (429, 503):
            self._breaker.quiet_for(answer.retry_after)
        if answer.status < 500:
            self._breaker.succeeded()
        else:
            self._breaker.failed()
        return answer

    def _retrying(self) -> tenacity.Retrying:
        return tenacity.Retrying(
            stop=tenacity.stop_after_attempt(ATTEMPTS) | tenacity.stop_after_delay(LONGEST_READ_SECONDS),
            wait=_pause,
            retry=tenacity.retry_if_exception(_worth_another),
            sleep=self._sleep,
            reraise=True,
        )

    def _read_once(self, path: str, exchange: Callable[[], Answer]) -> bytes | None:
        wait = self._breaker.closed_in()
        if wait:
            raise Unavailable(
                f"{self.name}: not asked, because it failed repeatedly or asked to wait; next in {wait:.1f} s",
                error_class="circuit", retry_after_seconds=wait,
            )  # fmt: skip
        self._bucket.take()
        try:
            body = self._judged(path, self._fetched(path, exchange))
        except Unavailable as error:
            if error.error_class != "rate_limit":
                self._breaker.failed()
            if error.retry_after_seconds is not None:
                self._breaker.quiet_for(error.retry_after_seconds)
            raise
        self._breaker.succeeded()
        return body

    def _fetched(self, path: str, exchange: Callable[[], Answer]) -> Answer:
        try:
            return exchange()
        except httpx.TimeoutException as error:
            raise Unavailable(f"{self.name} {path}: no answer in time", error_class="timeout") from error
        except httpx.HTTPError as error:
            raise Unavailable(
                f"{self.name} {path}: {error or type(error).__name__}", error_class="connection"
            ) from error

    def _judged(self, path: str, answer: Answer) -> bytes | None:
        status, where = answer.status, f"{self.name} {path}: HTTP {answer.status}"
        if status == 429:
            raise Unavailable(
                f"{where}: too many requests", error_class="rate_limit", retry_after_seconds=answer.retry_after
            )
        if status >= 500:
            raise Unavailable(where, error_class="server", retry_after_seconds=answer.retry_after)
        if status == 404:
            return None
        if status in (401, 403):
            raise Rejected(f"{where}: check the token of this connection", error_class="auth", status=status)
        if status == 410 or (status == 400 and b'"cursor_' in answer.body):
            raise Rejected(f"{where}: the cursor is no longer valid", error_class="cursor", status=status)
        if not 200 <= status < 300:
            raise Rejected(f"{where}: {excerpt(answer.body)}", error_class="request", status=status)
        if not is_json(answer.body):
            raise Unavailable(f"{where}, but the body is not whole JSON", error_class="body")
        return answer.body

    def _exchange(
        self,
        method: str,
        path: str,
        *,
        params: Query | None = None,
        json: Mapping[str, object] | None = None,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        deadline = self.monotonic() + DEADLINE_SECONDS
        body = bytearray()
        sent = dict(headers or {})
        if self.authorization is not None:
            sent.setdefault("Authorization", self.authorization)
        if content is not None:
            sent.setdefault("Content-Type", "application/json")
        query = None if params is None else dict(params)
        with self._client.stream(method, path, params=query, json=json, content=content, headers=sent) as response:
            for part in response.iter_bytes():
                body += part
                if len(body) > LARGEST_ANSWER:
                    raise Unavailable(
                        f"{self.name} {path}: the answer is larger than {LARGEST_ANSWER} bytes",
                        error_class="body",
                    )
                if self.monotonic() > deadline:
                    raise Unavailable(
                        f"{self.name} {path}: the answer took longer than {DEADLINE_SECONDS:.0f} s",
                        error_class="timeout",
                    )
            return Answer(response.status_code, bytes(body), retry_after(response.headers.get("Retry-After")))


def safe_url(url: str) -> str:
    """Refuse an address that would send a token in the clear beyond this machine.

    Raises:
        ConfigError: it is not https, and not http on loopback.
    """
    parts = urlsplit(url)
    local = parts.hostname in ("127.0.0.1", "localhost", "::1")
    if parts.hostname and (parts.scheme == "https" or (parts.scheme == "http" and local)):
        return url.rstrip("/")
    raise ConfigError(f"{url!r} is not an address for a connection: use https://, or http:// on 127.0.0.1")


def retry_after(header: str | None) -> float | None:
    """Read a Retry-After header, seconds or a date, as seconds from now."""
    if header is None:
        return None
    text = header.strip()
    if text.replace(".", "", 1).isdecimal():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (at - datetime.now(UTC)).total_seconds()) if at.tzinfo else None


def is_json(body: bytes) -> bool:
    """Tell whether a body is one whole JSON document."""
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def excerpt(body: bytes) -> str:
    """Give the beginning of an answer as text."""
    return body[:EXCERPT].decode("utf-8", errors="replace")


def _worth_another(error: BaseException) -> bool:
    """An open circuit fails at once: the next poll comes soon, and nobody waits for one system behind another."""
    if not isinstance(error, Unavailable) or error.error_class == "circuit":
        return False
    return (error.retry_after_seconds or 0.0) <= LONGEST_WAIT_SECONDS


def _pause(state: tenacity.RetryCallState) -> float:
    """Wait as long as the remote asks, or longer each time where it does not say."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after_seconds if isinstance(error, SourceUnavailable) else None
    return float(0.25 * 2 ** (state.attempt_number - 1)) if asked is None else asked


def _not_sent(request: WriteRequest, why: str, wait: float) -> WriteResult:
    return WriteResult(outcome="rejected", request=request, response=f"not sent: {why}", retry_after=wait)


def _result(request: WriteRequest, answer: Answer) -> WriteResult:
    outcome: Literal["applied", "stale", "rejected", "unknown"]
    wait: float | None = None
    if answer.status == 429:
        outcome, wait = "rejected", answer.retry_after or 1.0
    elif answer.status == 409:
        outcome = "stale"
    elif answer.status >= 500:
        outcome = "unknown"
    elif not 200 <= answer.status < 300:
        outcome = "rejected"
    else:
        outcome = "applied" if is_json(answer.body) else "unknown"
    return WriteResult(
        outcome=outcome, request=request, status=answer.status, response=excerpt(answer.body), retry_after=wait,
        remote_id=_remote_id(answer.body),
    )  # fmt: skip


def _remote_id(body: bytes) -> str | None:
    try:
        document = _ANY.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    found = document.get("id") if isinstance(document, dict) else None
    return found if isinstance(found, str) else None
