"""`fillwell connect`: a system is tested first, its key goes where keys belong, and the first write is put back."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backends.fail import Keyring as NoKeyring

from actions import audit
from actions.desk import open_desk
from app.__main__ import main
from app.connect import connect, connections_of
from app.services import connecting
from data.clock import system_clock
from data.settings import read_settings
from data.store import open_store
from tests.app.cable import cable_to
from tests.merchant import Merchant, running

TOKEN = "storefront-token"


@pytest.fixture(scope="module")
def merchant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Merchant]:
    with running(tmp_path_factory) as found:
        yield found


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FILLWELL_HOME", str(tmp_path))
    monkeypatch.setattr(keyring, "get_keyring", NoKeyring)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str, typed: str = "") -> tuple[int, Any, str]:
    """Run a command with a line on its standard input; give its exit code, its JSON and what it said."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", io.StringIO(f"{typed}\n"))
        with pytest.raises(SystemExit) as ended:
            main(["connect", *arguments, "--format", "json"])
    out, said = capsys.readouterr()
    return int(ended.value.code or 0), json.loads(out) if out.strip() else None, said


def everything_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_a_shop_is_tested_connected_and_its_first_write_is_put_back(
    merchant: Merchant,
    home: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = merchant.ask("GET", "/storefront/listings?limit=1", who="storefront")["items"][0]
    code, told, said = run(
        capsys, "storefront", "--url", merchant.url, "--name", "shop", "--currency", "gbp", "--canary", before["sku"],
        typed=TOKEN,
    )  # fmt: skip
    assert code == 0, said
    assert [step["holds"] for step in told["canary"]["steps"]] == [True, True]
    assert {row["stream"] for row in told["reads"]} >= {"orders", "listings", "payments"}
    assert all(row["allowed"] for row in told["reads"])
    after = merchant.ask("GET", f"/storefront/listings/{before['id']}", who="storefront")
    assert after["quantity"] == before["quantity"]
    assert after["version"] == before["version"] + 2

    store = open_store(read_settings(os.environ), "mine")
    [shop] = connections_of(store)
    assert (shop.name, shop.currency, shop.token.partition(":")[0]) == ("shop", "GBP", "file")
    assert TOKEN.encode() not in everything_in(home / "workspaces")
    noted = [row["what"] for row in audit.entries(open_desk(store, clock=system_clock))]
    assert {"connected", connecting.BEGUN, connecting.ENDED} <= set(noted)


def test_a_first_write_whose_wire_is_pulled_out_is_put_back_by_the_next_test(
    merchant: Merchant, capsys: pytest.CaptureFixture[str]
) -> None:
    before = merchant.ask("GET", "/storefront/listings?limit=1", who="storefront")["items"][0]
    with cable_to(merchant.url) as cable:
        cable.writes_left = 1
        code, _, said = run(
            capsys, "storefront", "--url", cable.url, "--name", "shop", "--canary", before["sku"], typed=TOKEN
        )
        assert code == 1
        assert "Traceback" not in said
        half = merchant.ask("GET", f"/storefront/listings/{before['id']}", who="storefront")
        assert half["quantity"] == before["quantity"] - 1

        cable.writes_left = None
        code, told, said = run(capsys, "--again", "shop")
    assert code == 0, said
    assert "cut off before its end" in said
    assert [step["holds"] for step in told["canary"]["steps"]] == [True, True]
    after = merchant.ask("GET", f"/storefront/listings/{before['id']}", who="storefront")
    assert (after["quantity"], after["version"]) == (before["quantity"], before["version"] + 2)
    assert connecting.unfinished(open_store(read_settings(os.environ), "mine"), "shop") is None


def test_a_wrong_key_is_refused_in_one_sentence_and_nothing_is_kept(
    merchant: Merchant,
    home: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, told, said = run(capsys, "storefront", "--url", merchant.url, typed="wrong-key")
    assert (code, told) == (1, None)
    assert "HTTP 401" in said
    assert "wrong-key" not in said
    assert connections_of(open_store(read_settings(os.environ), "mine")) == ()
    assert not (home / "secrets").exists()


@pytest.mark.parametrize("system", ["warehouse", "erp"])
def test_drafts_are_made_and_cancelled(
    merchant: Merchant,
    capsys: pytest.CaptureFixture[str],
    system: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("THEIR_TOKEN", f"{system}-token")
    code, told, said = run(
        capsys, system, "--url", merchant.url, "--key-from", "env:THEIR_TOKEN", "--orders-from", "shop", "--canary",
        "any",
    )  # fmt: skip
    assert code == 0, said
    assert [step["seen"].rpartition(" ")[2] for step in told["canary"]["steps"]] == ["draft", "cancelled"]
    assert any("'shop', which is not connected yet" in text for text in told["notes"])


def test_what_is_only_read_needs_no_canary(merchant: Merchant, capsys: pytest.CaptureFixture[str]) -> None:
    code, told, said = run(capsys, "carrier", "--url", merchant.url, "--canary", "any", typed="carrier-token")
    assert code == 0, said
    assert told["canary"] is None
    assert told["writes"] == []


def test_a_key_file_is_found_wherever_the_engine_is_started_from(
    merchant: Merchant,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("carrier.key").write_text("carrier-token\n")
    code, _, said = run(capsys, "carrier", "--url", merchant.url, "--key-from", "file:carrier.key")
    assert code == 0, said
    _, told, _ = run(capsys, "warehouse", "--url", merchant.url, "--dry-run", typed="warehouse-token")
    assert any("linked to nothing" in text and "carrier" in text for text in told["notes"])
    [carrier] = connections_of(open_store(read_settings(os.environ), "mine"))
    assert carrier.token == f"file:{tmp_path / 'carrier.key'}"


def test_a_dry_run_keeps_nothing(merchant: Merchant, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told, _ = run(capsys, "storefront", "--url", merchant.url, "--dry-run", typed=TOKEN)
    assert code == 0
    assert told["canary"] is None
    assert connections_of(open_store(read_settings(os.environ), "mine")) == ()
    assert not (home / "secrets").exists()


def test_a_system_that_pushes_is_told_where_to(
    merchant: Merchant, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", "whsec_" + "A" * 32)
    code, _, said = run(
        capsys, "storefront", "--url", merchant.url, "--name", "shop", "--hooks-from", "env:HOOK", typed=TOKEN
    )
    assert code == 0, said
    assert "/hooks/shop" in said
    [shop] = connections_of(open_store(read_settings(os.environ), "mine"))
    assert shop.webhook_secrets == ("env:HOOK",)


def test_a_running_engine_reads_what_was_connected_meanwhile(
    merchant: Merchant,
    capsys: pytest.CaptureFixture[str],
) -> None:
    store = open_store(read_settings(os.environ), "mine", create=True)
    connected = connect(store, os.environ)
    assert connected.adapters == {}
    code, _, said = run(capsys, "carrier", "--url", merchant.url, typed="carrier-token")
    assert code == 0, said
    assert connected.reread(store)
    assert list(connected.adapters) == ["carrier"]
    assert not connected.reread(store)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "say what to connect"),
        (("medusa",), "say what to connect"),
        (("shopware", "--url", "https://shop.example"), "system 'shopware' is unknown"),
        (("medusa", "--url", "http://shop.example"), "use https://"),
        (("medusa", "--url", "https://shop.example", "--name", "My Shop"), "no name for a connection"),
        (("medusa", "--url", "http://127.0.0.1:9", "--key-from", "env:NONE"), "the variable NONE holds no secret"),
        (("tryton", "--url", "http://127.0.0.1:9", "--user", "u"), "ends with its name"),
        (
            ("medusa", "--url", "http://127.0.0.1:9", "--hooks-from", "env:NO_HOOK"),
            "the variable NO_HOOK holds no secret",
        ),
        (("medusa", "--url", "http://127.0.0.1:9"), "answers at http://127.0.0.1:9"),
        (("--again", "nobody"), "there is no connection 'nobody'"),
    ],
)
def test_a_bad_request_is_one_sentence(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], sentence: str
) -> None:
    code, told, said = run(capsys, *arguments, typed="some-key")
    assert (code, told) == (1, None)
    assert sentence in said
    assert "Traceback" not in said
    assert "some-key" not in said


def test_without_a_key_nothing_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    code, told, said = run(capsys, "medusa", "--url", "http://127.0.0.1:9", typed=" ")
    assert (code, told) == (1, None)
    assert "no key was given" in said
