"""The storefront's account: its lists, its limits and its verbs."""

from __future__ import annotations

from collections.abc import Mapping

from ingest.adapter import WriteResult
from ingest.http import Http
from ingest.rest import RestAdapter
from ingest.shapes import Context
from ingest.storefront import write
from ingest.storefront.parse import parsers
from ingest.storefront.read import STREAMS


class Storefront(RestAdapter):
    """A storefront that can be read and corrected."""

    def set_listing_quantity(
        self, listing: str, quantity: int, expected: int, *, key: str, reference: str
    ) -> WriteResult:
        """Set what a channel offers, if it still offers `expected`."""
        return self.send(write.set_listing_quantity(listing, quantity, expected=expected, reference=reference), key=key)

    def set_listing_active(
        self, listing: str, active: bool, expected: bool, *, key: str, reference: str
    ) -> WriteResult:
        """Pause or resume a listing, if it is still in the `expected` state."""
        return self.send(
            write.set_listing_active(listing, active=active, expected=expected, reference=reference), key=key
        )

    def push_fulfilment(
        self, order: str, lines: Mapping[str, int], carrier: str, tracking: str, *, key: str, reference: str
    ) -> WriteResult:
        """Tell the channel that units of lines left, with their tracking."""
        return self.send(
            write.push_fulfilment(order, lines, carrier=carrier, tracking=tracking, reference=reference),
            key=key,
        )


def open_storefront(http: Http, context: Context) -> Storefront:
    """Make the adapter of one storefront account."""
    return Storefront(
        connection=context.connection, system="storefront", http=http, streams=STREAMS, parsers=parsers(context)
    )
