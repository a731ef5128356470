"""The product as it is installed."""
