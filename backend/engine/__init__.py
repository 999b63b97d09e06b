"""One setup, loaded and prepared, and the one owner of its model.

Public: `engine.Engine`; under it `prepare.prepare`, `evaluator.Evaluator`, `known.only_known`.
"""
