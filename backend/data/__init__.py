"""What a model is shown: questions, prompts and text, read from files or the hub, as tokens.

Public: `read_set` and `Question`s, `pack` and `pack_orders`, `read_corpus` and `Corpus`,
`published_points`, `fetch_model`, `texts_of_ids`.
"""
