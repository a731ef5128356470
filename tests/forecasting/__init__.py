"""Tests of demand, projection and replenishment."""
