"""Items of rows: where one call does not tell all that a record says, what is missing is asked for and put beside it.

A quantity is always asked for with its `locations`: without them Tryton answers 0, whatever lies there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from ingest.adapter import RawItem
from ingest.tryton.follow import Row, key_of, plain_items, raw_item, rows_of, stamp_of
from ingest.tryton.read import SOURCES, STAMP, Domain
from ingest.tryton.rpc import Rpc
from ingest.tryton.typed import encode, typed

#: Moves are asked for in such pages where only their stamps are wanted.
STAMP_PAGE = 2_000

_NULL = msgspec.Raw(b"null")
_int = msgspec.json.Decoder(int | None)


class _Quantity(msgspec.Struct):
    id: int
    quantity: float = 0.0


class _Warehouse(msgspec.Struct):
    id: int
    code: str | None = None
    storage_location: int | None = None
    input_location: int | None = None


_quantities = msgspec.json.Decoder(list[_Quantity])
_warehouses = msgspec.json.Decoder(list[_Warehouse])


@dataclass(frozen=True)
class Sales:
    """Sales with their totals: a draft has none stored, so it is computed for drafts alone."""

    rpc: Rpc

    def __call__(self, rows: Sequence[Row], observed_at: int, _since: int | None) -> list[RawItem]:
        """Complete the drafts."""
        drafts = {key_of(row): row for row in rows if bytes(row.get("total_amount_cache", _NULL)) == b"null"}
        if drafts:
            for told in rows_of(self.rpc, "sale.sale", [("id", "in", sorted(drafts))], ("total_amount",)):
                drafts[key_of(told)]["total_amount"] = told.get("total_amount", _NULL)
        return plain_items(rows, observed_at, None)


@dataclass(frozen=True)
class Suppliers:
    """Suppliers with the lead times of what they sell us."""

    rpc: Rpc

    def __call__(self, rows: Sequence[Row], observed_at: int, _since: int | None) -> list[RawItem]:
        """Put the lead times beside each supplier."""
        sold: dict[int, list[Row]] = {}
        wanted = sorted(key_of(row) for row in rows)
        fields = ("party", "lead_time", "currency.code", STAMP)
        for told in rows_of(
            self.rpc, "purchase.product_supplier", [("party", "in", wanted)], fields, order=[["id", "ASC"]]
        ):
            sold.setdefault(_int.decode(told["party"]) or 0, []).append(told)
        for row in rows:
            row["supplied"] = _raw(sold.get(key_of(row), []))
        return plain_items(rows, observed_at, None)


@dataclass(frozen=True)
class Returns:
    """Customer returns with the reference of the sale that they come back from."""

    rpc: Rpc

    def __call__(self, rows: Sequence[Row], observed_at: int, _since: int | None) -> list[RawItem]:
        """Look up the sales that the returned sales were copied from."""
        origins = {key_of(row): _origins(row) for row in rows}
        wanted = sorted({sale for found in origins.values() for sale in found})
        known = {
            key_of(told): told for told in rows_of(self.rpc, "sale.sale", [("id", "in", wanted)], ("reference",))
        } if wanted else {}  # fmt: skip
        for row in rows:
            row["sold"] = _raw([known[sale] for sale in origins[key_of(row)] if sale in known])
        return plain_items(rows, observed_at, None)


@dataclass(frozen=True)
class Lots:
    """Lots with what each warehouse holds of them."""

    rpc: Rpc
    warehouses: Callable[[], Sequence[_Warehouse]]

    def __call__(self, rows: Sequence[Row], observed_at: int, since: int | None) -> list[RawItem]:
        """Put the quantities beside each lot."""
        wanted = [key_of(row) for row in rows]
        held: dict[int, list[dict[str, object]]] = {lot: [] for lot in wanted}
        for place in self.warehouses():
            for lot, units in quantities(self.rpc, "stock.lot", wanted, place.id).items():
                held[lot].append({"id": place.id, "code": place.code, "quantity": units})
        moved = newest_moves(self.rpc, "lot", wanted, since)
        for row in rows:
            lot = key_of(row)
            row["held"] = _raw(held[lot])
            row["moved"] = _raw({STAMP: typed(moved[lot])} if lot in moved else None)
        return plain_items(rows, observed_at, None)


@dataclass(frozen=True)
class Levels:
    """What each warehouse holds of each product: in all, free to be taken, and received but not put away."""

    rpc: Rpc
    warehouses: Callable[[], Sequence[_Warehouse]]

    def __call__(self, rows: Sequence[Row], observed_at: int, since: int | None) -> list[RawItem]:
        """Ask for the quantities, and say under which stamp they stand: that of the newest move."""
        wanted = [key_of(row) for row in rows]
        if not wanted:
            return []
        moved = newest_moves(self.rpc, "product", wanted, since)
        items = []
        for place in self.warehouses():
            told = self._at(place, wanted)
            for row in rows:
                product = key_of(row)
                stamp = max(stamp_of(row), moved.get(product, 0))
                items.append(_level(row, place, told, stamp, observed_at))
        return items

    def _at(self, place: _Warehouse, products: Sequence[int]) -> Mapping[str, Mapping[int, float]]:
        storage = place.storage_location or place.id
        apart = place.input_location not in (None, storage)
        return {
            "total": quantities(self.rpc, "product.product", products, place.id),
            "free": quantities(self.rpc, "product.product", products, storage, stock_assign=True),
            "input": quantities(self.rpc, "product.product", products, place.input_location or 0) if apart else {},
        }


def all_warehouses(rpc: Rpc) -> Sequence[_Warehouse]:
    """Give every warehouse with its zones."""
    fields = ["code", "storage_location", "input_location"]
    found = rpc.ask("model.stock.location.search_read", [("type", "=", "warehouse")], 0, None, [["id", "ASC"]], fields)
    return _warehouses.decode(found)


def domain_of(rpc: Rpc, stream: str) -> Domain:
    """Say which records of its model a stream is about."""
    return _suppliers_only(rpc) if stream == "suppliers" else SOURCES[stream].domain


def _suppliers_only(rpc: Rpc) -> Domain:
    """Name the parties that sell us something; customers, whose names are personal, are never read."""
    found: set[int] = set()
    last = 0
    while True:
        some = [("id", ">", last)]
        rows = rows_of(rpc, "purchase.product_supplier", some, ("party",), limit=STAMP_PAGE, order=[["id", "ASC"]])
        found.update(_int.decode(row["party"]) or 0 for row in rows)
        if len(rows) < STAMP_PAGE:
            return (("id", "in", sorted(found)),)
        last = key_of(rows[-1])


def quantities(rpc: Rpc, model: str, keys: Sequence[int], location: int, **context: object) -> dict[int, float]:
    """Give what lies at a location and below it, by the id of product or lot."""
    asked = f"model.{model}.read"
    told = rpc.ask(asked, list(keys), ["quantity"], locations=[location], with_childs=True, **context)
    return {found.id: found.quantity for found in _quantities.decode(told)}


def newest_moves(rpc: Rpc, field: str, keys: Sequence[int], since: int | None) -> dict[int, int]:
    """Give the stamp of the newest move of each product or lot, in microseconds; those that never moved are missing.

    Where the moves since a moment are known to name most of them, only the others' whole history is looked at.
    """
    if len(keys) == 1:
        some, newest_first = [(field, "=", keys[0])], [[STAMP, "DESC"], ["id", "DESC"]]
        rows = rows_of(rpc, "stock.move", some, (STAMP,), limit=1, order=newest_first)
        return dict.fromkeys(keys, stamp_of(rows[0])) if rows else {}
    if since is None:
        return _stamps(rpc, field, keys, ())
    found = _stamps(rpc, field, keys, ((STAMP, ">=", typed(since)),))
    rest = [key for key in keys if key not in found]
    return {**found, **(_stamps(rpc, field, rest, ()) if rest else {})}


def _stamps(rpc: Rpc, field: str, keys: Sequence[int], also: Domain) -> dict[int, int]:
    found: dict[int, int] = {}
    last = 0
    while True:
        some = [(field, "in", list(keys)), *also, ("id", ">", last)]
        rows = rows_of(rpc, "stock.move", some, (field, STAMP), limit=STAMP_PAGE, order=[["id", "ASC"]])
        for row in rows:
            key = _int.decode(row[field]) or 0
            found[key] = max(found.get(key, 0), stamp_of(row))
        if len(rows) < STAMP_PAGE:
            return found
        last = key_of(rows[-1])


def _level(
    row: Row, place: _Warehouse, told: Mapping[str, Mapping[int, float]], stamp: int, observed_at: int
) -> RawItem:
    product = key_of(row)
    key = f"{product}@{place.id}"
    said: Row = {
        "id": _raw(key),
        "product": _raw({"id": product, "code": msgspec.json.decode(row["code"])}),
        "warehouse": _raw({"id": place.id, "code": place.code}),
        **{name: _raw(held.get(product, 0.0)) for name, held in told.items()},
        STAMP: _raw(typed(stamp)),
    }
    return raw_item(key, said, observed_at, version=stamp)


class _Sold(msgspec.Struct):
    origin: str | None = None


class _Returned(msgspec.Struct, rename={"sale": "sale."}):
    sale: _Sold | None = None


_returned = msgspec.json.Decoder(list[_Returned])


def _origins(row: Row) -> list[int]:
    found = dict.fromkeys(
        int(sale.origin.partition(",")[2])
        for move in _returned.decode(row["incoming_moves."])
        if (sale := move.sale) is not None and sale.origin and sale.origin.startswith("sale.sale,")
    )
    return list(found)


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value) if not isinstance(value, dict) else encode(value))
