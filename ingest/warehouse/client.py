"""The warehouse's account: its lists, its limits and its verbs."""

from __future__ import annotations

from collections.abc import Mapping

from ingest.adapter import WriteResult
from ingest.http import Http
from ingest.rest import RestAdapter
from ingest.shapes import Context
from ingest.warehouse import write
from ingest.warehouse.parse import parsers
from ingest.warehouse.read import STREAMS


class Warehouse(RestAdapter):
    """A warehouse that can be read, asked to pick something first, and given drafts."""

    def set_priority(self, work: str, priority: int, *, expected_version: int, reference: str, key: str) -> WriteResult:
        """Give work another place in the pick wave, if nothing of it has changed since that version."""
        request = write.set_priority(work, priority, expected_version=expected_version, reference=reference)
        return self.send(request, key=key)

    def create_transfer_draft(
        self, origin: str, destination: str, lines: Mapping[str, int], *, reference: str, key: str
    ) -> WriteResult:
        """Draft a transfer under a unique reference."""
        return self.send(write.create_transfer_draft(origin, destination, lines, reference=reference), key=key)

    def cancel_transfer_draft(self, transfer: str, *, key: str) -> WriteResult:
        """Take back a draft."""
        return self.send(write.cancel_transfer_draft(transfer), key=key)


def open_warehouse(http: Http, context: Context) -> Warehouse:
    """Make the adapter of one warehouse account."""
    return Warehouse(
        connection=context.connection, system="warehouse", http=http, streams=STREAMS, parsers=parsers(context)
    )
