"""Figures as Altair charts: functions from data, without Streamlit, in one theme."""

from components.charts import theme as theme
