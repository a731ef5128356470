"""What may be written to the warehouse: drafts of transfers. Each builds the request; `send` sends it."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from ingest.adapter import WriteRequest


def create_transfer_draft(origin: str, destination: str, lines: Mapping[str, int], *, reference: str) -> WriteRequest:
    """Draft a transfer; the reference is unique, so a second draft of the same intent is refused."""
    wanted = [{"sku": sku, "quantity": units} for sku, units in lines.items()]
    body: dict[str, object] = {"from": origin, "to": destination, "lines": wanted, "reference": reference}
    return WriteRequest("POST", "/warehouse/transfers", body)


def cancel_transfer_draft(transfer: str) -> WriteRequest:
    """Take back a draft; one that was sent is refused."""
    return WriteRequest("POST", f"/warehouse/transfers/{quote(transfer, safe='')}/cancel", {})
