"""`fillwell metrics`: ask the registry for figures and for the rows they are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.common import FORMAT, WORKSPACE, Format, emit, note, open_workspace

if TYPE_CHECKING:
    import polars as pl

    from data.store import Store
    from metrics.answer import Comparison
    from metrics.figure import Figure, Number
    from metrics.window import Window

commands = typer.Typer(no_args_is_help=True)

ROWS_SHOWN = 50  #: of a table; JSON and CSV have all

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Against(StrEnum):
    """What a figure is compared with."""

    previous = "previous"
    year = "year"


@commands.command("list")
def list_metrics(chosen: FORMAT = Format.table) -> None:
    """Name every metric, what it is and how it may be split."""
    from metrics.registry import METRICS

    rows: list[dict[str, Any]] = [
        {"name": m.name, "label": m.label, "unit": m.unit, "good": m.good, "time": m.time, "formula": m.formula}
        | ({} if chosen is Format.table else {
            "grain": m.grain, "dimensions": list(m.dimensions), "additive": list(m.additive),
            "needs": [need.name for need in m.needs], "beside": list(m.beside), "definition": m.definition,
            "owner": m.owner, "version": m.version,
        })
        for m in METRICS.values()
    ]  # fmt: skip
    emit(rows, chosen)


@commands.command()
def show(
    name: Annotated[str, typer.Argument(help="A metric; see `fillwell metrics list`.")],
    by: Annotated[str, typer.Option("--by", help="Split by these dimensions, comma-separated; day, week, month.")] = "",
    start: Annotated[str | None, typer.Option("--from", help="First day, or a moment with its offset.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="The day after the last, or a moment.")] = None,
    where: Annotated[
        list[str] | None, typer.Option("--where", metavar="K=V", help="Only these; K= is unknown.")
    ] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="As it was known at this moment.")] = None,
    shown_at: Annotated[
        str | None, typer.Option("--shown-at", help="Mark what late data changed since it was shown at this moment.")
    ] = None,
    against: Annotated[
        Against | None, typer.Option("--against", help="Compare with the window before, or with a year earlier.")
    ] = None,
    list_rows: Annotated[bool, typer.Option("--rows", help="The rows that the figure is made of.")] = False,
    zone: Annotated[str, typer.Option("--zone", help="The business time zone.")] = "Europe/London",
    workspace: WORKSPACE = "mine",
    chosen: FORMAT = Format.table,
) -> None:
    """Answer one metric; money is in minor units in JSON and CSV, a percentage is a fraction there."""
    from app.services.clock import business_now
    from data.log.status import statuses
    from data.publish import facts_as_of, open_facts
    from metrics.answer import answer, compare, restated, rows
    from metrics.registry import find
    from metrics.sources import Given
    from metrics.window import zone_of

    with _one_sentence():
        metric = find(name)
        zone_of(zone)  # a wrong one is refused even where nothing asks for the time of day
        moment = None if as_of is None else _moment(as_of, zone, "--as-of")
        then = None if shown_at is None else _moment(shown_at, zone, "--shown-at")
        chosen_where = _where(where or [])
        dimensions = tuple(part.strip() for part in by.split(",") if part.strip())
        _refuse_window(name, timed=metric.time is not None, given=bool(start or end))
        first = None if start is None else _moment(start, zone, "--from")
        after = None if end is None else _moment(end, zone, "--to")
    store = open_workspace(workspace)
    facts = open_facts(store) if moment is None else facts_as_of(store, moment)
    now = moment or business_now(store)
    with store.log.read() as conn:
        streams = statuses(conn)
    with _one_sentence():
        window = _window(first, after, now)
        demand = _projection(store) if name == "days_of_supply" and moment is None else None
        given = Given(facts=facts, now=now, zone=zone, statuses=streams, demand=demand)
        if list_rows:
            limit = ROWS_SHOWN if chosen is Format.table else None
            _print_rows(rows(given, name, window=window, where=chosen_where, limit=limit), chosen)
            return
        if against is not None:
            window = _whole(window)
            before = window.year_before(zone) if against is Against.year else window.previous(zone)
            found = compare(given, name, window=window, before=before, by=dimensions, where=chosen_where)
            emit([_compared(c) if chosen is Format.table else _plain_comparison(c) for c in found], chosen)
            return
        figures = answer(given, name, window=window, by=dimensions, where=chosen_where)
        if then is not None:
            earlier = Given(facts=facts_as_of(store, then), now=then, zone=zone, statuses=streams)
            figures = restated(figures, answer(earlier, name, window=window, by=dimensions, where=chosen_where))
    emit([_shown(figure) if chosen is Format.table else _plain(figure) for figure in figures], chosen)
    if chosen is Format.table:
        note(f"{metric.label}: {metric.formula}; publication {facts.id}")


@commands.command()
def reference() -> None:
    """Write the reference page of all metrics, as Markdown."""
    from metrics.reference import reference as page

    typer.echo(page(), nl=False)


@contextmanager
def _one_sentence() -> Iterator[None]:
    """Say what was wrong with the request, and stop with 2."""
    from data.errors import RequestError

    try:
        yield
    except RequestError as error:
        note(f"fillwell: {error}")
        raise typer.Exit(2) from None


def _moment(text: str, zone: str, option: str) -> datetime:
    from data.errors import RequestError
    from metrics.window import midnight

    try:
        if len(text) == len("2026-01-31"):
            return midnight(date.fromisoformat(text), zone)
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise RequestError(
            f"{option} {text}: give a day such as 2026-01-31, or a moment such as 2026-01-31T09:00+00:00"
        ) from error
    if at.tzinfo is None:
        raise RequestError(f"{option} {text} has no offset; add one, such as +00:00")
    return at.astimezone(UTC)


def _where(pairs: Sequence[str]) -> Mapping[str, list[str]]:
    from data.errors import RequestError

    found: dict[str, list[str]] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise RequestError(f"--where {pair}: give a dimension and its value, such as --where channel=web")
        found.setdefault(name.strip(), []).append(value.strip())
    return found


def _refuse_window(name: str, *, timed: bool, given: bool) -> None:
    from data.errors import RequestError

    if given and not timed:
        raise RequestError(f"{name} is a state at one moment: ask for it with --as-of, not with --from and --to")


def _window(start: datetime | None, end: datetime | None, now: datetime) -> Window | None:
    from metrics.window import Window

    return None if start is None and end is None else Window(start or _LONG_AGO, end or now)


def _whole(window: Window | None) -> Window:
    from data.errors import RequestError

    if window is None or window.start == _LONG_AGO:
        raise RequestError("--against needs a window to compare: give --from, and --to where it is over")
    return window


def _projection(store: Store) -> pl.DataFrame | None:
    """Give the newest kept projection of demand; None where none was made."""
    from forecasting.keep import load_projection

    kept = load_projection(store.facts.parent)
    return None if kept is None else kept.frame.select("sku", "location", "demand_per_day")


def _plain(figure: Figure) -> dict[str, Any]:
    return {
        "metric": figure.metric,
        **figure.dimensions,
        "value": figure.value,
        "numerator": figure.numerator,
        "denominator": figure.denominator,
        "state": figure.state,
        "reasons": list(figure.reasons),
        "unit": "money_minor" if figure.unit == "money" else figure.unit,
        "currency": figure.currency,
        "from": None if figure.window is None else figure.window.start,
        "to": None if figure.window is None else figure.window.end,
        "at": figure.at,
        "publication": figure.publication,
        "version": figure.version,
    }


def _shown(figure: Figure) -> dict[str, Any]:
    from app.services.figures import sum_in_words

    return {
        **figure.dimensions,
        "value": _worded(figure.value, figure),
        "numerator": sum_in_words(figure.numerator, figure) or None,
        "denominator": sum_in_words(figure.denominator, figure) or None,
        "state": figure.state,
        "reasons": "; ".join(figure.reasons) or None,
    }


def _compared(c: Comparison) -> dict[str, Any]:
    from app.services.figures import moved

    before = None if c.before is None else _worded(c.before.value, c.before)
    return {**c.figure.dimensions, "value": _worded(c.figure.value, c.figure), "before": before,
            "change": moved(c)[0] or None, "state": c.figure.state, "why": c.reason}  # fmt: skip


def _plain_comparison(c: Comparison) -> dict[str, Any]:
    before = None if c.before is None else _plain(c.before)
    return {**_plain(c.figure), "before": before, "delta": c.delta, "delta_unit": c.delta_unit, "change": c.change,
            "why": c.reason}  # fmt: skip


def _worded(value: Number | None, figure: Figure) -> str | None:
    from app.services import words

    if value is None:
        return None
    if figure.unit == "percent":
        return words.percent(value)
    if figure.unit == "money":
        return words.money(round(value), figure.currency or "")
    return f"{value:,.1f} days" if figure.unit == "days" else f"{value:,}"


def _print_rows(found: pl.DataFrame, chosen: Format) -> None:
    if chosen is Format.table and found.height == ROWS_SHOWN:
        note(f"the first {ROWS_SHOWN} rows; JSON and CSV have all")
    emit(found.to_dicts(), chosen)
