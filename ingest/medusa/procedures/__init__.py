"""The verbs of Medusa, by what they move."""
