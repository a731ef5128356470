"""The desk, the engine, the command line and the supervisor: everything that runs."""
