"""Many fixes decided at once: the table that is approved, and the run that sends it in waves, live."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import streamlit as st

from actions.cases import Step
from actions.waves import Item, Run
from app.desk.components.badges import badge, outcome
from app.desk.components.tables import Column, table
from app.desk.components.text import esc, heading, note, put
from app.desk.context import Visit
from app.services import acting, bulk, words
from app.services.bulk import Basket, in_waves
from data.errors import FillwellError

BASKET, RUN, SAID = "bulk-basket", "bulk-run", "bulk-said"
TALL, TALLEST = 9, 330  #: from so many rows on the list scrolls, in so many pixels

_TONES = {"verified": "good", "failed": "bad", "mismatch": "bad", "cancelled": "bad", "held": "", "approved": "info"}
_RUN_TONES = {"running": "info", "done": "good", "stopped": "bad"}


def lay_out(action_ids: Sequence[int]) -> None:
    """Put planned fixes before the person as one decision."""
    st.session_state[BASKET] = list(action_ids)
    st.session_state.pop(RUN, None)


def panel(visit: Visit) -> None:
    """Draw the decision that waits or the run that is under way; nothing where there is neither."""
    waiting = st.session_state.get(BASKET)
    if not waiting and _run_of(visit) is None:
        return
    with st.container(key="card-bulk"):
        for why, number in Counter(step.words for step in st.session_state.get(SAID, ())).items():
            put(outcome(False, f"{number} left out: {why}"))
        if waiting:
            _decide(visit, bulk.basket(visit.store, waiting, st.session_state.get("bulk-first")))
        else:
            _live(visit)


@st.fragment(run_every=1)
def _live(visit: Visit) -> None:
    run = _run_of(visit)
    if run is not None:
        st.session_state[RUN] = run  # it stays in sight when it has ended
        _follow(visit, bulk.show(visit.store, run))


def _run_of(visit: Visit) -> int | None:
    """Name the run to show: the one begun here, else one that is under way."""
    if RUN in st.session_state:
        run: int = st.session_state[RUN]
        return run
    return bulk.running(visit.store)


# ---------------------------------------------------------------- the decision


def _decide(visit: Visit, basket: Basket) -> None:
    if not basket.lines:
        put(heading("Nothing is left to decide", "every one of these plans has come to its end"))
        st.button("Close", key="bulk-close", on_click=_close)
        return
    number = len(basket.lines)
    worth = " and ".join(words.money(minor, currency) for currency, minor in basket.totals)
    put(heading(f"{words.plural(number, 'fix', 'fixes')} planned", f"worth {worth}" if worth else "", aside=_unsent()))
    put(
        note(f"Sent in waves: {in_waves(basket.waves)}. Each is read back before the next; the first failure stops it.")
    )
    _list(
        [Column("Case", "number"), Column("What is sent"), Column("Worth", "number")],
        [(line.case, line.words, words.money(line.value_minor, line.currency)) for line in basket.lines],
    )
    for effect, of_them in basket.side_effects:
        put(f'<div class="fw-note">{badge(f"{of_them} of {number}", "warn")} {esc(effect)}</div>')
    ready = [_is_open(visit, kind) for kind in basket.kinds]
    if number > 1:
        st.selectbox(
            "Tried first", sorted(basket.ids), key="bulk-first", index=None, placeholder="The first of the list",
            format_func={line.action: f"case {line.case}" for line in basket.lines}.__getitem__,
        )  # fmt: skip
    with st.container(horizontal=True, gap="small"):
        st.button(
            f"Approve {number}, send {basket.waves[0]} first", key="bulk-start", type="primary",
            disabled=True not in ready, on_click=_start, args=(visit, basket.ids),
        )  # fmt: skip
        st.button("Discard plans", key="bulk-discard", on_click=_discard, args=(visit, basket.ids))


def _unsent() -> str:
    return badge("nothing sent", "info")


def _is_open(visit: Visit, kind: str) -> bool:
    """Say where a type's ladder forbids sending, and let an admin take the next step."""
    step = acting.ladder(visit.store, kind)
    if step.ladder in ("approve", "auto"):
        return True
    name = kind.replace("_", " ")
    put(note(f"{name} stands on {step.ladder}: its cards are drawn, and nothing is sent."))
    st.button(f"Let people approve: {name}", key=f"bulk-allow-{kind}", on_click=acting.allow, args=(visit.store, kind))
    return False


def _start(visit: Visit, action_ids: Sequence[int]) -> None:
    if BASKET not in st.session_state:
        return  # the second hit of a double click: they are on their way
    try:
        run, left_out = bulk.start(visit.store, action_ids)
    except FillwellError as error:
        run, left_out = None, [Step(0, "refused", False, str(error))]
    _took(run, left_out)


def _took(run: int | None, left_out: Sequence[Step]) -> None:
    st.session_state[SAID] = list(left_out)
    if run is not None:
        st.session_state[RUN] = run
        st.session_state.pop(BASKET, None)


def _discard(visit: Visit, action_ids: Sequence[int]) -> None:
    acting.cancel(visit.store, action_ids)
    _close()


def _close() -> None:
    for name in (BASKET, RUN, SAID):
        st.session_state.pop(name, None)


# ---------------------------------------------------------------- the run


def _follow(visit: Visit, run: Run) -> None:
    total = len(run.items)
    put(
        heading(
            f"Bulk run {run.id}", f"{run.verified} of {total} verified, begun {run.started_at:%H:%M} UTC by {run.by}",
            aside=badge(run.status, _RUN_TONES[run.status]),
        )
        + _ladder(run)
    )  # fmt: skip
    if run.words:
        put(f'<div class="fw-note">{badge("stopped", "bad")} {esc(run.words)}. Nothing after it is sent.</div>')
    _list(
        [Column("Wave", "number"), Column("Case", "number"), Column("State", "html"), Column("What is sent", "html")],
        _rows(run),
    )
    kinds = dict.fromkeys(item.type for item in run.items if item.action in run.left)
    ready = [_is_open(visit, kind) for kind in kinds] if run.status == "stopped" else []
    with st.container(horizontal=True, gap="small"):
        if run.status == "running":
            st.button("Stop here", key="bulk-stop", on_click=_stop, args=(visit, run.id))
        elif run.status == "stopped" and run.left:
            st.button(
                f"Go on with {len(run.left)} left, 1 first", key="bulk-resume", type="primary",
                disabled=True not in ready, on_click=_go_on, args=(visit, run.id),
            )  # fmt: skip
        if run.status != "running":
            st.button("Close", key="bulk-close", on_click=_close)


def _ladder(run: Run) -> str:
    """Draw the waves, how far each has come."""
    drawn = []
    for wave in range(1, run.waves + 1):
        proved, number = run.counts(wave)
        css, mark = ("done", "✓") if proved == number else ("now", "…") if wave == run.wave else ("", "○")
        if run.status == "stopped" and css == "now":
            css, mark = "bad", "■"
        drawn.append(f'<span class="{css}">{mark} wave {wave}: {proved} of {number}</span>')
    return f'<div class="fw-steps">{"".join(drawn)}</div>'


def _rows(run: Run) -> list[tuple[object, ...]]:
    return [(item.wave, item.case, _state(item), _told(item)) for item in run.items]


def _told(item: Item) -> str:
    """Write what an action does, and below it what became of it."""
    result = f'<div class="q">{esc(item.result)}</div>' if item.result else ""
    return f"<div>{esc(item.words)}</div>{result}"


def _state(item: Item) -> str:
    return badge(item.status, _TONES.get(item.status, "warn" if item.status == "unknown" else "info"))


def _stop(visit: Visit, run: int) -> None:
    st.session_state[RUN] = run
    st.session_state[SAID] = []
    bulk.stop(visit.store, run)


def _go_on(visit: Visit, run: int) -> None:
    _took(*bulk.go_on(visit.store, run))


def _list(columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> None:
    with st.container(height=TALLEST if len(rows) > TALL else "content", border=False):
        put(table(columns, rows))
