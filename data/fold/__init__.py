"""The fold: all events of one entity and the reference values in force, to its fact rows. Pure."""
