"""A model in which a few parameters are other ones, and all else is shared with the one it was
made from.
"""

import copy
from collections.abc import Mapping
from typing import TypeVar

from torch import Tensor, nn
from transformers import PreTrainedModel

from backend.errors import BadInput

M = TypeVar("M", bound=nn.Module)


def changed(hf: PreTrainedModel, matrices: Mapping[str, Tensor]) -> PreTrainedModel:
    """A twin of the model that has these tensors as its parameters of those names.

    They are cast to the dtype and the device of those whose place they take; the original stays as
    it is. Raises BadInput for a name or a shape that the model does not have.
    """
    there = dict(hf.named_parameters())
    made = twin(hf)
    for name, matrix in matrices.items():
        old = there.get(name)
        if old is None or old.shape != matrix.shape:
            has = "no parameter of that name" if old is None else f"one of {tuple(old.shape)}"
            raise BadInput(
                f"{name} of {tuple(matrix.shape)} does not fit this model, which has {has}: take "
                "what was trained on it."
            )
        path, _, parameter = name.rpartition(".")
        new = nn.Parameter(matrix.to(old.device, old.dtype), requires_grad=False)
        setattr(made.get_submodule(path), parameter, new)
    return made


def twin(model: M) -> M:
    """A copy in modules and settings that shares every tensor: one of the two can be cut, hooked or
    given another parameter, and the other is as it was.
    """
    tensors = [*model.parameters(), *model.buffers()]
    return copy.deepcopy(model, {id(tensor): tensor for tensor in tensors})
