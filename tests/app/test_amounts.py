"""An amount is shown in the major units of its own currency: a yen has no hundredths, a dinar has thousandths."""

from __future__ import annotations

import polars as pl
import pytest

from app.desk.components.export import readable
from app.services.amounts import in_major, major, only
from app.services.figures import Asked
from app.services.queue import in_words
from app.services.rows import made_of
from app.services.workspace import facts
from data.money import written
from data.store import Store
from tests.app.factories import NOW


@pytest.mark.parametrize(("minor", "currency", "text"), [
    (123_450, "GBP", "GBP 1,234.50"),
    (5, "EUR", "EUR 0.05"),
    (0, "GBP", "GBP 0.00"),
    (-990, "EUR", "EUR -9.90"),
    (1_250, "JPY", "JPY 1,250"),
    (1_250, "KWD", "KWD 1.250"),
])  # fmt: skip
def test_an_amount_in_a_sentence_has_the_decimals_of_its_currency(minor: int, currency: str, text: str) -> None:
    assert written(minor, currency) == text


@pytest.mark.parametrize(("currency", "shown"), [("GBP", 12.5), ("JPY", 1250.0), ("KWD", 1.25)])
def test_a_chart_has_the_major_units(currency: str, shown: float) -> None:
    assert major(1_250, currency) == shown


def test_each_row_of_a_grid_is_in_its_own_currency() -> None:
    frame = pl.DataFrame({"net_minor": [1_250, 1_250, 1_250, None], "currency": ["GBP", "JPY", None, "JPY"]})
    assert in_major(frame)["net_minor"].to_list() == [12.5, 1250.0, None, None]
    assert readable(frame)["net"].to_list() == [12.5, 1250.0, None, None]


def test_an_amount_whose_currency_nobody_named_is_not_shown() -> None:
    assert readable(pl.DataFrame({"sku": ["A"], "net_minor": [1_250]})).columns == ["sku"]


def test_rows_with_amounts_say_their_currency_though_it_is_the_same_in_all(shop: Store) -> None:
    frame = made_of(Asked(facts=facts(shop), now=NOW, days=28), "net_sales").frame
    assert frame["currency"].unique().to_list() == ["GBP"]


@pytest.mark.parametrize("name", ["net_sales", "cm2_pct", "open_value"])
def test_the_rows_of_a_money_figure_add_up_to_it_in_the_same_unit(shop: Store, name: str) -> None:
    made = made_of(Asked(facts=facts(shop), now=NOW, days=28), name)
    [figure] = made.figures
    shown = readable(made.frame)
    assert round(shown["numerator"].sum(), 2) == major(figure.numerator or 0, "GBP") != 0


def test_several_currencies_are_not_one() -> None:
    assert (only(["GBP", "GBP"]), only(["GBP", "EUR"]), only([])) == ("GBP", "", "")


def test_the_amounts_of_a_case_are_written_as_money() -> None:
    assert in_words({"refunded_minor": 1_250, "units": 1_250, "missing_minor": None}, "GBP") == {
        "refunded": "£12.50", "units": "1,250", "missing": "—",
    }  # fmt: skip
    assert in_words({"total_minor": 1_250, "currency": "JPY"}, "GBP")["total"] == "¥1,250"
