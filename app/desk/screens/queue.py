"""Exception queue: what waits, in the order in which money is lost; decide, and watch the fix become verified."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any
from uuid import uuid4

import streamlit as st

from actions.cases import Step
from app.desk.components import bulk, outcomes
from app.desk.components.badges import badge
from app.desk.components.cases import answer_text, facing, history, money_line, plan_card, receipt, way
from app.desk.components.filters import choose
from app.desk.components.once import Presses
from app.desk.components.outcomes import Results
from app.desk.components.press import OVERTAKEN, Drawn, Tell, carry_out
from app.desk.components.tables import ROW, Column, content_key, grid_height, table
from app.desk.components.text import esc, heading, note, plain, put
from app.desk.context import Visit, kept, this_visit
from app.desk.screens.queue_codes import suggestions
from app.desk.shell import empty, link, page, told
from app.services import acting, words
from app.services.amounts import major, only
from app.services.queue import Board, Detail, Row, board, detail, title_of, waiting, watches
from data.errors import FillwellError, RequestError

Seen = Sequence[tuple[int, int]]  #: (case id, the version that the person saw)

SNOOZES = {"4 hours": 4, "1 day": 24, "3 days": 72, "1 week": 168}
HELD = "queue-held"  #: the frozen list: (kind, board)
#: The case that is open stands in the address: it stays open though it leaves the list, and a session that begins anew
#: because the server was restarted opens it again, not whatever has come to the top meanwhile (hazard H2).
OPENED = "case"
SCREEN = "queue"


def show(visit: Visit) -> None:
    """Draw the screen."""
    with page(visit, "Exception queue", "what costs most until the shift ends comes first") as controls:
        with controls:
            _switch(visit)
        carry_out(SCREEN, _refuse)
        _noted(visit)
        _work(_kinds(board(visit.store)))


@st.fragment
def _work(kind: str | None) -> None:
    """Draw what waits. A choice draws this part alone: as a run of the whole page it would break off a press.

    A part is known by its place, and a browser that is told of a place which it does not have shows an empty page: what
    is not always there stands in a container that is.
    """
    with told():
        visit = this_visit()
        frozen = _frozen(visit, kind)
        with st.container():
            named = _named(visit)
        if frozen.rows or named:
            _cases(visit, kind, frozen.rows, named)
        else:
            bulk.panel(visit)
            outcomes.draw(SCREEN)
            _nothing(visit, frozen)
        outcomes.forget(SCREEN)


def _cases(visit: Visit, kind: str | None, rows: Sequence[Row], named: Row | None) -> None:
    """Draw the list, and beside it the case that is open."""
    left, right = st.columns([11, 9], gap="small")
    with left, st.container(key="card-queue"):
        _news(visit, kind)
        if rows:
            _grid(visit, rows)
        marked, picked = _selected(rows)
        drawn = Drawn.now(SCREEN, partial(_chosen, rows))
        opened = picked or next((r for r in rows if named and r.id == named.id), named) or rows[0]
        _open(opened.id)
        _bar(visit, drawn, marked or [opened], blocked=_begun_anew(chosen=picked is not None))
    with right:
        with st.container():
            bulk.panel(visit)
        _detail(visit, opened, drawn)


def _switch(visit: Visit) -> None:
    """Draw the kill switch: one press stops every write, what was approved is kept."""
    halted = acting.standstill(visit.store)
    if halted is None:
        st.button("Pause all writes", key="pause", on_click=_press, args=(acting.pause, visit.store))
    else:
        st.button("Resume writes", key="resume", type="primary", on_click=_press, args=(acting.resume, visit.store))
        put(badge("paused", "bad", title=halted))


@st.fragment(run_every=5)
def _noted(visit: Visit) -> None:
    """Say what detectors in their first week found and nobody is asked to do; a press lets one speak."""
    quiet = acting.noted(visit.store)
    if not quiet:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="noted"):
        number = words.plural(sum(one.cases for one in quiet), "case")
        with st.container(width="content"):
            told = f"First week: {number} only noted, not queued. Once you trust a kind, bring it in:"
            put(f'<div class="fw-note">{esc(told)}</div>')
        for one in quiet:
            until = words.day(one.until)
            if st.button(
                f"{plain(one.title)}: {one.cases}", key=f"enable-{one.id}", on_click=_press,
                args=(acting.enable, visit.store, one.id),
                help=f"Into the queue now, and from now on; without this from {until} on",
            ):  # fmt: skip
                st.rerun(scope="app")


def _press(act: Callable[..., None], *args: object) -> None:
    """Do what a press asks for; where it cannot be done, one sentence says why."""
    try:
        act(*args)
    except FillwellError as error:
        _say([(False, str(error))])
    refresh()


def _kinds(now: Board) -> str | None:
    names = {"all": f"All {sum(now.counts.values())}"} | {k: f"{title_of(k)} {n}" for k, n in now.counts.items()}
    left, right = st.columns([3, 1], vertical_alignment="center")
    with left:
        kind = choose("kind", list(names), default="all", label=lambda name: plain(names[name]), shape="pills")
    with right:
        put(f'<div class="fw-strip fw-right">{"".join(_headline(now))}</div>')
    return None if kind == "all" else kind


def _headline(now: Board) -> list[str]:
    return [
        f"<span><b>{esc(words.money_compact(h.expected_loss_minor, h.currency))}</b> at risk of "
        f"<b>{esc(words.money_compact(h.exposed_minor, h.currency))}</b> exposed, each line once</span>"
        for h in now.headline
        if h.currency
    ]


def _frozen(visit: Visit, kind: str | None) -> Board:
    """Keep the list that the person looks at until they ask for a newer one (hazards H1 and H2)."""
    held = st.session_state.get(HELD)
    wanted = (visit.store.workspace, kind)
    if held is not None and held[0] != wanted and st.session_state.get("queue-opened") == st.query_params.get(OPENED):
        _open(None)
    if held is None or held[0] != wanted:
        held = (wanted, board(visit.store, kind))
        st.session_state[HELD] = held
    frozen: Board = held[1]
    return frozen


def refresh() -> None:
    """Let the next run take a new list."""
    st.session_state.pop(HELD, None)


def _named(visit: Visit) -> Row | None:
    """Give the case that the address names, whatever became of it; where there is none, say so."""
    named = st.query_params.get(OPENED, "")
    if named.isascii() and named.isdecimal() and len(named) < 12:
        with suppress(RequestError):
            return detail(visit.store, int(named)).row
    if named:
        told = f"There is no case {named[:40]}: whichever is open below is not the one that was asked for."
        put(f'<div class="fw-note">{badge("no such case", "warn")} {esc(told)}</div>')
    return None


def _open(case: int | None) -> None:
    """Write into the address which case is open."""
    st.session_state["queue-opened"] = None if case is None else str(case)
    if case is None:
        st.query_params.pop(OPENED, None)
    elif st.query_params.get(OPENED) != str(case):
        st.query_params[OPENED] = str(case)


@st.fragment(run_every=2)
def _news(visit: Visit, kind: str | None) -> None:
    if HELD not in st.session_state:
        st.rerun(scope="app")
    held: Board = st.session_state[HELD][1]
    seen = {row.seen for row in held.rows}
    now = waiting(visit.store, kind)
    fresh = len({i for i, _ in now} - {i for i, _ in seen})
    gone = len({i for i, _ in seen} - {i for i, _ in now})
    changed = len(now - seen) - fresh
    told = [f"{n} {name}" for n, name in ((fresh, "new"), (gone, "gone"), (changed, "changed")) if n]
    left, right = st.columns([3, 2], vertical_alignment="center")
    with left:
        put(heading(words.plural(len(seen), "case"), "as you opened them"))
    with right, st.container(horizontal=True, horizontal_alignment="right"):
        label = f"{', '.join(told)}: refresh" if told else "Up to date"
        if st.button(label, key="refresh", disabled=not told, on_click=refresh):
            st.rerun(scope="app")


def _grid(visit: Visit, rows: Sequence[Row]) -> None:
    """Draw the list; its key is its content, so that no selection outlives the rows that it was made on."""
    mixed = len({r.kind for r in rows}) > 1
    columns = {
        "Lost by shift end": [major(r.lost_by_shift_end_minor, r.currency) for r in rows],
        "Case": [r.title for r in rows],
        **({"Kind": [r.kind for r in rows]} if mixed else {}),
        "Age": [words.span(visit.now - r.opened_at) for r in rows],
        "Exposed": [major(r.exposed_minor, r.currency) for r in rows],
        "Status": [f"{r.status} {r.assignee}".strip() for r in rows],
    }
    currency = only(r.currency for r in rows)
    if not currency:
        columns["Currency"] = [r.currency for r in rows]
    st.dataframe(
        columns,
        key=_key(rows),
        on_select="rerun",
        selection_mode=["multi-row", "single-cell"],
        hide_index=True,
        height=grid_height(len(rows), 560),
        row_height=ROW,
        column_config={
            "Lost by shift end": st.column_config.NumberColumn(
                f"{currency} now".strip(),
                format="accounting",
                width=76,
                help="Lost by the end of this shift if nobody acts",
            ),
            "Case": st.column_config.TextColumn(width=270 if mixed else 386),
            "Kind": st.column_config.TextColumn(width=116),
            "Age": st.column_config.TextColumn(width=62),
            "Exposed": st.column_config.NumberColumn(f"{currency} exposed".strip(), format="accounting", width=88),
            "Status": st.column_config.TextColumn(width=72),
        },
        alt="Cases that wait, the costliest first",
    )


def _key(rows: Sequence[Row]) -> str:
    return content_key("queue", (r.seen for r in rows))


def _selected(rows: Sequence[Row]) -> tuple[list[Row], Row | None]:
    """Give the rows that are marked, and the one that is to be opened."""
    event: Any = st.session_state.get(_key(rows))
    if event is None:
        return [], None
    marked = [rows[i] for i in event["selection"]["rows"] if i < len(rows)]
    cells = [rows[i] for i, _ in event["selection"]["cells"] if i < len(rows)]
    return marked, next(iter(cells or marked), None)


def _chosen(rows: Sequence[Row]) -> tuple[Seen, tuple[int, int] | None]:
    """Name the cases that are marked, and the one that is to be opened."""
    marked, picked = _selected(rows)
    return [row.seen for row in marked], picked.seen if picked else None


def _begun_anew(*, chosen: bool) -> bool:
    """Tell whether the page was drawn before the server was started again and nothing was chosen since (hazard H2).

    A browser sends a new session what it held, and so the mark of the session that drew its page: a choice may have
    been on its way when that one ended, and what is open now need not be it.
    """
    state = st.session_state
    mark = state.setdefault("queue-mark", uuid4().hex)
    with st.container(key="unseen"):
        held = st.text_input("Session", value=mark, key="queue-session", label_visibility="collapsed")
    state["queue-anew"] = state.get("queue-anew", held != mark) and not chosen
    return bool(state["queue-anew"])


def _bar(visit: Visit, drawn: Drawn, chosen: Sequence[Row], *, blocked: bool) -> None:
    """Draw what can be done with the chosen cases; every button is given ids and versions, never positions."""
    seen = [row.seen for row in chosen]
    count = f"{len(seen)} chosen" if len(seen) > 1 else f"case {seen[0][0]}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="bulk"):
        fixable = [row.seen for row in chosen if row.suggested]
        st.button(
            f"Plan fix: {count}", key="fix", type="primary", shortcut="1", disabled=blocked or not fixable,
            on_click=drawn.press, args=("fix", partial(_plan, visit, fixable)), kwargs={"about": fixable},
        )  # fmt: skip
        st.button(
            "Assign to me", key="assign", shortcut="2", disabled=blocked,
            on_click=drawn.press, args=("assign", partial(_claim, visit, seen)), kwargs={"about": seen},
        )  # fmt: skip
        for key, shortcut, verb in (("dismiss", "3", "Not a problem"), ("snooze", "H", "Snooze")):
            ask = partial(_asking, visit, verb, drawn, seen)
            st.button(
                f"{verb} …", key=key, shortcut=shortcut, disabled=blocked,
                on_click=drawn.press, args=(key, ask), kwargs={"about": seen, "opens": True},
            )  # fmt: skip
    if blocked:
        put(note("The desk was started again meanwhile: choose the case once more."))
    outcomes.draw(SCREEN)


def _refuse(why: str) -> None:
    """Say why a press did nothing; the list stays as the person sees it."""
    outcomes.keep(SCREEN, [(False, why)])


def _say(results: Results) -> None:
    outcomes.keep(SCREEN, results)
    refresh()


def _steps(steps: Sequence[Step]) -> Tell:
    """Give what is told of steps that were taken."""
    return partial(_say, [(step.done, step.words) for step in steps])


def _plan(visit: Visit, seen: Seen) -> Tell:
    planned = acting.plan(visit.store, visit.now, seen)
    made = [p.action for _, p in planned if not isinstance(p, str) and p.action is not None]
    laid_out = made if len(seen) > 1 else []
    told = [(case, p) for case, p in planned if isinstance(p, str) or p.action not in laid_out]
    return partial(
        _tell_planned,
        laid_out,
        [(not isinstance(p, str), f"case {case}: {p if isinstance(p, str) else p.words}") for case, p in told],
    )


def _tell_planned(laid_out: Sequence[int], results: Results) -> None:
    if laid_out:
        bulk.lay_out(laid_out)
    _say(results)


def _claim(visit: Visit, seen: Seen) -> Tell:
    return _steps(acting.claim(visit.store, seen))


def _asking(visit: Visit, verb: str, drawn: Drawn, seen: Seen) -> Tell:
    return partial(_reason, visit, verb, drawn, seen, Presses())


@st.dialog("Say why")
def _reason(visit: Visit, verb: str, drawn: Drawn, seen: Seen, presses: Presses) -> None:
    which = words.plural(len(seen), "case") if len(seen) > 1 else f"case {seen[0][0]}"
    st.text(f"{verb}: {which}. The reason tunes the detector and is read by the next person.")
    if verb == "Snooze":
        st.selectbox("For", list(SNOOZES), key="snooze-for")
    st.text_input("Reason", key="reason", max_chars=200)
    given = (visit, verb, drawn, seen, presses)
    if st.button(verb, type="primary", key="confirm-reason", on_click=_because, args=given):
        st.rerun()


def _because(visit: Visit, verb: str, drawn: Drawn, seen: Seen, presses: Presses) -> None:
    if not presses.hear(0):  # a question is answered once: what the first answer renews is not taken for a choice
        return
    if not drawn.holds:
        _refuse(OVERTAKEN)
        return
    reason = str(st.session_state.get("reason", ""))
    if verb == "Snooze":
        hours = SNOOZES[st.session_state.get("snooze-for", "4 hours")]
        steps = acting.snooze(visit.store, seen, hours=hours, reason=reason)
    else:
        steps = acting.dismiss(visit.store, seen, reason=reason)
    if all(step.done for step in steps):
        _open(None)  # decided: the next one opens
    _say([(step.done, step.words) for step in steps])


def _detail(visit: Visit, row: Row, drawn: Drawn) -> None:
    try:
        found = detail(visit.store, row.id, row)
    except RequestError as error:
        empty("This case is gone", str(error))
        return
    with st.container(key="card-case"):
        put(
            f'<div class="fw-head"><h2>{esc(found.row.title)}</h2></div>'
            f'<div class="fw-strip">{badge(found.row.kind)}{badge(found.row.status, "info")}'
            f"<span>case {found.row.id}, {esc(_open_for(found.row, visit.now))}</span>"
            f"<span>{words.plural(found.similar, 'other')} of this kind</span></div>{money_line(found)}"
        )
        above, below = st.container(), st.container()
        with above:
            if found.facing:
                put(facing(found))
            if found.suggestions:
                suggestions(visit, found, _say, drawn)
        with below:
            _fix(visit, found, drawn)
    _proof(found)


def _open_for(row: Row, now: datetime) -> str:
    verb = "open" if row.ended_at is None else "was open"
    return f"{verb} {words.span((row.ended_at or now) - row.opened_at)}"


@st.fragment(run_every=1)
def _fix(visit: Visit, found: Detail, drawn: Drawn) -> None:
    """Show the newest action of the case and how far it has come, live."""
    if HELD not in st.session_state:
        st.rerun(scope="app")
    actions = acting.actions_of(visit.store, found.row.id)
    if not actions:
        hint = "Plan the fix to see the exact request before anything is sent." if found.row.suggested else _NO_FIX
        put(f'<div class="fw-note">{hint}</div>')
        return
    newest = actions[0]
    put(f'<div class="fw-plan">{plan_card(newest["plan"])}{way(newest)}</div>')
    with st.expander("Exact request and answer"):
        st.code(answer_text(newest), language=None, wrap_lines=True)
    if newest["status"] == "planned" and not _may_be_approved(visit, newest["type"], drawn):
        return
    if newest["status"] == "planned":
        with st.container(horizontal=True, gap="small"):
            st.button(
                "Approve and send", key="approve", type="primary",
                on_click=drawn.press, args=("approve", partial(_approve, visit, newest["id"])),
                kwargs={"about": newest["id"]},
            )  # fmt: skip
            discard = partial(_discard, visit, newest["id"])
            st.button(
                "Discard plan", key="discard", on_click=drawn.press, args=("discard", discard),
                kwargs={"about": newest["id"]},
            )  # fmt: skip


def _may_be_approved(visit: Visit, kind: str, drawn: Drawn) -> bool:
    """Show on which step of the ladder this kind stands, and let an admin take the next one."""
    step = acting.ladder(visit.store, kind)
    if step.ladder in ("approve", "auto"):
        put(note(f"{step.verified} of this kind verified, {step.wrong} wrong since its last step."))
        return True
    put(note(f"This kind of action stands on {step.ladder}: its cards are drawn, and nothing is sent."))
    allow = partial(acting.allow, visit.store, kind)
    st.button("Let people approve it", key="allow", on_click=drawn.press, args=("allow", allow), kwargs={"about": kind})
    return False


_NO_FIX = "This case has no action of its own: take it, fix it in the source, and it closes itself with proof."


def _approve(visit: Visit, action: int) -> Tell:
    return _steps(acting.approve(visit.store, [action]))


def _discard(visit: Visit, action: int) -> Tell:
    return _steps(acting.cancel(visit.store, [action]))


def _proof(found: Detail) -> None:
    with st.container(key="card-proof"):
        put(heading("Proof", "the rows and the arithmetic") + receipt(found.evidence))
        with st.container(horizontal=True, gap="small"):
            if found.order:
                link("orders", "Open the order", id=found.order)
            if found.sku:
                link("stock", "Open the item", sku=found.sku)
        with st.expander(f"History, {len(found.history)}"):
            put(history(found.history))


def _nothing(visit: Visit, now: Board) -> None:
    if sum(now.counts.values()):
        empty("Nothing of this kind waits", "Choose another kind, or all.")
        return
    empty(
        "Nothing waits for you",
        "What the armed detectors look for is not there now. New cases appear here by themselves.",
    )
    if visit.publication:
        found = kept(visit, "watches", lambda: watches(acting.view_of(visit.store, visit.now)))
        rows = [
            (w.title, badge("not armed") if w.missing else badge("armed", "good"), esc(", ".join(w.missing)))
            for w in found
        ]
        with st.container(key="card-watches"):
            put(heading("What is watched"))
            put(table([Column("Detector"), Column("State", "html"), Column("Needs", "html")], rows))
