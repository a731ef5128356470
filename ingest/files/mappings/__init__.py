"""Mappings that come with Fillwell."""
