"""Medusa at the wire, as far as its lists go wrong: unknown filters are ignored, ties lose rows, times are cut.

What is put behind it are rows as the Admin API gives them. Seen of Medusa 2.21.2: `id[$gt]` works for orders only; a
bad date and an order of two fields are HTTP 500; `updated_at` of inventory items is refused; returns with `order=id`
and a field of their order fail.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx

from tests.ingest.remote import Raw, Remote

#: Our streams, by the list from which they come.
LISTS = {
    "orders": "orders", "payments": "payments", "returns": "returns", "items": "product-variants",
    "levels": "inventory-items", "locations": "stock-locations", "channels": "sales-channels",
    "reservations": "reservations",
}  # fmt: skip
NAMES = {path: path.replace("-", "_") for path in LISTS.values()} | {"product-variants": "variants"}
KEYSET = frozenset({"orders"})
STRICT = {"inventory-items": {"updated_at"}, "reservations": {"id", "id[]"}}
#: The filters that each list knows beside those of all; everything else is ignored without a word.
FILTERS = {
    "returns": ("status[]", "order_id"), "reservations": ("inventory_item_id[]", "line_item_id[]"), "orders": ("q",),
}  # fmt: skip
DEFAULT_LIMIT = 15
_BARE: dict[str, Raw] = {"orders": {}, "items": {"prices": "none"}}


class MedusaWire(Remote):
    """Lists of rows by path."""

    def __init__(self, now: datetime, *, page_size: int = 1_000) -> None:
        super().__init__(now, page_size=page_size)
        self.turn = 0  #: ties are given in another order every time
        self.cut = ""  #: before | after: the next write's answer is lost, and so is what it would have done, or not
        self.refused: tuple[str, ...] = ()  #: to ask for one of these ids is refused
        self.races = False  #: refunds are booked and refused, as of two at once

    def put(self, stream: str, item: Raw, **changed: object) -> Raw:
        """Store a row, changed now unless its time is given."""
        held = self.items.setdefault(stream, {})
        stored = {**item, "updated_at": _cut(self.now), **changed}
        if "updated_at" in changed:
            stored["updated_at"] = _cut(datetime.fromisoformat(str(changed["updated_at"])))
        held[item["id"]] = stored
        return stored

    def delete(self, stream: str, key: str) -> None:
        """Remove a row without a trace."""
        del self.items[stream][self.id_of(stream, key)]

    def id_of(self, stream: str, key: str) -> str:
        """Give the id of the row under our key."""
        return f"order_{key}" if stream == "orders" else key

    def bare(self, stream: str, key: str, at: datetime) -> bytes:
        """Give a row with a proper head and nothing else that is right."""
        head = {"id": self.id_of(stream, key), "display_id": key, "updated_at": _cut(at)}
        return json.dumps({**head, **_BARE[stream]}).encode()

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.answers:
            given = self.answers.pop(0)
            if isinstance(given, Exception):
                raise given
            return given
        path = request.url.path.removeprefix("/admin/")
        if request.method != "GET":
            return self._written(request, path.split("/"))
        if path not in NAMES:
            return self._one(path)
        query = request.url.params
        refusal = _refused(path, query, self.refused)
        if refusal is not None:
            return refusal
        limit = int(query.get("limit", DEFAULT_LIMIT))
        if limit > 1:
            self._pages += 1
            self.before_page(self._pages)
        stream = next(name for name, where in LISTS.items() if where == path)
        rows = [r for r in self.items.get(stream, {}).values() if all(test(r) for test in _filters(path, query))]
        rows = self._ordered(rows, query.get("order", "id" if path != "returns" else ""))
        offset = int(query.get("offset", 0))
        page = b",".join(self.broken.get(row["id"], json.dumps(row).encode()) for row in rows[offset : offset + limit])
        rest = json.dumps({"count": len(rows), "offset": offset, "limit": limit})[1:]
        body = b'{"' + NAMES[path].encode() + b'":[' + page + b"]," + rest.encode()
        return httpx.Response(200, content=body, headers={"Content-Type": "application/json"})

    def _one(self, path: str) -> httpx.Response:
        """Give one reservation: nothing else is asked for by itself."""
        kept = self.items.get("reservations", {}).get(path.removeprefix("reservations/"))
        return (
            httpx.Response(404, text="Not Found") if kept is None else httpx.Response(200, json={"reservation": kept})
        )

    def _written(self, request: httpx.Request, path: list[str]) -> httpx.Response:
        """Do what a write asks for, and answer; cut off before or after it where a test says so."""
        if self.cut == "before":
            self.cut = ""
            raise httpx.ReadTimeout("cut off", request=request)
        answer = self._done(path, json.loads(request.content))
        if self.cut == "after":
            self.cut = ""
            raise httpx.ReadTimeout("cut off", request=request)
        return answer

    def _done(self, path: list[str], body: Raw) -> httpx.Response:
        match path:
            case ["inventory-items", item, "location-levels", place]:
                row = self.items["levels"][item]
                level = next(x for x in row["location_levels"] if x["location_id"] == place)
                level.update(body, updated_at=_cut(self.now))
                return httpx.Response(200, json={"inventory_item": row})
            case ["orders", order]:
                row = self.items["orders"][order]
                merged = {**(row.get("metadata") or {}), **body["metadata"]}
                self.put("orders", {**row, "metadata": {k: v for k, v in merged.items() if v != ""}})
                return httpx.Response(200, json={"order": row})
            case ["payments", payment, "refund"]:
                row = self.items["payments"][payment]
                number = len(row["refunds"]) + 1
                row["refunds"].append({"id": f"ref_{number}", "created_at": _cut(self.now), **body})
                if self.races:
                    told = "already has an existing active order change"
                    return httpx.Response(400, json={"type": "invalid_data", "message": told})
                return httpx.Response(200, json={"payment": row})
        return httpx.Response(404, text="<html>Cannot POST</html>")

    def _ordered(self, rows: list[Raw], order: str) -> list[Raw]:
        """Order rows; those that are equal come in another order each time, as from a database that need not care."""
        self.turn += 1
        turned = sorted(rows, key=lambda row: str(row["id"]), reverse=self.turn % 2 == 0)
        field = order.removeprefix("-")
        return sorted(turned, key=lambda row: _sortable(row.get(field)), reverse=order.startswith("-"))


def _refused(path: str, query: httpx.QueryParams, refused: tuple[str, ...]) -> httpx.Response | None:
    """Give the error that this Medusa answers to a question, if any."""
    names = {name.partition("[$")[0] for name in query}
    if query.get("id") in refused:
        return httpx.Response(400, json={"type": "invalid_data", "message": "no"})
    if unrecognized := names & STRICT.get(path, set()):
        told = f"Invalid request: Unrecognized fields: '{min(unrecognized)}'"
        return httpx.Response(400, json={"type": "invalid_data", "message": told})
    if "id[$gt]" in query and path not in KEYSET:
        told = "Invalid request: Expected type: 'string, array' for field 'id', got: '[object Object]'"
        return httpx.Response(400, json={"type": "invalid_data", "message": told})
    fails = "," in query.get("order", "")
    fails |= path == "returns" and query.get("order") == "id" and "order." in query.get("fields", "")
    for name, value in query.multi_items():
        if "_at[$" in name:
            fails |= _time(value) is None
    if fails:
        unknown = {"code": "unknown_error", "type": "unknown_error", "message": "An unknown error occurred."}
        return httpx.Response(500, json=unknown)
    return None


def _filters(path: str, query: httpx.QueryParams) -> list[Callable[[Raw], bool]]:
    return [test for name in dict.fromkeys(query) if (test := _filter(path, name, query.get_list(name))) is not None]


def _filter(path: str, name: str, values: list[str]) -> Callable[[Raw], bool] | None:
    """Make the test that a filter is; None of a filter that the list does not know."""
    field, _, operator = name.removesuffix("]").partition("[")
    if field in ("updated_at", "created_at") and operator:
        return _against(field, operator, datetime.fromisoformat(values[0]))
    if name == "id[$gt]":
        return lambda row: str(row["id"]) > values[0]
    if name == "q" and path == "orders":
        return lambda row: values[0] in f"{row['display_id']} {row.get('email')}"
    if name in ("id", "id[]") or name in FILTERS.get(path, ()):
        return lambda row: row.get(field) in values
    return None


def _against(field: str, operator: str, at: datetime) -> Callable[[Raw], bool]:
    def test(row: Raw) -> bool:
        mine = datetime.fromisoformat(row[field])
        return mine >= at if operator == "$gte" else mine < at

    return test


def _sortable(value: Any) -> tuple[int, Any]:  # noqa: ANN401 -- numbers and texts of one column
    return (0, value) if isinstance(value, int) else (1, str(value))


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _cut(at: datetime) -> str:
    """Cut a time to milliseconds, as JSON does."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
