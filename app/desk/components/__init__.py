"""What several screens draw: text, badges, cards, charts, tables, filters."""
