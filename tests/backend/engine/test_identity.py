"""What every figure of a setup is of, in words."""

import os
import resource
from pathlib import Path

import pytest

from backend.engine.identity import identity, mean_l0, resident_bytes, sae_in_words
from backend.setups import SaeSource


def test_all_that_people_ask_for_is_said(toy):
    facts = dict(identity(toy))
    assert facts["Model"] == toy.setup.model.name
    assert toy.dtype in facts["Precision"] and toy.device in facts["Precision"]
    assert facts["Hook"].startswith(toy.sae.hook_name)
    assert f"{toy.d_sae:,}" in facts["Features"]
    assert facts["Prompt"].startswith(toy.setup.protocol.prompt)
    assert f"{toy.n_questions:,}" in facts["Questions"]
    assert "first token" in facts["Never touched"]


def test_l0_is_counted_from_the_activations_themselves(toy):
    """The toy's corpora are kept whole, so every activation is in them."""
    for (_, mean), scanned in zip(mean_l0(toy), toy.atlas.corpora, strict=True):
        assert scanned.complete
        assert mean == pytest.approx(len(scanned.acts.value) / scanned.n_counted)


def test_an_sae_is_called_by_its_release_and_id_or_by_its_place():
    assert sae_in_words(SaeSource(release="gemma-scope", sae_id="layer_7/16k")) == (
        "gemma-scope, layer_7/16k"
    )
    assert sae_in_words(SaeSource(path=Path("/home/someone/saes/block_12"))) == "saes/block_12"


def test_memory_is_what_this_process_holds_and_nothing_where_that_is_not_said(tmp_path):
    held, peak = resident_bytes(), 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert held is not None and 0.1 * peak < held <= 1.05 * peak
    statm = tmp_path / "statm"
    statm.write_text("100 7 3")
    assert resident_bytes(statm) == 7 * os.sysconf("SC_PAGE_SIZE")
    statm.write_text("what")
    assert resident_bytes(statm) is None
    assert resident_bytes(tmp_path / "none") is None
