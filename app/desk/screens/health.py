"""Data health: is every source speaking, was everything counted, and what do we not know right now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import streamlit as st

from app.desk.components.badges import FRESHNESS_TONE, badge
from app.desk.components.tables import Column, table
from app.desk.components.text import esc, heading, put
from app.desk.context import Visit, kept
from app.desk.screens import health_conflicts, health_letters
from app.desk.shell import empty, page
from app.services import words
from app.services.conflicts import waiting
from app.services.freshness import Freshness, read_streams, sources
from app.services.health import BINS, MINUTES, Health, health
from app.services.schedules import due


def show(visit: Visit) -> None:
    """Draw the screen."""
    with page(visit, "Data health", "who speaks, what was counted, what is not known"):
        undecided = waiting(visit.store)
        # What was mended is seen at once, not with the next minute.
        now = read_streams(visit.store)
        mended = tuple((s.dead_letters, s.conflicts) for s in now)
        key = ("health", mended, tuple(undecided.items()))
        found = kept(visit, key, lambda: health(visit.store, visit.now, undecided))
        if not found.streams:
            empty(
                "Nothing was brought in yet",
                "No source has been read. Bring in files or start the demo: every source then shows its heartbeat.",
            )
            return
        left, right = st.columns([3, 2], gap="small")
        with left, st.container(key="card-sources", height="stretch"):
            put(_sources(found, sources(now, visit.now, due(visit.store))))
        with right, st.container(key="card-unknown", height="stretch"):
            put(_unknowns(found))
        health_letters.show(visit)
        health_conflicts.show(visit, sum(undecided.values()), sum(s.conflicts for s in found.streams))
        with st.container(key="card-streams"):
            put(_streams(found, visit))


def _sources(found: Health, judged: Sequence[Freshness]) -> str:
    rows = [
        (
            f"<b>{esc(f.name)}</b>",
            badge(f.state, FRESHNESS_TONE[f.state]),
            _strip(f.name, found.beats.get(f.name, [0] * BINS), f.state),
            esc(f.sentence),
            esc(_lag(found, f.name)),
        )
        for f in judged
    ]
    title = heading("Sources", f"news in the last 24 hours, {MINUTES} minutes a bar")
    return title + table(
        [
            Column("Source", "html"),
            Column("State", "html"),
            Column("Heartbeat", "html"),
            Column("Says", "html"),
            Column("Lag p50, p95", "html"),
        ],
        rows,
    )


def _strip(name: str, beats: list[int], state: str) -> str:
    typical = sorted(b for b in beats if b)[len([b for b in beats if b]) // 2] if any(beats) else 0
    last = max((i for i, b in enumerate(beats) if b), default=-1)
    bars = "".join(
        f'<i class="{_beat(b, typical, gap=state == "silent" and i > last)}"></i>' for i, b in enumerate(beats)
    )
    label = f"{name}: {sum(beats)} changes in 24 hours"
    return f'<div class="fw-beat" role="img" aria-label="{esc(label)}">{bars}</div>'


def _beat(number: int, typical: int, *, gap: bool) -> str:
    if gap:
        return "gap"
    return "" if number == 0 else "few" if number < typical / 3 else "some"


def _unknowns(found: Health) -> str:
    title = heading("What we do not know right now")
    if not found.unknowns:
        return title + (
            '<p class="fw-note">Nothing is missing: every source speaks, every record was understood, '
            "no two records contradict each other.</p>"
        )
    items = "".join(
        f'<div style="padding:8px 0;border-bottom:1px solid var(--fw-line)"><b>{esc(what)}</b>'
        f'<div class="fw-note">{esc(meaning)}</div></div>'
        for what, meaning in found.unknowns
    )
    return title + items


def _streams(found: Health, visit: Visit) -> str:
    columns = [
        Column("Source"), Column("Stream"), Column("State", "html"), Column("Complete to"), Column("Newest change"),
        Column("Received", "number"), Column("= accepted", "number"), Column("+ duplicates", "number"),
        Column("+ conflicts", "number"), Column("+ dead letters", "number"), Column("restated", "number"),
        Column("refused at the door", "number"),
    ]  # fmt: skip
    rows = [
        (
            s.connection, s.stream, badge(s.state, FRESHNESS_TONE[s.state]),
            words.ago(s.as_of, visit.now) if s.as_of else words.NOTHING, words.instant(s.last_event_at),
            words.count(s.received), words.count(s.accepted), words.count(s.duplicates),
            words.count(s.conflicts), words.count(s.dead_letters), words.count(s.restated), words.count(s.refused),
        )
        for s in found.streams
    ]  # fmt: skip
    total = ["All", "", "", "", "", *(words.count(sum(getattr(s, name) for s in found.streams)) for name in _COUNTS)]
    verdict = badge("adds up in every stream", "good") if found.balanced else badge("does not add up", "bad")
    title = heading("Every record has one outcome", aside=verdict)
    return title + table(columns, rows, total=total)


_COUNTS = ("received", "accepted", "duplicates", "conflicts", "dead_letters", "restated", "refused")


def _lag(found: Health, name: str) -> str:
    if name not in found.lags:
        return words.NOTHING
    return ", ".join(words.span(timedelta(seconds=seconds)) for seconds in found.lags[name])
