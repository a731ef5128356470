"""Tests of the desk and of what it asks for."""
