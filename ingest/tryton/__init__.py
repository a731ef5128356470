"""Tryton: an ERP and warehouse, read and corrected over its JSON-RPC."""
