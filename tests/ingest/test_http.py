"""A remote that misbehaves: reads are tried again within limits, writes never."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import httpx
import pytest

from data.errors import ConfigError, SourceUnavailable
from ingest import http as http_module
from ingest.adapter import WriteRequest
from ingest.http import (
    ATTEMPTS,
    Breaker,
    CutOff,
    Http,
    NotSent,
    Rejected,
    TokenBucket,
    Unavailable,
    retry_after,
    safe_url,
)
from tests.ingest.factories import Sleeper, an_http, dice_of

Answer = Callable[[httpx.Request], httpx.Response]
WRITE = WriteRequest("PUT", "/storefront/listings/web%3AA", {"quantity": 3, "expected_quantity": 5})


class Wire(httpx.MockTransport):
    """Answers one after the other, the last for ever; remembers when it was asked."""

    def __init__(self, *answers: httpx.Response | Exception, sleeper: Sleeper | None = None) -> None:
        super().__init__(self._answer)
        self.answers = list(answers)
        self.sleeper = sleeper or Sleeper()
        self.asked_at: list[float] = []
        self.keys: list[str | None] = []

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked_at.append(self.sleeper.at)
        self.keys.append(request.headers.get("Idempotency-Key"))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, content=answer.content, headers=answer.headers)

    @property
    def http(self) -> Http:
        """Connect to it."""
        return an_http(self, sleeper=self.sleeper)


OK = httpx.Response(200, json={"items": []})


@pytest.mark.parametrize(
    ("first", "error_class"),
    [
        (httpx.Response(429, headers={"Retry-After": "2"}), "rate_limit"),
        (httpx.Response(500), "server"),
        (httpx.Response(502, text="<html>bad gateway</html>"), "server"),
        (httpx.ReadTimeout("slow"), "timeout"),
        (httpx.ConnectError("refused"), "connection"),
        (httpx.RemoteProtocolError("half open"), "connection"),
        (httpx.ReadError("reset"), "connection"),
        (httpx.Response(200, text="<html>maintenance</html>"), "body"),
        (httpx.Response(200, content=b'{"items": [{"id": "tru'), "body"),
        (httpx.Response(200, content=b""), "body"),
    ],
)
def test_a_read_is_tried_again_and_given_up_after_so_many_attempts(
    first: httpx.Response | Exception, error_class: str
) -> None:
    assert Wire(first, OK).http.read("/x") == OK.content
    wire = Wire(first)
    with pytest.raises(Unavailable) as failed:
        wire.http.read("/x")
    assert failed.value.error_class == error_class
    assert len(wire.asked_at) == ATTEMPTS


@pytest.mark.parametrize("status", [400, 401, 403, 405, 410, 422])
def test_a_refused_read_is_not_tried_again(status: int) -> None:
    wire = Wire(httpx.Response(status, json={"error": "no"}))
    with pytest.raises(Rejected):
        wire.http.read("/x")
    assert len(wire.asked_at) == 1


@pytest.mark.parametrize("asked", [1.0, 7.0, 30.0])
def test_retry_after_is_honoured_to_the_second(asked: float) -> None:
    wire = Wire(httpx.Response(429, headers={"Retry-After": str(asked)}), OK)
    wire.http.read("/x")
    assert wire.asked_at[1] - wire.asked_at[0] == pytest.approx(asked, abs=1)


def test_a_remote_that_asks_for_an_hour_is_left_to_the_next_poll() -> None:
    wire = Wire(httpx.Response(429, headers={"Retry-After": "3600"}))
    with pytest.raises(SourceUnavailable) as failed:
        wire.http.read("/x")
    assert (failed.value.retry_after_seconds, len(wire.asked_at)) == (3600, 1)


def test_a_remote_that_asks_for_an_hour_is_left_alone_for_an_hour_by_reads_and_writes() -> None:
    sleeper = Sleeper()
    wire = Wire(httpx.Response(429, headers={"Retry-After": "3600"}), OK, sleeper=sleeper)
    http = wire.http
    with pytest.raises(Unavailable):
        http.read("/x")
    sleeper.at += 3_590
    with pytest.raises(Unavailable) as waiting:
        http.read("/x")
    assert waiting.value.retry_after_seconds == pytest.approx(10)
    assert http.send(WRITE, key="k").retry_after == pytest.approx(10)
    sleeper.at += 10
    assert http.read("/x") == OK.content
    assert len(wire.asked_at) == 2


def test_an_open_circuit_fails_at_once_so_that_other_systems_are_read() -> None:
    sleeper = Sleeper()
    http = Wire(httpx.Response(500), sleeper=sleeper).http
    with pytest.raises(Unavailable):
        http.read("/x")
    before = sleeper.at
    with pytest.raises(Unavailable) as refused:
        http.read("/x")
    assert (refused.value.error_class, sleeper.at) == ("circuit", before)


def test_retry_after_may_be_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert retry_after(later) == pytest.approx(30, abs=2)
    assert retry_after("soon") is None
    assert retry_after(None) is None


def test_an_open_circuit_asks_at_most_once_a_second() -> None:
    sleeper = Sleeper()
    wire = Wire(httpx.Response(500), sleeper=sleeper)
    http = wire.http
    while sleeper.at < 120:
        with pytest.raises(Unavailable):
            http.read("/x")
        sleeper.at += 0.01
    after_opening = wire.asked_at[5:]
    assert len(after_opening) > 3
    assert all(later - earlier >= 1 for earlier, later in pairwise(after_opening))


def test_a_circuit_closes_with_the_first_success() -> None:
    sleeper = Sleeper()
    breaker = Breaker(monotonic=sleeper.monotonic)
    for _ in range(6):
        breaker.failed()
    assert breaker.closed_in() > 0
    sleeper.at += 60
    assert breaker.closed_in() == 0
    breaker.succeeded()
    assert [breaker.closed_in() for _ in range(3)] == [0, 0, 0]


def test_a_token_bucket_spreads_requests_over_time() -> None:
    sleeper = Sleeper()
    bucket = TokenBucket(10, 5, sleeper.monotonic, sleeper.sleep)
    for _ in range(25):
        bucket.take()
    assert sleeper.at == pytest.approx(2.0, abs=0.11)


@pytest.mark.parametrize(
    ("answer", "outcome", "may_be_sent_again"),
    [
        (httpx.Response(200, json={"id": "web:A", "quantity": 3}), "applied", False),
        (httpx.Response(409, json={"error": "stale", "current": 4}), "stale", False),
        (httpx.Response(422, json={"error": "idempotency_mismatch"}), "rejected", False),
        (httpx.Response(401), "rejected", False),
        (httpx.Response(302, headers={"Location": "http://169.254.169.254/"}), "rejected", False),
        (httpx.Response(429, headers={"Retry-After": "3"}), "rejected", True),
        (httpx.Response(500), "unknown", False),
        (httpx.Response(503, headers={"Retry-After": "3"}), "unknown", False),
        (httpx.Response(200, text="<html>ok</html>"), "unknown", False),
        (httpx.Response(200, content=b'{"id": "we'), "unknown", False),
        (httpx.ReadTimeout("slow"), "unknown", False),
        (httpx.RemoteProtocolError("half open"), "unknown", False),
        (httpx.ReadError("reset"), "unknown", False),
        (httpx.WriteTimeout("slow"), "unknown", False),
        (httpx.ConnectError("refused"), "rejected", True),
        (httpx.ConnectTimeout("slow"), "rejected", True),
    ],
)
def test_a_write_is_sent_once_and_says_what_became_of_it(
    answer: httpx.Response | Exception, outcome: str, may_be_sent_again: bool
) -> None:
    wire = Wire(answer)
    result = wire.http.send(WRITE, key="k1")
    assert (result.outcome, result.retry_after is not None) == (outcome, may_be_sent_again)
    assert wire.keys == ["k1"]
    assert result.request == WRITE
    assert "token-1" not in repr(result)


def test_a_write_is_not_sent_while_the_circuit_is_open() -> None:
    wire = Wire(httpx.Response(500))
    http = wire.http
    for _ in range(ATTEMPTS):
        http.send(WRITE, key="k")
    result = http.send(WRITE, key="k")
    assert (result.outcome, len(wire.asked_at)) == ("rejected", ATTEMPTS)
    assert result.retry_after is not None


def test_an_answer_that_never_ends_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "LARGEST_ANSWER", 1_000)
    sleeper = Sleeper()

    def drip() -> Iterator[bytes]:
        while True:
            yield b"[" * 400

    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=drip())

    with pytest.raises(Unavailable, match="larger"):
        an_http(httpx.MockTransport(answer), sleeper=sleeper).read("/x")


def test_an_answer_that_drips_is_cut_off() -> None:
    sleeper = Sleeper()

    def drip() -> Iterator[bytes]:
        while True:
            sleeper.at += 20
            yield b" "

    with pytest.raises(Unavailable) as failed:
        an_http(httpx.MockTransport(lambda _: httpx.Response(200, content=drip())), sleeper=sleeper).read("/x")
    assert failed.value.error_class == "timeout"


@pytest.mark.parametrize(
    "url", ["http://shop.example", "ftp://shop.example", "shop.example", "", "http://169.254.169.254/", "https://"]
)
def test_a_token_never_leaves_the_machine_in_the_clear(url: str) -> None:
    with pytest.raises(ConfigError):
        safe_url(url)


@pytest.mark.parametrize(
    "url", ["https://shop.example/", "http://127.0.0.1:8600", "http://localhost:1", "http://[::1]:8600"]
)
def test_loopback_and_https_are_fine(url: str) -> None:
    assert safe_url(url) == url.rstrip("/")


def test_a_mixture_of_faults_ends_in_an_answer_or_a_reason() -> None:
    dice = dice_of(7)
    faults: list[httpx.Response | Exception] = [
        httpx.Response(429, headers={"Retry-After": "1"}), httpx.Response(500), httpx.Response(502),
        httpx.ReadTimeout("slow"), httpx.ReadError("reset"), httpx.Response(200, text="<html>"),
        httpx.Response(200, content=b'{"items": ['), OK, OK, OK,
    ]  # fmt: skip
    sleeper = Sleeper()
    wire = Wire(*[dice.choice(faults) for _ in range(5_000)], OK, sleeper=sleeper)
    http, ends, reasons = wire.http, {"answer": 0, "reason": 0}, set[str]()
    for _ in range(1_000):
        before = len(wire.asked_at)
        try:
            assert http.read("/x") == OK.content
            ends["answer"] += 1
        except Unavailable as error:
            reasons.add(error.error_class)
            ends["reason"] += 1
        assert len(wire.asked_at) - before <= ATTEMPTS
        sleeper.at += 10
    assert ends["answer"] > 500
    assert sum(ends.values()) == 1_000
    assert all(reasons)


def test_a_plain_body_that_is_labelled_as_compressed_is_read_as_it_is() -> None:
    body, label = b'{"items": [' + b"1," * 2_000 + b"1]}", {"Content-Encoding": "gzip"}

    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=httpx.ByteStream(body), headers=label)

    assert an_http(httpx.MockTransport(answer)).read("/x") == body


def test_a_compressed_body_is_unpacked() -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        packed = httpx.ByteStream(gzip.compress(OK.content))
        return httpx.Response(200, stream=packed, headers={"Content-Encoding": "gzip"})

    assert an_http(httpx.MockTransport(answer)).read("/x") == OK.content


def test_a_question_by_post_is_tried_again_and_a_command_is_not() -> None:
    wire = Wire(httpx.Response(502), OK)
    assert wire.http.ask("/x", b"{}") == OK.content
    assert len(wire.asked_at) == 2
    with pytest.raises(CutOff):
        Wire(httpx.ReadTimeout("slow")).http.once("POST", "/x", content=b"{}")
    with pytest.raises(NotSent):
        Wire(httpx.ConnectError("refused")).http.once("POST", "/x", content=b"{}")
