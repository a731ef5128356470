"""The documentation, followed as written."""
