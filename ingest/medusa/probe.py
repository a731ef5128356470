"""What a secret key of a Medusa shop may do: all or nothing, so reading one row of each list tells."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ingest.http import Http, Rejected, Unavailable
from ingest.medusa import lists, read
from ingest.medusa.lists import Listing
from ingest.probe import Probe, looked_at

#: What it was proven on; a shop does not tell its own version.
PROVEN = "2.21.2"

STORES = Listing("/admin/stores", "stores", "name,supported_currencies.currency_code,supported_currencies.is_default")


class _Currency(msgspec.Struct):
    currency_code: str
    is_default: bool = False


class _Store(msgspec.Struct):
    name: str = ""
    supported_currencies: list[_Currency] = []


class _Counted(msgspec.Struct):
    count: int


_store = msgspec.json.Decoder(_Store)
_counted = msgspec.json.Decoder(_Counted)


def probe(http: Http, streams: Iterable[str]) -> Probe:
    """Ask who the shop is and how much it lists.

    Raises:
        Unavailable, Rejected: it does not answer, refuses the key, or is no Medusa 2.
    """
    stores = [_store.decode(row) for row in lists.ask(http, STORES, {"limit": 1})]
    store = stores[0] if stores else _Store()
    codes = [c.currency_code.upper() for c in sorted(store.supported_currencies, key=lambda c: not c.is_default)]
    return Probe(
        about=(
            ("shop", store.name or "without a name"),
            ("version", f"Medusa 2, as its lists show; {PROVEN} is what was proven"),
            ("currencies", ", ".join(codes) or "none is set up"),
        ),
        rights="all or nothing: a secret key of Medusa has every right of an administrator",
        streams=looked_at(streams, lambda stream: _count(http, read.listing_of(stream))),
        currency=codes[0] if codes else "",
    )


def _count(http: Http, listing: Listing) -> int:
    body = http.read(listing.path, {"fields": "id", "limit": 1})
    if body is None:
        raise Rejected(
            f"{http.name} {listing.path}: HTTP 404; there is no such list", error_class="request", status=404
        )
    try:
        return _counted.decode(body).count
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Unavailable(
            f"{http.name} {listing.path}: the answer counts nothing: {error}; is the server of another version?",
            error_class="schema",
        ) from error
