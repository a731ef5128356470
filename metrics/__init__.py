"""The metric registry: facts in, figures out."""
