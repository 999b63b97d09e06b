"""Hypothesis draws inputs until a share is used up; nothing that goes wrong stops it."""

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.hostile.counts import Share

BATCH = 200


def drive(share: Share, inputs: st.SearchStrategy[Any], one: Callable[[Any], None]) -> None:
    """Try inputs, the same ones for the same seed."""
    number = share.seed
    while not share.over:

        @seed(number)
        @settings(
            max_examples=min(BATCH, share.most),
            database=None,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        )
        @given(inputs)
        def batch(value: Any) -> None:
            if not share.over:
                share.spend()
                one(value)

        batch()
        number += 1
