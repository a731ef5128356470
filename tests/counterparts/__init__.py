"""Two real systems that nobody here wrote, and what is proved against them."""
