"""What the margin screen asks for: how net sales become contribution, by channel, with what is not costed beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.services import words
from app.services.figures import Asked, against, by, moved
from metrics.answer import compare, many
from metrics.figure import Figure

#: (metric, name on the bridge, sign): parts of the sum, in the order in which it comes about.
PARTS = (
    ("gross_sales", "Gross sales", 1),
    ("discounts", "Discounts", -1),
    ("refunds", "Refunds", -1),
    ("net_sales", "Net sales", 0),
    ("uncosted_sales", "Not costed", -1),
    ("cogs", "Cost of goods", -1),
    ("cm1", "CM1", 0),
    ("shipping_revenue", "Shipping paid", 1),
    ("payment_fees", "Payment fees", -1),
    ("marketplace_fees", "Market fees", -1),
    ("freight", "Freight", -1),
    ("pick_and_pack", "Pick and pack", -1),
    ("return_cost", "Returns", -1),
    ("write_down", "Write-down", -1),
    ("cm2", "CM2", 0),
)
#: What is left between two totals because a part of it is not armed; else it belongs to lines without a cost.
_REST = {"net_sales": "Not told apart"}
#: Name on the bridge -> the metric whose rows make the step.
METRIC_OF = {label: name for name, label, _ in PARTS}
RATES = ("cm1_pct", "cm2_pct", "uncosted_pct")


@dataclass(frozen=True, kw_only=True)
class Margin:
    """The bridge and the table of one window."""

    currency: str
    bridge: Sequence[tuple[str, int, str, str]]  #: (name, minor, total | part, words)
    channels: Sequence[str]
    cells: Mapping[tuple[str, str], Figure]  #: (channel, metric); the channel *all* is the whole
    deltas: Mapping[str, tuple[str, str, str]]  #: channel -> (move, tone, why there is none)
    not_armed: Mapping[str, str]  #: metric -> what it needs
    coverage: str
    sentence: str


ALL = "all"


def margin(asked: Asked) -> Margin:
    """Answer every component by channel and in all, with how contribution moved."""
    names = [name for name, *_ in PARTS] + list(RATES)
    split = by(asked, names, "channel")
    whole = many(asked.given, names, window=asked.window, where=asked.filters("cm2"))
    cells = {
        (str(f.dimensions.get("channel")), name): f
        for name in names
        for f in reversed(split[name])  # what names its currency comes first, and stays
        if f.dimensions.get("channel")
    }
    cells |= {(ALL, name): whole[name][0] for name in names}
    deltas: dict[str, tuple[str, str, str]] = {}
    for by_ in ((), ("channel",)):
        for c in compare(asked.given, "cm2_pct", window=asked.window, by=by_, where=asked.filters("cm2_pct")):
            channel = str(c.figure.dimensions.get("channel")) if by_ else ALL
            deltas.setdefault(channel, (*moved(c), c.reason or ""))  # what names its currency comes first
    currency = next((f.currency for f in whole["net_sales"] if f.currency), "") or ""
    channels = sorted({channel for channel, _ in cells} - {ALL}, key=lambda c: -(_value(cells, c, "net_sales") or 0))
    return Margin(
        currency=currency,
        bridge=_bridge(cells, currency),
        channels=channels,
        cells=cells,
        deltas=deltas,
        not_armed={name: "; ".join(f[0].reasons) for name, f in whole.items() if f[0].state == "not_armed"},
        coverage=_coverage(whole["uncosted_pct"][0]),
        sentence=_sentence(cells, channels, deltas),
    )


def _value(cells: Mapping[tuple[str, str], Figure], channel: str, name: str) -> float | None:
    figure = cells.get((channel, name))
    return None if figure is None else figure.value


def _bridge(cells: Mapping[tuple[str, str], Figure], currency: str) -> list[tuple[str, int, str, str]]:
    """Go from gross sales to CM2; what has no costed line stands as a step of its own, so that the sum is exact."""
    steps: list[tuple[str, int, str, str]] = []
    running = 0
    for name, label, sign in PARTS:
        found = _value(cells, ALL, name)
        if found is None:
            continue
        amount = round(found)
        if sign == 0:
            if (rest := amount - running) and steps:
                steps.append((_REST.get(name, "Of uncosted lines"), rest, "part", words.money_compact(rest, currency)))
            steps.append((label, amount, "total", words.money_compact(amount, currency)))
            running = amount
        elif not steps:
            steps.append((label, amount, "total", words.money_compact(amount, currency)))
            running = amount
        elif amount:
            steps.append((label, sign * amount, "part", words.money_compact(sign * amount, currency)))
            running += sign * amount
    return steps


def _coverage(uncosted: Figure) -> str:
    if uncosted.value is None:
        return "how much of the sales has a known cost cannot be said: " + "; ".join(uncosted.reasons)
    return f"Costs known for {words.percent(1 - uncosted.value)} of sales; margins cover these lines only"


def _sentence(
    cells: Mapping[tuple[str, str], Figure], channels: Sequence[str], deltas: Mapping[str, tuple[str, str, str]]
) -> str:
    rates = {c: v for c in channels if (v := _value(cells, c, "cm2_pct")) is not None}
    if not rates:
        return ""
    best, worst = max(rates, key=lambda c: rates[c]), min(rates, key=lambda c: rates[c])
    whole = _value(cells, ALL, "cm2_pct")
    move = deltas.get(ALL, ("", "", ""))[0]
    said = f"{words.percent(whole)} of net sales stay as contribution margin 2"
    said += f", {move.split(' ', 1)[1]} {against(move, 'before')}" if move else ""
    if best != worst:
        said += f". {best.capitalize()} keeps most, {words.percent(rates[best])}"
        said += f"; {worst} least, {words.percent(rates[worst])}"
    return f"{said[:1].upper()}{said[1:]}."
