"""The first write is put back: cut off, refused or overtaken, it leaves things as they were or says what is left."""

from __future__ import annotations

import pytest

from data.clock import system_clock
from data.errors import RequestError
from ingest.canary import Canary, Flight, choose, fly
from ingest.medusa.client import Medusa
from tests.ingest.factories import NOON, an_adapter
from tests.ingest.medusa_wire import MedusaWire
from tests.ingest.test_medusa_reading import HERE, an_inventory_item

NAME = "FW-CANARY-1"


@pytest.fixture
def wire() -> MedusaWire:
    wire = MedusaWire(NOON)
    wire.put("levels", an_inventory_item("iitem_1"))
    return wire


def shop(wire: MedusaWire) -> Medusa:
    found = an_adapter("medusa", wire)
    assert isinstance(found, Medusa)
    return found


def chosen(wire: MedusaWire, sku: str = "") -> Canary:
    return choose(shop(wire), sku, flight=NAME, clock=system_clock)


def flown(wire: MedusaWire, canary: Canary) -> Flight:
    return fly(shop(wire), canary, clock=system_clock, sleep=lambda _: None)


def stocked(wire: MedusaWire) -> int:
    return int(wire.items["levels"]["iitem_1"]["location_levels"][0]["stocked_quantity"])


def writes(wire: MedusaWire) -> int:
    return sum(r.method != "GET" for r in wire.requests)


def test_a_number_is_set_one_lower_read_back_and_put_back(wire: MedusaWire) -> None:
    canary = chosen(wire)
    assert (canary.target, canary.quantity) == (f"iitem_1@{HERE}", 10)
    flight = flown(wire, canary)
    assert flight.good
    assert [line.seen for line in flight.lines] == ["9 are kept", "10 are kept"]
    assert (stocked(wire), writes(wire)) == (10, 2)


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_lost_answer_is_read_back_before_anything_is_said(wire: MedusaWire, cut: str) -> None:
    canary = chosen(wire)
    wire.cut = cut
    flight = flown(wire, canary)
    assert stocked(wire) == 10
    assert flight.left == ""
    assert flight.good is (cut == "after")  # what the system never took was not proved


def test_one_that_was_cut_off_between_its_two_writes_is_brought_home_by_the_next_run(wire: MedusaWire) -> None:
    canary = chosen(wire)
    wire.items["levels"]["iitem_1"]["location_levels"][0]["stocked_quantity"] = 9  # its first write, then a power cut
    flight = flown(wire, canary)
    assert flight.good
    assert "stood there already" in flight.lines[0].sent
    assert (stocked(wire), writes(wire)) == (10, 1)


def test_what_somebody_else_moved_meanwhile_is_left_alone_and_said(wire: MedusaWire) -> None:
    canary = chosen(wire)
    wire.items["levels"]["iitem_1"]["location_levels"][0]["stocked_quantity"] = 4
    flight = flown(wire, canary)
    assert (stocked(wire), writes(wire)) == (4, 0)
    assert not flight.good
    assert "was 10: look at it there" in flight.left


def test_a_level_without_a_unit_to_spare_is_not_touched(wire: MedusaWire) -> None:
    wire.put("levels", an_inventory_item("iitem_1", reserved=9))
    with pytest.raises(RequestError, match="two units or more that nothing reserves"):
        chosen(wire)
    with pytest.raises(RequestError, match="of 'NO-SUCH'"):
        chosen(wire, "NO-SUCH")
