"""Whether two ways to the same numbers came to the same bits."""

import pytest
import torch

from backend.model.runner import Runner


def assert_same(runner: Runner, got: torch.Tensor, wanted: torch.Tensor) -> None:
    """Bit for bit, where the machine sums each row in one order; nearly, where it does not."""
    if runner.invariant:
        assert torch.equal(got, wanted)
    else:
        torch.testing.assert_close(got, wanted, atol=1e-4, rtol=1e-4)


def need_own_bits(runner: Runner) -> None:
    """Skips the test where a question's bits depend on its batch: no keys and no answers are kept
    there.
    """
    if not runner.invariant:
        pytest.skip("the order in which this machine sums a row depends on the others")
