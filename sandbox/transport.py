"""Faults of the wire, rate limits and tokens: what stands between a client and the routes."""

from __future__ import annotations

import asyncio
import math
import time
from random import Random

import msgspec
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SYSTEMS = ("storefront", "erp", "warehouse", "carrier")
DEFAULT_RATE = 200.0
HANG_SECONDS = 30.0


class HttpFaults(msgspec.Struct):
    """Odds that a request to a system goes wrong."""

    status_429: float = 0.0
    status_500: float = 0.0
    timeout: float = 0.0
    truncate: float = 0.0
    html_200: float = 0.0
    writes_only: bool = False
    timeout_seconds: float = HANG_SECONDS


class Wire(msgspec.Struct):
    """How the wire to one system behaves."""

    http: HttpFaults = msgspec.field(default_factory=HttpFaults)
    lying_writes: float = 0.0
    write_then_fail: float = 0.0


class Bucket:
    """A token bucket in real time."""

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self.tokens = max(per_second, 1.0)
        self._last = time.monotonic()

    def wait(self) -> float:
        """Take a token; otherwise say how many seconds until there is one."""
        now = time.monotonic()
        self.tokens = min(self.tokens + (now - self._last) * self.per_second, max(self.per_second, 1.0))
        self._last = now
        if self.tokens >= 1:
            self.tokens -= 1
            return 0.0
        return (1 - self.tokens) / self.per_second


class Transport:
    """The state of all wires."""

    def __init__(self, rate: float = DEFAULT_RATE) -> None:
        self.wires = {system: Wire() for system in SYSTEMS}
        self.buckets = {system: Bucket(rate) for system in SYSTEMS}
        self.rng = Random(11)

    def lies(self, system: str) -> bool:
        """Draw whether this write is only pretended."""
        odds = self.wires[system].lying_writes
        return odds > 0 and self.rng.random() < odds

    def fails_after(self, system: str) -> bool:
        """Draw whether this write is made and then answered with an error."""
        odds = self.wires[system].write_then_fail
        return odds > 0 and self.rng.random() < odds

    def mishap(self, system: str, *, is_write: bool) -> str | None:
        """Draw what goes wrong with a request, if anything."""
        http = self.wires[system].http
        if http.writes_only and not is_write:
            return None
        drawn = self.rng.random()
        for name in ("status_429", "status_500", "timeout", "truncate", "html_200"):
            drawn -= getattr(http, name)
            if drawn < 0:
                return name
        return None


def answer(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Answer with JSON."""
    return Response(msgspec.json.encode(body), status, headers, "application/json")


def too_many(seconds: float) -> Response:
    """Ask the client to wait."""
    return answer({"error": "rate_limited"}, 429, {"Retry-After": str(max(math.ceil(seconds), 1))})


async def hang_up(receive: Receive, send: Send) -> None:
    """Close the connection; on a server that cannot, the answer breaks off in its head."""
    cycle = getattr(receive, "__self__", None)
    wire = getattr(cycle, "transport", None)
    if wire is None:
        await send({"type": "http.response.start", "status": 500, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})
        return
    wire.close()
    await asyncio.sleep(0.01)


class Gate:
    """Checks the token, then the rate, then lets the faults of the wire happen."""

    def __init__(self, app: ASGIApp, transport: Transport) -> None:
        self.app = app
        self.transport = transport

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or not."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        system = scope["path"].split("/")[1]
        if system in SYSTEMS:
            await self._guard(system, scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _guard(self, system: str, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(system, scope)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        is_write = scope["method"] != "GET"
        mishap = self.transport.mishap(system, is_write=is_write)
        if mishap is not None:
            await self._go_wrong(mishap, system, scope, receive, send)
        elif is_write and self.transport.fails_after(system):
            await self._call_unheard(scope, receive)
            await self._fail(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _refusal(self, system: str, scope: Scope) -> Response | None:
        given = dict(scope["headers"]).get(b"authorization", b"")
        if given != f"Bearer {system}-token".encode():
            return answer({"error": "unauthorized"}, 401)
        seconds = self.transport.buckets[system].wait()
        return too_many(seconds) if seconds else None

    async def _go_wrong(self, mishap: str, system: str, scope: Scope, receive: Receive, send: Send) -> None:
        if mishap == "status_429":
            await too_many(1)(scope, receive, send)
        elif mishap == "status_500":
            await answer({"error": "internal"}, 500)(scope, receive, send)
        elif mishap == "html_200":
            await HTMLResponse("<html><body>We will be back soon.</body></html>")(scope, receive, send)
        elif mishap == "timeout":
            await asyncio.sleep(self.transport.wires[system].http.timeout_seconds)
            await hang_up(receive, send)
        else:
            await self._break_off(scope, receive, send)

    async def _fail(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.transport.rng.random() < 0.5:
            await answer({"error": "internal"}, 500)(scope, receive, send)
        else:
            await hang_up(receive, send)

    async def _call_unheard(self, scope: Scope, receive: Receive) -> list[Message]:
        said: list[Message] = []

        async def keep(message: Message) -> None:
            said.append(message)

        await self.app(scope, receive, keep)
        return said

    async def _break_off(self, scope: Scope, receive: Receive, send: Send) -> None:
        said = await self._call_unheard(scope, receive)
        body = b"".join(message.get("body", b"") for message in said)
        await send(said[0])
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        await asyncio.sleep(0.01)
        await hang_up(receive, send)
