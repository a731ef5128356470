"""States as a word and a shape; the colour only repeats them."""

from __future__ import annotations

from datetime import datetime

from app.desk.components.text import esc
from app.services import words
from app.services.freshness import Freshness

_SHAPES = {"good": "●", "warn": "▲", "bad": "■", "info": "◆", "": "○"}

FRESHNESS_TONE = {
    "fresh": "good", "late": "warn", "failing": "warn", "silent": "bad", "reading": "info", "at rest": "", "empty": "",
}  # fmt: skip

#: A figure's state where it is not simply a value, and the tone that it has.
FIGURE_TONE = {
    "no_data": "",
    "not_armed": "",
    "unknown": "warn",
    "stale": "warn",
    "provisional": "info",
    "restated": "info",
}


def badge(word: str, tone: str = "", *, title: str = "") -> str:
    """Draw a state as a pill; `tone` is good, warn, bad, info or nothing."""
    hint = f' title="{esc(title)}"' if title else ""
    dot = f'<span class="dot" aria-hidden="true">{_SHAPES[tone]}</span>'
    return f'<span class="fw-badge {esc(tone)}"{hint}>{dot}{esc(word)}</span>'


def freshness_badge(fresh: Freshness, now: datetime) -> str:
    """Say as of when everything on the page is, and which source is worst."""
    if fresh.state == "empty":
        return badge("No data yet")
    if fresh.state == "at rest":
        return badge(f"From files, {fresh.sentence}")
    if fresh.state == "fresh":
        return badge(f"Fresh: complete to {words.ago(fresh.as_of, now)}", "good")
    return badge(fresh.sentence, FRESHNESS_TONE[fresh.state])


def outcome(done: bool, text: str) -> str:
    """Say what became of a request."""
    mark = badge("done", "good") if done else badge("not done", "warn")
    return f'<div class="fw-note">{mark} {esc(text)}</div>'


def figure_badge(state: str, reason: str = "") -> str:
    """Say why a figure is no plain value."""
    return badge(state.replace("_", " "), FIGURE_TONE.get(state, ""), title=reason)
