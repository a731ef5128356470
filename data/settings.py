"""Settings: one frozen value, read once at the edge; a bad value stops the start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from data.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where things are and what the operator chose; see `docs/reference/settings.md`."""

    home: Path  #: workspaces live under it
    database_url: str | None  #: PostgreSQL instead of embedded SQLite
    host: str
    port: int
    engine_port: int
    datasets: Path | None
    counterparts: Path | None
    busy_timeout_seconds: float


def read_settings(env: Mapping[str, str]) -> Settings:
    """Read the settings from the environment.

    Raises:
        ConfigError: a value is not what it must be; the message names the variable.
    """
    home = env.get("FILLWELL_HOME") or platformdirs.user_data_dir("fillwell", appauthor=False)
    return Settings(
        home=Path(home).expanduser().resolve(),
        database_url=_postgres(env, "FILLWELL_DATABASE_URL"),
        host=env.get("FILLWELL_HOST", "127.0.0.1"),
        port=_port(env, "PORT", 8501),
        engine_port=_port(env, "FILLWELL_ENGINE_PORT", 8502),
        datasets=_folder(env, "FILLWELL_DATASETS"),
        counterparts=_folder(env, "FILLWELL_COUNTERPARTS"),
        busy_timeout_seconds=_positive(env, "FILLWELL_BUSY_TIMEOUT_SECONDS", 30.0),
    )


def _postgres(env: Mapping[str, str], name: str) -> str | None:
    text = env.get(name)
    if not text:
        return None
    from sqlalchemy import exc, make_url

    try:
        system = make_url(text).get_backend_name()
    except (exc.ArgumentError, ValueError):
        system = ""
    if system not in ("postgresql", "postgres"):  # not said as it is: a password may stand in it
        raise ConfigError(f"{name} is no address like postgresql://user:password@host/name; give one or unset it")
    return text


def _port(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name, str(default))
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise ConfigError(f"{name}={text!r} is not a port; give a whole number from 1 to 65535")
    return int(text)


def _positive(env: Mapping[str, str], name: str, default: float) -> float:
    text = env.get(name, str(default))
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number < 3600:
        raise ConfigError(f"{name}={text!r} is not a number of seconds between 0 and 3600")
    return number


def _folder(env: Mapping[str, str], name: str) -> Path | None:
    text = env.get(name)
    if not text:
        return None
    folder = Path(text).expanduser().resolve()
    if not folder.is_dir():
        raise ConfigError(f"{name}={text!r} is not a folder; give one that exists or unset it")
    return folder
