"""The frame of every page: top navigation, style, page head with freshness, notices, error in one sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.navigation.page import StreamlitPage

from app.desk import style
from app.desk.components.badges import badge, freshness_badge
from app.desk.components.text import esc, heading, put
from app.desk.context import Visit, this_visit
from app.services.freshness import overall, read_streams
from app.services.loading import loading
from app.services.schedules import due
from app.services.workspace import DEMO, workspace_name
from data.errors import FillwellError

STATIC = Path(__file__).resolve().parents[1] / "static"

#: (module under app.desk.screens, title, address); the first is the demo's first page.
SCREENS = (
    ("overview", "Overview", "overview"),
    ("orders", "Orders", "orders"),
    ("margin", "Margin", "margin"),
    ("stock", "Stock", "stock"),
    ("queue", "Queue", "queue"),
    ("log", "Log", "log"),
    ("health", "Health", "health"),
    ("rows", "Rows", "rows"),
    ("flow", "Cases of a day", "flow"),
)
CONNECT = ("connect", "Connect", "connect")  #: where the workspace is one's own
#: Screens that have something to say before the first figures.
UNPUBLISHED = ("start", "connect", "health", "queue", "log")
_HERE, _LEFT = "shell-here", "shell-left"  #: the screen shown; for each one left: what for, and its own filters
HIDDEN = ("rows", "flow")  #: reached from a figure or a chart, not from the navigation


def run() -> None:
    """Show the page that the address names."""
    st.set_page_config(page_title="Fillwell", page_icon=str(STATIC / "icon.png"), layout="wide")
    put(style.sheet())
    st.logo(str(STATIC / "logo.svg"), size="large")
    st.navigation(list(pages().values()), position="top").run()


def pages() -> dict[str, StreamlitPage]:
    """Name the pages; in a workspace of one's own the start page comes first."""
    import os

    own = workspace_name(os.environ) != DEMO
    listed = [*((("start", "Start", "start"),) if own else ()), *SCREENS, *((CONNECT,) if own else ())]
    found = {
        name: st.Page(
            partial(_show, name),
            title=title,
            url_path=path,
            default=index == 0,
            visibility="hidden" if name in HIDDEN else "visible",
        )
        for index, (name, title, path) in enumerate(listed)
    }
    st.session_state["_pages"] = found
    return found


def link(screen: str, label: str, **query: str) -> None:
    """Draw a link to a screen, with its filters."""
    st.page_link(st.session_state["_pages"][screen], label=label, query_params=query or None)


def go(screen: str, **query: str) -> None:
    """Change to a screen, with its filters."""
    here = st.session_state.get(_HERE)
    if here is not None and here != screen:
        st.session_state.setdefault(_LEFT, {})[here] = (screen, query, st.query_params.to_dict())
    st.switch_page(st.session_state["_pages"][screen], query_params=query or None)


def _come_back(name: str) -> None:
    """Give a screen its own address again where the browser's back button leads to it.

    Streamlit writes the next screen's filters into the address of the one that is left before it changes the screen,
    so that the way back would lead to this screen under the other one's filters.
    """
    before, st.session_state[_HERE] = st.session_state.get(_HERE), name
    there, wrong, own = st.session_state.get(_LEFT, {}).get(name, ("", {}, {}))
    if before == there and st.query_params.to_dict().items() <= wrong.items():
        st.query_params.from_dict(own)


def _show(name: str) -> None:
    _come_back(name)
    screen: Callable[[Visit], None] = import_module(f"app.desk.screens.{name}").show
    with told():
        visit = this_visit()
        if not visit.publication and name not in UNPUBLISHED and loading(visit.store) is not None:
            _wait(visit)
        else:
            screen(visit)


def _wait(visit: Visit) -> None:
    """Show how far the first reading is, and go on by itself when the figures are there."""
    with page(visit, "Reading your shop", "the figures appear by themselves"), st.container(key="card-wait"):
        _progress(visit)


@st.fragment(run_every=1)
def _progress(visit: Visit) -> None:
    now = loading(visit.store)
    if now is None or this_visit().publication:
        st.rerun(scope="app")
        return
    put(heading(now.what.capitalize(), f"{now.done:,} so far"))
    st.progress(now.share if now.share is not None else 0.0)
    put('<p class="fw-note">A year of orders is read once; after that only what changes. Health shows each source.</p>')
    link("health", "See the sources")


@contextmanager
def told() -> Iterator[None]:
    """Say what went wrong in one sentence with what to do, in place of a traceback."""
    try:
        yield
    except FillwellError as error:
        put(f'<div class="fw-card fw-empty"><b>This cannot be shown now</b>{esc(error)}</div>')


@contextmanager
def page(visit: Visit, title: str, subtitle: str = "") -> Iterator[DeltaGenerator]:
    """Frame a page: one row with title, filters and freshness, then its content, then the notices.

    Gives the place in the head where the page puts its filters.
    """
    fresh = overall(read_streams(visit.store), visit.now, due(visit.store))
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="head"):
        put(f'<div class="fw-head"><h1>{esc(title)}</h1><span class="fw-sub">{esc(subtitle)}</span></div>')
        controls = st.container(horizontal=True, vertical_alignment="center", gap="small", key="controls")
        demo = badge("Demo: simulated where marked", "info") if visit.is_demo else ""
        put(f'<div class="fw-strip fw-right">{demo}{freshness_badge(fresh, visit.now)}</div>')
    with told():
        yield controls
    _notices(visit)


def _notices(visit: Visit) -> None:
    published = f"Publication <b>{visit.publication}</b>" if visit.publication else "Nothing published yet"
    real = (
        "Orders and returns are real (Online Retail, UCI); stock, suppliers, costs, parcels and fees are simulated."
        if visit.is_demo
        else "Your own data. It stays on this machine."
    )
    about = "" if visit.figures_at == visit.now else f" · figures as of <b>{visit.figures_at:%-d %b %Y}</b>"
    put(
        f'<div class="fw-strip fw-foot"><span>{published}{about} · business time <b>{visit.now:%-d %b %Y %H:%M} UTC</b>'
        f" · workspace <b>{esc(visit.store.workspace)}</b></span><span>{real}</span>"
        "<span>No authentication: whoever reaches this address is <b>admin</b>.</span></div>"
    )


def empty(title: str, meaning: str) -> None:
    """Say what an empty screen means and what the next step is."""
    put(f'<div class="fw-card fw-empty"><b>{esc(title)}</b>{esc(meaning)}</div>')
