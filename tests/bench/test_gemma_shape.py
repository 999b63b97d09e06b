"""The benchmark on Gemma's shape, with the shape made tiny."""

import pytest
import torch

from backend.engine.engine import Engine
from backend.experiments import bench
from backend.setups import load_setup
from tests.bench.gemma_shape import GEMMA_2_2B, SPARSEST, densities, write
from tests.support.data import shared_data

TINY = GEMMA_2_2B | {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "query_pre_attn_scalar": 16,
}


def test_densities_add_up():
    found = densities(16_384, 69)
    assert float(found.sum()) == pytest.approx(69, rel=1e-3)
    assert float(found[0]) == pytest.approx(SPARSEST)
    assert bool((found.diff() > 0).all())


@pytest.mark.demo
def test_the_written_setup_is_benchmarked(tmp_path, monkeypatch):
    monkeypatch.setenv("CLAMPBOARD_DATA", str(shared_data()))
    file = write(tmp_path, TINY, limit=1, block=1, d_sae=256, l0=8)
    file.write_text(file.read_text().replace('path = "model"', 'path = "model"\ndtype = "float32"'))
    engine = Engine(load_setup(file))
    assert engine.n_questions == 5
    assert engine.recording.rows.ids[0] == engine.model.tokenizer.bos_token_id
    forget, retain = engine.atlas.corpora
    fired = sum(int(s.stats.count.sum()) for s in (forget, retain))
    l0 = fired / (forget.n_counted + retain.n_counted)
    assert 4 < l0 < 16, l0
    assert (engine.recording.acts.counts() > 0).sum() > 20, "nothing would be clamped"
    monkeypatch.setattr(bench, "COUNTS", (1, 200))
    rows = bench.measure(engine, 1, lambda _: None)
    assert rows[1]["affected_questions"] == 5
    assert [row["flipped"] for row in rows] == [0, 0]
    assert torch.isfinite(engine.recording.baseline).all()
