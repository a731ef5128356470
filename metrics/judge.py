"""From sums to figures: which state, which currency, in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from metrics.doubt import Doubt
from metrics.engine import CURRENCY, Asked, Identity, Key, Sum, Sums
from metrics.figure import Figure, Number, gravest
from metrics.metric import Metric, Part
from metrics.needs import Need
from metrics.sources import AGES, OPEN_STAGES, Given

_ORDER = {name: place for names in (AGES, OPEN_STAGES) for place, name in enumerate(names)}


@dataclass(frozen=True)
class Judge:
    """Turns the sums of one metric into figures with their states."""

    given: Given
    metric: Metric
    asked: Asked

    def not_armed(self, unmet: Sequence[str]) -> Figure:
        """Give the one figure of a metric that lacks what it needs."""
        return self._figure({}, None, {}, [Doubt("not_armed", reason) for reason in unmet])

    def figures(self, sums: Sums, doubts: Sequence[Doubt]) -> list[Figure]:
        """Give a figure a group; where there is none, the one that says so."""
        if not sums:
            return [self._figure({}, None, {}, doubts)]
        monetary = self.metric.monetary and CURRENCY not in self.asked.by
        currencies = sorted({key[-1] or "unknown" for key in sums}) if monetary else []
        apart = len(currencies) > 1
        if apart:
            reason = f"amounts in {', '.join(currencies)} are never added: see them by currency"
            doubts = [*doubts, Doubt("value", reason)]
        names = (*self.asked.by, CURRENCY) if apart else self.asked.by
        figures = [
            self._figure(dict(zip(names, key, strict=False)), self._currency(key), parts, doubts)
            for key, parts in sums.items()
        ]
        return sorted(figures, key=lambda figure: [_rank(value) for value in figure.dimensions.values()])

    def nothing(self, dimensions: Mapping[str, str | None], doubts: Sequence[Doubt]) -> Figure:
        """Give the figure of a group that has no rows."""
        return self._figure(dimensions, None, {}, doubts)

    def _currency(self, key: Key) -> str | None:
        if not self.metric.monetary:
            return None
        return key[self.asked.by.index(CURRENCY)] if CURRENCY in self.asked.by else key[-1]

    def _figure(
        self,
        dimensions: Mapping[str, str | None],
        currency: str | None,
        parts: Mapping[Identity, Sum],
        doubts: Sequence[Doubt],
    ) -> Figure:
        metric = self.metric
        numerator, denominator = self._sum(metric.numerator, parts), None
        if metric.denominator is not None:
            denominator = self._sum(metric.denominator, parts)
        value, nothing = self._value(numerator, denominator)
        found = [*doubts, *self._own(parts)]
        if value is None and not any(doubt.state == "not_armed" for doubt in found):
            found.append(nothing)
        state = gravest({doubt.state for doubt in found})
        hidden = state in {"not_armed", "unknown"}
        return Figure(
            metric=metric.name,
            label=metric.label,
            version=metric.version,
            unit=metric.unit,
            currency=currency,
            dimensions=dimensions or dict.fromkeys(self.asked.by),
            value=None if hidden else value,
            numerator=None if hidden else numerator,
            denominator=None if hidden else denominator,
            state=state,
            reasons=tuple(dict.fromkeys(doubt.reason for doubt in found)),
            window=self.asked.window if metric.time else None,
            at=self.given.now,
            publication=self.given.facts.id,
            position=self.given.facts.position,
        )

    def _sum(self, part: Part, parts: Mapping[Identity, Sum]) -> Number | None:
        held = parts.get(part.identity)
        if held is None or not held.rows:
            return 0 if self.metric.empty_is_zero else None
        return held.amount if part.per == 1 or held.amount is None else held.amount / part.per

    def _value(self, numerator: Number | None, denominator: Number | None) -> tuple[Number | None, Doubt]:
        metric = self.metric
        if metric.denominator is None:
            reason = metric.nothing or f"no {metric.grain} is in question"
            return numerator, Doubt("unknown" if metric.numerator.largest else "no_data", reason)
        nothing = Doubt("no_data", metric.nothing or f"no {metric.grain} to divide by")
        if numerator is None or denominator is None or denominator <= 0:
            return None, nothing
        return numerator / denominator, nothing

    def _own(self, parts: Mapping[Identity, Sum]) -> list[Doubt]:
        """Tell what may still change this group's figure."""
        pending = self.metric.pending
        held = parts.get(pending.identity) if pending else None
        if held is None or not held.amount:
            return []
        return [Doubt("provisional", self.metric.pending_text.format(held.amount))]


def armed_by(metric: Metric, given: Given) -> list[str]:
    """Tell what a metric needs and does not have, and what would bring it; nothing where it is armed."""
    unmet = []
    for need in metric.needs:
        if need.argument == "demand":
            met = given.demand is not None and given.demand.height > 0
        elif need.argument == "statuses":
            met = len(given.statuses) > 0
        else:
            met = given.facts.has(need.table, need.proof) or _told_of_nothing(need, given)
        if not met:
            unmet.append(f"needs {need.name}: {need.brings}")
    return unmet


def _told_of_nothing(need: Need, given: Given) -> bool:
    """Tell whether a stream was read and simply has nothing yet: no returns so far is a true zero."""
    return need.proof is None and any(s.stream in need.streams and s.succeeded_at is not None for s in given.statuses)


def _rank(value: str | None) -> tuple[bool, int, str]:
    return (not value, _ORDER.get(value or "", -1), value or "")
