"""Makes the empty tables of both systems."""

from __future__ import annotations

import os
from pathlib import Path

from tests.counterparts.install import run
from tests.counterparts.postgres import Cluster
from tests.counterparts.serving import PASSWORD, medusa_command, medusa_env, tryton_configuration

MODULES = (
    "company",
    "account",
    "account_invoice",
    "account_invoice_stock",
    "product_cost_fifo",
    "product_cost_history",
    "stock",
    "stock_lot",
    "stock_lot_sled",
    "stock_forecast",
    "stock_supply",
    "stock_supply_forecast",
    "stock_product_location",
    "stock_shipment_cost",
    "stock_package",
    "stock_package_shipping",
    "sale",
    "sale_supply",
    "sale_stock_quantity",
    "sale_history",
    "purchase",
    "purchase_request",
)


def migrate_medusa(app: Path, cluster: Cluster, database: str) -> None:
    """Make the storefront's tables and a first user."""
    env = medusa_env(cluster, database)
    run(medusa_command(app, "db:migrate", "--skip-scripts"), app, env)
    run(medusa_command(app, "user", "-e", "admin@local.test", "-p", PASSWORD), app, env)


def activate_tryton(environment: Path, cluster: Cluster, database: str) -> None:
    """Make the ERP's tables, its first user and its modules."""
    password = cluster.folder / "tryton-password"
    password.write_text(PASSWORD)
    env = {**os.environ, "TRYTONPASSFILE": str(password)}
    admin = [str(environment / "bin" / "trytond-admin"), "-c", str(tryton_configuration(cluster, 0)), "-d", database]
    run([*admin, "--all", "--email", "admin@example.invalid"], cluster.folder, env)
    run([*admin, "--activate-dependencies", "-u", *MODULES], cluster.folder, env)
