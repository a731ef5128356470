"""One folder per system that Fillwell reads from and writes to."""
