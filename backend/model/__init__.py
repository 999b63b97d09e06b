"""The language model and the SAE: loaded, cut at the hook, and run over packed rows of tokens.

Public: `load_hf` and `split` make a `SplitModel`, `load_sae` a `LoadedSae`; `Rows` and `Plan` are
what runs through it, `FeatureActs` what fires there, `untouched` where no clamp goes.
"""
