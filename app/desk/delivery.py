"""What a browser asks for and is sent arrives whole, however busy the machine: two classes in place of Streamlit's own.

They take the place of internals of Streamlit 1.67, whose minor version is therefore fixed (decision 0011).
"""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import Any

from streamlit.runtime import app_session
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.scriptrunner import script_runner
from streamlit.runtime.state import SafeSessionState, SessionState

CALLBACKS = "callbacks"  #: the lock of a visit's session that is held while callbacks are carried out


class Unsent(ForwardMsgQueue):
    """What waits to be sent to a browser; a part takes nothing of it back (decision 0011, point 4).

    Streamlit takes back the part's share of a page on its way, but not the word that this page is complete. The browser
    then removes the part, what stood behind it moves up, and the next message names a place that is gone: the page goes
    empty. It happens on a machine too busy to send within 10 ms.
    """

    def clear(self, retain_lifecycle_msgs: bool = False, fragment_ids_this_run: list[str] | None = None) -> None:
        """Take back what a run of the whole page says anew; what a part says anew follows what waits."""
        if fragment_ids_this_run is None:
            super().clear(retain_lifecycle_msgs)
        else:
            self._delta_index_map = {}  # or what follows would be put in the place of what waits


class Unbroken(SafeSessionState):
    """The session of a visit, in which a button's callback is carried out to its end (decision 0011, point 5).

    Streamlit begins the next run of a page beside the one that goes on, and ends that one wherever it reads or writes
    the session: also in the midst of a callback, as by the second hit of a double click. What the callback did is done,
    and the page never learns of it.
    """

    def __init__(self, state: SessionState, yield_callback: Callable[[], None]) -> None:
        super().__init__(state, yield_callback)
        if CALLBACKS not in state:  # each run wraps the one state of its visit anew
            state[CALLBACKS] = RLock()

    def on_script_will_rerun(self, *widgets: Any, **asked: Any) -> None:  # noqa: ANN401 -- passed on as they are
        """Call the callbacks of what a person changed, when those of the run before have ended."""
        due: Any = self._yield_callback
        runner: script_runner.ScriptRunner = due.__self__
        with self._state[CALLBACKS]:
            due()
            runner._execing = False  # noqa: SLF001 -- by which it knows whether there is anything to be ended
            try:
                super().on_script_will_rerun(*widgets, **asked)
            finally:
                runner._execing = True  # noqa: SLF001


def keep_whole() -> None:
    """Let every visit of this process be sent what it has not seen yet, and be heard to the end of what it asks for."""
    app_session.ForwardMsgQueue = Unsent  # type: ignore[attr-defined]
    script_runner.SafeSessionState = Unbroken  # type: ignore[attr-defined]
