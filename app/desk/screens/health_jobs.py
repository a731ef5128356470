"""Work begun on the health screen: once for a press, however often the button is hit, and told when it is done."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from app.desk.components.badges import outcome
from app.desk.components.text import heading, put
from app.desk.context import Visit
from app.services import jobs
from app.services.jobs import Job, Progress, Said
from data.errors import RequestError

SAID = "health-said"  #: the work that this browser began last
_PRESSES = "health-presses"
#: Work that ends within this is told at once; longer work shows how far it is.
SECONDS = 2.0


def press(name: str) -> str:
    """Name a button for one press: the second hit of a double click finds the button gone, and does nothing."""
    return f"{name}-{st.session_state.get(_PRESSES, 0)}"


def begin(visit: Visit, what: str, work: Callable[[Progress], Said], pressed: str | None) -> bool:
    """Begin work for a press that was not heard before; true where it was begun."""
    number = st.session_state.get(_PRESSES, 0)
    if pressed is not None and not pressed.endswith(f"-{number}"):
        return False
    st.session_state[_PRESSES] = number + 1
    try:
        job = jobs.begin(visit.store, what, work)
    except RequestError as error:
        job = Job(what)
        job.refuse(str(error))
    st.session_state[SAID] = job
    job.wait(SECONDS)
    return True


def going_on(visit: Visit) -> bool:
    """Tell whether work of this workspace goes on, whoever began it."""
    return jobs.running(visit.store) is not None


def show_said(visit: Visit) -> None:
    """Say how far the work is, or what came of the work that this browser began."""
    job: Job | None = st.session_state.get(SAID)
    now = jobs.running(visit.store)
    # A part of the page is known by its place: the words before it may come and go.
    answer, work = st.container(), st.container()
    with answer:
        if job is not None and job.said is not None:
            put(outcome(*job.said))
    with work:
        if now is not None:
            _progress(visit, now.what)


@st.fragment(run_every=1)
def _progress(visit: Visit, what: str) -> None:
    job = jobs.running(visit.store)
    if job is None:
        st.rerun(scope="app")
        return
    put(heading(f"{what[:1].upper()}{what[1:]} goes on", f"{job.step} {job.done:,} of {job.total:,}"))
    st.progress(job.share)
