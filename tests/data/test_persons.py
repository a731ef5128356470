"""Personal data stands apart and can be erased without touching the record."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from data.clock import to_micros
from data.errors import RecordInvalid
from data.log.append import Received
from data.log.persons import (
    blot_out,
    erase_person,
    erasing,
    find_in_clear,
    find_persons,
    person_fields,
    store_secret,
    take_out,
)
from data.log.records import one_stored
from data.store import Store
from tests.data.conftest import MakeStore
from tests.data.factories import hash_now, ingest, tallies_are_exact
from tests.factories import NOON, an_order

SECRET = b"0" * 32
RAW = {
    "id": "1001",
    "customer": {"id": "c7", "email": "eve@example.test", "name": "Eve", "phone": None},
    "recipients": [{"name": "Ann", "note": "gift"}, {"name": "Bob"}],
}
PATHS = ("customer.email", "customer.name", "customer.phone", "recipients.name", "billing.name")


def test_listed_fields_leave_a_key_behind_and_lists_are_walked() -> None:
    kept, persons = take_out(RAW, PATHS, connection="shop", secret=SECRET)
    keys = [key for key, _ in persons]
    assert len(keys) == 3
    assert kept == {
        "id": "1001",
        "customer": {"id": "c7", "phone": None, "$person": keys[0]},
        "recipients": [{"note": "gift", "$person": keys[1]}, {"$person": keys[2]}],
    }
    assert json.loads(persons[0][1]) == {"email": "eve@example.test", "name": "Eve"}
    assert "Eve" not in json.dumps(kept)


def test_the_same_person_has_one_key_in_a_connection_and_another_elsewhere() -> None:
    def key(connection: str, secret: bytes = SECRET) -> str:
        return take_out(RAW, PATHS, connection=connection, secret=secret)[1][0][0]

    assert key("shop") == key("shop")
    assert key("shop") != key("market")
    assert key("shop") != key("shop", b"1" * 32)  # without the store's secret nobody can try names


def test_the_secret_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    secret = store_secret(tmp_path)
    assert len(secret) == 32
    assert store_secret(tmp_path) == secret
    [file] = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_erasing_deletes_one_row_and_everything_else_stands(store: Store) -> None:
    kept, persons = take_out(RAW, PATHS, connection="shop", secret=SECRET)
    record = Received(
        key="1001", raw=msgspec.json.encode(kept), observed_at=to_micros(NOON), events=(an_order(),), persons=persons
    )
    ingest(store, [record])
    before = hash_now(store)
    key = persons[0][0]
    with store.log.write() as conn:
        assert person_fields(conn, key) == {"email": "eve@example.test", "name": "Eve"}
        found = find_persons(conn, " Eve@Example.test", connection="shop", secret=SECRET)
        assert found == {key: {"email": "eve@example.test", "name": "Eve"}}
        assert find_persons(conn, "eve@example.test", connection="market", secret=SECRET) == {}
        body = one_stored(conn, 1).body
        assert erase_person(conn, key, at=to_micros(NOON))
    ingest(store, [record])  # the shop still tells it: it is not stored again
    with store.log.write() as conn:
        assert person_fields(conn, key) is None
        assert find_persons(conn, "eve@example.test", connection="shop", secret=SECRET) == {}
        assert not erase_person(conn, key, at=to_micros(NOON))
        assert one_stored(conn, 1).body == body
    assert hash_now(store) == before


def test_what_was_erased_is_left_in_no_file_and_the_rest_of_a_bad_record_stands(
    embedded: MakeStore, tmp_path: Path
) -> None:
    store = embedded()
    kept, persons = take_out(RAW, PATHS, connection="shop", secret=SECRET)
    good = Received(
        key="1001", raw=msgspec.json.encode(kept), observed_at=to_micros(NOON), events=(an_order(),), persons=persons
    )
    bad = Received(
        key="?1", raw=b'{"customer": {"email": "EVE@example.test", "name": "Eve"}, "item": "Evergreen mug", ',
        observed_at=to_micros(NOON), error=RecordInvalid("not whole: eve@example.test", error_class="json"),
    )  # fmt: skip
    ingest(store, [good, bad])
    before = hash_now(store)
    with store.log.read() as conn:
        assert find_in_clear(conn, "shop", ["eve@example.test"]) == [2]
        assert find_in_clear(conn, "shop", [], dead_only=["Eve"]) == [2]
        assert find_in_clear(conn, "market", ["eve@example.test"]) == []
    with erasing(store.log) as conn:
        erase_person(conn, persons[0][0], at=to_micros(NOON))
        assert blot_out(conn, [2], ["eve@example.test", "Eve"]) == 1
        letter = one_stored(conn, 2)
    assert letter.body == b'{"customer": {"email": "(erased)", "name": "(erased)"}, "item": "Evergreen mug", '
    assert letter.error == "not whole: (erased)"
    assert hash_now(store) == before
    assert tallies_are_exact(store)
    left = [file for file in tmp_path.rglob("*") if file.is_file() and b"eve@example.test" in file.read_bytes().lower()]
    assert left == []
