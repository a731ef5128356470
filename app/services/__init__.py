"""What a screen asks for: one call a part; no Streamlit here."""
