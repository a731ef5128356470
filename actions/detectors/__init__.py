"""One detector a file; the registry finds them."""
