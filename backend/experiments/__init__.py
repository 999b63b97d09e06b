"""What is tried on an engine: strengths, grids, controls, orders, text, and how fast it all is.

Public: `dose_curve`, `run_sweep`, `run_controls`, `permutation_check`, `text_loss`, `dilute`,
`generate`, `bench.measure`.
"""
