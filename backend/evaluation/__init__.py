"""What a setting does to questions: recorded once, evaluated from there, proved by a slow path.

Public: `record`, `Recording`, `evaluate`, `Evaluation`, `SetResult`, `pooled`, `Reference`,
`Results`, `History`, `lights`, `calibrated`, `question_table`.
"""
