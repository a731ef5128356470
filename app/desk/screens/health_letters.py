"""Dead letters on the health screen: by source and class, one opened, corrected, replayed, or set aside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import polars as pl
import streamlit as st

from app.desk.components.badges import badge
from app.desk.components.clicks import fresh, heard
from app.desk.components.tables import ROW, content_key, grid_height
from app.desk.components.text import esc, heading, note, put
from app.desk.context import Visit
from app.desk.screens.health_jobs import Begun, begun, going_on, show_said
from app.desk.shell import go
from app.services import words
from app.services.acting import local_person
from app.services.dead_letters import Letter, classes, letter, letters, replay, replay_all, set_aside
from app.services.expected import expected
from app.services.jobs import Progress, Said
from data.log.dead_letters import Class, Wanted
from data.log.records import Stored

MOST = 200  #: dead letters of a class that are listed; all of them are replayed
LONGEST = 20_000  #: characters that can be edited here; the command line takes a file


def show(visit: Visit) -> None:
    """Draw the card; nothing where there is nothing to see and nothing to say."""
    found = classes(visit.store)
    if not found and begun().last is None and not going_on(visit):
        return
    with st.container(key="card-letters", gap="small"):
        total = sum(group.letters for group in found)
        put(heading("Dead letters", f"{words.plural(total, 'record')} that could not be understood"))
        show_said(visit)
        if not found:
            put(note("Every record is understood now, or was set aside."))
            return
        chosen = _chosen(found)
        left, right = st.columns([11, 9], gap="medium")
        with left:
            _classes(found)
            rows = letters(visit.store, _wanted(chosen), limit=MOST)
            _rows(visit, chosen, rows)
        with right:
            _opened(visit, rows)


def _chosen(found: list[Class]) -> Class:
    """Give the class that the address names, else that of the opened record, else the first."""
    named = st.query_params.get("letters")
    return next((group for group in found if _name(group) == named), found[0])


def _name(group: Class) -> str:
    return f"{group.connection}/{group.stream}/{group.error_class}"


def _wanted(group: Class) -> Wanted:
    return Wanted(connection=group.connection, stream=group.stream, error_class=group.error_class)


def _classes(found: list[Class]) -> None:
    frame = pl.DataFrame(
        {
            "Source": [group.connection for group in found],
            "Stream": [group.stream for group in found],
            "Class": [group.error_class for group in found],
            "Letters": [group.letters for group in found],
            "First (UTC)": [words.instant(group.first_at) for group in found],
            "Last (UTC)": [words.instant(group.last_at) for group in found],
            "Example": [group.place or f"record {group.example}" for group in found],
        }
    )
    row = _pick(frame, "classes", [_name(group) for group in found], "Dead letters by source and class", 240)
    if row is not None:
        go("health", letters=_name(found[row]))


def _rows(visit: Visit, chosen: Class, rows: Sequence[Stored]) -> None:
    shown = f", the first {len(rows):,}" if chosen.letters > len(rows) else ""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        put(heading(f"{chosen.connection} {chosen.stream}", f"{chosen.error_class}{shown}; click one to open it"))
        st.button(
            f"Replay all {chosen.letters:,}",
            key=begun().key("all"),
            on_click=_replay_all,
            args=(visit, _wanted(chosen), chosen.letters, begun(), begun().heard),
            help="Reads all of this class again, each once: for when the source, the mapping or the program is mended",
        )
    frame = pl.DataFrame(
        {
            "Record": [stored.id for stored in rows],
            "Received (UTC)": [words.instant(stored.arrived) for stored in rows],
            "Place or key": [stored.place or stored.key for stored in rows],
            "Why": [expected(stored.error_class, stored.error) for stored in rows],
        }
    )
    row = _pick(frame, "letters", [(s.id, s.error) for s in rows], f"Dead letters of {_name(chosen)}", 300)
    if row is not None:
        go("health", letters=_name(chosen), letter=str(rows[row].id))


def _pick(frame: pl.DataFrame, name: str, ids: list[Any], alt: str, height: int) -> int | None:
    """Draw a grid whose cells are clicked; its key is its content, so that a click never reaches another row."""
    event: Any = st.dataframe(
        frame,
        key=content_key(fresh(name), ids),
        on_select="rerun",
        selection_mode="single-cell",
        hide_index=True,
        height=grid_height(frame.height, height),
        row_height=ROW,
        alt=alt,
    )
    row = next((row for row, _ in event.selection.cells if row < frame.height), None)
    if row is not None:
        heard(name)
    return row


def _opened(visit: Visit, rows: Sequence[Stored]) -> None:
    named = st.query_params.get("letter", "")
    number = int(named) if named.isdigit() else next((stored.id for stored in rows), None)
    if number is None:
        return
    opened = letter(visit.store, number)
    stored = opened.stored
    mark = badge(stored.error_class or "", "warn") if stored.outcome == "dead_letter" else badge(stored.outcome, "good")
    put(heading(f"Record {stored.id}", f"{stored.connection} {stored.stream}", aside=mark))
    if stored.outcome != "dead_letter":
        put(note("It is understood now; its order's timeline has what it says."))
        return
    told = f"{stored.place or 'no place'} · key {stored.key} · received {words.instant(stored.arrived)} UTC"
    put(f'<p style="margin:0"><b>{esc(opened.sentence)}</b></p>{note(told)}')
    _editor(visit, opened)
    _aside(visit, stored)


def _editor(visit: Visit, opened: Letter) -> None:
    record, text = opened.stored.id, _readable(opened.text.text)
    if len(text) > LONGEST:
        st.code(text[:LONGEST], language=None, wrap_lines=True, height=260)
        put(note(f"It is too long to be edited here: fillwell ingest dead-letters edit {record} --file RIGHT.json"))
    else:
        st.text_area(
            "The record as it came, what is about a person masked; correct what is wrong",
            value=text,
            key=f"text-{record}",
            height=260,
        )
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.button(
            "Replay it",
            key=begun().key("one"),
            type="primary",
            on_click=_replay,
            args=(visit, record, begun(), begun().heard),
            help="Reads the record again, with what was corrected above",
        )


def _readable(text: str) -> str:
    """Write JSON line by line; numbers and order stay as they are, and so does what is no JSON."""
    try:
        return msgspec.json.format(text, indent=2)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return text


def _aside(visit: Visit, stored: Stored) -> None:
    with st.expander("Set it aside instead"), st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.text_input("Why nobody needs to look again", key=f"why-{stored.id}")
        st.button(
            "Set aside", key=begun().key(f"aside-{stored.id}"), on_click=_set_aside,
            args=(visit, stored.id, begun(), begun().heard),
        )  # fmt: skip


def _replay(visit: Visit, record: int, held: Begun, press: int) -> None:
    """Replay one record as the editor has it; what was not changed is replayed as it came."""
    opened = letter(visit.store, record)
    text = st.session_state.get(f"text-{record}")
    changed = text is not None and text != _readable(opened.text.text)
    edited = opened.text.put_back(text).encode() if changed and text is not None else None

    def work(progress: Progress) -> Said:
        report = replay(visit.store, [record], by=local_person(visit.store), edited=edited, progress=progress)
        return report.good, report.words

    job = held.begin(visit, f"the replay of record {record}", work, press)
    if job is not None and job.said is not None and job.said[0]:
        st.query_params.pop("letter", None)  # the next one is opened


def _replay_all(visit: Visit, wanted: Wanted, number: int, held: Begun, press: int) -> None:
    def work(progress: Progress) -> Said:
        report = replay_all(visit.store, wanted, by=local_person(visit.store), progress=progress)
        return report.good, report.words

    held.begin(visit, f"the replay of {words.plural(number, 'record')}", work, press)


def _set_aside(visit: Visit, record: int, held: Begun, press: int) -> None:
    why = str(st.session_state.get(f"why-{record}") or "")

    def work(_progress: Progress) -> Said:
        set_aside(visit.store, record, why, by=local_person(visit.store))
        return True, f"record {record} is set aside; it still counts as received"

    held.begin(visit, f"setting record {record} aside", work, press)
