"""Reads and changes the storefront by its own Admin API: the judge of what our adapter says, independent of it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import httpx

from tests.counterparts.serving import PASSWORD

Raw = dict[str, Any]
ORDER = (
    "id,display_id,status,version,payment_status,fulfillment_status,email,currency_code,sales_channel_id,created_at,"
    "updated_at,canceled_at,total,shipping_total,metadata,*items,*items.detail,*fulfillments,*fulfillments.items,"
    "*fulfillments.labels,*payment_collections.payments,*payment_collections.payments.refunds,"
    "*payment_collections.payments.captures,*returns,*returns.items,*shipping_methods"
)


class Refused(Exception):  # noqa: N818 -- what the storefront did, not what went wrong here
    """The storefront answered with an error."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"HTTP {status}: {body[:600]}")
        self.status = status


class Shop:
    """The storefront's Admin API."""

    def __init__(self, url: str, key: str) -> None:
        self.url, self.key = url, key
        basic = base64.b64encode(f"{key}:".encode()).decode()
        self._http = httpx.Client(base_url=url, headers={"Authorization": f"Basic {basic}"}, timeout=120)

    @classmethod
    def first_user(cls, url: str) -> Shop:
        """Log in as the first user and make a secret key."""
        login = {"email": "admin@local.test", "password": PASSWORD}
        token = httpx.post(f"{url}/auth/user/emailpass", json=login, timeout=60).raise_for_status().json()["token"]
        headers = {"Authorization": f"Bearer {token}"}
        body = {"title": "fillwell", "type": "secret"}
        made = httpx.post(f"{url}/admin/api-keys", json=body, headers=headers, timeout=60).raise_for_status().json()
        return cls(url, made["api_key"]["token"])

    def close(self) -> None:
        """Give back the connections."""
        self._http.close()

    def call(self, method: str, path: str, body: Raw | None = None, **params: object) -> Raw:
        """Ask once.

        Raises:
            Refused: the answer was an error.
        """
        answer = self.ask(method, path, body, **params)
        if not answer.is_success:
            raise Refused(answer.status_code, answer.text)
        found: Raw = answer.json()
        return found

    def ask(self, method: str, path: str, body: Raw | None = None, **params: object) -> httpx.Response:
        """Ask once and give the answer, whatever it is."""
        return self._http.request(method, f"/admin/{path}", json=body, params=params or None)  # type: ignore[arg-type]

    def get(self, path: str, **params: object) -> Raw:
        """Read."""
        return self.call("GET", path, None, **params)

    def post(self, path: str, body: Raw | None = None, **params: object) -> Raw:
        """Write."""
        return self.call("POST", path, body or {}, **params)

    def delete(self, path: str) -> Raw:
        """Delete."""
        return self.call("DELETE", path)

    # -- reading ------------------------------------------------------------------------------------------------

    def order(self, order: str) -> Raw:
        """Give an order with all that belongs to it."""
        found: Raw = self.get(f"orders/{order}", fields=ORDER)["order"]
        return found

    def orders(self) -> list[Raw]:
        """Give all orders, oldest id first."""
        found: list[Raw] = self.get("orders", fields=ORDER, limit=10_000, order="id")["orders"]
        return found

    def payments(self) -> list[Raw]:
        """Give all payments with their captures and refunds."""
        fields = "id,amount,currency_code,created_at,*captures,*refunds,payment_collection.order.display_id"
        found: list[Raw] = self.get("payments", fields=fields, limit=10_000)["payments"]
        return found

    def returns(self) -> list[Raw]:
        """Give all returns with their lines."""
        found: list[Raw] = self.get("returns", fields="*items,order.display_id,status,requested_at", limit=1_000)[
            "returns"
        ]
        return found

    def variants(self) -> list[Raw]:
        """Give all variants with the inventory item of each."""
        fields = "id,sku,ean,title,product_id,metadata,*inventory_items,product.title,product.status"
        found: list[Raw] = self.get("product-variants", fields=fields, limit=1_000)["variants"]
        return found

    def locations(self) -> dict[str, str]:
        """Give the id of each stock location, by our code of it."""
        found = self.get("stock-locations", fields="id,name,metadata", limit=100)["stock_locations"]
        return {row["metadata"]["code"]: row["id"] for row in found}

    def levels(self) -> dict[tuple[str, str], Raw]:
        """Give every level, by SKU and location id."""
        items = self.get("inventory-items", fields="id,sku,*location_levels", limit=10_000, order="id")[
            "inventory_items"
        ]
        return {(item["sku"], level["location_id"]): level for item in items for level in item["location_levels"]}

    def reservations(self) -> list[Raw]:
        """Give all live reservations."""
        found: list[Raw] = self.get("reservations", limit=10_000)["reservations"]
        return found

    # -- an order's life ----------------------------------------------------------------------------------------

    def stock(self, item: str, location: str, stocked: int) -> None:
        """Set what is stocked of an inventory item at a location."""
        self.post(f"inventory-items/{item}/location-levels/{location}", {"stocked_quantity": stocked})

    def pay(self, order: str) -> Raw:
        """Mark an order's whole total as paid and give the payment."""
        found = self.order(order)
        collections = found.get("payment_collections") or []
        wanted = {"order_id": order, "amount": found["total"]}
        collection = collections[0] if collections else self.post("payment-collections", wanted)["payment_collection"]
        self.post(f"payment-collections/{collection['id']}/mark-as-paid", {"order_id": order})
        paid: Raw = self.order(order)["payment_collections"][0]["payments"][0]
        return paid

    def fulfil(self, order: str, units: dict[str, int], location: str, option: str, **metadata: str) -> Raw:
        """Pack units of an order's lines (by SKU) at a location."""
        lines = _lines(self.order(order), units)
        before = {f["id"] for f in self.order(order)["fulfillments"]}
        body = {"items": lines, "location_id": location, "shipping_option_id": option, "metadata": metadata}
        self.post(f"orders/{order}/fulfillments", body)
        made: Raw = next(f for f in self.order(order)["fulfillments"] if f["id"] not in before)
        return made

    def ship(self, order: str, fulfilment: Raw, tracking: str) -> None:
        """Hand a fulfilment over with a tracking number."""
        items = [{"id": i["line_item_id"], "quantity": i["quantity"]} for i in fulfilment["items"]]
        label = {
            "tracking_number": tracking, "tracking_url": f"https://t.example/{tracking}",
            "label_url": f"https://t.example/l/{tracking}",
        }  # fmt: skip
        self.post(f"orders/{order}/fulfillments/{fulfilment['id']}/shipments", {"items": items, "labels": [label]})

    def deliver(self, order: str, fulfilment: Raw) -> None:
        """Mark a fulfilment as delivered."""
        self.post(f"orders/{order}/fulfillments/{fulfilment['id']}/mark-as-delivered")

    def request_return(self, order: str, units: dict[str, int], location: str, option: str, reason: str) -> str:
        """Ask for units of an order back and give the return's id."""
        lines = [{**line, "reason_id": reason} for line in _lines(self.order(order), units)]
        found: str = self.post("returns", {"order_id": order, "location_id": location})["return"]["id"]
        self.post(f"returns/{found}/request-items", {"items": lines})
        self.post(f"returns/{found}/shipping-method", {"shipping_option_id": option})
        self.post(f"returns/{found}/request")
        return found

    def receive_return(self, order: str, return_: str, good: dict[str, int], damaged: dict[str, int]) -> None:
        """Book what came back."""
        held = self.order(order)
        self.post(f"returns/{return_}/receive")
        for units, how in ((good, "receive-items"), (damaged, "dismiss-items")):
            if units:
                self.post(f"returns/{return_}/{how}", {"items": _lines(held, units)})
        self.post(f"returns/{return_}/receive/confirm")

    def refund(self, payment: str, amount: Decimal | int) -> None:
        """Give money back."""
        self.post(f"payments/{payment}/refund", {"amount": float(amount)})

    def cancel(self, order: str) -> None:
        """Call an order off."""
        self.post(f"orders/{order}/cancel")


def _lines(order: Raw, units: dict[str, int]) -> list[Raw]:
    by_sku = {line["variant_sku"]: line["id"] for line in order["items"]}
    return [{"id": by_sku[sku], "quantity": quantity} for sku, quantity in units.items()]


def skus(lines: Sequence[Raw]) -> dict[str, int]:
    """Give the units by SKU of an order's lines."""
    return {line["variant_sku"]: int(line["quantity"]) for line in lines}
