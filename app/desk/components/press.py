"""A press is done to what was chosen before it, never to what was still drawn when it came (hazard H2).

A browser tells of a press at once and of a choice in a grid a moment later: what is chosen and pressed in one movement
would act on what was open before. So a press is carried out when the browser has told once more: by then it has told of
every choice that came before the press, however slow it or the network is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from time import monotonic
from typing import Literal

import streamlit as st

from app.desk.components.text import put

TELLS_AGAIN_AFTER = 0.3  #: seconds by the browser's clock; its grid holds a choice back for 0.15
FORGOTTEN_AFTER = 30.0  #: seconds after which a press that was left behind on another page is not carried out

LEFT = "the page was left before this was done: nothing was done; press again"
OVERTAKEN = "what is chosen changed before this was done: nothing was done; look again"


@dataclass(frozen=True)
class Drawn:
    """What was chosen when the buttons of a screen were drawn; a quick press may come before they are drawn anew."""

    screen: str
    choice: Callable[[], object]  #: tells what is chosen at the moment when it is asked
    chosen: object

    @classmethod
    def now(cls, screen: str, choice: Callable[[], object]) -> Drawn:
        """Take what is chosen at this moment."""
        return cls(screen, choice, choice())

    @property
    def holds(self) -> bool:
        """Tell whether the same is chosen still."""
        return self.choice() == self.chosen

    def press(self, button: str, act: Callable[[], None]) -> None:
        """Note what a button asks for; the screen carries it out. The second hit of a double click is no other."""
        waiting: list[Press] = st.session_state.setdefault(_key(self.screen), [])
        waiting[:] = [other for other in waiting if other.button != button]
        waiting.append(Press(self, button, act, monotonic()))


@dataclass
class Press:
    """What a person asked for, until it is carried out or refused."""

    drawn: Drawn
    button: str
    act: Callable[[], None]
    at: float  #: by the monotonic clock
    state: Literal["new", "waits", "settled"] = "new"


def is_new(screen: str) -> bool:
    """Tell whether something was pressed there that its screen has not seen yet: the press came from a part of it."""
    return any(press.state == "new" for press in st.session_state.get(_key(screen), ()))


def carry_out(screen: str, refuse: Callable[[str], None]) -> None:
    """Do what was pressed, one after the other, or say why not."""
    waiting: list[Press] = st.session_state.get(_key(screen), [])
    if not waiting:
        return
    press = waiting[0]
    why_not = LEFT if monotonic() - press.at > FORGOTTEN_AFTER else None if press.drawn.holds else OVERTAKEN
    if why_not is None and press.state != "settled":
        for other in waiting:
            other.state = "waits"
        # Each press has a clock of its own in the browser: one that ran before would tell too early.
        st.fragment(_settle, run_every=TELLS_AGAIN_AFTER, key=f"settle-{press.at}")(press, count())
        return
    waiting.remove(press)
    press.act() if why_not is None else refuse(why_not)
    st.rerun()


def _settle(press: Press, turns: Iterator[int]) -> None:
    """Wait until the browser tells again: the first turn is the drawing of it, the second its word."""
    with st.container(key="settling"):
        put("<i></i>")  # a page that waits can be told from one that is done
    if next(turns):
        press.state = "settled"
        st.rerun(scope="app")


def _key(screen: str) -> str:
    return f"{screen}-pressed"
