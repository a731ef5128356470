"""A press is done to what was chosen before it, never to what was still drawn when it came (hazard H2).

A browser tells of a press at once and of a choice in a grid a moment later: what is chosen and pressed in one movement
would act on what was open before. So a press is carried out when the browser has told once more: by then it has told of
every choice that came before the press.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from time import monotonic
from typing import Literal

import streamlit as st

from app.desk.components.text import put
from data.errors import FillwellError

TELLS_AGAIN_AFTER = 0.3  #: seconds by the browser's clock; its grid holds a choice back for 0.15
FORGOTTEN_AFTER = 30.0  #: seconds after which a press is not carried out: its page was left, or others took too long

TOO_LATE = "this waited too long: nothing was done; press again"
ONE_QUESTION = "one question is asked at a time: press again for the other"
OVERTAKEN = "what is chosen changed before this was done: nothing was done; look again"


Tell = Callable[[], None]  #: writes into the session what a person is to see; done twice it does the same
Act = Callable[[], Tell | None]  #: does what was asked for and gives what is to be told of it


@dataclass(frozen=True)
class Drawn:
    """What was chosen when the buttons of a screen were drawn; a quick press may come before they are drawn anew."""

    choice: Callable[[], object]  #: tells what is chosen at the moment when it is asked
    chosen: object
    #: What was pressed on the screen and is not done yet: the list that its session holds.
    waiting: list[Press] = field(default_factory=list, repr=False, compare=False)

    @classmethod
    def now(cls, screen: str, choice: Callable[[], object]) -> Drawn:
        """Take what is chosen at this moment."""
        return cls(choice, choice(), st.session_state.setdefault(_key(screen), []))

    @property
    def holds(self) -> bool:
        """Tell whether the same is chosen still."""
        return self.choice() == self.chosen

    def press(self, button: str, act: Act, *, about: object, opens: bool = False) -> None:
        """Note what a button asks for; a run of the whole page carries it out. A double click's second hit is no other.

        What has settled is not asked for again; a press that is about something else comes after it.
        """
        asked = Press(self, button, act, monotonic(), about, opens)
        if not any(other.is_same_as(asked) and not other.settles for other in self.waiting):
            self.waiting[:] = [*(other for other in self.waiting if not other.is_same_as(asked)), asked]
        st.rerun()


@dataclass
class Press:
    """What a person asked for, until it is carried out or refused."""

    drawn: Drawn
    button: str
    act: Act
    at: float  #: by the monotonic clock
    about: object = None  #: what is acted on: what is open without a choice in the list differs from press to press
    opens: bool = False  #: a question that is drawn over the page, which a run of the page takes away again
    state: Literal["new", "waits", "settled", "held", "acts", "done"] = "new"
    tell: Tell | None = None  #: what is left to be said once it is done

    @property
    def settles(self) -> bool:
        """Tell whether a choice that came before it may still be on its way."""
        return self.state in ("new", "waits")

    def is_same_as(self, other: Press) -> bool:
        """Tell whether both ask for the same."""
        return (self.button, self.drawn.chosen, self.about) == (other.button, other.drawn.chosen, other.about)

    def decide(self, refuse: Callable[[str], None]) -> None:
        """Hold what settled to what was chosen before it, or refuse it where that changed.

        What is held is done though the presses before it renew the list, and with it what is chosen. A question is not
        held: the same must be chosen still when it is asked.
        """
        if self.state in ("acts", "done"):
            return
        if monotonic() - self.at > FORGOTTEN_AFTER:
            self._end(partial(refuse, TOO_LATE))
        elif self.state != "held" and not self.drawn.holds:
            self._end(partial(refuse, OVERTAKEN))
        elif self.state == "settled" and not self.opens:
            self.state = "held"

    def carry_out(self, refuse: Callable[[str], None]) -> None:
        """Do it, once."""
        self.state = "acts"
        try:
            self.tell = self.act()
        except FillwellError as error:
            self._end(partial(refuse, str(error)))
        finally:
            self.state = "done"

    def _end(self, tell: Tell) -> None:
        """Leave nothing of it but what is to be told."""
        self.tell, self.state, self.opens = tell, "done", False


def carry_out(screen: str, refuse: Callable[[str], None]) -> None:
    """Do what was pressed, one after the other, or say why not; what opens a question comes last.

    For the head of a page, before its parts are drawn.
    """
    # There also where nothing waits: a part of the page below it is known by its place.
    place = st.container(key="pressed")
    waiting: list[Press] = st.session_state.get(_key(screen), [])
    for asked in waiting:
        asked.decide(refuse)
    press = next((press for press in waiting if not press.opens), next(iter(waiting), None))
    if press is None:
        return
    # All have settled before the first is done: what it changes is not taken for a choice before the next.
    if press.state in ("settled", "held") and not any(other.settles for other in waiting):
        press.carry_out(refuse)
    if press.state != "done":
        for other in waiting:
            other.state = "waits" if other.state == "new" else other.state
        with place:
            _settle(waiting, count())
        return
    # A run ends wherever it reads or writes the session if another one is due: then that one tells what was done.
    if press.tell is not None:
        press.tell()
    if press.opens:
        if len(waiting) > 1:
            refuse(ONE_QUESTION)
        waiting.clear()
        return
    waiting[:] = [other for other in waiting if other is not press]
    st.rerun()


@st.fragment(run_every=TELLS_AGAIN_AFTER)
def _settle(waiting: list[Press], turns: Iterator[int]) -> None:
    """Wait until the browser tells again: the first turn is the drawing of it, the others are its word.

    Its clock may have begun with an earlier press: then its first word comes too early.
    """
    with st.container(key="settling"):
        put("<i></i>")  # a page that waits can be told from one that is done
    acts = any(press.state == "acts" for press in waiting)
    if next(turns) and not acts and all(monotonic() - press.at >= TELLS_AGAIN_AFTER for press in waiting):
        for press in waiting:
            press.state = "settled" if press.state == "waits" else press.state
        st.rerun(scope="app")


def _key(screen: str) -> str:
    return f"{screen}-pressed"
