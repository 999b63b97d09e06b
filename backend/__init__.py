"""Everything Clampboard computes. Nothing here imports Streamlit.

All of it runs as `python -m backend`.
"""
