"""Files of any kind, brought in by a mapping that a person can write in ten minutes."""
