"""What the screens ask for, without a screen."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.services import words
from app.services.clock import CLOCK_FILE, lead
from app.services.expected import expected
from app.services.figures import Asked, in_words, tile
from app.services.freshness import is_scheduled, overall, read_streams, sources, state_of
from app.services.health import health
from app.services.masking import masked
from app.services.memo import Memo
from app.services.moments import answer_for_customer, compare, moments
from app.services.orders import search
from app.services.overview import Todo, late_figures, sentence, stock_risk, tiles, todos
from app.services.queue import board
from app.services.stock import item, shelf
from app.services.workspace import facts
from data.clock import to_micros
from data.errors import StoreError
from data.events import Event, SaleStated
from data.fold.settle import Stated
from data.log.lookup import Heard
from data.log.status import StreamStatus
from data.publish import publish
from data.store import Store
from metrics.answer import answer
from tests.app.factories import NOW, a_shop, feed
from tests.factories import (
    DAY,
    HOUR,
    NOON,
    a_count,
    a_line,
    a_parcel,
    a_payment,
    a_tracking,
    a_work,
    an_order,
    told,
)


def heard(*events: Event) -> list[Heard]:
    return [
        Heard(Stated("shop", "s", f"{n}", 1, to_micros(NOON), bytes([n]), None, event), NOON + HOUR, n)
        for n, event in enumerate(events)
    ]


@pytest.mark.parametrize(
    ("minor", "shown"), [(184_220_31, "£184,220.31"), (-5, "-£0.05"), (0, "£0.00"), (None, words.NOTHING)]
)
def test_money_is_exact_and_names_its_currency(minor: int | None, shown: str) -> None:
    assert words.money(minor, "GBP") == shown


def test_money_in_cards_has_three_digits_and_its_scale() -> None:
    assert [words.money_compact(n, "GBP") for n in (99, 12_345, 1_844_203_100, 125_000_00)] == [
        "£1",
        "£123",
        "£18.4M",
        "£125k",
    ]
    assert words.money_compact(500, "SEK") == "SEK 5"
    assert words.money_compact(500, "JPY") == "¥500"


def test_a_share_that_is_small_is_not_nothing(shop: Store) -> None:
    [figure] = answer(Asked(facts=facts(shop), now=NOW, days=28).given, "stockout_rate")
    shares = (61 / 179_132, 0.0, 0.0006)
    assert [in_words(replace(figure, value=share)) for share in shares] == ["under 0.1%", "0.0%", "0.1%"]


def test_what_did_not_move_shows_no_change_from_before_and_what_did_more_than_before(shop: Store) -> None:
    asked = Asked(facts=facts(shop), now=NOW, days=7)
    shown = {name: tile(asked, name) for name in ("cm2_pct", "orders")}
    assert f"{shown['cm2_pct'].delta} {shown['cm2_pct'].against}" == "■ no change from 7 days before"
    assert re.search("(more|less) than 7 days before$", f"{shown['orders'].delta} {shown['orders'].against}")


def test_spans_are_told_in_the_units_people_use() -> None:
    spans = (timedelta(seconds=9), timedelta(minutes=61), timedelta(hours=30), timedelta(days=3))
    assert [words.span(s) for s in spans] == ["9 s", "1 h 1 min", "30 h", "3 days"]


def test_what_is_ahead_of_the_clock_is_not_in_the_past() -> None:
    assert words.ago(NOON + HOUR, NOON) == "in 1 h"
    assert words.ago(None, NOON) == "never"


def test_the_business_clock_is_real_time_where_nothing_says_otherwise(tmp_path: Path) -> None:
    assert lead(tmp_path) == timedelta()
    (tmp_path / CLOCK_FILE).write_text('{"ahead_seconds": 90.5}')
    assert lead(tmp_path) == timedelta(seconds=90.5)


def test_a_damaged_clock_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / CLOCK_FILE).write_text("{}")
    with pytest.raises(StoreError, match="delete it"):
        lead(tmp_path)


def status(**more: object) -> StreamStatus:
    given = {
        "connection": "shop", "stream": "orders", "accepted": 1, "duplicates": 0, "conflicts": 0, "dead_letters": 0,
        "restated": 0, "refused": 0, "last_event_at": NOON, "as_of": NOON, "succeeded_at": NOON, "failed_at": None,
        "failures": 0, "error_class": None, "error": None, **more,
    }  # fmt: skip
    return StreamStatus(**given)  # type: ignore[arg-type]


def test_a_stream_that_says_nothing_is_late_then_silent() -> None:
    ages = (timedelta(minutes=1), timedelta(minutes=20), timedelta(hours=3))
    assert [state_of(status(), NOON + age) for age in ages] == ["fresh", "late", "silent"]


def test_a_file_has_no_schedule_and_is_never_late() -> None:
    file = status(succeeded_at=None, as_of=None)
    assert not is_scheduled(file)
    assert state_of(file, NOON + 90 * DAY) == "at rest"


def test_a_connection_that_is_read_for_the_first_time_is_no_file() -> None:
    first = status(succeeded_at=None, as_of=None)
    due = {(first.connection, first.stream): timedelta(minutes=1)}
    assert overall([first], NOON, due).sentence == "shop: first read not finished yet"


def test_the_badge_names_the_worst_source() -> None:
    streams = [status(), status(connection="carrier", as_of=NOON - 5 * HOUR, stream="parcels")]
    assert overall(streams, NOON).sentence == "carrier: parcels silent for 5 h 0 min".replace(" 0 min", "")
    assert [source.name for source in sources(streams, NOON)] == ["carrier", "shop"]


def test_of_equally_grave_sources_the_badge_names_the_one_that_is_longest_unknown() -> None:
    carrier, shop = (
        status(connection=name, as_of=NOON - hours * HOUR) for name, hours in (("carrier", 5), ("shop", 9))
    )
    assert overall([carrier, shop], NOON).name == "shop"
    never = status(connection="warehouse", as_of=None, succeeded_at=None, failed_at=NOON, last_event_at=None)
    assert [source.name for source in sources([carrier, shop, never], NOON)] == ["warehouse", "shop", "carrier"]


def test_a_source_is_complete_only_to_where_its_oldest_stream_is() -> None:
    older = NOON - timedelta(minutes=9)
    [source] = sources([status(stream="listings"), status(stream="orders", as_of=older)], NOON)
    assert (source.state, source.as_of) == ("fresh", older)
    assert overall([status(stream="listings"), status(stream="orders", as_of=older)], NOON).as_of == older


def test_what_a_silent_stream_tells_is_not_known_rather_than_late(shop: Store) -> None:
    told_now = health(shop, NOW + timedelta(hours=5), {})
    assert any(what == "What was shipped from warehouse" for what, _ in told_now.unknowns)
    assert any("not known since" in meaning for _, meaning in told_now.unknowns)


def test_every_stream_adds_up(shop: Store) -> None:
    assert health(shop, NOW, {}).balanced
    assert all(s.received for s in read_streams(shop))


def test_a_moment_told_by_two_versions_is_told_once() -> None:
    order = an_order("shop/1")
    assert len(moments(heard(order, order))) == 1


def test_moments_stand_in_business_order_with_when_they_were_heard() -> None:
    found = moments(heard(a_parcel(order="shop/1"), an_order("shop/1")))
    assert [m.what for m in found] == ["Order placed in web", "2 units handed to POST"]
    assert found[0].received_at == NOON + HOUR


def test_systems_that_disagree_are_named() -> None:
    sale = SaleStated(order="shop/1", sale="S", status="done", total_minor=999, currency="GBP", created_at=NOON)
    events = heard(an_order("shop/1"), sale, a_parcel(order="shop/1"), a_payment(order="shop/1"))
    found = {c.question: c.differs for c in compare(events, NOON + DAY)}
    assert found["Total"] == {"ERP"}
    assert found["Units shipped"] == {"channel"}


def test_a_parcel_handed_over_a_moment_ago_is_no_disagreement_yet() -> None:
    events = heard(an_order("shop/1"), a_parcel(order="shop/1"))
    assert all(not c.differs for c in compare(events, NOON + HOUR + timedelta(minutes=5)))


def test_the_customer_is_told_of_each_parcel_and_of_what_will_follow() -> None:
    order = an_order("shop/1", a_line(units=3), fulfilments=(told("T-P1", ("1", "A", 2)),))
    answer = answer_for_customer(heard(order, a_parcel(order="shop/1"), a_tracking()), "shop/1", NOON + DAY)
    assert answer.startswith("Your order 1 of 2 Mar 2026: 2 units left us on 2 Mar 2026 with POST, tracking T-P1")
    assert answer.endswith("1 unit will follow.")


def test_what_of_an_order_is_still_here_past_its_day_is_apologised_for_though_the_rest_has_left() -> None:
    order = an_order("shop/1", a_line(units=5), ship_by=NOON + 2 * HOUR)
    delivered = a_tracking(delivered_at=NOON + DAY)
    events = heard(order, a_parcel(order="shop/1"), delivered)
    assert answer_for_customer(events, "shop/1", NOON + DAY).endswith(
        "2 units left us on 2 Mar 2026 with POST, tracking T-P1, and were delivered on 3 Mar 2026 12:00 UTC. "
        "3 units will follow. They should have left by 2 Mar 2026 14:00 UTC; we are sorry that they are late."
    )
    assert answer_for_customer(events, "shop/1", NOON + HOUR).endswith(
        "We aim to hand them to the carrier by 2 Mar 2026 14:00 UTC."
    )
    all_but_one = heard(order, a_parcel("P1", "shop/1", ("1", "A", 4)))
    assert "1 unit will follow. It should have left" in answer_for_customer(all_but_one, "shop/1", NOON + DAY)


def test_a_late_order_is_admitted_and_a_cancelled_one_is_said_to_be() -> None:
    late = an_order("shop/1", ship_by=NOON + HOUR)
    assert "it is late" in answer_for_customer(heard(late, a_work(order="shop/1")), "shop/1", NOON + DAY)
    gone = an_order("shop/1", cancelled_at=NOON + DAY, cancel_cause="customer")
    assert (
        answer_for_customer(heard(gone), "shop/1", NOON + DAY)
        == "Your order 1 of 2 Mar 2026 was cancelled on 3 Mar 2026."
    )


@pytest.mark.parametrize("text", ["storefront/1003", "1003", " 1003 ", "T-P3", "PAY3", "P3"])
def test_any_id_leads_to_its_order(shop: Store, text: str) -> None:
    assert search(shop, text)[0] == ("order", "storefront/1003")


@pytest.mark.parametrize("text", ["", "  ", "100", "%", "' OR 1=1 --", "x" * 5_000])
def test_what_is_no_id_finds_nothing(shop: Store, text: str) -> None:
    assert search(shop, text) == []


def to_do(store: Store) -> list[Todo]:
    return todos(store, NOW, *late_figures(Asked(facts=facts(store), now=NOW, days=28)))


def test_what_is_to_be_ordered_today_is_as_many_and_as_much_as_the_list_that_it_opens(store: Store) -> None:
    a_shop(store)
    later = NOW + timedelta(seconds=1)
    feed(store, "warehouse", "stock", [a_count("A", on_hand=24, counted_at=NOW)], now=later)
    publish(store, now=later)
    [todo] = [todo for todo in to_do(store) if todo.screen == "stock"]
    listed = shelf(store, NOW, only=todo.query["only"], location=None, search="")
    assert listed.frame["at_risk"].to_list() == [False], "not likely to run out, and still to be ordered by today"
    assert (todo.what, todo.money_minor) == ("Order or move stock of 1 item today", dict(listed.lost)[todo.currency])


def test_an_item_that_runs_out_is_one_thing_to_do_and_the_largest_expected_loss_comes_first(troubled: Store) -> None:
    found = to_do(troubled)
    assert [todo.screen for todo in found] == ["stock", "queue", "queue"]
    assert board(troubled).counts["X37"] == 1
    assert [todo.query.get("kind") for todo in found[1:]] == ["X22", "X10"]
    lost = {row.detector: row.expected_loss_minor for row in board(troubled).rows}
    assert [todo.money_minor for todo in found] == [lost["X37"], lost["X22"], lost["X10"]]


def test_one_late_order_is_written_as_one(shop: Store) -> None:
    question = Asked(facts=facts(shop), now=NOW, days=28)
    risk = stock_risk(shop, NOW)
    said = "".join(part for part, _ in sentence(tiles(question, risk), 28, risk))
    assert "1 order is late now" in said


def test_what_late_orders_are_worth_is_no_loss_and_outranks_none(shop: Store) -> None:
    found = to_do(shop)
    assert [(todo.screen, todo.is_loss) for todo in found] == [("stock", True), ("orders", False)]


def test_a_late_supplier_moves_the_receipt_and_more_demand_empties_the_shelf_sooner(shop: Store) -> None:
    usual, slipped = item(shop, NOW, "A", "NORTH"), item(shop, NOW, "A", "NORTH", slip_days=7, more=1.0)
    assert usual is not None
    assert slipped is not None
    assert slipped.receipts[0][0] - usual.receipts[0][0] == timedelta(days=7)
    assert slipped.middle[1] < usual.middle[1]
    assert all(low <= middle <= high for low, middle, high in zip(usual.low, usual.middle, usual.high, strict=True))


def test_an_answer_is_made_once_and_a_failure_is_not_kept() -> None:
    memo, made = Memo(most=2), []

    def fail() -> str:
        raise StoreError("locked")

    with pytest.raises(StoreError, match="locked"):
        memo.get("a", fail)
    for _ in range(3):
        memo.get("a", lambda: made.append(1) or "x")  # type: ignore[func-returns-value]
    assert len(made) == 1


@pytest.mark.parametrize(
    ("error_class", "error", "sentence"),
    [
        ("shape", "Expected `int`, got `str` - at `$.lines[0].units`",
         "In lines[0].units, a whole number was expected, not a text."),
        ("shape", "Expected `str | null`, got `int` - at `$.note`",
         "In note, a text or nothing was expected, not a whole number."),
        ("shape", "Object missing required field `sku` - at `$.lines[0]`",
         "In lines[0], the field sku is missing; it must be there."),
        ("shape", "Expected `int` >= 0 - at `$.units`", "In units, a whole number of 0 or more was expected."),
        ("shape", "Expected `str` of length >= 1 - at `$.sku`", "In sku, a text of 1 characters or more was expected."),
        ("shape", "Invalid RFC3339 encoded datetime - at `$.updated_at`",
         "In updated_at, a time such as 2026-05-03T10:00:00Z was expected; what is there cannot be read as one."),
        ("number", "line 3: units: 'x' is no number", "Line 3: units: 'x' is no number."),
        ("value", None, "It could not be understood; nothing says why."),
    ],
)  # fmt: skip
def test_why_a_record_was_not_understood_is_a_sentence_that_says_what_was_expected(
    error_class: str, error: str | None, sentence: str
) -> None:
    assert expected(error_class, error) == sentence


def test_what_is_about_a_person_is_masked_and_comes_back_where_the_text_is_saved() -> None:
    text = (
        '{"email":"eve@example.test","name":"Eve","phone":"+44 20 7946 0018","item":"Mug","also":"eve@example.test", '
    )
    hidden = masked(text, ("name",))
    assert not any(said in hidden.text for said in ("eve@", "Eve", "7946"))
    assert '"item":"Mug"' in hidden.text
    assert hidden.put_back(hidden.text.replace("Mug", "Cup")) == text.replace("Mug", "Cup")
    assert len(hidden.marks) == 3, "the same person has the same mark"
