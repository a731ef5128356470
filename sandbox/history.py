"""The seeded history: a year of real orders run through the model, up to the last real instant."""

from __future__ import annotations

from collections import defaultdict

from sandbox.buyers import invented_customer, pseudonym_of
from sandbox.catalog import make_catalog
from sandbox.instants import DAY, HOUR, SECOND
from sandbox.law import make_law, season_plan, sold_lines
from sandbox.real import Cancellation, Real, is_product
from sandbox.storefront import NewLine, NewOrder
from sandbox.world import World

RANGED_BEFORE = 10 * DAY  #: so long before its first sale a SKU is put into stock


class History:
    """Feeds the real orders and cancellations into a world."""

    def __init__(self, world: World, real: Real) -> None:
        self.world = world
        self.real = real
        self.called_off: dict[str, list[Cancellation]] = defaultdict(list)
        world.handlers["real_order"] = self.place
        world.handlers["real_cancellation"] = self.cancel
        world.handlers["range"] = self.range_sku

    def queue_all(self, start: int) -> None:
        """Queue everything that really happened."""
        world = self.world
        for number, goods in enumerate(world.catalog.skus):
            world.schedule(max(goods.first_sold - RANGED_BEFORE, start) // DAY * DAY, "range", number)
        for number, order in enumerate(self.real.orders):
            world.schedule(order.at, "real_order", number)
        for cancellation in self.real.cancellations:
            order_id = self.real.orders[self.real.lines.order[cancellation.line]].number
            key = f"{cancellation.number}|{order_id}"
            if key not in self.called_off:
                # A cancellation in the minute of its order comes just after it.
                world.schedule(cancellation.at + SECOND, "real_cancellation", key)
            self.called_off[key].append(cancellation)

    def range_sku(self, number: int) -> None:
        """Put a SKU into stock wherever it is kept."""
        for place in self.world.catalog.skus[number].places:
            self.world.erp.open_stock(place)

    def place(self, number: int) -> None:
        """Place a real order."""
        order, lines, titles = self.real.orders[number], self.real.lines, self.real.titles
        new = [
            NewLine(sku, titles[sku], "product" if is_product(sku) else "service", quantity, mills)
            for sku, quantity, mills in zip(
                lines.sku[order.first : order.last],
                lines.quantity[order.first : order.last],
                lines.mills[order.first : order.last],
                strict=True,
            )
        ]
        customer = invented_customer(pseudonym_of(order.customer, order.number), order.country)
        self.world.storefront.place(NewOrder(order.number, order.channel, customer, new, 0, simulated=False))

    def cancel(self, key: str) -> None:
        """Call off what has not been picked; the rest comes back as a return."""
        parts = self.called_off[key]
        order_id = key.partition("|")[2]
        first = self.real.orders[self.real.lines.order[parts[0].line]].first
        cancelled: dict[str, int] = {}
        returned: dict[str, int] = {}
        for part in parts:
            line_id = f"{order_id}-{part.line - first + 1}"
            unpicked = self.world.warehouse.backlog.call_off(order_id, line_id, part.quantity)
            room = self._shippable(order_id, line_id) - unpicked - returned.get(line_id, 0)
            back = min(part.quantity - unpicked, max(room, 0))
            if unpicked:
                cancelled[line_id] = cancelled.get(line_id, 0) + unpicked
            if back:
                returned[line_id] = returned.get(line_id, 0) + back
        if cancelled:
            self.world.storefront.cancel_units(order_id, cancelled, "customer")
        if returned:
            flat = [part for pair in returned.items() for part in pair]
            self.world.storefront.ask_return(order_id, *flat)

    def _shippable(self, order_id: str, line_id: str) -> int:
        order = self.world.storefront.orders[order_id]
        line = order.lines[int(line_id.rpartition("-")[2]) - 1]
        return line.quantity - line.cancelled_quantity


def simulate(real: Real, seed: int) -> World:
    """Run the whole history and leave the world ready to go on live."""
    catalog = make_catalog(real, seed)
    sold = sold_lines(real, catalog)
    end = max(order.at for order in real.orders)
    start = min(order.at for order in real.orders) // DAY * DAY
    world = World(catalog, make_law(real, catalog, sold, end), seed, start)
    world.erp.plan = (*season_plan(sold, len(catalog.places), start), start)
    services = {code: title for code, title in real.titles.items() if not is_product(code)}
    world.storefront.open_channels()
    world.warehouse.open_locations()
    world.erp.open_books(services, end)
    history = History(world, real)
    history.queue_all(start)
    world.schedule(start + 2 * HOUR, "review")
    world.schedule(start + DAY, "end_day")
    world.run_until(end)
    world.erp.plan = None
    for place in range(len(catalog.places)):
        stream, item = world.warehouse.stock, world.warehouse.room.stock_item(place)
        stream.live[item.id] = item
        item.version = max(world.warehouse.state.changes[place] - 1, 0)
        instant = world.warehouse.state.changed_at[place]
        stream.touch(item, instant, world.written(instant))
    world.storefront.list_all()
    world.buyers.begin()
    return world
