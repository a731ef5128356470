"""An order is taken over into the ERP, and a document that is one too many is cancelled there."""

from __future__ import annotations

import json
from pathlib import Path

from data.events import SaleStated
from tests.actions.factories import NOON, a_line, a_shop
from tests.actions.test_shop_and_erp import Remote, carry_out, case_of, plan
from tests.actions.test_two_systems import DAY, HOUR, a_sale, seen


def test_a_paid_order_is_taken_over_into_the_erp_as_a_draft_with_its_number(tmp_path: Path) -> None:
    lines = [a_line("7", "MUG", 2, location=None), a_line("7", "MUG", 1, line="2", net_minor=400, location=None)]
    view = seen(order_line=lines, sale=[a_sale("1", "S1", 500, at=NOON - DAY)])
    shop, remote = a_shop(tmp_path), Remote("tryton")
    case = case_of(shop, view, "X11")
    card, _ = plan(shop, remote, view, case, "create_sale")
    assert card.request is not None
    assert card.request.body["number"] == "7"
    assert json.loads(json.dumps(card.request.body["lines"])) == [["MUG", 2, "5.0000"], ["MUG", 1, "4.0000"]]
    assert card.request.body["upto"] == "draft"


def test_the_younger_of_two_documents_is_cancelled(tmp_path: Path) -> None:
    def stated(status: str) -> SaleStated:
        return SaleStated(
            order="storefront/7", sale="S8", status=status, total_minor=1000, currency="GBP", created_at=NOON
        )

    view = seen(sale=[a_sale("7", "S7", 1000, at=NOON - 2 * HOUR), a_sale("7", "S8", 1000, at=NOON - HOUR)])
    shop, remote = a_shop(tmp_path), Remote("tryton", {("sales", "S8"): stated("draft")})
    case = case_of(shop, view, "X12")
    _, action = plan(shop, remote, view, case, "cancel_sale")
    remote.states["sales", "S8"] = stated("cancelled")
    assert carry_out(shop, remote, action) == "verified"
    assert json.dumps(remote.asked[0].body).count("S8") == 1
