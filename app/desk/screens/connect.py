"""Connect: test a system, see what will be read and written, keep where it is, and fly the canary."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import streamlit as st

from app.connect import connections_of
from app.desk.components.badges import badge
from app.desk.components.once import Presses
from app.desk.components.tables import Column, table
from app.desk.components.text import esc, heading, note, put
from app.desk.context import Visit
from app.desk.shell import page
from app.services import connecting, words
from app.services.acting import local_person
from app.services.connecting import ASKS, UNKEPT, Tested
from data.errors import FillwellError
from data.settings import read_settings
from ingest.canary import Flight, kinds
from ingest.connections import Connection

TESTED, SAID, FLOWN = "connect-tested", "connect-said", "connect-flown"
PRESSES = "connect-presses"
NONE = "its own"  #: of orders, stock and items: no other connection's


def show(visit: Visit) -> None:
    """Draw the screen."""
    with page(visit, "Connect", "a system is tested first; nothing is written but one canary, which is put back"):
        if visit.is_demo:
            put('<div class="fw-card fw-empty"><b>The demo shop has its own four systems</b>'
                "Yours are connected in a workspace of your own: fillwell start --workspace mine</div>")  # fmt: skip
            return
        key = f"connect-key-{len(connections_of(visit.store))}"  # once it is kept, nothing typed stays behind
        left, right = st.columns([9, 11], gap="small")
        with left:
            with st.container(key="card-connect", gap="small"):
                _form(visit, key)
            with st.container(key="card-connected", gap="xsmall"):
                _connected(visit)
        with right, st.container(key="card-tested", gap="small"):
            _tested(visit, key)


def _form(visit: Visit, key: str) -> None:
    put(heading("A system", "its key goes to the keyring, or to a file that only you can read"))
    system = st.selectbox("System", list(ASKS), format_func=lambda name: ASKS[name].label, key="connect-system")
    asks = ASKS[system]
    others = [NONE, *(c.name for c in connections_of(visit.store))]
    with st.form("connect-form", border=False):
        first, second = st.columns(2, gap="small")
        first.text_input("Name", value=system, key=f"connect-name-{system}", max_chars=32, help="What you call it")
        second.text_input("Currency", key="connect-currency", max_chars=3, placeholder="EUR",
                          help="Of amounts that name none")  # fmt: skip
        st.text_input("Address", key=f"connect-url-{system}", placeholder=asks.address)
        if asks.user:
            st.text_input(asks.user, key="connect-user", max_chars=200)
        st.text_input(asks.key, key=key, type="password", autocomplete="off")
        parts = st.columns(3, gap="small")
        for part, what, label in zip(parts, ("orders", "stock", "items"), _LINKS, strict=True):
            part.selectbox(label, others, key=f"connect-{what}", accept_new_options=True)
        st.form_submit_button("Test", type="primary", on_click=_test, args=(visit, system, key))


#: Who else's numbers and codes it uses, in the order of `orders_from`, `stock_from` and `items_from`.
_LINKS = ("Order numbers are of", "Stock is kept by", "Item codes are of")


def _connected(visit: Visit) -> None:
    found = connections_of(visit.store)
    put(heading("Connected", words.plural(len(found), "system")))
    if not found:
        put(note("Nothing yet. Connect the owner of the stock and of the catalogue first, the shop after it."))
    for connection in found:
        first, second = st.columns([3, 1], vertical_alignment="center")
        with first:
            put(f'<div class="fw-note"><b>{esc(connection.name)}</b> {esc(connection.system)} at '
                f"{esc(connection.url)}</div>")  # fmt: skip
        with second:
            st.button("Test again", key=f"again-{connection.name}", on_click=_again, args=(visit, connection))


def _tested(visit: Visit, key: str) -> None:
    if (said := st.session_state.get(SAID)) is not None:
        good, sentence = said
        put(f'<div role="status">{badge("Done" if good else "Not done", "good" if good else "bad")} '
            f"{esc(sentence)}</div>")  # fmt: skip
    found: Tested | None = st.session_state.get(TESTED)
    if found is None:
        if said is None:
            put(heading("What will be read and written"))
            put(note("The test says it, before anything is kept: each list with how often it is read, each write with "
                     "what it means, and the rights that the account lacks."))  # fmt: skip
        return
    put(heading(found.connection.name, "; ".join(f"{what} {says}" for what, says in found.probe.about)))
    put(note(f"Rights: {found.probe.rights}."))
    for text in found.notes:
        put(f"<div>{badge('Note', 'warn')} {esc(text)}</div>")
    _next(visit, found, key)
    put(heading("Will be read"))
    put(table(
        [Column("List"), Column("Every"), Column("Records", "number"), Column("Allowed", "html")],
        [(r.stream.replace("_", " "), r.pace, "not counted" if r.records is None else words.count(r.records),
          _allowed(r.lacks)) for r in found.reads],
    ))  # fmt: skip
    put(heading("May be written", "by an approved action alone"))
    put(table(
        [Column("What"), Column("Means"), Column("Allowed", "html")],
        [(w.verb.capitalize(), w.means, _allowed(w.lacks)) for w in found.writes],
    ) if found.writes else note("Nothing is ever written there."))  # fmt: skip


def _allowed(lacks: str) -> str:
    return badge("yes", "good") if not lacks else f"{badge('no', 'bad')} {esc(lacks)}"


def _next(visit: Visit, found: Tested, key: str) -> None:
    """Offer what comes next: keep it, then the canary; and show how that went."""
    names = {c.name for c in connections_of(visit.store)}
    presses: Presses = st.session_state.setdefault(PRESSES, Presses())
    if found.connection.name not in names:
        st.button(
            "Connect", key=presses.key("connect-save"), type="primary", on_click=_save,
            args=(visit, found, key, presses, presses.heard),
        )  # fmt: skip
        return
    if not kinds(found.connection.system):
        return
    flight: Flight | None = st.session_state.get(FLOWN)
    if flight is not None:
        rows = [(x.step.capitalize(), x.sent, x.seen, badge("yes", "good") if x.holds else badge("no", "bad"))
                for x in flight.lines]  # fmt: skip
        put(table([Column("Canary"), Column("Sent"), Column("Read back"), Column("As intended", "html")], rows))
    first, second = st.columns([2, 1], vertical_alignment="bottom")
    first.text_input("Item of the first write, which is put back", key="connect-sku", placeholder="any", max_chars=200)
    second.button(
        "Fly the canary", key=presses.key("connect-fly"), on_click=_fly,
        args=(visit, found.connection, presses, presses.heard),
    )  # fmt: skip


def _test(visit: Visit, system: str, key: str) -> None:
    _begin()
    state = st.session_state
    others = {what: _other(state.get(f"connect-{what}")) for what in ("orders", "stock", "items")}
    wanted = Connection(
        system=system, url=str(state.get(f"connect-url-{system}", "")).strip(), token=f"env:{UNKEPT}",
        name=str(state.get(f"connect-name-{system}", "")).strip(), user=str(state.get("connect-user", "")).strip(),
        currency=str(state.get("connect-currency") or "").strip().upper(),
        orders_from=others["orders"], stock_from=others["stock"], items_from=others["items"],
    )  # fmt: skip

    def test() -> tuple[bool, str]:
        connecting.require_new(visit.store, wanted.name)
        env = connecting.with_unkept(os.environ, str(state.get(key, "")))
        state[TESTED] = connecting.test(visit.store, wanted, env)
        return True, f"{wanted.name} answers; nothing is kept yet"

    _say(test)


def _again(visit: Visit, connection: Connection) -> None:
    _begin()

    def test() -> tuple[bool, str]:
        st.session_state[TESTED] = connecting.test(visit.store, connection, os.environ)
        return True, f"{connection.name} answers"

    _say(test)


def _save(visit: Visit, found: Tested, key: str, presses: Presses, press: int) -> None:
    def save() -> tuple[bool, str]:
        by, typed = local_person(visit.store), str(st.session_state.get(key, ""))
        kept = connecting.save(visit.store, read_settings(os.environ), found.connection, by, key=typed)
        st.session_state[TESTED] = replace(found, connection=kept)
        where = "the keyring" if kept.token.startswith("keyring:") else "a file that only you can read"
        return True, f"{kept.name} is connected and read within seconds; its key is in {where}"

    if presses.hear(press):
        _say(save)


def _fly(visit: Visit, connection: Connection, presses: Presses, press: int) -> None:
    def fly() -> tuple[bool, str]:
        sku = str(st.session_state.get("connect-sku", "")).strip()
        by = local_person(visit.store)
        chosen = connecting.choose_canary(visit.store, connection, os.environ, "" if sku.lower() == "any" else sku)
        flight = connecting.fly(visit.store, connection, os.environ, chosen, by)
        st.session_state[FLOWN] = flight
        if flight.left:
            return False, f"the canary did not come home: {flight.left}"
        return flight.good, f"{chosen.words}: " + ("written, read back, put back" if flight.good else "refused")

    if presses.hear(press):
        _say(fly)


def _begin() -> None:
    """Forget what an earlier test found: nothing of it may be kept under what is typed now."""
    for name in (TESTED, SAID, FLOWN):
        st.session_state.pop(name, None)


def _say(do: Callable[[], tuple[bool, str]]) -> None:
    try:
        st.session_state[SAID] = do()
    except FillwellError as error:
        st.session_state[SAID] = False, str(error)


def _other(chosen: Any) -> str:  # noqa: ANN401 -- a widget's value
    return "" if chosen in (None, NONE) else str(chosen).strip()
