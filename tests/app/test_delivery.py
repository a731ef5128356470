"""What a browser is sent of a page, however seldom it is sent anything, and how far it is heard."""

from __future__ import annotations

from threading import Event, Thread

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from streamlit.runtime import app_session
from streamlit.runtime.scriptrunner import script_runner
from streamlit.runtime.scriptrunner_utils.script_run_context import ThreadState
from streamlit.runtime.state import SessionState
from streamlit.runtime.state.common import WidgetMetadata
from streamlit.testing.v1 import AppTest

from app.desk.delivery import Unbroken, Unsent, keep_whole


@pytest.fixture
def unsent() -> Unsent:
    """A page that waits to be sent: three elements, the second of which is a part."""
    queue = Unsent()
    for message in (drawn("head", 0), drawn("news", 1, part="news"), drawn("list", 2), finished()):
        queue.enqueue(message)
    return queue


def drawn(text: str, place: int, *, part: str = "") -> ForwardMsg:
    """Draw a text in a place of the page."""
    message = ForwardMsg()
    message.metadata.delta_path[:] = [0, place]
    message.delta.new_element.markdown.body = text
    message.delta.fragment_id = part
    return message


def finished() -> ForwardMsg:
    """Say that the page is complete."""
    return ForwardMsg(script_finished=ForwardMsg.FINISHED_SUCCESSFULLY)


def sent(queue: Unsent) -> list[str]:
    """Send what waits, as texts; how a run ended by its name."""
    return [
        message.delta.new_element.markdown.body
        or ForwardMsg.ScriptFinishedStatus.Name(message.script_finished).removeprefix("FINISHED_")
        for message in queue.flush()
    ]


def test_a_part_that_is_drawn_anew_takes_nothing_out_of_the_page_on_its_way(unsent: Unsent) -> None:
    unsent.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=["news"])
    unsent.enqueue(drawn("more news", 1, part="news"))
    assert sent(unsent) == ["head", "news", "list", "SUCCESSFULLY", "more news"]


def test_a_page_that_is_drawn_anew_takes_the_place_of_the_one_on_its_way(unsent: Unsent) -> None:
    unsent.clear(retain_lifecycle_msgs=True)
    unsent.enqueue(drawn("another head", 0))
    assert sent(unsent) == ["EARLY_FOR_RERUN", "another head"]


def test_what_was_sent_is_not_sent_again(unsent: Unsent) -> None:
    assert len(sent(unsent)) == 4
    unsent.enqueue(drawn("more news", 1, part="news"))
    assert sent(unsent) == ["more news"]


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Streamlit be as the desk runs it, for one test."""
    for module, name in ((app_session, "ForwardMsgQueue"), (script_runner, "SafeSessionState")):
        monkeypatch.setattr(module, name, getattr(module, name))
    keep_whole()


def a_page() -> None:
    """Draw a button that is hit once more while its work is under way, and what the page knows of the work."""
    import streamlit as st
    from streamlit.runtime.scriptrunner import RerunData, get_script_run_ctx

    def work() -> None:
        ctx = get_script_run_ctx()
        assert ctx is not None
        assert ctx.script_requests is not None
        ctx.script_requests.request_rerun(RerunData())
        st.session_state["told"] = [*st.session_state.get("told", []), "begun"]
        st.session_state["told"] = [*st.session_state["told"], "done"]

    st.button("Work", on_click=work)
    st.text(" ".join(st.session_state.get("told", ["nothing"])))


@pytest.mark.usefixtures("whole")
def test_what_a_press_did_is_known_to_the_page_though_the_next_run_is_due() -> None:
    page = AppTest.from_function(a_page).run()
    assert page.text[0].value == "nothing"
    page = page.button[0].click().run()
    assert [text.value for text in page.text] == ["begun done"]
    assert not page.exception


class Runner:
    """What a run asks whether it is to be ended: it is not."""

    _execing = True

    def due(self) -> None:
        """End nothing."""


def test_the_next_run_of_a_page_begins_when_what_was_pressed_before_is_done() -> None:
    state, going, ended = SessionState(), Event(), Event()
    seen: list[str] = []

    def work() -> None:
        going.set()
        ended.wait(60)
        seen.append("done")

    def run(*pressed: WidgetState) -> None:
        ThreadState.initialize()
        Unbroken(state, Runner().due).on_script_will_rerun(WidgetStates(widgets=pressed))
        seen.append("drawn")

    state.register_widget(WidgetMetadata("work", bool, bool, "trigger_value", callback=work), None)
    first = Thread(target=run, args=(WidgetState(id="work", trigger_value=True),))
    first.start()
    assert going.wait(60)
    second = Thread(target=run)
    second.start()
    second.join(0.5)
    assert seen == []
    ended.set()
    first.join()
    second.join()
    assert seen == ["done", "drawn", "drawn"]
