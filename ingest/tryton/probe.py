"""What a user of a Tryton database may do: Tryton tells the rights of models; those of a button show when pressed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ingest.http import Rejected
from ingest.probe import Probe, looked_at
from ingest.tryton.make import domain_of
from ingest.tryton.read import SOURCES
from ingest.tryton.rpc import PROVEN, Rpc

Right = tuple[str, str]  #: (model, read | write | create | delete)

#: What each verb needs; see `ingest.verbs` for what it means.
NEEDS: Mapping[str, tuple[Right, ...]] = {
    "create_sale": (("sale.sale", "create"), ("sale.line", "create"), ("party.party", "create")),
    "cancel_sale": (("sale.sale", "write"),),
    "count_stock": (("stock.inventory", "create"), ("stock.inventory.line", "write")),
    "take_back": (("sale.sale", "create"), ("stock.shipment.out.return", "write")),
    "put_away": (("stock.shipment.out.return", "write"), ("stock.move", "write")),
    "hold_sale": (("sale.sale", "write"), ("stock.shipment.out", "write")),
    "release_sale": (("sale.sale", "write"), ("stock.shipment.out", "write")),
    "assign_shipment": (("stock.shipment.out", "write"), ("stock.move", "write")),
    "unassign_shipment": (("stock.shipment.out", "write"), ("stock.move", "write")),
    "create_purchase_draft": (("purchase.purchase", "create"), ("purchase.line", "create")),
    "cancel_purchase_draft": (("purchase.purchase", "write"),),
    "create_transfer_draft": (("stock.shipment.internal", "create"), ("stock.move", "create")),
    "cancel_transfer_draft": (("stock.shipment.internal", "write"),),
}


def probe(rpc: Rpc, streams: Iterable[str]) -> Probe:
    """Ask who the user is, for which company, and what the rights of its groups are.

    Raises:
        Unavailable, Rejected: Tryton does not answer, refuses the user, or is of a series that cannot be read.
    """
    rpc.enter()
    [company] = rpc.read("company.company", "read", [rpc.company], ["rec_name", "currency.code"])
    currency = str(company["currency."]["code"])
    rights = _rights(rpc)
    return Probe(
        about=(
            ("company", str(company["rec_name"])),
            ("version", f"Tryton {rpc.series}; {PROVEN} is what was proven"),
            ("user", rpc.user),
            ("currency", currency),
        ),
        rights="by model, through the groups of the user; whether a button may be pressed shows when it is",
        streams=looked_at(streams, lambda stream: _count(rpc, stream, rights)),
        lacks={verb: lack for verb, needs in NEEDS.items() if (lack := _lacking(needs, rights))},
        currency=currency,
    )


def _rights(rpc: Rpc) -> Mapping[str, Mapping[str, bool]]:
    models = {source.model for source in SOURCES.values()} | {model for needs in NEEDS.values() for model, _ in needs}
    told: Mapping[str, Mapping[str, bool]] = rpc.read("ir.model.access", "get_access", sorted(models))
    return told


def _count(rpc: Rpc, stream: str, rights: Mapping[str, Mapping[str, bool]]) -> int:
    source = SOURCES[stream]
    if lack := _lacking(((source.model, "read"),), rights):
        raise Rejected(f"{rpc.name}: user {rpc.user} lacks the right to {lack}", error_class="auth", status=403)
    return int(rpc.read(source.model, "search_count", list(domain_of(rpc, stream))))


def _lacking(needs: Iterable[Right], rights: Mapping[str, Mapping[str, bool]]) -> str:
    return ", ".join(f"{right} {model}" for model, right in needs if not rights.get(model, {}).get(right, False))
