"""Everything Clampboard computes. Nothing here imports Streamlit; all of it runs as `python -m
backend`.
"""
