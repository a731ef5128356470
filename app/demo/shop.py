"""The demo shop: connections to the sandbox merchant, with the secrets that only a sandbox may print."""

from __future__ import annotations

from collections.abc import Mapping

from ingest.connections import Connection, sandbox_connections, sandbox_env

SEED = 7
_SECRET_NAME = "FILLWELL_SANDBOX_WEBHOOK_SECRET"  # noqa: S105 -- the name of a variable
#: Every demo signs with this secret; it opens nothing but a sandbox on this machine.
WEBHOOK_SECRET = "whsec_ZGVtby1zYW5kYm94LXNlY3JldC1vZi1maWxsd2VsbA=="  # noqa: S105 -- known to everybody


def connections(url: str) -> tuple[Connection, ...]:
    """Connect to the four systems of the sandbox; orders everywhere are the storefront's."""
    return sandbox_connections(url, f"env:{_SECRET_NAME}")


def secrets() -> Mapping[str, str]:
    """Give the environment in which the demo's secret references are looked up."""
    return {**sandbox_env(), _SECRET_NAME: WEBHOOK_SECRET}
