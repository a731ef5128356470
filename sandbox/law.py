"""The law of demand and of lead times, which only the simulation and the judge know."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np
import numpy.typing as npt

from sandbox.catalog import CHANNELS, Catalog, side_of
from sandbox.instants import DAY
from sandbox.real import Real, is_product

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LAW_DAYS = 91
BUCKET_DAYS = 7
BUCKETS_EACH_WAY = 6
DELAY_DAYS = (-1, 0, 1, 2, 4, 7)  # a supplier is early or late by so many days …
DELAY_WEIGHTS = (15, 60, 12, 7, 4, 2)  # … this often in a hundred
RECEIPT_HOUR = 9


@dataclass
class ChannelLaw:
    """How orders arrive in one channel: at random, at a steady rate, made of real lines."""

    per_day: float
    lines_per_order: list[int]
    buyers: list[tuple[int | None, str]]  #: customer and country
    sku: list[int]
    quantity: list[int]
    mills: list[int]


@dataclass
class PlaceLaw:
    """Compound Poisson demand of one SKU at one location."""

    lines_per_day: float
    quantity: list[int]
    weight: list[float]  #: adds up to one


@dataclass
class Law:
    """Demand per channel (to draw from) and per place (to judge by)."""

    channels: dict[str, ChannelLaw]
    places: list[PlaceLaw | None]
    mean: list[float]  #: units a day, by place
    spread: list[float]  #: squared units a day, by place


def draw_delay(rng: Random) -> int:
    """Draw how many days later than promised a supplier delivers."""
    return rng.choices(DELAY_DAYS, DELAY_WEIGHTS)[0]


def draw_lines(law: ChannelLaw, rng: Random) -> list[tuple[int, int, int]]:
    """Draw the lines of an order: SKU, quantity, price."""
    last = len(law.sku)
    picks = [int(rng.random() * last) for _ in range(rng.choice(law.lines_per_order))]
    return [(law.sku[pick], law.quantity[pick], law.mills[pick]) for pick in picks]


@dataclass
class SoldLines:
    """Real product lines by column, net of cancellations, with the place that serves each."""

    at: Ints
    sku: Ints
    quantity: Ints
    mills: Ints
    channel: Ints
    order: Ints
    place: Ints


def sold_lines(real: Real, catalog: Catalog) -> SoldLines:
    """Put the real product lines into columns."""
    channel_number = {name: number for number, name in enumerate(CHANNELS)}
    sides = [side_of(order.number) for order in real.orders]
    rows = []
    for order, sku, quantity, mills in zip(
        real.lines.order, real.lines.sku, real.lines.net, real.lines.mills, strict=True
    ):
        if quantity > 0 and is_product(sku):
            owner = real.orders[order]
            number = catalog.index[sku]
            goods = catalog.skus[number]
            sided = goods.market_side if owner.channel == "marketplace" else goods.own_side
            place = sided[sides[order]][0]
            rows.append((owner.at, number, quantity, mills, channel_number[owner.channel], order, place))
    return SoldLines(*np.array(rows, dtype=np.int64).T)


def make_law(real: Real, catalog: Catalog, sold: SoldLines, end: int) -> Law:
    """Take the law from the last 91 days of real sales."""
    recent = sold.at > end - LAW_DAYS * DAY
    channels = {
        name: _channel_law(real, sold, recent & (sold.channel == number)) for number, name in enumerate(CHANNELS)
    }
    return Law(channels, *_place_laws(sold, recent, catalog))


def _channel_law(real: Real, sold: SoldLines, chosen: npt.NDArray[np.bool_]) -> ChannelLaw:
    orders, counts = np.unique(sold.order[chosen], return_counts=True)
    return ChannelLaw(
        per_day=len(orders) / LAW_DAYS,
        lines_per_order=counts.tolist(),
        buyers=[(real.orders[place].customer, real.orders[place].country) for place in orders.tolist()],
        sku=sold.sku[chosen].tolist(),
        quantity=sold.quantity[chosen].tolist(),
        mills=sold.mills[chosen].tolist(),
    )


def _place_laws(
    sold: SoldLines, recent: npt.NDArray[np.bool_], catalog: Catalog
) -> tuple[list[PlaceLaw | None], list[float], list[float]]:
    own: dict[int, list[int]] = {}
    market: dict[int, list[int]] = {}
    is_market = sold.channel == CHANNELS.index("marketplace")
    for sku, quantity, at_market in zip(
        sold.sku[recent].tolist(), sold.quantity[recent].tolist(), is_market[recent].tolist(), strict=True
    ):
        (market if at_market else own).setdefault(sku, []).append(quantity)
    laws: list[PlaceLaw | None] = []
    mean = np.zeros(len(catalog.places))
    spread = np.zeros(len(catalog.places))
    for number, place in enumerate(catalog.places):
        goods = catalog.skus[place.sku]
        own_part = sum(side[0] == number for side in goods.own_side) / 2
        market_part = sum(side[0] == number for side in goods.market_side) / 2
        of_own = own.get(place.sku, []) if own_part else []
        of_market = market.get(place.sku, []) if market_part else []
        quantity = np.array(of_own + of_market, dtype=np.int64)
        weight = np.array([own_part] * len(of_own) + [market_part] * len(of_market))
        if weight.sum() == 0:
            laws.append(None)
            continue
        laws.append(PlaceLaw(float(weight.sum()) / LAW_DAYS, quantity.tolist(), (weight / weight.sum()).tolist()))
        mean[number] = (quantity * weight).sum() / LAW_DAYS
        spread[number] = (quantity**2 * weight).sum() / LAW_DAYS
    return laws, mean.tolist(), spread.tolist()


def season_plan(sold: SoldLines, place_count: int, start: int) -> tuple[Floats, Floats]:
    """What buyers expected of each week: mean and spread a day around it, by week and place."""
    week = (sold.at - start) // (BUCKET_DAYS * DAY)
    weeks = int(week.max()) + 1
    cell = week * place_count + sold.place
    size = weeks * place_count
    units = np.bincount(cell, sold.quantity, size).astype(np.float64).reshape(weeks, place_count)
    squared = sold.quantity.astype(np.float64) ** 2
    squares = np.bincount(cell, squared, size).astype(np.float64).reshape(weeks, place_count)
    return _smoothed(units), _smoothed(squares)


def _smoothed(by_week: Floats) -> Floats:
    total = np.vstack([np.zeros((1, by_week.shape[1])), np.cumsum(by_week, axis=0)])
    weeks = len(by_week)
    low = np.maximum(np.arange(weeks) - BUCKETS_EACH_WAY, 0)
    high = np.minimum(np.arange(weeks) + BUCKETS_EACH_WAY + 1, weeks)
    return np.asarray((total[high] - total[low]) / ((high - low) * BUCKET_DAYS)[:, None])
