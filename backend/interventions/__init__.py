"""What a user does to the model: which features are set to what, when, and what that adds. Pure.

Public: `Clamp`, `Clamps`, `clamp_set`, `parse_clamps`; `Method`, `Gate`, `Refusal`, `Setting`,
`setting_of`; `residual_edit`; `opening`; `Board` and `Slider`, with `read_link` and `write_link`;
`SavedPresets`, which alone keeps files.
"""
