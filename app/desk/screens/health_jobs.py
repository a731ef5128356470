"""Work begun on the health screen: once for a press, however often the button is hit, and told when it is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from app.desk.components.badges import outcome
from app.desk.components.once import Presses
from app.desk.components.text import heading, put
from app.desk.context import Visit
from app.services import jobs
from app.services.jobs import Job, Progress, Said
from data.errors import RequestError

BEGUN = "health-begun"
#: Work that ends within this is told at once; longer work shows how far it is.
SECONDS = 2.0


@dataclass
class Begun(Presses):
    """What one browser began on the health screen."""

    last: Job | None = None

    def begin(self, visit: Visit, what: str, work: Callable[[Progress], Said], press: int) -> Job | None:
        """Begin work, or say why not; None where the press was heard before."""
        if not self.hear(press):
            return None
        try:
            self.last = jobs.begin(visit.store, what, work)
        except RequestError as error:
            self.last = Job(what)
            self.last.refuse(str(error))
        self.last.wait(SECONDS)
        return self.last


def begun() -> Begun:
    """Give what this browser began: for the drawing of a button or of what came of it."""
    held: Begun = st.session_state.setdefault(BEGUN, Begun())
    return held


def going_on(visit: Visit) -> bool:
    """Tell whether work of this workspace goes on, whoever began it."""
    return jobs.running(visit.store) is not None


def show_said(visit: Visit) -> None:
    """Say how far the work is, or what came of the work that this browser began."""
    job = begun().last
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
