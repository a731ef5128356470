"""Reads and changes the ERP by its own JSON-RPC: the judge of what our adapter says, independent of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx

from tests.counterparts.serving import PASSWORD

Raw = dict[str, Any]
Domain = list[object]


class Fault(Exception):  # noqa: N818 -- what the ERP said, not what went wrong here
    """The ERP refused; `name` is its own word (UserError, UserWarning, ConcurrencyException)."""

    def __init__(self, name: str, told: object) -> None:
        super().__init__(f"{name}: {told}")
        self.name, self.told = name, told


class Erp:
    """The ERP's JSON-RPC."""

    def __init__(self, url: str, database: str) -> None:
        self.url, self.database = url, database
        self._http = httpx.Client(base_url=url, timeout=300, headers={"Content-Type": "application/json"})
        self.user, session = self._post("common.db.login", ["admin", {"password": PASSWORD}])[:2]
        told = base64.b64encode(f"admin:{self.user}:{session}".encode()).decode()
        self._http.headers["Authorization"] = f"Session {told}"
        self.context: Raw = {}
        self.learn()

    def close(self) -> None:
        """Give back the connections."""
        self._http.close()

    def learn(self) -> None:
        """Take the user's preferences (the company, the language) as the context of what follows."""
        self.context = self._post("model.res.user.get_preferences", [True, {}])

    def __call__(self, method: str, *params: object, **context: object) -> Any:  # noqa: ANN401 -- any JSON
        """Call a method.

        Raises:
            Fault: the ERP refused.
        """
        return self._post(method, [*params, {**self.context, **context}])

    def call(self, model: str, method: str, *params: object, **context: object) -> Any:  # noqa: ANN401 -- any JSON
        """Call a method of a model."""
        return self(f"model.{model}.{method}", *params, **context)

    def search(self, model: str, domain: Domain) -> list[int]:
        """Give the ids of what fits."""
        found: list[int] = self.call(model, "search", domain, 0, None, [["id", "ASC"]])
        return found

    def rows(self, model: str, domain: Domain, fields: Sequence[str], **context: object) -> list[Raw]:
        """Give what fits."""
        found: list[Raw] = self.call(model, "search_read", domain, 0, None, [["id", "ASC"]], list(fields), **context)
        return found

    def read(self, model: str, key: int, *fields: str, **context: object) -> Raw:
        """Give one record."""
        found: Raw = self.call(model, "read", [key], list(fields), **context)[0]
        return found

    def create(self, model: str, *values: Raw) -> list[int]:
        """Make records."""
        found: list[int] = self.call(model, "create", list(values))
        return found

    def write(self, model: str, keys: Sequence[int], values: Raw) -> None:
        """Change records."""
        self.call(model, "write", list(keys), values)

    def click(self, model: str, button: str, *keys: int) -> None:
        """Press a button as a person would who accepts each warning."""
        for _ in range(6):
            try:
                self.call(model, button, list(keys))
            except Fault as fault:
                if fault.name != "UserWarning" or not isinstance(fault.told, list):
                    raise
                self.create("res.user.warning", {"name": fault.told[0], "user": self.user, "always": False})
            else:
                return
        raise AssertionError(f"{model}.{button} warns again and again")

    def wizard(self, name: str, *steps: tuple[str, Raw], **context: object) -> Any:  # noqa: ANN401 -- any JSON
        """Walk a wizard through its steps and give what the last one said."""
        session, _start, _end = self(f"wizard.{name}.create", **context)
        told = None
        try:
            for state, data in steps:
                told = self(f"wizard.{name}.execute", session, data, state, **context)
        finally:
            self(f"wizard.{name}.delete", session, **context)
        return told

    def named(self, module: str, name: str) -> int:
        """Give the id of a record that a module brought."""
        found: int = self.call("ir.model.data", "get_id", module, name)
        return found

    # -- what the merchant has ----------------------------------------------------------------------------------

    def warehouses(self) -> dict[str, Raw]:
        """Give each warehouse with its locations, by code."""
        fields = ("code", "name", "storage_location", "input_location", "output_location", "lost_found_location")
        return {row["code"]: row for row in self.rows("stock.location", [["type", "=", "warehouse"]], fields)}

    def products(self) -> dict[str, int]:
        """Give the id of each product, by code."""
        return {row["code"]: row["id"] for row in self.rows("product.product", [], ("code",)) if row["code"]}

    def on_hand(self, location: int) -> dict[str, float]:
        """Give what lies at a location and below, by product code."""
        found = self.rows(
            "product.product", [["type", "=", "goods"]], ("code", "quantity"), locations=[location], with_childs=True
        )
        return {row["code"]: row["quantity"] for row in found}

    def sale_of(self, reference: str) -> Raw:
        """Give the one sale of a storefront order."""
        [found] = self.rows("sale.sale", [["reference", "=", reference]], SALE)
        return found

    def count(self, location: int, product: int, quantity: float) -> int:
        """Count a product at a location and give the inventory."""
        line = {"product": product, "quantity": quantity}
        [found] = self.create(
            "stock.inventory",
            {
                "company": self.context["company"],
                "location": location,
                "date": today(),
                "empty_quantity": "keep",
                "lines": [["create", [line]]],
            },
        )
        self.call("stock.inventory", "confirm", [found])
        return found

    def _post(self, method: str, params: list[object]) -> Any:  # noqa: ANN401 -- any JSON
        body = json.dumps({"id": 1, "method": method, "params": params}, default=_typed)
        answer = self._http.post(f"/{self.database}/rpc/", content=body)
        if answer.status_code != 200:
            raise Fault(f"HTTP {answer.status_code}", f"{method}: {answer.text[:400]}")
        told = json.loads(answer.text, object_hook=_plain)
        if "error" in told:
            name, *rest = told["error"]
            raise Fault(name, rest[0] if rest else "")
        return told["result"]


SALE = (
    "number", "reference", "state", "shipment_state", "total_amount", "sale_date", "shipments", "shipment_returns",
    "lines.product.code", "lines.quantity", "lines.unit_price", "lines.amount",
)  # fmt: skip


def today() -> date:
    """Give the day as the server sees it."""
    return date.today()  # noqa: DTZ011 -- both run on this machine


def _typed(value: object) -> object:
    match value:
        case datetime():
            parts = ("year", "month", "day", "hour", "minute", "second", "microsecond")
            return {"__class__": "datetime", **{part: getattr(value, part) for part in parts}}
        case date():
            return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
        case timedelta():
            return {"__class__": "timedelta", "seconds": value.total_seconds()}
        case Decimal():
            return {"__class__": "Decimal", "decimal": str(value)}
        case _:
            raise TypeError(type(value))


def _plain(found: Raw) -> object:
    match found.get("__class__"):
        case "datetime":
            parts = ("year", "month", "day", "hour", "minute", "second", "microsecond")
            return datetime(*(found[part] for part in parts))  # noqa: DTZ001 -- the ERP's own times bear no zone
        case "date":
            return date(found["year"], found["month"], found["day"])
        case "timedelta":
            return timedelta(seconds=found["seconds"])
        case "Decimal":
            return Decimal(found["decimal"])
        case _:
            return found
