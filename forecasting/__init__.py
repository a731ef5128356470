"""Demand distribution, stockout probability and replenishment."""
