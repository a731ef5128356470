"""What a desk must never do: act on another row than the person saw, run text from outside, fetch from elsewhere."""

from __future__ import annotations

import asyncio
import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from starlette.types import Message, Receive, Scope, Send
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData
from streamlit.testing.v1 import AppTest

import app.desk
from actions import cases
from actions.cases import Filters
from app.desk import palette, serve, shell, style
from app.desk.components import charts, outcomes, text
from app.desk.components.badges import badge
from app.desk.components.charts import Point
from app.desk.components.press import FORGOTTEN_AFTER, Drawn, Press, Tell
from app.desk.components.tables import content_key
from app.services import acting, words, workspace
from app.services.export import neutral, to_csv
from data.errors import ConfigError, RequestError
from data.publish import publish
from data.settings import read_settings
from data.store import Store
from tests.app.factories import NOW, feed, found, html_of, open_page, press, settle
from tests.factories import DAY, a_line, a_work, an_order

DESK = Path(app.desk.__file__).parent
PAGES = [*DESK.rglob("*.py")]
OUTCOME = re.compile(f"{re.escape(badge('done', 'good'))}[^<]*")


# ---------------------------------------------------------------- H1, H2: the wrong row


def test_a_grid_that_shows_other_rows_has_another_key() -> None:
    shown = content_key("queue", [(1, 1), (2, 1)])
    assert shown == content_key("queue", [(1, 1), (2, 1)])
    assert shown != content_key("queue", [(2, 1), (1, 1)])
    assert shown != content_key("queue", [(1, 2), (2, 1)])
    assert shown != content_key("queue", [(1, 1), (2, 1), (3, 1)])


def queue_key(page: AppTest) -> str:
    """The key of the grid that the page shows."""
    return content_key("queue", [row.seen for row in page.session_state["queue-held"][1].rows])


def test_a_chosen_case_is_claimed_though_a_costlier_one_arrives_meanwhile(troubled: Store) -> None:
    page = open_page("queue")
    held = [row.id for row in page.session_state["queue-held"][1].rows]
    page.session_state[queue_key(page)] = {"selection": {"rows": [1], "columns": [], "cells": []}}
    page = page.run()
    costly = an_order(
        "storefront/9002", a_line(units=900, price="90.00"), placed_at=NOW - 9 * DAY, ship_by=NOW - 7 * DAY
    )
    feed(troubled, "storefront", "orders", [costly])
    feed(
        troubled, "warehouse", "work", [a_work("W9002", "storefront/9002", ("1", "A", 900), released_at=NOW - 9 * DAY)]
    )
    publish(troubled, now=NOW)
    found(troubled, now=NOW + timedelta(hours=2))
    desk = acting.desk_of(troubled)
    assert cases.queue(desk, Filters())[0]["id"] not in held, "the costlier case is there, on top"
    page = page.run()
    assert [row.id for row in page.session_state["queue-held"][1].rows] == held, "the list stays as it was opened"
    press(page, "assign")
    assert [case["id"] for case in cases.queue(desk, Filters(status="claimed"))] == [held[1]]


@pytest.mark.usefixtures("troubled")
def test_a_press_that_was_left_behind_on_another_page_is_not_carried_out() -> None:
    page = open_page("queue")
    acted: list[int] = []
    drawn = Drawn(lambda: "nothing", "nothing")
    late = Press(drawn, "assign", lambda: acted.append(1), monotonic() - 2 * FORGOTTEN_AFTER)
    page.session_state["queue-pressed"] = [late]
    page = page.run()
    assert (acted, page.session_state["queue-pressed"]) == ([], [])
    assert "press again" in html_of(page)


def test_a_press_waits_for_the_choice_that_the_browser_tells_of_later(troubled: Store) -> None:
    page = open_page("queue")
    [assign] = [button for button in page.button if button.key == "assign"]
    page = assign.click().run()
    claimed = Filters(status="claimed")
    assert cases.queue(acting.desk_of(troubled), claimed) == []
    page.session_state[queue_key(page)] = {"selection": {"rows": [1], "columns": [], "cells": []}}
    page = page.run()
    assert "nothing was done; look again" in html_of(page)
    assert (cases.queue(acting.desk_of(troubled), claimed), page.session_state["queue-pressed"]) == ([], [])


def test_of_two_buttons_pressed_at_once_neither_is_forgotten_and_a_double_click_is_one_press(troubled: Store) -> None:
    page = open_page("queue")
    for key in ("assign", "assign", "fix"):
        page = page.button(key=key).click().run()
    assert [waiting.button for waiting in page.session_state["queue-pressed"]] == ["assign", "fix"]
    page = settle(page)
    assert len(cases.queue(acting.desk_of(troubled), Filters(status="claimed"))) == 1
    assert "it changed since you looked: it is claimed now" in html_of(page), "the second press is answered, too"
    assert page.session_state["queue-pressed"] == []


@pytest.mark.usefixtures("troubled")
def test_a_press_is_not_refused_because_the_one_before_it_renewed_the_list() -> None:
    acted: list[str] = []
    chosen = {"case": 7}
    drawn = Drawn(lambda: chosen.get("case"), 7)

    def claim() -> None:
        acted.append("claimed")
        chosen.clear()

    page = open_page("queue")
    page.session_state["queue-pressed"] = [
        Press(drawn, "assign", claim, monotonic(), state="settled"),
        Press(drawn, "approve", lambda: acted.append("approved"), monotonic(), state="settled"),
    ]
    page = page.run()
    assert acted == ["claimed", "approved"]


def test_a_press_waits_for_the_one_after_it_and_is_done_though_that_is_refused(troubled: Store) -> None:
    page = open_page("queue")
    top = page.session_state["queue-held"][1].rows[0].id
    for key in ("assign", "fix"):
        page = page.button(key=key).click().run()
    assign, fix = page.session_state["queue-pressed"]
    assign.state = "settled"
    page = page.run()
    assert (assign.state, fix.state) == ("held", "waits")
    page.session_state[queue_key(page)] = {"selection": {"rows": [1], "columns": [], "cells": []}}
    page = settle(page.run())
    assert [case["id"] for case in cases.queue(acting.desk_of(troubled), Filters(status="claimed"))] == [top]
    assert "nothing was done; look again" in html_of(page), "the choice came before the second settled"


def test_a_press_about_another_case_takes_no_press_away_and_a_double_click_is_one() -> None:
    drawn = Drawn(lambda: "nothing", "nothing")
    for case in (1, 2, 2):
        drawn.press("fix", lambda: None, about=case)
    assert [press.about for press in drawn.waiting] == [1, 2]
    first, second = drawn.waiting
    for state in ("settled", "held", "acts", "done"):
        first.state = second.state = state
        drawn.press("fix", lambda: None, about=2)
        assert [press is other for press, other in zip(drawn.waiting, (first, second), strict=True)] == [True, True]


@pytest.mark.usefixtures("troubled")
def test_of_two_questions_one_is_asked_and_the_other_is_refused() -> None:
    page = open_page("queue")
    for key in ("dismiss", "snooze"):
        page = page.button(key=key).click().run()
    page = settle(page)
    assert "confirm-reason" in {button.key for button in page.button}
    assert "one question is asked at a time" in html_of(page)
    assert page.session_state["queue-pressed"] == []


@pytest.mark.usefixtures("troubled")
def test_what_became_of_a_press_on_the_log_is_told_and_then_no_more() -> None:
    press(open_page("queue", kind="X02"), "fix")
    page = press(open_page("log"), "approve")
    [told] = OUTCOME.findall(html_of(page))
    assert "approved" in told
    assert OUTCOME.findall(html_of(page.run())) == []


@pytest.mark.usefixtures("troubled")
def test_what_a_press_did_is_told_though_the_page_was_run_anew_while_it_was_done() -> None:
    acted: list[int] = []

    def act() -> Tell:
        acted.append(1)
        context = get_script_run_ctx()
        assert context is not None
        assert context.script_requests is not None
        again = RerunData(query_string=context.query_string, page_script_hash=context.page_script_hash)
        context.script_requests.request_rerun(again)  # as a click does that comes meanwhile
        return partial(outcomes.keep, "queue", [(True, "three plans are laid out")])

    page = open_page("queue")
    drawn = Drawn(lambda: "nothing", "nothing")
    page.session_state["queue-pressed"] = [Press(drawn, "fix", act, monotonic(), state="settled")]
    page = page.run()
    assert acted == [1]
    assert "three plans are laid out" in html_of(page)


def test_what_is_told_by_a_run_that_is_broken_off_is_told_by_the_next_one_and_then_no_more() -> None:
    def script() -> None:
        import streamlit

        from app.desk.components import outcomes

        outcomes.draw("queue")
        if streamlit.session_state.pop("breaks off", False):
            streamlit.rerun()
        outcomes.forget("queue")

    page = AppTest.from_function(script)
    page.session_state["breaks off"], page.session_state["queue-outcomes"] = True, [(True, "three plans are laid out")]
    assert "three plans are laid out" in html_of(page.run())
    assert "three plans are laid out" not in html_of(page.run())


@pytest.mark.usefixtures("troubled")
def test_the_refusal_of_a_press_does_not_replace_what_is_still_to_be_told_of_the_one_before() -> None:
    page = open_page("queue")
    page.session_state["queue-outcomes"] = [(True, "three plans are laid out")]
    page.session_state["queue-pressed"] = [Press(Drawn(lambda: "another", "one"), "assign", lambda: None, monotonic())]
    page = page.run()
    assert "three plans are laid out" in html_of(page)
    assert "nothing was done; look again" in html_of(page)
    page = page.run()
    assert "three plans are laid out" not in html_of(page), "and then no more"
    assert "nothing was done; look again" not in html_of(page)


@pytest.mark.usefixtures("troubled")
def test_what_cannot_be_done_is_told_in_one_sentence_and_leaves_the_page_as_it_is() -> None:
    def act() -> Tell:
        raise RequestError("only an admin may allow this")

    page = open_page("queue")
    page.session_state["queue-pressed"] = [
        Press(Drawn(lambda: "nothing", "nothing"), "allow", act, monotonic(), state="settled")
    ]
    page = page.run()
    assert "only an admin may allow this" in html_of(page)
    assert {"fix", "assign"} <= {button.key for button in page.button}


@pytest.mark.usefixtures("troubled")
def test_a_press_that_is_being_carried_out_is_not_carried_out_again_by_another_run_of_the_page() -> None:
    acted: list[int] = []
    page = open_page("queue")
    drawn = Drawn(lambda: "nothing", "nothing")
    page.session_state["queue-pressed"] = [Press(drawn, "fix", lambda: acted.append(1), monotonic(), state="acts")]
    page = page.run()
    page = page.button(key="fix").click().run()
    [doing, asked] = page.session_state["queue-pressed"]
    assert (acted, doing.state, asked.button) == ([], "acts", "fix"), "it was about something else: it comes after"
    page = page.button(key="fix").click().run()
    assert [one is doing for one in page.session_state["queue-pressed"]] == [True, False], "a double click is one press"
    doing.state = "done"
    page = settle(page)
    assert page.session_state["queue-pressed"] == []


@pytest.mark.usefixtures("troubled")
def test_what_is_under_way_is_not_asked_for_again() -> None:
    page = open_page("queue")
    page = page.button(key="fix").click().run()
    [first] = page.session_state["queue-pressed"]
    first.state = "acts"
    page = page.button(key="fix").click().run()
    assert page.session_state["queue-pressed"] == [first]
    first.state, first.tell = "done", partial(outcomes.keep, "queue", [(True, "it is planned")])
    page = page.button(key="fix").click().run()
    assert "it is planned" in html_of(page), "what is still to be told is not thrown out by another press"
    assert page.session_state["queue-pressed"] == []


def test_a_question_that_is_opened_just_after_another_button_is_asked_when_that_is_done(troubled: Store) -> None:
    page = open_page("queue")
    for key in ("dismiss", "assign"):
        page = page.button(key=key).click().run()
        assert "confirm-reason" not in {button.key for button in page.button}
    page = settle(page)
    assert len(cases.queue(acting.desk_of(troubled), Filters(status="claimed"))) == 1
    assert "confirm-reason" in {button.key for button in page.button}


def test_a_selection_that_a_browser_sends_to_a_new_session_reaches_nobody(troubled: Store) -> None:
    page = open_page("queue")
    stale = queue_key(page)
    desk = acting.desk_of(troubled)
    first = cases.queue(desk, Filters())[0]
    cases.dismiss(desk, first["id"], by=acting.local_person(troubled), reason="known")
    restarted = open_page("queue")
    assert queue_key(restarted) != stale


def test_a_new_session_opens_the_case_that_was_open_whatever_is_on_top_now(troubled: Store) -> None:
    desk = acting.desk_of(troubled)
    [*_, last] = cases.queue(desk, Filters())
    page = open_page("queue", case=str(last["id"]))
    press(page, "assign")
    assert [case["id"] for case in cases.queue(desk, Filters(status="claimed"))] == [last["id"]]


def test_a_case_that_left_the_list_stays_open_and_nothing_is_done_to_another(troubled: Store) -> None:
    desk = acting.desk_of(troubled)
    gone = cases.queue(desk, Filters())[1]["id"]
    cases.dismiss(desk, gone, by=acting.local_person(troubled), reason="known")
    page = open_page("queue", case=str(gone))
    press(page, "assign")
    assert "somebody was faster: it is dismissed" in html_of(page)
    assert cases.queue(desk, Filters(status="claimed")) == []


def test_a_case_that_is_over_shows_how_long_it_was_open(troubled: Store) -> None:
    desk = acting.desk_of(troubled)
    gone = cases.queue(desk, Filters())[1]["id"]
    assert f"case {gone}, open " in html_of(open_page("queue", case=str(gone)))
    cases.dismiss(desk, gone, by=acting.local_person(troubled), reason="known")
    case = cases.show(desk, gone)
    told = f"case {gone}, was open {words.span(case['status_at'] - case['opened_at'])}<"
    assert told in html_of(open_page("queue", case=str(gone)))


def test_a_press_that_overtakes_the_choice_before_it_does_nothing_and_says_so(troubled: Store) -> None:
    page = open_page("queue")
    page.session_state[queue_key(page)] = {"selection": {"rows": [1], "columns": [], "cells": []}}
    page = press(page, "assign")
    assert "nothing was done; look again" in html_of(page)
    assert cases.queue(acting.desk_of(troubled), Filters(status="claimed")) == []


def test_an_address_that_names_no_case_opens_the_first_and_says_that_it_is_another(troubled: Store) -> None:
    for named in ("999999", "x", "-1", "9" * 40):
        page = open_page("queue", case=named)
        assert not page.exception
        assert f"There is no case {named}: " in html_of(page)
        assert page.query_params["case"] == str(cases.queue(acting.desk_of(troubled), Filters())[0]["id"])


def test_a_case_that_changed_since_it_was_seen_is_left_alone(troubled: Store) -> None:
    desk, who = acting.desk_of(troubled), acting.local_person(troubled)
    case = cases.queue(desk, Filters())[0]
    cases.claim(desk, case["id"], by=who)
    [step] = acting.dismiss(troubled, [(case["id"], case["version"])], reason="not a problem")
    assert (step.done, "changed since you looked" in step.words) == (False, True)


def test_a_fix_pressed_twice_is_one_action(troubled: Store) -> None:
    case = next(c for c in cases.queue(acting.desk_of(troubled), Filters(detector="X02")))
    seen = [(case["id"], case["version"])]
    [(_, first)], [(_, again)] = acting.plan(troubled, NOW, seen), acting.plan(troubled, NOW, seen)
    assert not isinstance(first, str)
    assert not isinstance(again, str)
    assert first.action == again.action
    assert (first.created, again.created) == (True, False)
    assert len(acting.actions_of(troubled, case["id"])) == 1


def test_the_desk_never_calls_a_remote(troubled: Store) -> None:
    remote = acting.targets(troubled)["storefront"]
    with pytest.raises(RequestError, match="the engine"):
        remote.refresh("listings")


# ---------------------------------------------------------------- H4: exports


@pytest.mark.parametrize("cell", ["=1+1", "+cmd", "-2", "@SUM(A1)", "\tx", "\r=1", " =1", "\0x"])
def test_an_exported_cell_never_starts_a_formula(cell: str) -> None:
    assert str(neutral(cell)).startswith("'")


def test_numbers_stay_numbers_and_nothing_stays_empty() -> None:
    assert to_csv(["a", "b"], [(-2.5, None)]) == "a,b\r\n-2.5,\r\n"


@given(st.text(max_size=20))
def test_no_text_at_all_starts_a_formula(cell: str) -> None:
    assert not str(neutral(cell)).startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\0"))


def test_the_built_in_export_is_off() -> None:
    assert config()["client"]["disableDataExport"] is True


# ---------------------------------------------------------------- H5: text from outside


@given(st.text(max_size=40))
def test_escaped_text_holds_no_markup(value: str) -> None:
    assert not set("<>\"'") & set(text.esc(value))
    assert not set(re.findall("<[^>]*>", text.marked(value))) - {"<em>", "</em>", "<code>", "</code>"}


def test_a_definition_has_its_emphasis_drawn() -> None:
    assert text.marked("*Posted* and `a_b` < 3 * 4") == "<em>Posted</em> and <code>a_b</code> &lt; 3 * 4"


@given(st.text(alphabet="![]()*_`:#<>$~ab", max_size=30))
def test_neutralised_text_keeps_no_sign_that_markdown_reads(value: str) -> None:
    assert not re.search(r"(?<!\\)[!\[\]()*_`:#<>$~]", text.plain(value))


def test_no_page_allows_html_or_script_past_the_sanitiser() -> None:
    for file in PAGES:
        source = file.read_text()
        assert "unsafe_allow" not in source, file
        assert "components.v1" not in source, file
        assert "st.markdown" not in source, file
        assert "st.caption" not in source, file


async def answered(host: str) -> list[Message]:
    sent: list[Message] = []

    async def inner(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    await serve.Guard(inner)({"type": "http", "headers": [(b"host", host.encode())]}, receive, send)
    return sent


def test_every_answer_carries_a_policy_that_lets_nothing_in_from_elsewhere() -> None:
    start = asyncio.run(answered("127.0.0.1:8501"))[0]
    headers = dict(start["headers"])
    assert start["status"] == 200
    policy = headers[b"content-security-policy"].decode()
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "http" not in policy
    assert headers[b"x-content-type-options"] == b"nosniff"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8501", "169.254.169.254", ""])
def test_a_request_under_another_name_is_refused(host: str) -> None:
    assert asyncio.run(answered(host))[0]["status"] == 421


@pytest.mark.parametrize("host", ["127.0.0.1:8501", "localhost:1", "[::1]:8501", "LOCALHOST"])
def test_a_request_to_loopback_is_let_in(host: str) -> None:
    assert asyncio.run(answered(host))[0]["status"] == 200


def test_a_desk_without_authentication_listens_on_loopback_only() -> None:
    settings = read_settings({"FILLWELL_HOST": "0.0.0.0"})  # noqa: S104 -- what must be refused
    with pytest.raises(ConfigError, match="no authentication yet"):
        serve.serve(settings, "demo")


def config() -> dict[str, Any]:
    return tomllib.loads((DESK.parent / ".streamlit" / "config.toml").read_text())


def test_errors_show_no_details_and_nothing_is_reported_home() -> None:
    assert config()["client"]["showErrorDetails"] == "none"
    assert config()["client"]["showErrorLinks"] is False
    assert config()["browser"]["gatherUsageStats"] is False
    assert config()["server"]["allowedHosts"] == ["127.0.0.1", "localhost"]
    assert config()["server"]["enableAgentApi"] is False


# ---------------------------------------------------------------- H6: nothing from elsewhere


def test_the_icon_is_a_picture_of_our_own() -> None:
    with Image.open(shell.STATIC / "icon.png") as icon:
        assert icon.size == (64, 64)


def test_no_page_names_an_address_or_an_icon_font() -> None:
    for file in [*PAGES, DESK / "style.css"]:
        source = file.read_text()
        assert ":material/" not in source, file
        assert not re.search(r"https?://(?!www\.w3\.org)", source), file
        assert "@import" not in source, file


# ---------------------------------------------------------------- H7: colours


DAYS = [date(2026, 1, n) for n in range(1, 5)]
POINTS = [Point(day, value, f"{value}") for day, value in zip(DAYS, (1.0, None, 3.0, 2.0), strict=True)]


def drawn(colours: palette.Palette) -> Iterator[go.Figure]:
    yield charts.line(POINTS, colours, before=POINTS, goal=(2.0, "goal"))
    yield charts.bars(POINTS, colours)
    yield charts.stacked(["a", "b"], [("s", [1, 2], ["1", "2"]), ("t", [3, 4], ["3", "4"])], colours)
    yield charts.lying([Point("a", -1.0, "-1"), Point("b", 2.0, "2")], colours, texts=["-1", "2"])
    yield charts.waterfall([("a", 5.0, "total", "5"), ("b", -2.0, "part", "-2"), ("c", 1.0, "part", "1")], colours)
    yield charts.pair(DAYS, ("opened", [1, 2, 3, 4]), ("cleared", [4, 3, 2, 1]), colours)
    yield charts.fan(DAYS, [4, 3, 2, 1], [3, 2, 1, 0], [5, 4, 3, 2], colours, receipts=[(DAYS[2], 10.0)])


@pytest.mark.parametrize("colours", [palette.LIGHT, palette.DARK], ids=["light", "dark"])
def test_every_mark_of_every_chart_is_in_the_palette(colours: palette.Palette) -> None:
    ours = {getattr(colours, field.name) for field in fields(colours)}
    for figure in drawn(colours):
        used = [c for trace in figure.data for c in colours_of(trace)]
        assert used, "a chart that names no colour takes Plotly's own"
        assert set(used) <= ours


def colours_of(trace: Any) -> list[str]:  # noqa: ANN401 -- any kind of trace
    named: list[str] = []
    for part in (trace.marker, getattr(trace, "line", None)):
        colour = getattr(part, "color", None) if part is not None else None
        named.extend([colour] if isinstance(colour, str) else list(colour or ()))
    if trace.type == "bar":
        assert named, trace.name
    return named


def test_the_theme_of_the_widgets_is_the_palette_too() -> None:
    for name, colours in (("light", palette.LIGHT), ("dark", palette.DARK)):
        theme = config()["theme"][name]
        assert theme["primaryColor"] == colours.accent
        assert theme["backgroundColor"] == colours.card
        assert theme["textColor"] == colours.ink
        assert theme["borderColor"] == colours.line
        assert theme["chartCategoricalColors"] == list(colours.series)


@pytest.mark.parametrize("colours", [palette.LIGHT, palette.DARK], ids=["light", "dark"])
def test_text_can_be_read_on_what_it_stands_on(colours: palette.Palette) -> None:
    for ink in (colours.ink, colours.muted, colours.accent, colours.good, colours.warn, colours.bad):
        assert contrast(ink, colours.card) >= 4.5
    for ink in (colours.ink, colours.muted):
        assert contrast(ink, colours.ground) >= 4.5
    for tone in ("good", "warn", "bad", "accent"):
        assert contrast(getattr(colours, tone), getattr(colours, f"{tone}_soft")) >= 4.5, tone


def contrast(one: str, other: str) -> float:
    """The ratio of relative luminances, as WCAG defines it."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    def linear(channel: float) -> float:
        return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_sheet_names_every_colour_for_both_themes() -> None:
    sheet = style.sheet()
    assert sheet.count("light-dark(") == len(fields(palette.Palette))
    assert "<style>" in sheet


@pytest.mark.usefixtures("troubled")
def test_a_state_is_a_word_and_a_shape_before_it_is_a_colour() -> None:
    page = html_of(open_page("overview"))
    assert re.search(r'class="fw-badge good"><span class="dot" aria-hidden="true">●</span>Fresh', page)


# ---------------------------------------------------------------- a store that cannot be used


@pytest.mark.parametrize("screen", ["overview", "queue", "health"])
def test_a_store_of_a_newer_program_is_said_in_one_sentence_on_every_screen(shop: Store, screen: str) -> None:
    with shop.log.write() as conn:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = 'from the future'")
    workspace._store.cache_clear()
    page = open_page(screen)
    assert not page.exception
    assert "written by a newer version of Fillwell" in html_of(page)
