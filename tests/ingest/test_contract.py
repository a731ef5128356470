"""Every system's adapter keeps the contract."""

from __future__ import annotations

from tests.ingest.contract import AdapterContract


class TestStorefront(AdapterContract):
    """Orders."""

    system, stream, change = "storefront", "orders", {"hold": "address"}


class TestListings(AdapterContract):
    """Listings."""

    system, stream, change = "storefront", "listings", {"quantity": 3}


class TestErp(AdapterContract):
    """Purchase orders."""

    system, stream, change = "erp", "purchases", {"status": "confirmed"}


class TestWarehouse(AdapterContract):
    """Stock."""

    system, stream, change = "warehouse", "stock", {"on_hand": 3}


class TestCarrier(AdapterContract):
    """Parcels."""

    system, stream, change = "carrier", "parcels", {"carrier": "other"}
