"""The desk: screens, their components, palette and style; the only part that knows Streamlit."""
