"""What the SAE's features are about: where they fire, what they are called, how they are found.

Public: `Atlas`, the table of all of them; `Labels`, `SearchIndex`, `find` and `Filters`, `RANKERS`,
`PRESETS` and `grid_preset`.
"""
