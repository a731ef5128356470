"""Tryton at the wire: JSON-RPC with sessions, typed values, keysets, and faults that arrive as HTTP 200.

What is put behind it are records as `search_read` gives them. Seen of Tryton 8.2: a session that ended answers 401; a
name that it does not know is a fault that says only the name, in quotes; answers of more than 1,400 characters are
labelled as gzip though they are plain where a client does not say that it takes gzip.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx

from ingest.tryton.read import SOURCES, STAMP
from tests.ingest.remote import Raw, Remote

USER, PASSWORD = "reader", "token-1"
LABELLED_FROM = 1_400
_TIME = ("year", "month", "day", "hour", "minute", "second", "microsecond")


class TrytonWire(Remote):
    """Models with records, behind one address."""

    def __init__(self, now: datetime, *, page_size: int = 1_000) -> None:
        super().__init__(now, page_size=page_size)
        self.series = "8.2"
        self.rows: dict[str, dict[int, Raw]] = {}  #: of models that are not a stream's own
        self.methods: dict[str, Callable[[list[Any]], Any]] = {}  #: what a call answers instead
        self.faults: dict[str, list[Any]] = {}  #: method -> the fault that it answers
        self.forbidden: set[str] = set()  #: methods that answer 403
        self.labelled = False
        self.logins = 0
        self._numbers: dict[str, int] = {}
        self._session = ""

    # -- what is there ------------------------------------------------------------------------------------------

    def put(self, stream: str, item: Raw, **changed: object) -> Raw:
        """Store a record and its parts, changed now unless its time is given."""
        at = datetime.fromisoformat(str(changed.pop("updated_at"))) if "updated_at" in changed else self.now
        stored: Raw = {**_stamped(item, typed(at)), "id": self._number(str(item["id"])), STAMP: typed(at), **changed}
        self._model(stream)[stored["id"]] = stored
        return stored

    def part(self, model: str, key: int, at: datetime | None = None, **fields: object) -> None:
        """Store a record of a model that streams only follow."""
        self.rows.setdefault(model, {})[key] = {"id": key, STAMP: typed(at or self.now), **fields}

    def delete(self, stream: str, key: str) -> None:
        """Remove a record without a trace."""
        del self._model(stream)[self._number(key)]

    def id_of(self, stream: str, key: str) -> str:
        """Give the id of the record under our name."""
        return self.key_of(stream, key)

    def key_of(self, stream: str, key: str) -> str:  # noqa: ARG002
        """Give the key under which our adapter knows the record."""
        return str(self._number(key))

    def bare(self, stream: str, key: str, at: datetime) -> bytes:  # noqa: ARG002
        """Give a record with an id and a stamp and nothing else that is right."""
        return json.dumps({"id": self._number(key), STAMP: typed(at)}).encode()

    def expire(self) -> None:
        """End the session."""
        self._session = ""

    def _model(self, stream: str) -> dict[int, Raw]:
        return self.rows.setdefault(SOURCES[stream].model, {})

    def _number(self, name: str) -> int:
        return self._numbers.setdefault(name, len(self._numbers) + 1)

    # -- answers ------------------------------------------------------------------------------------------------

    def _answer(self, request: httpx.Request) -> httpx.Response:  # noqa: PLR0911 -- a door a line
        self.requests.append(request)
        if self.answers:
            given = self.answers.pop(0)
            if isinstance(given, Exception):
                raise given
            return given
        call = json.loads(request.content)
        method, params = call["method"], call["params"]
        if method == "common.server.version":
            return self._told(self.series)
        if method == "common.db.login":
            return self._login(params)
        if request.headers.get("Authorization") != f"Session {_token(self._session)}":
            return httpx.Response(401, text="<!doctype html><title>401 Unauthorized</title>")
        if method in self.forbidden:
            return httpx.Response(403, text="<!doctype html><title>403 Forbidden</title>")
        if method in self.faults:
            return httpx.Response(200, json={"id": 1, "error": self.faults[method]})
        if method in self.methods:
            return self._told(self.methods[method](params))
        if method == "model.res.user.get_preferences":
            return self._told({"company": 1, "language": "en"})
        return self._called(method, params)

    def _login(self, params: list[Any]) -> httpx.Response:
        if params != [USER, {"password": PASSWORD}]:
            return httpx.Response(401, text="<!doctype html><title>401 Unauthorized</title>")
        self.logins += 1
        self._session = f"session-{self.logins}"
        return self._told([3, self._session, None])

    def _called(self, method: str, params: list[Any]) -> httpx.Response:
        _, *names, verb = method.split(".")
        model = ".".join(names)
        if verb == "search_read":
            domain, offset, limit, order = params[:4]
            if model in {source.model for source in SOURCES.values()} and limit is not None and limit > 1:
                self._pages += 1
                self.before_page(self._pages)
            rows = _ordered(self._fitting(model, domain), order)[offset:]
            return self._listed(rows if limit is None else rows[:limit])
        if verb == "search":
            return self._told([row["id"] for row in self._fitting(model, params[0])])
        if verb == "read":
            return self._told([row for key in params[0] if (row := self.rows.get(model, {}).get(key)) is not None])
        return httpx.Response(403, text="<!doctype html><title>403 Forbidden</title>")

    def _fitting(self, model: str, domain: Sequence[Any]) -> list[Raw]:
        return [row for row in self.rows.get(model, {}).values() if _fits(row, domain)]

    def _listed(self, rows: list[Raw]) -> httpx.Response:
        parts = [self.broken.get(str(row["id"]), json.dumps(row).encode()) for row in rows]
        return self._bytes(b'{"id": 1, "result": [' + b",".join(parts) + b"]}")

    def _told(self, result: object) -> httpx.Response:
        return self._bytes(json.dumps({"id": 1, "result": result}).encode())

    def _bytes(self, body: bytes) -> httpx.Response:
        label = {"Content-Encoding": "gzip"} if self.labelled and len(body) > LABELLED_FROM else {}
        return httpx.Response(200, stream=httpx.ByteStream(body), headers={"Content-Type": "application/json", **label})


def typed(at: datetime) -> Raw:
    """Write a time as Tryton does."""
    utc = at.astimezone(UTC)
    return {"__class__": "datetime", **{part: getattr(utc, part) for part in _TIME}}


def calls(remote: TrytonWire, ending: str) -> list[list[Any]]:
    """Give the parameters of every call whose method ends so."""
    asked = [json.loads(request.content) for request in remote.requests]
    return [call["params"] for call in asked if call["method"].endswith(ending)]


def _token(session: str) -> str:
    return base64.b64encode(f"{USER}:3:{session}".encode()).decode()


def _stamped(value: Any, stamp: Raw) -> Any:  # noqa: ANN401 -- JSON of any shape
    if isinstance(value, dict):
        return {k: stamp if k == STAMP else _stamped(v, stamp) for k, v in value.items()}
    return [_stamped(v, stamp) for v in value] if isinstance(value, list) else value


def _ordered(rows: list[Raw], order: list[list[str]] | None) -> list[Raw]:
    for field, way in reversed(order or [["id", "ASC"]]):
        rows = sorted(rows, key=lambda row: _sortable(row[field]), reverse=way == "DESC")
    return rows


def _fits(row: Raw, domain: Sequence[Any]) -> bool:
    """Tell whether a record fits a domain: all of its clauses, or one of those after OR."""
    if not domain:
        return True
    if isinstance(domain[0], str) and domain[0] not in ("OR", "AND"):
        return _clause(row, *domain)
    either = domain[0] == "OR"
    clauses = domain[1:] if domain[0] in ("OR", "AND") else domain
    found = (_fits(row, clause) for clause in clauses)
    return any(found) if either else all(found)


def _clause(row: Raw, field: str, operator: str, value: Any) -> bool:  # noqa: ANN401, PLR0911 -- an operator a line
    head, _, rest = field.partition(".")
    if rest and f"{head}." in row:
        parts = row[f"{head}."]
        return any(_clause(part, rest, operator, value) for part in (parts if isinstance(parts, list) else [parts]))
    if field not in row:  # what a test does not say does not keep a record out
        return operator != ">="
    mine = row[field]
    match operator:
        case "=" | "!=":
            return bool((mine == value) is (operator == "="))
        case "in":
            return mine in value
        case ">":
            return bool(_sortable(mine) > _sortable(value))
        case ">=":
            return bool(_sortable(mine) >= _sortable(value))
        case "like" | "not like":
            return bool(str(mine or "").startswith(str(value).rstrip("%")) is (operator == "like"))
        case _:
            raise ValueError(operator)


def _sortable(value: Any) -> Any:  # noqa: ANN401 -- JSON of any shape
    return tuple(value[part] for part in _TIME) if isinstance(value, dict) else value
