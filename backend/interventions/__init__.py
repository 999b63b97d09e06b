"""What a user does to the model: which features are clamped to what, and what that adds. Pure.

Public: `Clamp`, `Clamps`, `clamp_set`, `parse_clamps`, `residual_edit`; `Board` and `Slider`, with
`read_link` and `write_link`; `make_preset`, `grid_preset` and `SavedPresets`, which alone keeps
files.
"""
