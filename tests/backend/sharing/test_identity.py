"""What figures depend on is told apart by content alone."""

from dataclasses import replace

import torch

from backend.engine.engine import Engine
from backend.setups import load_setup
from backend.sharing.identity import identity
from tests.support.toy import write_setup


def test_weights_are_the_same_in_either_precision(toy, tmp_path):
    path = write_setup(tmp_path)
    path.write_text(path.read_text().replace('dtype = "float32"', 'dtype = "bfloat16"'))
    mine, other = identity(toy), identity(Engine(load_setup(path)))
    assert {what for what in mine if mine[what] != other[what]} == {"the precision"}


def test_another_sae_or_another_rule_is_seen_by_its_name(toy):
    before = identity(toy)
    sae = toy.sae
    toy.setup = replace(toy.setup, untouched=())
    toy.key = "another engine"  # hashes of weights are kept by it
    with torch.no_grad():
        sae.sae.W_dec[3, 0] += 1.0
    after = identity(toy)
    changed = {what for what in before if before[what] != after[what]}
    assert changed == {"the SAE", "the positions no clamp touches"}
    assert after["the positions no clamp touches"] == "none"
