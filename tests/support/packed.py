"""Drawn rows of tokens with branches, as hypothesis strategies."""

from hypothesis import strategies as st

from backend.data.questions import PREFIX, Packed


@st.composite
def packed_rows(draw, most_prefix: int = 5, most_branch: int = 3):
    """Rows with a prefix and up to four branches, one score entry at each branch's end."""
    rows = []
    for _ in range(draw(st.integers(1, 6))):
        n_prefix = draw(st.integers(1, most_prefix))
        sizes = draw(st.lists(st.integers(0, most_branch), min_size=4, max_size=4))
        branch = [PREFIX] * n_prefix + [b for b, size in enumerate(sizes) for _ in range(size)]
        ends = [
            max(i for i, mine in enumerate(branch) if mine in (PREFIX, b)) if size else n_prefix - 1
            for b, size in enumerate(sizes)
        ]
        ids = draw(st.lists(st.integers(0, 99), min_size=len(branch), max_size=len(branch)))
        rows.append(Packed(ids, branch, ends, [7, 8, 9, 10], [0, 1, 2, 3], [1.0] * 4))
    return rows
