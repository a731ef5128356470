"""Webhooks at the door: signature, age, size and form are checked, then the item is stored like any other record.

Signatures follow Standard Webhooks (HMAC-SHA256 over `id.timestamp.body`, on the bytes as they came). The item in the
body carries its own version, so nothing has to be asked for: the answer follows one short transaction. What is turned
away here is not received; it is counted as refused. What only hints is the matter of `ingest.hints`.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from standardwebhooks import Webhook
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from data.clock import Clock, to_micros
from data.errors import StoreError
from data.log.append import source_id
from data.log.status import note_refusal
from data.store import Store
from ingest.adapter import Adapter
from ingest.hints import HINTING, Hints
from ingest.replies import DOOR, LARGEST_BODY, Reply
from ingest.rest import raw_item
from ingest.sync import take

REPLAY_WINDOW = timedelta(seconds=300)


class Hook(msgspec.Struct):
    """The envelope of a webhook."""

    stream: str
    data: msgspec.Raw
    timestamp: datetime | None = None


_hook = msgspec.json.Decoder(Hook)


def receive(
    store: Store,
    adapter: Adapter,
    headers: Mapping[str, str],
    raw_body: bytes,
    *,
    secrets: Sequence[str],
    now: datetime,
    clock: Clock,
) -> Reply:
    """Check one webhook and store its item; `now` is the real time, `clock` the business time."""
    refusal, hook = _opened(adapter, headers, raw_body, secrets, now)
    try:
        if hook is None:
            with store.log.write() as conn:
                note_refusal(conn, source_id(conn, adapter.connection, DOOR))
            return refusal
        item = raw_item(bytes(hook.data), _observed(hook, clock), place=_header(headers, "webhook-id"))
        _, tally = take(store, adapter, hook.stream, item, clock=clock)
    except StoreError as error:
        return Reply(503, {"error": "busy", "detail": str(error)})
    outcome = "accepted" if tally.accepted else "dead_letter" if tally.dead_letters else "duplicate"
    return Reply(202, {"outcome": "conflict" if tally.conflicts else outcome}, tally)


def signed(headers: Mapping[str, str], body: str, *, secrets: Sequence[str], now: datetime) -> str | None:
    """Check signature and age; give the reason of a refusal, None where all is well."""
    message, stamp = _header(headers, "webhook-id"), _header(headers, "webhook-timestamp")
    if not message or not (stamp.isascii() and stamp.isdecimal()) or len(stamp) > 12:
        return "webhook-id and webhook-timestamp (seconds since 1970) are needed"
    sent_at = datetime.fromtimestamp(int(stamp), UTC) if int(stamp) < 2**36 else datetime.max.replace(tzinfo=UTC)
    given = [part[3:].encode() for part in _header(headers, "webhook-signature").split() if part.startswith("v1,")]
    matched = False
    for secret in secrets:  # every pair is compared, so that the time taken tells nothing
        expected = Webhook(secret).sign(message, sent_at, body)[3:].encode()
        for signature in given:
            matched |= hmac.compare_digest(expected, signature)
    if not matched:
        return "no signature matches"
    if abs(now - sent_at) > REPLAY_WINDOW:
        return f"the message is more than {REPLAY_WINDOW.seconds} s away from now"
    return None


def routes(
    store: Store,
    adapters: Mapping[str, Adapter],
    secrets: Callable[[str], Sequence[str]],
    *,
    clock: Clock,
    real_clock: Clock,
    arrived: Callable[[str], None] | None = None,
) -> list[Route]:
    """Give POST /hooks/{connection}; `arrived` is told the connection when something new was stored.

    A system whose webhooks only name what changed is asked for it a moment later, by this process itself. What is
    connected later, or opened anew, is served as it then is.
    """
    hints: dict[str, Hints] = {}

    def hinting(name: str, adapter: Adapter) -> Hints | None:
        """Give what gathers an account's hints; it is read by the adapter that is open now."""
        if adapter.system not in HINTING:
            return None
        found = hints.setdefault(name, Hints(store, adapter, clock, arrived))
        found.adapter = adapter
        return found

    async def hook(request: Request) -> Response:
        name = request.path_params["connection"]
        adapter = adapters.get(name)
        if adapter is None:
            return JSONResponse({"error": "unknown_connection"}, 404)
        body = await _body(request)
        if (hinted := hinting(name, adapter)) is not None:
            noted = await run_in_threadpool(hinted.receive, request.headers, body, secrets=secrets(name))
            hinted.listen()
            return JSONResponse(noted.body, noted.status)
        reply = await run_in_threadpool(
            receive, store, adapter, request.headers, body,
            secrets=secrets(name), now=real_clock(), clock=clock,
        )  # fmt: skip
        if arrived is not None and reply.tally.accepted:
            arrived(name)
        return JSONResponse(reply.body, reply.status)

    endpoint: Callable[[Request], Awaitable[Response]] = hook
    return [Route("/hooks/{connection}", endpoint, methods=["POST"])]


async def _body(request: Request) -> bytes:
    """Read the body until it is one byte too long; more is never held."""
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > LARGEST_BODY:
                break
    except ClientDisconnect:
        return b""
    return bytes(body[: LARGEST_BODY + 1])


def _opened(
    adapter: Adapter, headers: Mapping[str, str], raw_body: bytes, secrets: Sequence[str], now: datetime
) -> tuple[Reply, Hook | None]:
    if len(raw_body) > LARGEST_BODY:
        return Reply(413, {"error": "too_large", "detail": f"at most {LARGEST_BODY} bytes"}), None
    try:
        body = raw_body.decode("utf-8")
    except UnicodeDecodeError:
        return Reply(400, {"error": "not_utf8"}), None
    why = signed(headers, body, secrets=secrets, now=now)
    if why is not None:
        return Reply(401, {"error": "signature", "detail": why}), None
    try:
        hook = _hook.decode(raw_body)
    except (msgspec.MsgspecError, RecursionError, ArithmeticError, ValueError):
        return Reply(400, {"error": "not_json", "detail": "an object with stream and data was expected"}), None
    if hook.stream not in adapter.streams:
        return Reply(404, {"error": "unknown_stream"}), None
    return Reply(202, {}), hook


def _header(headers: Mapping[str, str], name: str) -> str:
    return next((value for key, value in headers.items() if key.lower() == name), "")


def _observed(hook: Hook, clock: Clock) -> int:
    """Take the sender's own time: a late retry brings what was seen when it was first sent."""
    at = hook.timestamp
    if at is None or at.tzinfo is None:
        return to_micros(clock())
    return min(to_micros(at), to_micros(clock()))
