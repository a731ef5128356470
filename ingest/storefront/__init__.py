"""The storefront: its limits, its lists, its shapes and what may be written to it."""
