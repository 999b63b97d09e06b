"""Figures as Altair charts: functions from data, without Streamlit."""
