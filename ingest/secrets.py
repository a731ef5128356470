"""Where secrets are: the environment, a file of this user, or the keyring of this machine. They are kept nowhere else.

A connection holds a reference (`env:SHOP_KEY`, `file:~/shop.key`, `keyring:mine/shop`), never the secret.
"""

from __future__ import annotations

import secrets as chance
from collections.abc import Mapping
from pathlib import Path

from data.errors import ConfigError

SERVICE = "fillwell"  #: under this name the keyring keeps what is ours


def look_up(reference: str, env: Mapping[str, str]) -> str:
    """Look a secret up where its reference says.

    Raises:
        ConfigError: there is none; the message names the reference, never a value.
    """
    kind, _, where = reference.partition(":")
    if kind == "env" and where:
        if found := env.get(where, ""):
            return found
        raise ConfigError(f"the variable {where} holds no secret; set it")
    if kind == "file" and where:
        try:
            return Path(where).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"the secret file {where} cannot be read; create it or correct the path") from error
    if kind == "keyring" and where:
        return _of_keyring(where)
    raise ConfigError("a secret is given by reference: env:NAME, file:PATH or keyring:NAME")


def keep(name: str, value: str, folder: Path) -> str:
    """Keep a secret in the keyring, or where this machine has none in a file that only this user can read.

    Args:
        name: what it is for.
        value: the secret.
        folder: where its file is kept; nothing of the store lies there.

    Returns:
        The reference to it.

    Raises:
        ConfigError: it can be kept nowhere.
    """
    return _in_keyring(name, value) or _in_file(name, value, folder)


def _of_keyring(where: str) -> str:
    import keyring
    from keyring.errors import KeyringError

    try:
        found = keyring.get_password(SERVICE, where)
    except (KeyringError, RuntimeError) as error:
        raise ConfigError(f"the keyring cannot be asked for {where}: {error}; unlock it") from error
    if not found:
        raise ConfigError(f"the keyring holds no secret {where}; connect again, or give env:NAME or file:PATH")
    return str(found)


def _in_keyring(name: str, value: str) -> str | None:
    """Keep it under a name that no other installation of this user has; None where there is no keyring to keep it in.

    A keyring that cannot answer (no session bus, locked) is as none: the file is the way then.
    """
    import keyring
    from keyring.core import recommended
    from keyring.errors import KeyringError

    where = f"{name}-{chance.token_hex(4)}"
    try:
        if not recommended(keyring.get_keyring()):
            return None
        keyring.set_password(SERVICE, where, value)
    except (KeyringError, RuntimeError):
        return None
    return f"keyring:{where}"


def _in_file(name: str, value: str, folder: Path) -> str:
    file = folder / name
    try:
        for parent in (folder, file.parent):
            parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = file.with_name(f"{file.name}.{chance.token_hex(4)}")
        fresh.touch(mode=0o600)
        fresh.write_text(value, encoding="utf-8")
        fresh.replace(file)
    except OSError as error:
        raise ConfigError(
            f"the secret cannot be kept in {file}: {error.strerror}; give env:NAME or file:PATH"
        ) from error
    return f"file:{file}"
