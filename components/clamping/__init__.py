"""Setting clamps: the sliders, presets, what is taken away, the trials at the foot."""
