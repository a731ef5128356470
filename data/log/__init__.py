"""The log: everything that was received, in order, with its outcome; the one truth all facts are folded from."""
