"""Open orders by age and stage, as one chart."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from app.desk.components import charts
from app.desk.components.text import esc, put
from app.desk.context import colours
from app.services import words
from metrics.figure import Figure
from metrics.sources import AGES, OPEN_STAGES


def aging_chart(figures: Sequence[Figure], *, key: str, opens: Callable[[str, str], None], height: int = 176) -> None:
    """Draw open orders: a bar an age, a colour a stage; a click on a part is told to `opens` as its age and stage."""
    known = {
        (str(f.dimensions.get("age")), str(f.dimensions.get("stage"))): float(f.value)
        for f in figures
        if f.value is not None and f.dimensions.get("age")
    }
    if not known:
        reason = "; ".join(figures[0].reasons) if figures else ""
        put(f'<p class="fw-note">{esc(reason or "No order is open.")}</p>')
        return
    stages = [stage for stage in OPEN_STAGES if any(s == stage for _, s in known)]
    series = [
        (
            stage,
            [known.get((age, stage), 0.0) for age in AGES],
            [f"{age}, {stage}: {words.count(known.get((age, stage), 0.0))} orders" for age in AGES],
        )
        for stage in stages
    ]
    alt = f"{words.count(sum(known.values()))} open orders by age and stage"
    palette = colours()
    hues = [_hue(stage, palette.series, palette.grey, palette.vermillion) for stage in stages]
    figure = charts.stacked(AGES, series, palette, height=height, hues=hues, opens=lambda age, stage: f"{age}|{stage}")

    def parted(target: str) -> None:
        age, _, stage = target.partition("|")
        opens(age, stage)

    charts.draw(figure, alt=alt, key=key, opens=parted)


def _hue(stage: str, series: Sequence[str], grey: str, alarm: str) -> str:
    """Give a stage the same colour wherever it is drawn."""
    blue, orange, green, pink, sky, _ = series
    return {
        "unpaid": grey, "held": pink, "placed": grey, "backordered": alarm, "released": orange, "picking": sky,
        "picked": blue, "packed": green,
    }[stage]  # fmt: skip
