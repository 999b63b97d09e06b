"""A trained RMU as a file: the matrices that were changed, what made them, and whose they are.

Safetensors in bfloat16 under the parameters' own names. The header holds one text of JSON: the
recipe, hashes of these matrices and of the model's own ones in their place, the text, the command.
What it says is checked when a file is named, its matrices when they are asked for.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from safetensors import SafetensorError
from safetensors.torch import load, save_file
from torch import Tensor
from transformers import PreTrainedModel

from backend.checked import checked
from backend.errors import BadInput
from backend.notices import notice
from backend.rim import MB, opened, parse_json, text_of, up_to
from backend.rivals.changed import changed
from backend.rivals.recipe import Recipe, read_recipe
from backend.setups import Setup
from backend.store import cache_folder, key, replacing

ABOUT = "rmu"
"""What the JSON stands under in the file's metadata."""
SUFFIX = ".safetensors"
WHAT = "The trained RMU"
MOST_BYTES = 4_000 * MB
MOST_HEADER = 100_000
MATRIX = re.compile(r"(?:|.*\.)layers\.(\d{1,3})\.mlp\.down_proj\.weight")
"""Named, never numbered: the n-th parameter of a block is another one in each architecture."""
HASH_SHOWN = 8

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Words = Annotated[str, Field(max_length=1_000)]


class Losses(BaseModel):
    """Of the first batch: see backend.rivals.rmu."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    forget: float
    retain: float


class Text(BaseModel):
    """What it was trained on."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    forget: Words
    retain: Words
    tokens: Digest
    """Hash of all its pieces in tokens."""


class About(BaseModel):
    """What a file says of itself."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    format: Literal[1] = 1
    recipe: dict[str, Any]
    model: Words
    """Its name."""
    base: Digest
    """Of the model's own matrices; see `hash_of`."""
    text: Text
    training: Words
    """Changes with whatever can change a bit of the matrices, the machine too."""
    length: float
    """Of the steering vector, in raw units."""
    before: Losses
    after: Losses
    command: Words
    sha256: Digest
    """Of recipe, base, text and matrices."""
    seal: str = ""
    """Hash of the fields above."""

    def sealed(self) -> "About":
        fields = self.model_dump_json(exclude={"seal"})
        return self.model_copy(update={"seal": hashlib.sha256(fields.encode()).hexdigest()})


@dataclass(frozen=True)
class Trained:
    """One trained RMU."""

    path: Path
    recipe: Recipe
    about: About

    @property
    def name(self) -> str:
        """Of the recipe and what came out: [a-z0-9.-], 60 characters at most."""
        return f"{self.recipe.short}-{self.about.sha256[:HASH_SHOWN]}"

    def matrices(self) -> dict[str, Tensor]:
        """Parameter name -> bfloat16 [d_model, d_mlp].

        Raises BadInput unless they are what was written.
        """
        named = f"{WHAT} {self.path}"
        with opened(self.path, MOST_BYTES, WHAT) as stream:
            content = bytes(up_to(stream, MOST_BYTES, named))
        try:
            matrices = load(content)
        except SafetensorError as error:
            raise _damaged(named, str(error)[:100]) from error
        _check_names(self.recipe, {name: matrix.shape for name, matrix in matrices.items()}, named)
        about = self.about
        if _sha256(about.recipe, about.base, about.text.tokens, matrices) != about.sha256:
            raise _damaged(named, "its matrices are not those that were written")
        return matrices

    def into(self, hf: PreTrainedModel) -> PreTrainedModel:
        """A twin of the model it was trained on, with its matrices: see backend.rivals.changed.

        Raises BadInput for another model.
        """
        matrices, there = self.matrices(), dict(hf.named_parameters())
        own = {name: there[name] for name in matrices if name in there}
        if len(own) < len(matrices) or hash_of(own) != self.about.base:
            raise BadInput(
                f"{WHAT} {self.path} does not belong to this model: it was trained on other "
                f"weights, of {self.about.model}. Train one with the command rmu."
            )
        return changed(hf, matrices)


def read(path: Path) -> Trained:
    """A file, checked whole.

    Raises BadInput for one that is no trained RMU, is damaged, or contradicts itself.
    """
    trained = _claimed(path)
    trained.matrices()
    return trained


def save(
    place: Path,
    recipe: Recipe,
    matrices: Mapping[str, Tensor],
    base: Mapping[str, Tensor],
    **about: Any,
) -> Trained:
    """Write a trained RMU, rounded to bfloat16: as this file, or into this folder under its name.

    `base` are the model's own matrices of the same names; `about` gives the other fields of About.
    Raises BadInput for matrices that are no numbers any more, Unavailable if the disk will not have
    it.
    """
    rounded = {
        name: matrix.to("cpu", torch.bfloat16).contiguous() for name, matrix in matrices.items()
    }
    if not all(matrix.isfinite().all() for matrix in rounded.values()):
        raise BadInput(
            "The training has left the numbers that bfloat16 holds: lower the learning rate or the "
            "strength."
        )
    fields, original = asdict(recipe), hash_of(base)
    said = About(
        recipe=fields,
        base=original,
        sha256=_sha256(fields, original, about["text"].tokens, rounded),
        **about,
    ).sealed()
    trained = Trained(place, recipe, said)
    path = place / f"{trained.name}{SUFFIX}" if place.suffix != SUFFIX else place
    # One text under one name: safetensors writes several in no order, and the file would differ.
    with replacing(path) as scratch:
        save_file(rounded, scratch, metadata={ABOUT: said.model_dump_json()})
    return Trained(path, recipe, said)


def folder_of(fingerprint: str) -> Path:
    """Where those of a model lie, by its weights' fingerprint (backend.model.weights)."""
    return cache_folder() / ABOUT / key({"model": fingerprint})


def trained_of(setup: Setup, fingerprint: str) -> list[Trained]:
    """Those the setup names, then those trained here, the newest first; matrices are not read.

    Raises BadInput for one the setup names that cannot be read; what else cannot be read is passed
    over, and said once.
    """
    named = [] if setup.rmu is None else [_claimed(path) for path in setup.rmu.models]
    here = trained_in(folder_of(fingerprint))
    by_name = {trained.name: trained for trained in named}
    return list({**by_name, **{t.name: t for t in here if t.name not in by_name}}.values())


def trained_in(folder: Path) -> list[Trained]:
    """Those in a folder, the newest first; what cannot be read is passed over, and said once."""
    found = []
    paths = sorted(folder.glob(f"*{SUFFIX}"))
    for path in sorted(paths, key=lambda path: path.stat().st_mtime_ns, reverse=True):
        try:
            found.append(_claimed(path))
        except BadInput as error:
            notice(f"{error} It is passed over.")
    return found


def hash_of(matrices: Mapping[str, Tensor]) -> str:
    """Of names, shapes and values, rounded to bfloat16: a model in float32 and the same one in
    bfloat16 have one hash.
    """
    return _sha256_of_tensors(hashlib.sha256(), matrices)


def _sha256(recipe: dict[str, Any], base: str, text: str, matrices: Mapping[str, Tensor]) -> str:
    said = json.dumps({"recipe": recipe, "base": base, "text": text}, sort_keys=True)
    return _sha256_of_tensors(hashlib.sha256(said.encode()), matrices)


def _sha256_of_tensors(digest: "hashlib._Hash", tensors: Mapping[str, Tensor]) -> str:
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tuple(tensor.shape)} ".encode())
        values = tensor.detach().to("cpu", torch.bfloat16).contiguous()
        digest.update(values.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _claimed(path: Path) -> Trained:
    """What a file's header says, checked; the matrices are not read."""
    named = f"{WHAT} {path}"
    with opened(path, MOST_BYTES, WHAT) as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 2 <= length <= MOST_HEADER:
            raise _damaged(named, "it does not begin as one")
        header = parse_json(text_of(stream.read(length), named), named)
    try:
        said = parse_json(header.pop("__metadata__")[ABOUT], named)
        shapes = {name: tuple(map(int, spec["shape"])) for name, spec in header.items()}
        kinds = {spec["dtype"] for spec in header.values()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _damaged(named, "its header is not that of one") from error
    about = checked(About, said, named)
    if about != about.sealed():
        raise _damaged(named, "what it says of itself is not what was written")
    try:
        recipe = read_recipe(about.recipe, "its recipe")
    except BadInput as error:
        raise BadInput(f"{named}: {error}") from error
    _check_names(recipe, shapes, named)
    if kinds != {"BF16"}:
        raise _damaged(named, "its matrices are not in bfloat16")
    return Trained(path, recipe, about)


def _check_names(recipe: Recipe, shapes: Mapping[str, Sequence[int]], named: str) -> None:
    """One matrix for each block of the recipe, all of one shape."""
    found = [MATRIX.fullmatch(name) for name in shapes]
    blocks = sorted(int(match[1]) for match in found if match)
    if blocks != list(recipe.blocks) or None in found or len({*shapes.values()}) != 1:
        raise _damaged(named, "its matrices are not those its recipe changes")


def _damaged(named: str, why: str) -> BadInput:
    return BadInput(f"{named} is damaged, or no file of the command rmu: {why}. Train it again.")
