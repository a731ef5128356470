"""The metrics: one file each, or one for a small family that shares its measures."""
