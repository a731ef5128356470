"""One exception seen, fixed and proved."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from actions import audit, outbox
from actions.cases import queue, show
from actions.detect import DetectReport, detect
from actions.view import View
from tests.actions.factories import APPROVER, OPERATOR, Shop, a_shop, drift_view, drifting


def see(shop: Shop, view: View) -> DetectReport:
    """Run a round of detection without shadow or budget."""
    return detect(shop.desk, view, shadow=None, budget=None)


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_a_listing_that_offers_too_much_is_found_twice_corrected_and_proved(
    tmp_path: Path, request: pytest.FixtureRequest, database: str
) -> None:
    shop = a_shop(tmp_path, url=request.getfixturevalue("postgres_url") if database == "postgresql" else None)
    merchant = shop.merchant

    assert see(shop, drifting(merchant)).unconfirmed == 1
    assert queue(shop.desk) == []
    merchant.step()
    assert see(shop, drifting(merchant)).opened == 1
    [case] = queue(shop.desk)
    assert (case["detector"], case["subject"], case["ours"], case["remote"]["quantity"]) == (
        "X02", "web:MUG", {"quantity": 10}, 40,
    )  # fmt: skip

    planned = outbox.plan(shop.desk, drifting(merchant), case["id"], by=OPERATOR, targets=shop.targets)
    assert planned.card is not None
    assert planned.action is not None
    assert planned.card.words == "web: offer 10 of MUG instead of 40"
    assert planned.card.request is not None
    assert planned.card.request.body["expected_quantity"] == 40
    assert merchant.effects == 0

    assert not outbox.send(shop.desk, planned.action, by=OPERATOR, targets=shop.targets).done
    assert outbox.approve(shop.desk, planned.action, by=APPROVER).done
    assert outbox.send(shop.desk, planned.action, by=OPERATOR, targets=shop.targets).status == "confirmed"
    assert outbox.verify(shop.desk, planned.action, by=OPERATOR, targets=shop.targets).status == "verified"
    assert merchant.listings["web:MUG"]["quantity"] == 10

    merchant.step()
    report = see(shop, drift_view(merchant, {"MUG": (10, 12)}))
    assert report.resolved == 1
    closed = show(shop.desk, case["id"])
    assert closed["status"] == "resolved"
    assert closed["proof"]["action"] == planned.action
    assert [e["what"] for e in closed["history"]] == [
        "opened", "planned", "approved", "executing", "confirmed", "fix_verified", "resolved",
    ]  # fmt: skip

    assert audit.seal(shop.desk) > 0
    assert audit.verify(shop.desk).whole
    with pytest.raises(sa.exc.DBAPIError, match="only ever added"), shop.desk.write() as conn:
        conn.exec_driver_sql("DELETE FROM audit")
    shop.store.close()
