"""Contribution margin and all that it is made of, from the margin ledger, excluding tax.

Net sales = gross - discounts - refunds. CM1 = net sales - cost of goods. CM2 = CM1 + shipping revenue - payment fees -
marketplace fees - freight - pick and pack - return costs - write-downs.

Two bases, each under its own name. *Posted*: a sale counts when it leaves, a refund, a return and a write-down when
they happen. *Cohort* (`_cohort`): everything counts when its order was placed, so a month can still change for 30 days
and more.

Cost is the one in force when the goods left. Goods that come back reverse their cost; damaged ones are written down by
as much. Margins cover costed lines only, in money and in percent: sales without a known cost are uncosted_sales, and
net_sales - uncosted_sales - cogs = cm1. No change is shown where uncosted_pct moved by more than two points.

Example: 100.00 gross, 10.00 discount, 30.00 cost, 5.00 shipping paid, 4.00 fees, 6.00 freight: CM1 = 60.00 (66.7 %),
CM2 = 55.00 (61.1 %).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import polars as pl

from metrics.metric import Good, Metric, Part
from metrics.needs import COSTS, FEES, FREIGHT, HANDLING, INSPECTIONS, LEDGER, PAYMENTS, RETURN_COSTS, Need
from metrics.sources import LEDGER as POSTINGS

NET = pl.col("gross_minor") - pl.col("discount_minor") - pl.col("refund_minor")
CM1 = NET - pl.col("cogs_minor")
CM2 = (
    CM1
    + pl.col("shipping_minor")
    - pl.col("payment_fee_minor")
    - pl.col("marketplace_fee_minor")
    - pl.col("freight_minor")
    - pl.col("handling_minor")
    - pl.col("return_cost_minor")
    - pl.col("write_down_minor")
)
COSTED = pl.col("uncosted_minor") == 0
SOLD = pl.col("entry") == "sale"

#: name, label, formula, amount, what it needs beside the ledger
_Component = tuple[str, str, str, pl.Expr, tuple[Need, ...]]

_EARNED: tuple[_Component, ...] = (
    ("gross_sales", "Gross sales", "price times units shipped", pl.col("gross_minor"), ()),
    ("net_sales", "Net sales", "gross - discounts - refunds", NET, ()),
    ("shipping_revenue", "Shipping revenue", "shipping charged", pl.col("shipping_minor"), ()),
)
_SPENT: tuple[_Component, ...] = (
    ("discounts", "Discounts", "discounts on units shipped", pl.col("discount_minor"), ()),
    ("refunds", "Refunds", "refunds of shipped orders", pl.col("refund_minor"), (PAYMENTS,)),
    ("uncosted_sales", "Uncosted sales", "net sales of lines without a known cost", pl.col("uncosted_minor"), ()),
    ("cogs", "Cost of goods", "unit cost when shipped times units, less returned", pl.col("cogs_minor"), (COSTS,)),
    ("payment_fees", "Payment fees", "payment providers' fees", pl.col("payment_fee_minor"), (FEES,)),
    ("marketplace_fees", "Marketplace fees", "marketplaces' fees", pl.col("marketplace_fee_minor"), (FEES,)),
    ("freight", "Freight", "outbound freight of parcels", pl.col("freight_minor"), (FREIGHT,)),
    ("pick_and_pack", "Pick and pack", "warehouse work on orders", pl.col("handling_minor"), (HANDLING,)),
    ("return_cost", "Return costs", "labels and handling", pl.col("return_cost_minor"), (RETURN_COSTS,)),
    ("write_down", "Write-down", "cost of unsaleable returns", pl.col("write_down_minor"), (INSPECTIONS,)),
)
_SIDES: tuple[tuple[Good, tuple[_Component, ...]], ...] = (("up", _EARNED), ("down", _SPENT))
_CM2_FORMULA = "CM1 + shipping - fees - freight - pick and pack - return costs - write-down, costed lines"
_MARGINS: tuple[_Component, ...] = (
    ("cm1", "Contribution margin 1", "net sales - cost of goods, costed lines", CM1, (COSTS,)),
    ("cm2", "Contribution margin 2", _CM2_FORMULA, CM2, (COSTS, FEES, FREIGHT)),
)


@dataclass(frozen=True)
class _Basis:
    """Which date puts a posting into the window."""

    suffix: str
    label: str
    time: str
    matures_after: timedelta

    def metrics(self) -> Iterator[Metric]:
        for good, components in _SIDES:
            for name, label, formula, amount, needs in components:
                yield self._money(name, label, formula, good, self._part(amount), needs)
        for margin in _MARGINS:
            yield from self._margin(*margin)
        formula = "sales without a known cost ÷ sales, before refunds"
        sold = self._part(pl.col("uncosted_minor"), SOLD)
        uncosted = self._money("uncosted_pct", "Uncosted", formula, "down", sold, ())
        yield replace(uncosted, unit="percent", denominator=self._part(NET, SOLD))

    def _margin(
        self, name: str, label: str, formula: str, amount: pl.Expr, needs: tuple[Need, ...]
    ) -> Iterator[Metric]:
        coverage = f"uncosted_pct{self.suffix}"
        money = self._money(name, label, formula, "up", self._part(amount, COSTED), needs)
        yield replace(money, beside=(coverage,), coverage=coverage)
        yield replace(
            money,
            name=f"{name}_pct{self.suffix}",
            label=f"{label} %{self.label}",
            formula=f"{name} ÷ net sales, both of costed lines",
            unit="percent",
            denominator=self._part(NET, COSTED),
            nothing="no costed line was sold",
            beside=(coverage,),
            coverage=coverage,
        )

    def _part(self, amount: pl.Expr, only: pl.Expr | None = None) -> Part:
        return Part(source=POSTINGS, time=self.time, amount=amount, only=only)

    def _money(self, name: str, label: str, formula: str, good: Good, amount: Part, needs: tuple[Need, ...]) -> Metric:
        return Metric(
            name=f"{name}{self.suffix}",
            label=f"{label}{self.label}",
            definition=str(__doc__),
            formula=formula,
            unit="money",
            good=good,
            numerator=amount,
            needs=(LEDGER, *needs),
            monetary=True,
            matures_after=self.matures_after,
            owner="finance",
        )


METRICS = (
    *_Basis("", "", "posted_at", timedelta(0)).metrics(),
    *_Basis("_cohort", ", by order date", "placed_at", timedelta(days=30)).metrics(),
)
