"""What comes in from other systems and what is sent back to them."""
