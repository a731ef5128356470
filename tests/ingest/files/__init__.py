"""Files with every kind of dirt, and the mappings that survive it."""
