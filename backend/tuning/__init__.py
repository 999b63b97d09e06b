"""Settings found by the machine: chosen on the selection half, reported on the held-out half.

`build` is the paper's own procedure, `multipliers` moves the sliders by gradient, `search` looks
among whole settings; each ends in what `found` says.
"""
