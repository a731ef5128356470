"""Writing to Medusa: whatever cuts a verb off, the same one again has one effect; nobody is told more than is known.

What the real shop does with each verb is tried in tests/counterparts/test_medusa.py; here are the ends that it would
not meet on demand.
"""

from __future__ import annotations

import httpx
import pytest

from ingest.adapter import WriteRequest, WriteResult
from ingest.medusa import write
from ingest.medusa.client import Medusa
from ingest.medusa.write import Verb, request, verb_of
from tests.ingest.factories import NOON, an_adapter
from tests.ingest.medusa_wire import MedusaWire
from tests.ingest.test_medusa_reading import HERE, a_payment, an_inventory_item, an_order

LEVEL = f"iitem_1@{HERE}"
SET = write.SetStock(level=LEVEL, quantity=7, expected=10)
HOLD = write.HoldOrder(order="medusa/1", reason="address")
REFUND = write.Refund(
    payment="pay_1@capt_pay_1_0", amount_minor=500, currency="EUR", refunds_before=0, reference="case-1"
)
RESET = httpx.ReadError("connection reset")


@pytest.fixture
def wire() -> MedusaWire:
    wire = MedusaWire(NOON)
    wire.put("levels", an_inventory_item("iitem_1"))
    wire.put("orders", an_order("1", metadata={"note": "call first"}))
    wire.put("payments", a_payment("pay_1", "1", captured=1))
    return wire


def do(wire: MedusaWire, verb: Verb, key: str = "k1") -> WriteResult:
    shop = an_adapter("medusa", wire)
    assert isinstance(shop, Medusa)
    return shop.send(request(verb), key=key)


def writes(wire: MedusaWire) -> int:
    return sum(r.method != "GET" for r in wire.requests)


def stocked(wire: MedusaWire) -> int:
    return int(wire.items["levels"]["iitem_1"]["location_levels"][0]["stocked_quantity"])


@pytest.mark.parametrize("verb", [SET, HOLD, REFUND], ids=lambda verb: type(verb).__name__)
@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_verb_that_was_cut_off_is_unknown_and_done_once_when_sent_again(
    wire: MedusaWire, verb: Verb, cut: str
) -> None:
    wire.cut = cut
    assert do(wire, verb).outcome == "unknown"
    assert do(wire, verb).outcome == "applied"
    assert writes(wire) == (2 if cut == "before" else 1)
    assert len(wire.items["payments"]["pay_1"]["refunds"]) == (verb is REFUND)


@pytest.mark.parametrize("verb", [SET, HOLD, REFUND], ids=lambda verb: type(verb).__name__)
def test_a_shop_that_is_down_was_not_written_to_and_may_be_asked_again(wire: MedusaWire, verb: Verb) -> None:
    wire.answers = [httpx.ConnectError("refused")] * 5
    told = do(wire, verb)
    assert (told.outcome, told.retry_after is not None, writes(wire)) == ("rejected", True, 0)


def test_a_wrong_key_is_refused_for_good(wire: MedusaWire) -> None:
    wire.answers = [httpx.Response(401, json={"message": "Unauthorized"})]
    told = do(wire, SET)
    assert (told.outcome, told.retry_after, told.status) == ("rejected", None, 401)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (httpx.Response(400, json={"type": "invalid_data", "message": "no"}), "rejected"),
        (httpx.Response(500, json={"type": "unknown_error"}), "unknown"),
        (httpx.Response(200, text="<html>"), "unknown"),
        (httpx.ConnectError("refused"), "rejected"),
        (httpx.Response(429, json={}), "rejected"),
        (RESET, "unknown"),
    ],
    ids=["refused", "error", "no JSON", "unreachable", "too many", "reset"],
)
def test_the_answer_to_a_write_is_taken_for_no_more_than_it_says(
    wire: MedusaWire, answer: httpx.Response | Exception, outcome: str
) -> None:
    class Once(MedusaWire):
        """Gives the answer to the first write."""

        def _written(self, request: httpx.Request, path: list[str]) -> httpx.Response:  # noqa: ARG002
            if isinstance(answer, Exception):
                raise answer
            return answer

    once = Once(NOON)
    once.items = wire.items
    told = do(once, SET)
    assert (told.outcome, stocked(once)) == (outcome, 10)


def test_what_fails_after_the_write_is_unknown(wire: MedusaWire) -> None:
    class Fading(MedusaWire):
        """Answers the write and nothing after it."""

        def _written(self, request: httpx.Request, path: list[str]) -> httpx.Response:
            answer = super()._written(request, path)
            self.answers = [httpx.ConnectError("refused")] * 9
            return answer

    fading = Fading(NOON)
    fading.items = wire.items
    assert do(fading, SET).outcome == "unknown"
    fading.answers = []
    assert do(fading, SET).outcome == "applied"
    assert stocked(fading) == 7


def test_a_refusal_of_a_refund_proves_nothing(wire: MedusaWire) -> None:
    wire.races = True
    told = do(wire, REFUND)
    assert (told.outcome, told.remote_id) == ("applied", "pay_1@ref_1")
    assert do(wire, REFUND).outcome == "applied"
    assert len(wire.items["payments"]["pay_1"]["refunds"]) == 1


def test_a_refund_that_was_booked_twice_is_never_called_done(wire: MedusaWire) -> None:
    do(wire, REFUND)
    refunds = wire.items["payments"]["pay_1"]["refunds"]
    refunds.append({**refunds[0], "id": "ref_2"})
    told = do(wire, REFUND)
    assert (told.outcome, "booked 2 times" in told.response) == ("unknown", True)


def test_another_hand_between_the_look_and_the_write_is_told(wire: MedusaWire) -> None:
    class Contested(MedusaWire):
        """Somebody else writes right after us."""

        def _written(self, request: httpx.Request, path: list[str]) -> httpx.Response:
            answer = super()._written(request, path)
            self.items["levels"]["iitem_1"]["location_levels"][0]["stocked_quantity"] = 99
            return answer

    contested = Contested(NOON)
    contested.items = wire.items
    told = do(contested, SET)
    assert (told.outcome, "somebody else" in told.response) == ("unknown", True)


def test_what_does_not_exist_is_refused(wire: MedusaWire) -> None:
    for verb in (
        write.SetStock(level=f"iitem_9@{HERE}", quantity=1, expected=0), write.HoldOrder(order="99", reason="x"),
        write.Refund(payment="pay_9", amount_minor=1, currency="EUR", refunds_before=0, reference="r"),
        write.CancelOrder(order="99"), write.CancelReturn(return_="return_9"),
    ):  # fmt: skip
        assert do(wire, verb).outcome == "rejected"
    assert writes(wire) == 0


@pytest.mark.parametrize(
    "wanted",
    [
        WriteRequest("DO", "send_flowers", {}),
        WriteRequest("DO", "set_stock", {"level": LEVEL}),
        WriteRequest("DO", "set_stock", {"level": LEVEL, "quantity": "many", "expected": 1}),
    ],
)
def test_a_verb_that_is_none_is_refused(wire: MedusaWire, wanted: WriteRequest) -> None:
    told = an_adapter("medusa", wire).send(wanted, key="k1")
    assert (told.outcome, writes(wire)) == ("rejected", 0)


def test_a_request_says_all_of_its_verb_and_no_secret() -> None:
    for verb in (SET, HOLD, REFUND):
        wanted = request(verb)
        assert verb_of(wanted) == verb
        assert "token" not in str(wanted)
