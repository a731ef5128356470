"""Medusa: its lists and their traps, its shapes, and what may be written to it."""
