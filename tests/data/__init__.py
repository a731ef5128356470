"""The ground floor: what must hold of the log, the fold and the facts."""
