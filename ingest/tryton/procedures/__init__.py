"""The verbs of Tryton, by what they move."""
