"""What will run out, when, what it costs, and what to do about it: one row per SKU and location.

P(stockout) is P(available stock reaches zero before the next firm receipt, or within lead time + 7 days when none is
due), if demand goes on at its level; how well the level is known is part of it. Receipts move the dates: they
follow the stock through up to three of them, a day's probability being the largest of those up to it, which is exact
before the first receipt and a lower bound after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from data.lake import Facts
from forecasting.baseline import LEVEL_DAYS, YEAR_DAYS, Baseline, baseline
from forecasting.demand import KEY, Bools, Demand, Floats, Ints, demand_of
from forecasting.lead_time import exhaustion, lattice, moments, quantile
from forecasting.outlier import Outliers, outliers
from forecasting.replenish import Plan, Policy, Step, arithmetic, plan, service_level
from forecasting.spread import spread
from forecasting.stock import QUANTILES, Receipts, buying_terms, firm_receipts, proposals, stock_now
from forecasting.textbook import newsvendor_cost

MODEL = "seasonal-mean-2"
REACTION_DAYS = 7  #: an order placed within a week arrives by lead time + 7 days
RECEIPTS_FOLLOWED = 3
MOST_COVER_DAYS = 999.0
#: Where the curve of P(stockout by t) is computed, as parts of the time in which the stock lasts on average.
_GRID = np.array([0.02, 0.06, 0.12, 0.2, 0.3, 0.42, 0.55, 0.7, 0.85, 1.0, 1.15, 1.35, 1.7, 2.3, 3.5, 6.0])
_EDGE = 17.0  #: log odds beyond this are noise of the Fourier sum

SCHEMA = pl.Schema(
    {
        "sku": pl.String, "location": pl.String, "on_hand": pl.Int64, "available": pl.Int64, "open_demand": pl.Int64,
        "demand_per_day": pl.Float64, "dispersion": pl.Float64, "next_receipt_on": pl.Date,
        "next_receipt_units": pl.Int64, "horizon_on": pl.Date, "p_stockout": pl.Float64, "at_risk": pl.Boolean,
        "stockout_on": pl.Date, "stockout_p10_on": pl.Date, "stockout_p90_on": pl.Date, "cover_days_p10": pl.Float64,
        "cover_days_p50": pl.Float64, "cover_days_p90": pl.Float64, "expected_lost_units": pl.Float64,
        "expected_lost_margin_minor": pl.Int64, "currency": pl.String, "unit_margin_minor": pl.Int64,
        "unit_cost_minor": pl.Int64,
        "outlier_orders": pl.Int64, "outlier_units_left_out": pl.Int64, "outlier_order": pl.String,
        "outlier_order_units": pl.Int64, "outlier_on": pl.Date, "called_off_units": pl.Int64,
        "suggestion": pl.String, "suggested_units": pl.Int64, "suggested_from": pl.String, "supplier": pl.String,
        "lead_time_days": pl.Int64, "order_by": pl.Date, "arithmetic": pl.String, "origin": pl.Date,
        "model": pl.String, "state": pl.String, "reason": pl.String,
    }
)  # fmt: skip


@dataclass(frozen=True)
class _Known:
    """Everything that is known of the series before anything is projected; arrays by series."""

    today: date
    demand: Demand
    base: Baseline
    outliers: Outliers  #: extraordinary orders of the year, which the rate counts in part
    called_off: Ints  #: units ordered in thirteen weeks that nobody wanted in the end
    dispersion: Floats  #: with what demand strayed from its level in the back-test; orders insure against it
    stock: pl.DataFrame
    terms: pl.DataFrame
    receipts: Receipts
    coming: Floats
    going: Floats
    has_purchases: bool

    @property
    def available(self) -> Floats:
        return _floats(self.stock["available"])

    @property
    def lead_days(self) -> Floats:
        """Lead time; NaN where unknown."""
        return _floats(self.terms["lead_time_days"])

    @property
    def running(self) -> Bools:
        """Series that sell and have a known stock above zero."""
        return np.asarray((self.base.orders_per_day > 0) & (self.available > 0))


@dataclass(frozen=True)
class _Risk:
    """What the projection says, by series; NaN where it says nothing."""

    probability: Floats
    lost_units: Floats
    dates: Floats  #: series x (p10, p50, p90): days until the stock runs out, receipts counted
    cover: Floats  #: the same without receipts
    horizon_days: Floats


def project(
    facts: Facts, *, now: datetime, horizon_days: int = 60, tau: float = 0.9, policy: Policy | None = None
) -> pl.DataFrame:
    """Project every SKU and location; columns as in `SCHEMA`, sorted by SKU and location.

    `at_risk` tells where P(stockout) is at least `tau`; dates beyond `horizon_days` are null. Amounts are in minor
    units. A row whose question cannot be answered says so in `state` and `reason` and has nulls, never zeros.
    """
    chosen = policy or Policy()
    demand = demand_of(facts, now=now)
    if demand.count == 0:
        return pl.DataFrame(schema=SCHEMA)
    base = baseline(demand)
    coming, going = proposals(facts, demand.keys)
    known = _Known(
        today=now.date(),
        demand=demand,
        base=base,
        outliers=outliers(demand, since=demand.days - YEAR_DAYS),
        called_off=_called_off(demand, now.date()),
        dispersion=spread(demand).dispersion,
        stock=stock_now(facts, demand.keys),
        terms=buying_terms(facts, demand.keys.select("sku"), now=now),
        receipts=firm_receipts(facts, demand.keys, now=now),
        coming=coming,
        going=going,
        has_purchases=facts.has("purchase_line"),
    )
    risk = _risk(known, horizon_days)
    return _frame(known, risk, *_suggest(known, risk, chosen), policy=chosen, tau=tau)


def _called_off(demand: Demand, today: date) -> Ints:
    """Units called off by series, of the weeks that the level rests on."""
    recent = demand.called_off.filter(pl.col("day") >= today - timedelta(days=LEVEL_DAYS))
    total = recent.group_by(KEY).agg(pl.col("units").sum())
    joined = demand.keys.join(total, on=KEY, how="left", maintain_order="left")
    return np.asarray(joined["units"].fill_null(0).to_numpy(), dtype=np.int64)


def _risk(k: _Known, horizon_days: int) -> _Risk:
    count = k.demand.count
    receipt = _next_receipt(k)
    backstop = k.lead_days + REACTION_DAYS
    horizon = np.where(np.isnan(receipt), backstop[:, None], receipt)
    gap = np.fmin(horizon[:, 2], backstop)
    sells = k.base.orders_per_day > 0
    out = sells & (k.available <= 0)
    probability, lost = np.full(count, np.nan), np.full(count, np.nan)
    dates, cover = np.full((count, 3), np.nan), np.full((count, 3), np.nan)
    probability[out], cover[out], dates[out] = 1.0, 0.0, 0.0
    lost[out] = (k.base.units_per_day * k.base.effective_days(gap))[out]
    rows = np.flatnonzero(k.running)
    if rows.size:
        curve = _Curve.of(k, rows, k.available[rows])
        ends = np.concatenate([horizon[rows], gap[rows, None]], axis=1)
        effective = k.base.effective_days(np.nan_to_num(ends))
        exact = exhaustion(
            lattice(k.base.sizes, rows, k.available[rows]),
            k.base.orders_per_day[rows, None] * effective,
            k.base.level_dispersion[rows],
        )
        probability[rows] = np.where(np.isnan(horizon[rows, 2]), np.nan, exact.probability[:, :-1].mean(axis=1))
        mean = k.base.units_per_day[rows] * effective[:, -1]
        lost[rows] = np.where(np.isnan(gap[rows]), np.nan, np.maximum(mean - exact.served[:, -1], 0.0))
        cover[rows] = np.minimum(k.base.calendar_days(curve.quantiles((0.1, 0.5, 0.9))), MOST_COVER_DAYS)
        dates[rows] = _days_until_out(k, rows, curve, horizon_days)
    if not k.has_purchases:
        probability[:], lost[:] = np.nan, np.nan
    return _Risk(probability, lost, dates, cover, horizon[:, 2])


def _next_receipt(k: _Known) -> Floats:
    """Days until the next firm receipt, by series and quantile of its arrival; NaN where none is due."""
    found = np.full((k.demand.count, QUANTILES.size), np.nan)
    first, at = np.unique(k.receipts.series, return_index=True)
    found[first] = k.receipts.days[at]
    return found


@dataclass(frozen=True)
class _Curve:
    """P(demand reaches the stock within t), by row: log odds over log t, t in parts of the average lasting time."""

    lasting: Floats  #: effective days in which the stock lasts on average
    odds: Floats

    @classmethod
    def of(cls, k: _Known, series: Ints, stock: Floats) -> _Curve:
        """Compute the curve of each row: a series at a stock level above zero."""
        grid = lattice(k.base.sizes, series, stock)
        rate = k.base.orders_per_day[series]
        lasting = stock / (rate * grid.mean_units)
        found = exhaustion(grid, (rate * lasting)[:, None] * _GRID, k.base.level_dispersion[series])
        return cls(lasting, np.clip(_log_odds(found.probability), -_EDGE, _EDGE))

    def probability(self, rows: Ints, effective_days: Floats) -> Floats:
        """Give P(stockout) of each row at each number of days (rows x times)."""
        part = np.maximum(effective_days[None, :] / self.lasting[rows, None], 1e-9)
        low = np.clip(np.searchsorted(_GRID, part) - 1, 0, _GRID.size - 2)
        place = np.log(part / _GRID[low]) / np.log(_GRID[low + 1] / _GRID[low])
        odds = self.odds[rows]
        left, right = np.take_along_axis(odds, low, 1), np.take_along_axis(odds, low + 1, 1)
        return np.asarray(1.0 / (1.0 + np.exp(-(left + np.minimum(place, 1.0) * (right - left)))))

    def quantiles(self, levels: tuple[float, ...]) -> Floats:
        """Give the effective days after which the stock is out with each probability (rows x levels)."""
        rising = np.maximum.accumulate(self.odds, axis=1)
        found = np.empty((self.lasting.size, len(levels)))
        rows = np.arange(self.lasting.size)
        logs = np.log(_GRID)
        for column, wanted in enumerate(_log_odds(np.array(levels))):
            low = np.clip((rising < wanted).sum(axis=1) - 1, 0, _GRID.size - 2)
            left, right = rising[rows, low], rising[rows, low + 1]
            place = np.divide(wanted - left, right - left, out=np.zeros(rows.size), where=right > left)
            found[:, column] = np.exp(logs[low] + np.clip(place, -8.0, 8.0) * (logs[low + 1] - logs[low]))
        return found * self.lasting[:, None]


def _days_until_out(k: _Known, rows: Ints, alone: _Curve, horizon_days: int) -> Floats:
    """Follow the stock through its receipts: days until it is out with 10, 50 and 90%; NaN beyond the horizon."""
    days = np.arange(1, horizon_days + 1)
    effective = k.base.effective_days(days.astype(np.float64))
    by_day = alone.probability(np.arange(rows.size), effective)
    place = np.full(k.demand.count, -1)
    place[rows] = np.arange(rows.size)
    held = k.available[rows].copy()
    arrives, starts = k.receipts.days[:, 2], np.searchsorted(k.receipts.series, np.arange(k.demand.count + 1))
    for number in range(RECEIPTS_FOLLOWED):
        at = starts[rows] + number
        later = np.flatnonzero(at < starts[rows + 1])
        if later.size == 0:
            break
        held[later] += k.receipts.units[at[later]]
        after = _Curve.of(k, rows[later], held[later]).probability(np.arange(later.size), effective)
        arrived = days[None, :] > arrives[at[later], None]
        by_day[later] = np.where(arrived, after, by_day[later])
    by_day = np.maximum.accumulate(by_day, axis=1)
    found = np.full((rows.size, 3), np.nan)
    for column, level in enumerate((0.1, 0.5, 0.9)):
        reached = by_day >= level
        found[:, column] = np.where(reached.any(axis=1), days[reached.argmax(axis=1)], np.nan)
    return found


def _suggest(k: _Known, risk: _Risk, policy: Policy) -> tuple[Plan, Floats, Floats]:
    """Plan orders and transfers; with the plan, expected demand over lead time and review, and its expected cost."""
    margin, cost = _floats(k.terms["unit_margin_minor"]), _floats(k.terms["cost_minor"])
    level = service_level(policy, margin, cost)
    protected = k.base.effective_days(np.nan_to_num(k.lead_days) + policy.review_days)
    orders = k.base.orders_per_day * protected
    up_to = quantile(k.base.sizes, orders, k.dispersion, level)
    firm = np.bincount(k.receipts.series, k.receipts.units, k.demand.count)
    stock = np.nan_to_num(k.available)
    answerable = ~np.isnan(k.lead_days) & ~np.isnan(k.available)
    planned = plan(
        policy,
        item=k.demand.item,
        level=level,
        order_up_to=up_to,
        position=np.where(answerable, stock + firm + k.coming - k.going, np.inf),
        spare=np.where(answerable, stock - k.going - up_to, 0.0),
        per_day=k.base.units_per_day,
        moq=k.terms["moq"].to_numpy(),
        pack=k.terms["pack"].to_numpy(),
        cost_minor=cost,
        risk=np.nan_to_num(risk.probability),
        urgency=np.nan_to_num(risk.lost_units * np.nan_to_num(margin, nan=1.0)),
    )
    mean = orders * k.base.sizes.mean
    served = exhaustion(lattice(k.base.sizes, np.arange(k.demand.count), up_to), orders[:, None], k.dispersion).served[
        :, 0
    ]
    holding = cost * policy.holding_rate * policy.review_days / 365.0
    return planned, mean, newsvendor_cost(holding, margin, up_to, mean, np.maximum(mean - served, 0.0))


def _frame(
    k: _Known, risk: _Risk, planned: Plan, protected: Floats, cost: Floats, *, policy: Policy, tau: float
) -> pl.DataFrame:
    count = k.demand.count
    sells = k.base.orders_per_day > 0
    firm = np.bincount(k.receipts.series, k.receipts.units, count).astype(np.float64)
    first, at = np.unique(k.receipts.series, return_index=True)
    arrives, units = np.full(count, np.nan), np.full(count, np.nan)
    arrives[first], units[first] = k.receipts.days[at, 2], k.receipts.units[at]
    moves = planned.transfer > 0
    buys = (planned.order > 0) & ~moves & k.terms["supplier"].is_not_null().to_numpy()
    suggested = np.where(moves, planned.transfer, np.where(buys, planned.order, 0))
    mean, variance = moments(k.base.sizes, k.base.orders_per_day * 14.0, k.dispersion)
    locations = k.demand.keys["location"].to_list()
    margin = _floats(k.terms["unit_margin_minor"])
    states, reasons = _states(k)
    answered = np.array([state == "value" for state in states])
    probability = np.where(answered, risk.probability, np.nan)
    columns = {
        "demand_per_day": k.base.units_per_day,
        "dispersion": np.divide(variance - mean, mean**2, out=np.full(count, np.nan), where=sells),
        "next_receipt_on": _dates(k.today, np.floor(arrives)),
        "next_receipt_units": _whole(units),
        "horizon_on": _dates(k.today, np.ceil(risk.horizon_days)),
        "p_stockout": _nullable(probability),
        "at_risk": _nullable(probability) >= tau,
        "stockout_p10_on": _dates(k.today, risk.dates[:, 0]),
        "stockout_on": _dates(k.today, risk.dates[:, 1]),
        "stockout_p90_on": _dates(k.today, risk.dates[:, 2]),
        "cover_days_p10": _nullable(risk.cover[:, 0]),
        "cover_days_p50": _nullable(risk.cover[:, 1]),
        "cover_days_p90": _nullable(risk.cover[:, 2]),
        "expected_lost_units": _nullable(np.where(answered, risk.lost_units, np.nan)),
        "expected_lost_margin_minor": _whole(np.where(answered, risk.lost_units * margin, np.nan)),
        **_flags(k),
        "suggestion": np.where(moves, "transfer", np.where(buys, "order", "none")),
        "suggested_units": suggested,
        "suggested_from": [locations[s] if s >= 0 else None for s in planned.source.tolist()],
        "order_by": _dates(k.today, np.maximum(risk.dates[:, 0] - k.lead_days, 0.0)),
        "arithmetic": _arithmetics(k, planned, protected, cost, firm, suggested, moves, policy=policy),
        "state": states,
        "reason": reasons,
    }
    frame = k.stock.with_columns(
        *k.terms.select(
            "supplier", "lead_time_days", "unit_margin_minor", pl.col("cost_minor").alias("unit_cost_minor"), "currency"
        ),
        pl.lit(k.today).alias("origin"),
        pl.lit(MODEL).alias("model"),
    ).with_columns(**{name: pl.Series(name, values, strict=False) for name, values in columns.items()})
    return frame.with_columns(pl.col("dispersion").fill_nan(None)).select(
        pl.col(name).cast(kind) for name, kind in SCHEMA.items()
    )


def _flags(k: _Known) -> dict[str, object]:
    """Name what the rate leaves out: extraordinary orders, the largest by its id, and what was called off."""
    largest = k.outliers.largest
    days = np.append(k.demand.day, 0)[largest]  # where there is none, -1 takes what was appended
    return {
        "outlier_orders": k.outliers.orders,
        "outlier_units_left_out": k.outliers.left_out,
        "outlier_order": [k.demand.order[n] if n >= 0 else None for n in largest.tolist()],
        "outlier_order_units": _whole(np.append(k.demand.units, np.nan)[largest]),
        "outlier_on": [
            k.demand.first + timedelta(days=day) if n >= 0 else None
            for n, day in zip(largest.tolist(), days.tolist(), strict=True)
        ],
        "called_off_units": k.called_off,
    }


def _states(k: _Known) -> tuple[list[str], list[str | None]]:
    """Say of each series whether its question can be answered, and what is missing otherwise."""
    states, reasons = [], []
    due = np.zeros(k.demand.count, dtype=bool)
    due[k.receipts.series] = True
    lead, stock, sells = np.isnan(k.lead_days), np.isnan(k.available), k.base.orders_per_day > 0
    for i in range(k.demand.count):
        state, reason = "value", None
        if stock[i]:
            state, reason = "not_armed", "needs stock levels of this item at this location"
        elif not sells[i]:
            state, reason = "no_data", "no demand in the last 13 weeks"
            if k.called_off[i]:
                reason += f": {k.called_off[i]:,} units were ordered and called off"
        elif not k.has_purchases:
            state, reason = "not_armed", "needs purchase orders"
        elif lead[i] and not due[i]:
            state, reason = "not_armed", "needs the supplier's lead time: no firm receipt is due"
        states.append(state)
        reasons.append(reason)
    return states, reasons


def _arithmetics(
    k: _Known,
    planned: Plan,
    protected: Floats,
    cost: Floats,
    firm: Floats,
    suggested: npt.NDArray[np.int64],
    moves: Bools,
    *,
    policy: Policy,
) -> list[str | None]:
    """Write out why a number was suggested, or why none was."""
    margin, unit_cost = _floats(k.terms["unit_margin_minor"]), _floats(k.terms["cost_minor"])
    per_day, available_now, lead_days = k.base.units_per_day, k.available, k.lead_days
    an_order, days = k.base.sizes.mean, k.base.effective_days(np.nan_to_num(lead_days) + policy.review_days)
    written: list[str | None] = []
    moq, pack = k.terms["moq"].to_list(), k.terms["pack"].to_list()
    for i, (available, lead) in enumerate(zip(available_now, lead_days, strict=True)):
        if np.isnan(available) or np.isnan(lead) or k.base.orders_per_day[i] <= 0:
            written.append(None)
            continue
        steps: list[Step] = [
            *_left_out(k, i),
            ("orders a day", float(f"{k.base.orders_per_day[i]:.4g}"), "orders"),
            ("units an order", round(float(an_order[i]), 2), "units"),
            ("demand a day", round(float(per_day[i]), 2), "units"),
            ("lead time", int(lead), "days"),
            ("review period", policy.review_days, "days"),
            ("both, in days of average demand", round(float(days[i]), 2), "days"),
            ("expected demand over both", round(float(protected[i]), 1), "units"),
        ]
        if policy.service_level is None and not np.isnan(margin[i]):
            steps += [
                ("margin lost by a unit short", int(margin[i]), "minor"),
                ("cost of holding a unit for a review period",
                 round(float(unit_cost[i] * policy.holding_rate * policy.review_days / 365.0), 2), "minor"),
            ]  # fmt: skip
        steps += [
            ("service level", round(float(planned.level[i]), 4), "probability"),
            ("added for that level", round(float(planned.order_up_to[i]) - round(float(protected[i]), 1), 1), "units"),
            ("order up to", int(planned.order_up_to[i]), "units"),
            ("available now", int(available), "units"),
            ("firm receipts due", int(firm[i]), "units"),
            ("own open proposals, in", int(k.coming[i]), "units"),
            ("own open proposals, out", int(k.going[i]), "units"),
            ("need", int(planned.need[i]), "units"),
        ]
        if planned.need[i] > 0:
            steps.append(("one other location can spare, above its own level", int(planned.elsewhere[i]), "units"))
        if not np.isnan(cost[i]):
            steps.append(("expected cost of this level a review period", round(float(cost[i])), "minor"))
        if moves[i]:
            steps.append(("transfer", int(suggested[i]), "units"))
        elif suggested[i]:
            steps += [
                ("economic order quantity", int(planned.economic[i]), "units"),
                (f"at most, by {policy.maximum_cover_days} days of cover", int(planned.most[i]), "units"),
                ("minimum order", int(moq[i]), "units"),
                ("pack", int(pack[i]), "units"),
                ("order", int(suggested[i]), "units"),
            ]
        written.append(arithmetic(steps))
    return written


def _left_out(k: _Known, i: int) -> list[Step]:
    """Say what the rate does not count, before anything is reckoned with it."""
    steps: list[Step] = []
    if k.called_off[i]:
        steps.append(("called off in 13 weeks, not counted", int(k.called_off[i]), "units"))
    if number := int(k.outliers.orders[i]):
        largest = int(k.demand.units[k.outliers.largest[i]])
        named = "1 extraordinary order" if number == 1 else f"{number} extraordinary orders, the largest"
        steps += [
            (f"{named} of", largest, "units"),
            ("of it left out of the rate" if number == 1 else "of them left out of the rate",
             int(k.outliers.left_out[i]), "units"),
        ]  # fmt: skip
    return steps


def _floats(column: pl.Series) -> Floats:
    """Give a column as floats, NaN for null."""
    return np.asarray(column.cast(pl.Float64).fill_null(float("nan")).to_numpy())


def _nullable(values: Floats) -> pl.Series:
    return pl.Series(values).fill_nan(None)


def _whole(values: Floats) -> pl.Series:
    return pl.Series(values).fill_nan(None).round().cast(pl.Int64)


def _dates(today: date, days: Floats) -> list[date | None]:
    return [None if np.isnan(n) else today + timedelta(days=int(n)) for n in days]


def _log_odds(probability: Floats) -> Floats:
    inside = np.clip(probability, 1e-9, 1 - 1e-9)
    return np.asarray(np.log(inside / (1 - inside)))
