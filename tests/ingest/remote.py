"""A remote system at the wire: keeps items, lists them by time of change, and can be made to misbehave."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

import httpx

Raw = dict[str, Any]


class Remote:
    """Four streams or forty: whatever is put into it, listed by (updated_at, id)."""

    def __init__(self, now: datetime, *, page_size: int = 1_000) -> None:
        self.now = now
        self.page_size = page_size
        self.items: dict[str, dict[str, Raw]] = {}
        self.requests: list[httpx.Request] = []
        self.answers: list[httpx.Response | Exception] = []  #: given instead of the next answers
        self.broken: dict[str, bytes] = {}  #: id -> bytes listed in its place
        self.epoch = 1
        self.before_page: Callable[[int], None] = lambda _number: None
        self.subscriptions: list[Raw] = []
        self._pages = 0

    def put(self, stream: str, item: Raw, **changed: object) -> Raw:
        """Store an item as a new version, changed now unless its time is given."""
        held = self.items.setdefault(stream, {})
        version = held.get(item["id"], {"version": 0})["version"] + 1
        stored = {**item, "version": version, "updated_at": self.now.isoformat(), **changed}
        held[item["id"]] = stored
        return stored

    def bare(self, stream: str, key: str, at: datetime) -> bytes:  # noqa: ARG002 -- wires differ in what they need
        """Give an item with a proper head and nothing else that is right."""
        return json.dumps({"id": key, "version": 1, "updated_at": at.isoformat()}).encode()

    def id_of(self, stream: str, key: str) -> str:  # noqa: ARG002
        """Give the remote's id of the item under our key."""
        return key

    def key_of(self, stream: str, key: str) -> str:  # noqa: ARG002
        """Give the key under which our adapter knows the item under our name."""
        return key

    def delete(self, stream: str, key: str) -> None:
        """Remove an item without a trace."""
        del self.items[stream][key]

    def step(self, seconds: float = 60.0) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def clock(self) -> datetime:
        """Tell the business time."""
        return self.now

    @property
    def transport(self) -> httpx.MockTransport:
        """Give the wire."""
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.answers:
            given = self.answers.pop(0)
            if isinstance(given, Exception):
                raise given
            return given
        parts = [unquote(p) for p in request.url.raw_path.decode().partition("?")[0].strip("/").split("/")]
        if parts[1] == "webhooks":
            self.subscriptions.append(json.loads(request.content))
            return httpx.Response(201, json={"id": f"wh{len(self.subscriptions)}"})
        stream = self.items.setdefault(parts[1], {})
        if request.method != "GET":
            return self._write(request, parts)
        if len(parts) == 2:
            return self._list(request, stream)
        if parts[2] == "keys":
            return httpx.Response(200, json={"keys": sorted(stream)})
        found = stream.get(parts[2])
        return httpx.Response(404, json={"error": "not_found"}) if found is None else httpx.Response(200, json=found)

    def _write(self, request: httpx.Request, parts: list[str]) -> httpx.Response:
        body = json.loads(request.content)
        if parts[1] == "listings":
            listing = self.items["listings"][parts[2]]
            if body["expected_quantity"] != listing["quantity"]:
                return httpx.Response(409, json={"error": "stale", "current": listing["quantity"]})
            return httpx.Response(200, json=self.put("listings", {**listing, "quantity": body["quantity"]}))
        return httpx.Response(201, json={"id": "new-1", **body})

    def _list(self, request: httpx.Request, stream: dict[str, Raw]) -> httpx.Response:
        self._pages += 1
        self.before_page(self._pages)
        query = request.url.params
        size = min(int(query.get("limit", 500)), self.page_size)
        rows = sorted(stream.values(), key=_place)
        since = query.get("updated_since")
        if since is not None:
            rows = [r for r in rows if datetime.fromisoformat(r["updated_at"]) >= datetime.fromisoformat(since)]
        if (token := query.get("cursor")) is not None:
            epoch, _, place = token.partition("|")
            if not place:
                return httpx.Response(400, json={"error": "cursor_invalid"})
            if epoch != str(self.epoch):
                return httpx.Response(410, json={"error": "cursor_expired"})
            at, _, key = place.partition("|")
            rows = [r for r in rows if _place(r) > (datetime.fromisoformat(at), key)]
        page, more = rows[:size], len(rows) > size
        token = f"{self.epoch}|{page[-1]['updated_at']}|{page[-1]['id']}" if more else None
        return httpx.Response(200, content=self._page(page, token), headers={"Content-Type": "application/json"})

    def _page(self, page: list[Raw], token: str | None) -> bytes:
        items = b",".join(self.broken.get(r["id"], json.dumps(r).encode()) for r in page)
        rest = json.dumps({"next": token, "as_of": self.now.isoformat()})[1:].encode()
        return b'{"items":[' + items + b"]," + rest


def _place(item: Raw) -> tuple[datetime, str]:
    return (datetime.fromisoformat(item["updated_at"]), item["id"])


def pages_of(remote: Remote) -> Iterator[dict[str, str]]:
    """Give the query of each list that was asked for."""
    for request in remote.requests:
        if request.url.path.count("/") == 2:
            yield dict(request.url.params)
