"""What Streamlit has yet to send to a browser stays to be sent when a part of the page is drawn anew."""

from __future__ import annotations

from streamlit.runtime import app_session
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue


class Unsent(ForwardMsgQueue):
    """What waits to be sent to a browser; a part takes nothing of it back (decision 0011, point 4).

    Streamlit 1.67 takes back the part's share of a page on its way, but not the word that this page is complete. The
    browser then removes the part, what stood behind it moves up, and the next message names a place that is gone: the
    page goes empty. It happens on a machine too busy to send within 10 ms.
    """

    def clear(self, retain_lifecycle_msgs: bool = False, fragment_ids_this_run: list[str] | None = None) -> None:
        """Take back what a run of the whole page says anew; what a part says anew follows what waits."""
        if fragment_ids_this_run is None:
            super().clear(retain_lifecycle_msgs)
        else:
            self._delta_index_map = {}  # or what follows would be put in the place of what waits


def keep_unsent() -> None:
    """Let every visit of this process keep what it has not sent yet."""
    app_session.ForwardMsgQueue = Unsent  # type: ignore[attr-defined]
