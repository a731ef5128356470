"""Secrets lie in the environment, in a file of this user alone, or in the keyring; nothing else ever holds one."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring

from data.errors import ConfigError
from ingest.connections import Connection, add_connection, read_connections
from ingest.secrets import keep, look_up

VALUE = "sk_a-very-secret-key"


class Chain(KeyringBackend):
    """A keyring in memory."""

    priority = 5.0

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        """Give what is kept."""
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep it."""
        self.kept[service, username] = password


@pytest.fixture(autouse=True)
def usual_keyring() -> Iterator[None]:
    """Whatever keyring this machine has is not touched."""
    usual = keyring.get_keyring()
    keyring.set_keyring(NoKeyring())  # type: ignore[no-untyped-call]
    yield
    keyring.set_keyring(usual)


def test_a_key_goes_to_the_keyring_where_there_is_one(tmp_path: Path) -> None:
    chain = Chain()
    keyring.set_keyring(chain)
    first, second = keep("mine/shop", VALUE, tmp_path), keep("mine/shop", "another", tmp_path)
    assert first.startswith("keyring:mine/shop-")
    assert (look_up(first, {}), look_up(second, {})) == (VALUE, "another")
    assert not list(tmp_path.iterdir())


def test_without_a_keyring_it_goes_to_a_file_that_only_this_user_can_read(tmp_path: Path) -> None:
    reference = keep("mine/shop", VALUE, tmp_path / "secrets")
    file = Path(reference.removeprefix("file:"))
    assert look_up(reference, {}) == VALUE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.parent.stat().st_mode) == 0o700
    assert look_up(keep("mine/shop", "changed", tmp_path / "secrets"), {}) == "changed"
    assert len(list(file.parent.iterdir())) == 1


@pytest.mark.parametrize(
    ("reference", "what"),
    [
        ("env:NOT_SET", "NOT_SET holds no secret"),
        ("file:/no/such/file", "cannot be read"),
        ("keyring:mine/shop-1", "connect again"),
        (VALUE, "by reference"),
        ("keyring:", "by reference"),
    ],
)
def test_a_secret_that_is_not_there_is_named_by_its_reference_and_never_shown(reference: str, what: str) -> None:
    keyring.set_keyring(Chain())
    with pytest.raises(ConfigError, match=what) as told:
        look_up(reference, {})
    assert VALUE not in str(told.value)


def test_what_is_added_below_a_persons_own_lines_reads_as_it_was_meant(tmp_path: Path) -> None:
    file = tmp_path / "connections.toml"
    file.write_text('# our shop\n[web]\nsystem = "storefront"\nurl = "https://shop.example"\ntoken = "env:T"\n')
    erp = Connection(
        name="erp", system="tryton", url="https://erp.example/a%20b", token="env:P", user='o"hara\\', orders_from="web",
        currency="EUR", overlap_seconds=2.5, webhook_secrets=("env:A", "env:B"),
    )  # fmt: skip
    add_connection(file, erp)
    web, added = read_connections(file)
    assert (web.name, added) == ("web", erp)
    assert file.read_text().startswith("# our shop\n")
    with pytest.raises(ConfigError, match=r"\[erp\] is there already"):
        add_connection(file, erp)
