"""The same loop from the command line, over real HTTP on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from actions.desk import open_desk
from actions.detect import detect
from app.cli import actions, cases
from app.services.acting import view_of
from app.services.clock import business_now
from data.clock import system_clock, to_micros
from data.errors import RequestError
from data.events import ChannelStated, Event, ListingStated, StockStated
from data.log.append import Received, append, prepare, source_id
from data.log.status import note_success
from data.publish import publish
from data.settings import read_settings
from data.store import Store, open_store
from tests.actions.factories import Merchant


@pytest.fixture
def merchant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Merchant]:
    """Serve a merchant whose listing drifts, connected to the workspace `mine` under tmp_path."""
    remote = Merchant(now=system_clock())
    remote.list_item("MUG", 40)

    class Door(BaseHTTPRequestHandler):
        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = httpx.Request(self.command, f"http://x{self.path}", headers=dict(self.headers), content=body)
            answer = remote._answer(request)
            self.send_response(answer.status_code)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_PUT = do_POST = _pass  # noqa: N815 -- names of the standard library

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the standard library's name
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("FILLWELL_HOME", str(tmp_path))
    monkeypatch.setenv("SHOP_TOKEN", "canary-token")
    folder = tmp_path / "workspaces" / "mine"
    folder.mkdir(parents=True)
    (folder / "connections.toml").write_text(
        f'[storefront]\nsystem = "storefront"\nurl = "http://127.0.0.1:{server.server_port}"\n'
        'token = "env:SHOP_TOKEN"\ncurrency = "GBP"\n'
    )
    store = open_store(read_settings({"FILLWELL_HOME": str(tmp_path)}), "mine")
    a_day_of_events(store)
    find_twice(store)
    yield remote
    server.shutdown()
    server.server_close()
    thread.join()
    store.close()


def a_day_of_events(store: Store) -> None:
    """State a channel, its stock and a listing that offers too much."""
    earlier = system_clock() - timedelta(hours=2)
    said: dict[tuple[str, str, str], Event] = {
        ("storefront", "channels", "web"): ChannelStated(
            channel="web", name="Web", locations=("NORTH",), cap_units=100
        ),
        ("storefront", "listings", "web:MUG"): ListingStated(
            listing="web:MUG", channel="web", sku="MUG", quantity=40, active=True, price_minor=500, currency="GBP"
        ),
        ("warehouse", "stock", "MUG@NORTH"): StockStated(sku="MUG", location="NORTH", on_hand=10, counted_at=earlier),
    }
    at = to_micros(earlier)
    with store.log.write() as conn:
        for (connection, stream, key), event in said.items():
            item = Received(key=key, raw=b"{}", version=1, observed_at=at, events=(event,))
            append(conn, source_id(conn, connection, stream), prepare([item]), received_at=at, parser=1)
        for stream in ("channels", "orders", "listings", "payments", "returns"):
            just_now = to_micros(system_clock())
            note_success(conn, source_id(conn, "storefront", stream), at=just_now, as_of=just_now)
    publish(store, now=earlier)


def find_twice(store: Store) -> None:
    """Detect in two later moments."""
    desk = open_desk(store)
    for n in range(2):
        view = view_of(store, business_now(store) + timedelta(seconds=n))
        detect(desk, view, shadow=None)


def run(group: Any, *arguments: str, ok: bool = True) -> Any:  # noqa: ANN401 -- a typer group in, JSON out
    """Run a command and read its JSON."""
    result = CliRunner().invoke(group, [*arguments, "--format", "json"])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert (result.exit_code == 0) == ok, result.output
    return json.loads(result.stdout)


def test_a_case_is_corrected_proved_and_taken_back_from_the_command_line(merchant: Merchant) -> None:
    [case] = run(cases.commands, "list")
    assert (case["detector"], case["subject"], case["subjects"]) == ("X02", "web:MUG", ["web:MUG"])
    number = str(case["id"])

    CliRunner().invoke(actions.commands, ["policy", "set_listing_quantity", "--ladder", "approve"])
    made = run(actions.commands, "plan", number)
    action = str(made["action"])
    assert made["card"]["request"]["body"]["quantity"] == 10
    assert merchant.effects == 0

    run(actions.commands, "send", action, ok=False)  # nobody approved it
    run(actions.commands, "approve", action)
    run(actions.commands, "send", action)
    [verified] = run(actions.commands, "verify", action)
    assert verified["status"] == "verified"
    assert merchant.listings["web:MUG"]["quantity"] == 10
    [listed] = run(actions.commands, "list")
    assert (listed["status"], listed["planned_by"]) == ("verified", "local")
    assert run(cases.commands, "show", number)["status"] == "verifying"

    back = str(run(actions.commands, "undo", action)["action"])
    assert run(actions.commands, "run", "--all", "--type", "pause_listing") == []
    [step] = run(actions.commands, "run", "--all")
    assert (str(step["id"]), step["status"]) == (back, "verified")
    with pytest.raises(RequestError, match="or --all"):
        run(actions.commands, "run")
    assert merchant.listings["web:MUG"]["quantity"] == 40

    log = run(actions.commands, "log")
    assert all(row["sealed"] for row in log)
    assert "canary-token" not in json.dumps(log)


def test_a_misspelled_choice_is_refused_before_the_remote_is_asked(merchant: Merchant) -> None:
    calls, runner = len(merchant.calls), CliRunner()
    refused = [
        runner.invoke(actions.commands, ["plan", "1", "--set", said])
        for said in ("units=4", "quantity=abc", "quantity")
    ]
    assert [str(r.exception) for r in refused] == [
        "set_listing_quantity takes quantity; not units",
        "quantity must be a whole number, not 'abc'",
        "--set 'quantity': give NAME=VALUE, such as quantity=5",
    ]
    assert len(merchant.calls) == calls
    assert run(actions.commands, "plan", "1", "--set", "quantity=5")["card"]["request"]["body"]["quantity"] == 5


def test_a_misspelled_filter_is_no_empty_queue_and_capitals_do_not_matter(merchant: Merchant) -> None:
    del merchant
    assert [case["detector"] for case in run(cases.commands, "list", "--detector", "x02", "--status", "Open")] == [
        "X02"
    ]
    assert run(cases.commands, "list", "--detector", "X50") == []
    for option, wrong, known in (("detector", "X99", "X02"), ("status", "opne", "resolved")):
        refused = CliRunner().invoke(cases.commands, ["list", f"--{option}", wrong])
        assert f"there is no {option} '{wrong}'; there are: " in str(refused.exception)
        assert known in str(refused.exception)
    for option, there in (("channel", "web"), ("location", "none"), ("sku", "MUG")):
        empty = CliRunner().invoke(cases.commands, ["list", f"--{option}", "nope"])
        assert empty.stdout == "nothing found\n"
        assert f"nothing here is of {option} 'nope'; there are: {there}\n" in empty.stderr
    assert "nothing here" not in CliRunner().invoke(cases.commands, ["list", "--channel", "web"]).stderr
    refused = CliRunner().invoke(actions.commands, ["list", "--status", "plannd"])
    assert "there is no status 'plannd'; there are: planned, approved" in str(refused.exception)
    refused = CliRunner().invoke(cases.commands, ["enable", "x99"])
    assert "there is no detector 'x99'" in str(refused.exception)


def test_who_acts_is_named_and_may_only_what_the_role_allows(merchant: Merchant) -> None:
    del merchant
    runner = CliRunner()
    assert runner.invoke(actions.commands, ["user", "vic", "--role", "viewer"]).exit_code == 0
    assert runner.invoke(actions.commands, ["user", "oli", "--role", "operator"]).exit_code == 0
    refused = runner.invoke(cases.commands, ["claim", "1", "--as", "vic"])
    assert "may not work" in str(refused.exception)
    unknown = runner.invoke(cases.commands, ["claim", "1", "--as", "nobody"])
    assert "there are: oli, vic" in str(unknown.exception)
    assert run(cases.commands, "claim", "1", "--as", "oli")[0]["status"] == "claimed"
    assert run(cases.commands, "snooze", "1", "--as", "oli", "--reason", "recount", "--hours", "2")[0]["done"]
    assert run(cases.commands, "list") == []
    assert run(cases.commands, "dismiss", "1", "--as", "oli", "--reason", "pre-order item")[0]["status"] == "dismissed"


def test_the_switches_hold_from_the_command_line(merchant: Merchant) -> None:
    runner = CliRunner()
    runner.invoke(actions.commands, ["policy", "set_listing_quantity", "--ladder", "approve"])
    action = str(run(actions.commands, "plan", "1")["action"])
    run(actions.commands, "approve", action)
    calls = len(merchant.calls)
    assert runner.invoke(actions.commands, ["pause", "--reason", "odd answers"]).exit_code == 0
    [held] = run(actions.commands, "send", action, ok=False)
    assert "kill switch" in held["words"]
    assert len(merchant.calls) == calls
    runner.invoke(actions.commands, ["resume"])
    runner.invoke(actions.commands, ["dry-run", "--on"])
    assert "dry-run" in run(actions.commands, "send", action, ok=False)[0]["words"]
    runner.invoke(actions.commands, ["dry-run", "--off"])
    run(actions.commands, "cancel", action)
    assert len(merchant.writes) == 0


@pytest.mark.parametrize("form", ["table", "csv"])
def test_people_and_spreadsheets_get_lists_too(merchant: Merchant, form: str) -> None:
    del merchant
    shown = [(cases.commands, ["list"]), (cases.commands, ["show", "1"]), (actions.commands, ["policy"])]
    for group, command in shown:
        result = CliRunner().invoke(group, [*command, "--format", form])
        assert result.exit_code == 0, result.output
        assert result.stdout.strip()
