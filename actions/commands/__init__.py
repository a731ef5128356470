"""One type of action a file; the registry finds them."""
