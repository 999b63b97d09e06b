"""Reading what an engine knows: a feature, a question, a text of one's own.

Public: `feature_page`, `feature_json`, `see`, `read_text`, `attribution`.
"""
