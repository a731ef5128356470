"""What may be written to the warehouse: priority of work, drafts of transfers. Each builds the request to be sent."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from ingest.adapter import WriteRequest


def set_priority(work: str, priority: int, *, expected_version: int, reference: str) -> WriteRequest:
    """Give work another place in the pick wave, if nothing of it has changed since that version."""
    body: dict[str, object] = {"priority": priority, "expected_version": expected_version, "reference": reference}
    return WriteRequest("PUT", f"/warehouse/work/{quote(work, safe='')}/priority", body)


def create_transfer_draft(origin: str, destination: str, lines: Mapping[str, int], *, reference: str) -> WriteRequest:
    """Draft a transfer; the reference is unique, so a second draft of the same intent is refused."""
    wanted = [{"sku": sku, "quantity": units} for sku, units in lines.items()]
    body: dict[str, object] = {"from": origin, "to": destination, "lines": wanted, "reference": reference}
    return WriteRequest("POST", "/warehouse/transfers", body)


def cancel_transfer_draft(transfer: str) -> WriteRequest:
    """Take back a draft; one that was sent is refused."""
    return WriteRequest("POST", f"/warehouse/transfers/{quote(transfer, safe='')}/cancel", {})
