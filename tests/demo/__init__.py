"""The demo shop as a whole: its processes, its desk in a browser, the loop proved."""
