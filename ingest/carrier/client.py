"""The carrier's account: its list and its limits. Nothing is written to a carrier, so there are no verbs."""

from __future__ import annotations

from ingest.carrier.parse import parsers
from ingest.carrier.read import STREAMS
from ingest.http import Http
from ingest.rest import RestAdapter
from ingest.shapes import Context


class Carrier(RestAdapter):
    """A carrier that can be read."""


def open_carrier(http: Http, context: Context) -> Carrier:
    """Make the adapter of one carrier account."""
    return Carrier(
        connection=context.connection, system="carrier", http=http, streams=STREAMS, parsers=parsers(context)
    )
