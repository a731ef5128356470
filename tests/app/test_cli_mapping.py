"""`fillwell ingest map` and `mappings`: another system's code means ours, with who and when; the engine follows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.__main__ import main
from app.connect import connect
from data.clock import to_micros
from data.log.append import append, prepare, source_id
from data.publish import open_facts, publish
from data.settings import read_settings
from data.store import Store, open_store
from tests.factories import an_item, received
from tests.ingest.factories import NOON
from tests.ingest.remote import Remote
from tests.ingest.test_identity import adapter, an_order, read

CONNECTIONS = """
[shop]
system = "storefront"
url = "https://remote.test"
token = "env:T"
items_from = "erp"
currency = "GBP"

[erp]
system = "erp"
url = "https://remote.test"
token = "env:T"
orders_from = "shop"
"""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A workspace with a shop that sells MUG_1 and an ERP that knows MUG-1."""
    monkeypatch.setenv("FILLWELL_HOME", str(tmp_path))
    monkeypatch.setenv("T", "t")
    opened = open_store(read_settings({"FILLWELL_HOME": str(tmp_path)}), "mine")
    (opened.facts.parent / "connections.toml").write_text(CONNECTIONS)
    remote = Remote(NOON)
    remote.put("orders", an_order("1", "MUG_1"))
    read(opened, remote, adapter(opened, remote))
    with opened.log.write() as conn:
        items = prepare([received(an_item("MUG-1"), key="MUG-1")])
        append(conn, source_id(conn, "erp", "items"), items, received_at=to_micros(NOON), parser=1)
    publish(opened, now=NOON)
    return opened


def run(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> tuple[list[dict[str, object]], str]:
    """Run `fillwell ingest …` and give what it printed and told."""
    with pytest.raises(SystemExit) as ended:
        main(["ingest", *words, "--format", "json"])
    out, err = capsys.readouterr()
    assert ended.value.code == code, err
    return (json.loads(out) if out else []), err


def sold(store: Store) -> list[str]:
    """Name what was ordered."""
    return open_facts(store).frame("order_line")["sku"].to_list()


def test_a_code_is_mapped_listed_and_unmapped(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    [done], told = run(capsys, "map", "shop", "sku", "MUG_1", "MUG-1")
    assert (done["records"], done["changed"]) == (1, 1)
    assert "1 records were read again" in told
    assert sold(store) == ["MUG-1"]
    [mapped], _ = run(capsys, "mappings")
    assert (mapped["external"], mapped["ours"]) == ("MUG_1", "MUG-1")
    assert mapped["by"]
    assert mapped["at"]
    run(capsys, "map", "shop", "sku", "MUG_1", "--undo")
    assert sold(store) == ["MUG_1"]
    assert run(capsys, "mappings")[0] == []


def test_a_slip_of_the_pen_is_refused_with_a_sentence(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    _, told = run(capsys, "map", "shop", "sku", "MUG_1", "MUGG", code=1)
    assert "there is no sku 'MUGG' of erp to map to" in told
    _, told = run(capsys, "map", "shop", "sku", "CUP", "--undo", code=1)
    assert "has no mapping of sku 'CUP'" in told
    assert sold(store) == ["MUG_1"]


def test_a_running_engine_opens_its_adapters_anew_when_a_mapping_changed(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    connected = connect(store, {"T": "t"})
    before = dict(connected.adapters)
    assert connected.follow(store) == []
    run(capsys, "map", "shop", "sku", "MUG_1", "MUG-1")
    assert [(c.external, c.after) for c in connected.follow(store)] == [("MUG_1", "MUG-1")]
    assert connected.adapters["shop"] is not before["shop"]
    assert connected.adapters["erp"] is before["erp"]
    assert connected.follow(store) == []
