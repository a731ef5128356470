"""What may be written to the ERP: drafts of purchase orders. Each builds the request; `send` sends it."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from ingest.adapter import WriteRequest


def create_purchase_draft(supplier: str, location: str, lines: Mapping[str, int], *, reference: str) -> WriteRequest:
    """Draft a purchase order; the reference is unique, so a second draft of the same intent is refused."""
    wanted = [{"sku": sku, "quantity": units} for sku, units in lines.items()]
    body: dict[str, object] = {
        "supplier": supplier,
        "location": location,
        "lines": wanted,
        "reference": reference,
    }
    return WriteRequest("POST", "/erp/purchases", body)


def cancel_purchase_draft(purchase: str) -> WriteRequest:
    """Take back a draft; one that was sent is refused."""
    return WriteRequest("POST", f"/erp/purchases/{quote(purchase, safe='')}/cancel", {})
