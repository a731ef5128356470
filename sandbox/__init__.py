"""A merchant's remote systems, simulated, over HTTP."""
