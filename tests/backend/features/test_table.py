"""The feature table against brute force over dense activations."""

import torch

from backend.engine.engine import Engine
from backend.features import measures as F
from backend.setups import load_setup
from tests.support.toy import D_SAE

WORDS = ["top_words", "promoted", "suppressed"]
"""Columns of lists."""


def test_density_and_max_act_agree_with_brute_force(toy, dense):
    for role, rows in dense.items():
        stacked = torch.cat([acts[1:] for acts in rows])
        expected = (stacked > 0).float().mean(0)
        torch.testing.assert_close(
            torch.tensor(toy.atlas.table[f"{role}_density"].to_numpy(), dtype=torch.float32),
            expected,
        )
        means = torch.tensor(toy.atlas.table[f"{role}_mean"].to_numpy(), dtype=torch.float32)
        torch.testing.assert_close(means, stacked.mean(0).detach(), atol=1e-4, rtol=1e-4)
    both = torch.cat([torch.cat(rows) for rows in dense.values()])
    torch.testing.assert_close(
        torch.tensor(toy.atlas.table["max_act"].to_numpy()),
        both.max(0).values.detach(),
        atol=1e-3,
        rtol=1e-4,
    )


def test_questions_fired_on_by_brute_force(toy):
    rows = toy.recording.rows
    for feature in range(D_SAE):
        tokens = set(toy.recording.acts.of(feature)[0].tolist())
        counts, q = [], 0
        for s in toy.sets:
            n = 0
            for _ in s.questions:
                n += any(t in tokens for t in range(int(rows.start[q]), int(rows.start[q + 1])))
                q += 1
            counts.append(n)
        assert counts == [int(toy.atlas.table[f"on_{s.name}"].iloc[feature]) for s in toy.sets]


def test_counts_of_a_role_are_those_of_its_sets(toy):
    table = toy.atlas.table
    for role in ("forget", "retain"):
        on_sets = sum(table[f"on_{s.name}"] for s in toy.sets if s.role == role)
        assert table[f"fires_{role}"].tolist() == on_sets.tolist()


def test_known_questions_are_those_answered_right(toy):
    rows, right = toy.recording.rows, toy.recording.baseline.argmax(-1).tolist()
    known = [
        q
        for q, question in enumerate(question for s in toy.sets for question in s.questions)
        if right[q] == question.answer
    ]
    forget = [q for q in known if bool(toy.in_sets(["biology"])[q])]
    assert 0 < len(known) < toy.n_questions
    for feature in range(D_SAE):
        tokens = set(toy.recording.acts.of(feature)[0].tolist())
        n = sum(
            any(t in tokens for t in range(int(rows.start[q]), int(rows.start[q + 1])))
            for q in forget
        )
        assert n == toy.atlas.table.known_forget[feature]


def test_top_words_are_those_of_the_strongest_tokens(toy):
    for feature in range(D_SAE):
        hits = []
        for s in toy.atlas.corpora:
            words = [
                F.word_at(text, span)
                for text, spans in zip(s.corpus.texts, s.corpus.spans, strict=True)
                for span in spans
            ]
            token, value = s.acts.of(feature)
            hits += [(float(v), words[t]) for t, v in zip(token.tolist(), value, strict=True)]
        expected = list(
            dict.fromkeys(word for _, word in sorted(hits, key=lambda hit: -hit[0]) if word)
        )[:8]
        assert list(toy.atlas.table.top_words[feature]) == expected


def test_promoted_tokens_are_those_of_the_largest_product_of_direction_norm_and_unembedding(toy):
    """Logit lens: the direction through the final norm's gain and the unembedding."""
    table, decode = toy.atlas.table, toy.model.tokenizer.decode
    gain = toy.model.hf.model.norm.weight
    effect = (toy.sae.W_dec * gain) @ toy.model.hf.lm_head.weight.T
    for feature in range(D_SAE):
        order = effect[feature].argsort(descending=True).tolist()
        assert list(table["promoted"][feature]) == [decode([t]) for t in order[:10]]
        assert list(table["suppressed"][feature]) == [decode([t]) for t in order[::-1][:10]]


def test_it_is_read_back_the_same(toy, toy_toml):
    again = Engine(load_setup(toy_toml)).atlas.table
    assert again.drop(columns=WORDS).equals(toy.atlas.table.drop(columns=WORDS))
    for column in WORDS:
        assert [list(v) for v in again[column]] == [list(v) for v in toy.atlas.table[column]]


def test_a_damaged_table_is_computed_again(toy, toy_toml, caplog):
    [path] = toy.folder.glob("features_*.parquet")
    path.write_bytes(path.read_bytes()[:100])
    again = Engine(load_setup(toy_toml)).atlas.table
    assert "is damaged" in caplog.text
    assert again.drop(columns=WORDS).equals(toy.atlas.table.drop(columns=WORDS))
