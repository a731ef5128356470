"""What a browser is sent of a page, however seldom it is sent anything."""

from __future__ import annotations

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from app.desk.delivery import Unsent


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
