"""The warehouses: their streams, what they share, and the parts that do the work."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sandbox.catalog import LOCATIONS
from sandbox.shapes import Inspection, Location, Shipment, Stock, StockMonth, Transfer, Work
from sandbox.stream import Stream
from sandbox.warehouse_backlog import Backlog
from sandbox.warehouse_dock import Dock
from sandbox.warehouse_floor import Floor
from sandbox.warehouse_returns import Returns
from sandbox.warehouse_room import Stockroom
from sandbox.warehouse_state import empty_state
from sandbox.warehouse_transfers import Transfers

if TYPE_CHECKING:
    from sandbox.world import World

LOCATION_NAMES = {"NORTH": "Northern warehouse", "SOUTH": "Southern warehouse", "3PL": "Marketplace 3PL"}


class Warehouse:
    """One system for all locations; each part of the work has its own class."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.locations = Stream("warehouse", "locations", Location)
        self.work = Stream("warehouse", "work", Work)
        self.shipments = Stream("warehouse", "shipments", Shipment)
        self.stock = Stream("warehouse", "stock", Stock)
        self.stock_history = Stream("warehouse", "stock_history", StockMonth)
        self.inspections = Stream("warehouse", "inspections", Inspection)
        self.transfers = Stream("warehouse", "transfers", Transfer)
        self.streams: dict[str, Stream[Any]] = {
            "locations": self.locations,
            "work": self.work,
            "shipments": self.shipments,
            "stock": self.stock,
            "stock_history": self.stock_history,
            "inspections": self.inspections,
            "transfers": self.transfers,
        }
        self.place_of = {place.id: number for number, place in enumerate(world.catalog.places)}
        self.location_of = [place.location for place in world.catalog.places]
        self.state = empty_state(len(world.catalog.places), world.now)
        self.room = Stockroom(self)
        self.floor = Floor(self)
        self.backlog = Backlog(self)
        self.dock = Dock(self)
        self.returns = Returns(self)
        self.moves = Transfers(self)

    def handlers(self) -> dict[str, Callable[..., None]]:
        """Name what can happen here."""
        return {
            "release": self.floor.release,
            "stage": self.floor.enter_stage,
            "hand_over": self.floor.hand_over,
            "push": self.dock.push_fulfilment,
            "give_up": self.backlog.give_up,
            "return_arrives": self.returns.receive_return,
            "inspect": self.returns.inspect,
            "end_day": self.room.end_day,
            "send_transfer": self.moves.send,
            "receive_transfer": self.moves.receive,
        }

    def open_locations(self) -> None:
        """Put the locations on their stream."""
        for name in LOCATIONS:
            kind = "3pl" if name == "3PL" else "own"
            place = Location(id=name, name=LOCATION_NAMES[name], kind=kind, time_zone="UTC")
            self.world.add(self.locations, place)
