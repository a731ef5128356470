"""Conflicts on the health screen: a movement that was stated in two ways, and the word of a person on which holds."""

from __future__ import annotations

import streamlit as st

from app.desk.components.badges import badge
from app.desk.components.filters import choose
from app.desk.components.tables import Column, table
from app.desk.components.text import esc, heading, note, plain, put
from app.desk.context import Visit
from app.desk.screens.health_jobs import Begun, begun
from app.services import words
from app.services.acting import local_person
from app.services.conflicts import Disagreement, decide, disagreements
from app.services.jobs import Progress, Said

MOST = 20  #: movements on the screen; the command line lists all


def show(visit: Visit, waiting: int, conflicts: int) -> None:
    """Draw the card; nothing where no movement was ever stated in two ways."""
    if not conflicts:
        return
    with st.container(key="card-conflicts", gap="small"):
        put(heading("Conflicts", "one movement, two contents: until a person decides, a fixed rule does"))
        names = {"open": f"To decide {waiting:,}", "all": "Decided as well"}
        only = choose("conflicts", list(names), default="open", label=names.__getitem__, shape="segments")
        found = disagreements(visit.store, undecided=only == "open", limit=MOST)
        if not found:
            put(note("Every movement that was stated in two ways is decided."))
        for number, disagreement in enumerate(found):
            _one(visit, disagreement, number)
        if waiting > len(found) > 0:
            put(note(f"{waiting - len(found):,} more: fillwell ingest conflicts"))


def _one(visit: Visit, found: Disagreement, number: int) -> None:
    by = badge(f"decided by {found.decided_by}", "good") if found.decided_by else badge("a fixed rule holds", "warn")
    put(heading(f"{found.connection} {found.stream} {found.key}", found.what, aside=by))
    columns = [Column("Content"), Column("Says"), Column("Received (UTC)"), Column("Holds", "html")]
    rows = [
        (v.digest[:8], v.says, words.instant(v.received_at), badge("holds", "info") if v.holds else esc(words.NOTHING))
        for v in found.versions
    ]
    put(table(columns, rows))
    with st.container(horizontal=True, gap="small"):
        for v in found.versions:
            st.button(
                plain(f"{v.digest[:8]} holds: {v.says}"),
                key=begun().key(f"holds-{number}-{v.digest[:12]}"),
                disabled=v.holds and found.decided_by is not None,
                on_click=_decide,
                args=(visit, (found.connection, found.stream, found.key), v.digest, begun(), begun().heard),
            )


def _decide(visit: Visit, movement: tuple[str, str, str], digest: str, held: Begun, press: int) -> None:
    def work(_progress: Progress) -> Said:
        return True, decide(visit.store, *movement, digest, by=local_person(visit.store))

    held.begin(visit, f"deciding {movement[2]}", work, press)
