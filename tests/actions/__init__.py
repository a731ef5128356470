"""The loop of one case, told in sentences."""
