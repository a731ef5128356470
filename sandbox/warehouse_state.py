"""What the parts of a warehouse share: stock by place, what is open, and how a part reaches the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from sandbox.warehouse import Warehouse


class WarehouseState(msgspec.Struct):
    """Stock by place, and what is open."""

    on_hand: list[int]
    allocated: list[int]
    picked: list[int]
    quarantined: list[int]
    damaged: list[int]
    backlog: list[int]  #: units that wait for stock
    ranged: list[bool]
    counted_at: list[int]
    changes: list[int]
    changed_at: list[int]
    waiting: dict[int, list[str]]  #: work that waits for stock, by place, oldest first
    open_work: dict[str, list[str]]  #: work not yet shipped, by order
    untold: dict[str, tuple[str, int]]  #: parcels the storefront does not know: order and instant, by tracking
    moving: dict[str, int]  #: sent transfers and the instant of their receipt
    closing: list[list[int]]  #: stock at the end of each day of the history, by place
    parcels: int = 0
    transfers: int = 0


def empty_state(places: int, now: int) -> WarehouseState:
    """Begin with nothing anywhere."""
    return WarehouseState(
        on_hand=[0] * places,
        allocated=[0] * places,
        picked=[0] * places,
        quarantined=[0] * places,
        damaged=[0] * places,
        backlog=[0] * places,
        ranged=[False] * places,
        counted_at=[now] * places,
        changes=[0] * places,
        changed_at=[now] * places,
        waiting={},
        open_work={},
        untold={},
        moving={},
        closing=[],
    )


class Part:
    """A part of the warehouse: it reaches the world, the shared state and the other parts."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.world = warehouse.world

    @property
    def state(self) -> WarehouseState:
        """Give what all parts share; a world that is loaded gets another one."""
        return self.warehouse.state
