"""The demo shop: the sandbox merchant as a user sees it, and the check of the whole loop."""
