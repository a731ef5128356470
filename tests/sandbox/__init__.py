"""Sentences about the sandbox merchant."""
