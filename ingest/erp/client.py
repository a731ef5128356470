"""The ERP's account: its lists, its limits and its verbs."""

from __future__ import annotations

from collections.abc import Mapping

from ingest.adapter import WriteResult
from ingest.erp import write
from ingest.erp.parse import parsers
from ingest.erp.read import STREAMS
from ingest.http import Http
from ingest.rest import RestAdapter
from ingest.shapes import Context


class Erp(RestAdapter):
    """An ERP that can be read and given drafts."""

    def create_purchase_draft(
        self, supplier: str, location: str, lines: Mapping[str, int], *, reference: str, key: str
    ) -> WriteResult:
        """Draft a purchase order under a unique reference."""
        return self.send(write.create_purchase_draft(supplier, location, lines, reference=reference), key=key)

    def cancel_purchase_draft(self, purchase: str, *, key: str) -> WriteResult:
        """Take back a draft."""
        return self.send(write.cancel_purchase_draft(purchase), key=key)


def open_erp(http: Http, context: Context) -> Erp:
    """Make the adapter of one ERP account."""
    return Erp(connection=context.connection, system="erp", http=http, streams=STREAMS, parsers=parsers(context))
