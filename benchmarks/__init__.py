"""Measurements beside peers, in one run; ratios count, absolute figures drift."""
