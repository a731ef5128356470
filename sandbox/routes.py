"""The HTTP side: paths to views, writes, the clock, faults and truth."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from functools import partial

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox import warehouse_writes, writes
from sandbox.fault_desk import UnknownFault, inject
from sandbox.faults import CannotInject
from sandbox.instants import parse
from sandbox.merchant import CursorExpired, CursorInvalid, Merchant
from sandbox.transport import SYSTEMS, Gate, answer

STEP_SECONDS = 0.1
DEFAULT_LIMIT = 500
LARGEST_LIMIT = 1000
JUDGE_TOKEN = "judge-token"  # noqa: S105 - the sandbox holds no secrets
ADVANCE_SLICE_SECONDS = 6 * 3600

NOT_FOUND = {"error": "not_found"}


class Routes:
    """All endpoints of one merchant."""

    def __init__(self, merchant: Merchant) -> None:
        self.merchant = merchant
        self.advancing = asyncio.Lock()

    def app(self) -> Starlette:
        """Put the endpoints behind the gate."""
        routes = [
            Route("/healthz", self.health),
            Route("/about", self.about),
            Route("/clock", self.clock, methods=["GET", "POST"]),
            Route("/clock/advance", self.advance, methods=["POST"]),
            Route("/faults", self.faults, methods=["GET", "POST"]),
            Route("/faults/{id}", self.end_fault, methods=["DELETE"]),
            Route("/truth", self.truth),
            Route("/state/{system}/{stream}/{id:path}", self.state),
            *self._writes(),
            Route("/{system}/{stream}", self.items),
            Route("/{system}/{stream}/keys", self.keys),
            Route("/{system}/{stream}/{id:path}", self.item),
        ]
        gate = Middleware(Gate, transport=self.merchant.transport)
        return Starlette(routes=routes, middleware=[gate], lifespan=self._lifespan)

    def _writes(self) -> list[Route]:
        def write(path: str, method: str, change: Callable[..., writes.Answer], *, keyed: bool = True) -> Route:
            return Route(path, partial(self.write, change, path.split("/")[1], keyed), methods=[method])

        return [
            write("/storefront/listings/{id}", "PUT", writes.set_listing),
            write("/storefront/orders/{id}/fulfillments", "POST", writes.add_fulfillment),
            write("/erp/purchases", "POST", writes.draft_purchase),
            write("/erp/purchases/{id}/cancel", "POST", writes.cancel_purchase, keyed=False),
            write("/warehouse/work/{id}/priority", "PUT", warehouse_writes.set_priority),
            write("/warehouse/transfers", "POST", warehouse_writes.draft_transfer),
            write("/warehouse/transfers/{id}/cancel", "POST", warehouse_writes.cancel_transfer, keyed=False),
            Route("/{system}/webhooks", self.subscribe, methods=["POST"]),
            Route("/{system}/webhooks/{id}", self.resubscribe, methods=["PUT", "DELETE"]),
        ]

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self._live()), asyncio.create_task(self.merchant.webhooks.deliver())]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _live(self) -> None:
        while True:
            self.merchant.clock.catch_up()
            await asyncio.sleep(STEP_SECONDS)

    # The process

    async def health(self, _: Request) -> Response:
        """Say that the process serves."""
        return answer({"ok": True})

    async def about(self, _: Request) -> Response:
        """Say what the merchant is made of."""
        return answer(self.merchant.about())

    def _time(self) -> Response:
        self.merchant.clock.catch_up()
        return answer({"now": self.merchant.world.written(), "running": self.merchant.clock.running})

    async def clock(self, request: Request) -> Response:
        """Read, start or stop the clock."""
        if request.method == "POST":
            wanted = await _json(request)
            if not isinstance(wanted.get("running"), bool):
                return answer({"error": "invalid", "reason": "running is true or false"}, 422)
            self.merchant.clock.start() if wanted["running"] else self.merchant.clock.stop()
        return self._time()

    async def advance(self, request: Request) -> Response:
        """Jump ahead, in slices so that others are answered between."""
        seconds = (await _json(request)).get("seconds")
        if not isinstance(seconds, int | float) or seconds < 0:
            return answer({"error": "invalid", "reason": "seconds is a number of at least 0"}, 422)
        async with self.advancing:
            left = float(seconds)
            while left > 0:
                step = min(left, ADVANCE_SLICE_SECONDS)
                self.merchant.clock.advance(step)
                left -= step
                await asyncio.sleep(0)
        return self._time()

    # Reading

    async def items(self, request: Request) -> Response:
        """List items by time of change."""
        system, stream = request.path_params["system"], request.path_params["stream"]
        if not self._known(system, stream):
            return answer(NOT_FOUND, 404)
        self.merchant.clock.catch_up()
        query = request.query_params
        try:
            limit = int(query.get("limit", DEFAULT_LIMIT))
            start = (-1, "")
            if "cursor" in query:
                start = self.merchant.read_cursor(system, stream, query["cursor"])
            elif "updated_since" in query:
                # A plus sign that was not escaped arrives as a blank.
                start = (parse(query["updated_since"].replace(" ", "+")) - self.merchant.world.shift, "")
        except CursorInvalid:
            return answer({"error": "cursor_invalid"}, 400)
        except CursorExpired:
            return answer({"error": "cursor_expired"}, 410)
        except ValueError as error:
            return answer({"error": "invalid", "reason": str(error)}, 422)
        if not 1 <= limit <= LARGEST_LIMIT:
            return answer({"error": "invalid", "reason": f"limit is 1 to {LARGEST_LIMIT}"}, 422)
        view, as_of = self.merchant.view(system, stream)
        found, key = view.page(start, limit)
        token = "null" if key is None else f'"{self.merchant.cursor(system, stream, key)}"'
        body = b"".join((b'{"items":[', b",".join(found), f'],"next":{token},"as_of":"{as_of}"}}'.encode()))
        return Response(body, media_type="application/json")

    async def keys(self, request: Request) -> Response:
        """List all ids of a stream."""
        system, stream = request.path_params["system"], request.path_params["stream"]
        if not self._known(system, stream):
            return answer(NOT_FOUND, 404)
        self.merchant.clock.catch_up()
        return answer({"keys": self.merchant.view(system, stream)[0].keys()})

    async def item(self, request: Request) -> Response:
        """Get one item."""
        path = request.path_params
        if not self._known(path["system"], path["stream"]):
            return answer(NOT_FOUND, 404)
        self.merchant.clock.catch_up()
        return _item(self.merchant.view(path["system"], path["stream"])[0].payload(path["id"]))

    async def state(self, request: Request) -> Response:
        """Get the true state of one item, past stopped feeds and faults."""
        path = request.path_params
        if request.headers.get("authorization") != f"Bearer {JUDGE_TOKEN}":
            return answer({"error": "unauthorized"}, 401)
        if not self._known(path["system"], path["stream"]):
            return answer(NOT_FOUND, 404)
        self.merchant.clock.catch_up()
        return _item(self.merchant.world.streams[path["system"]][path["stream"]].view().payload(path["id"]))

    def _known(self, system: str, stream: str) -> bool:
        return system in SYSTEMS and stream in self.merchant.world.streams[system]

    # Writing

    async def write(
        self, change: Callable[..., writes.Answer], system: str, is_keyed: bool, request: Request
    ) -> Response:
        """Make a change once for each idempotency key."""
        body = await request.body()
        key = request.headers.get("idempotency-key")
        if key is None and is_keyed:
            return answer({"error": "idempotency_key_required"}, 400)
        whole = b"%s %s\n%s" % (request.method.encode(), request.url.path.encode(), body)
        known = self.merchant.replay(system, key, whole) if key is not None else None
        if known is not None:
            return Response(known.body, known.status, media_type="application/json")
        status, encoded = self._change(change, system, request, body)
        if key is not None:
            self.merchant.remember(system, key, whole, status, encoded)
        return Response(encoded, status, media_type="application/json")

    def _change(
        self, change: Callable[..., writes.Answer], system: str, request: Request, body: bytes
    ) -> tuple[int, bytes]:
        self.merchant.clock.catch_up()
        self.merchant.world.tick()
        given: list[str | bytes] = [request.path_params["id"]] if "id" in request.path_params else []
        if not request.url.path.endswith("/cancel"):
            given.append(body)
        try:
            status, said = change(self.merchant, *given, lies=self.merchant.transport.lies(system))
        except msgspec.DecodeError as error:
            status, said = 422, {"error": "invalid", "reason": str(error)}
        return status, msgspec.json.encode(said)

    async def subscribe(self, request: Request) -> Response:
        """Take a webhook subscription."""
        wanted = await _json(request)
        system = request.path_params["system"]
        streams = wanted.get("streams")
        if system not in SYSTEMS or not isinstance(streams, list) or not all(self._known(system, s) for s in streams):
            return answer({"error": "invalid", "reason": "streams is a list of this system's streams"}, 422)
        secrets = _secrets(wanted)
        url = wanted.get("url")
        if not isinstance(url, str) or not secrets:
            return answer({"error": "invalid", "reason": "url and secret (whsec_…) are needed"}, 422)
        return answer(self.merchant.webhooks.subscribe(system, url, secrets, streams), 201)

    async def resubscribe(self, request: Request) -> Response:
        """Replace the secrets of a subscription, or end it."""
        subscriptions = self.merchant.webhooks.subscriptions
        known = subscriptions.get(request.path_params["id"])
        if known is None or known.system != request.path_params["system"]:
            return answer(NOT_FOUND, 404)
        if request.method == "DELETE":
            del subscriptions[known.id]
            return Response(status_code=204)
        wanted = await _json(request)
        secrets = _secrets(wanted)
        if not secrets:
            return answer({"error": "invalid", "reason": "secrets are needed"}, 422)
        known.secrets = secrets
        known.url = str(wanted.get("url", known.url))
        return answer(known)

    # Faults and truth

    async def faults(self, request: Request) -> Response:
        """List the faults, or inject some."""
        self.merchant.clock.catch_up()
        if request.method == "GET":
            self.merchant.violations()
            return answer(self.merchant.faults.all)
        try:
            return answer(inject(self.merchant, await request.body()))
        except CannotInject as error:
            return answer({"error": "no_subject", "reason": str(error)}, 409)
        except (UnknownFault, msgspec.DecodeError) as error:
            return answer({"error": "invalid", "reason": str(error)}, 422)

    async def end_fault(self, request: Request) -> Response:
        """Take the cause of a fault away."""
        fault = next((one for one in self.merchant.faults.all if one.id == request.path_params["id"]), None)
        if fault is None:
            return answer(NOT_FOUND, 404)
        self.merchant.clock.catch_up()
        self.merchant.world.tick()
        self.merchant.faults.end(fault)
        return answer(fault)

    async def truth(self, _: Request) -> Response:
        """List all violations at this instant."""
        found = self.merchant.violations()
        return answer({"now": self.merchant.world.written(), "violations": found})


def _item(payload: bytes | None) -> Response:
    return answer(NOT_FOUND, 404) if payload is None else Response(payload, media_type="application/json")


def _secrets(wanted: dict[str, object]) -> list[str]:
    given = wanted.get("secrets", [wanted.get("secret")])
    if not isinstance(given, list):
        return []
    return [one for one in given if isinstance(one, str) and one.startswith("whsec_")]


async def _json(request: Request) -> dict[str, object]:
    try:
        found = msgspec.json.decode(await request.body())
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}
