"""The engine: reads the systems, folds, detects, sends and verifies; it has no screen."""
