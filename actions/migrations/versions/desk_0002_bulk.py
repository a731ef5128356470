"""Many actions approved together go in waves that outlive the process that began them."""

from __future__ import annotations

from alembic import op

from actions.tables import bulk_item, bulk_run

revision = "desk_0002"
down_revision = "desk_0001"


def upgrade() -> None:
    """Create the runs and their items; a desk that begins today has them already."""
    for table in (bulk_run, bulk_item):
        table.create(op.get_bind(), checkfirst=True)
