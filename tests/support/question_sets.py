"""Question sets as the hub has them: MMLU's in one, and those of O'Brien et al. 2025.

All with plain school biology in them.
"""

from pathlib import Path

import pandas as pd

from backend.data.question_sets import MMLU_SUBJECTS

MMLU = "cais/mmlu"
ROBUST, CLOZE = "EleutherAI/wmdp_bio_robust_mcqa", "EleutherAI/wmdp_bio_cloze"
CATEGORIES = (
    "bioweapons_and_bioterrorism",
    "dual_use_virology",
    "enhanced_potential_pandemic_pathogens",
    "expanding_access_to_threat_vectors",
    "reverse_genetics_and_easy_editing",
    "viral_vector_research",
)
N_ROBUST = (3, 1, 2, 1, 4, 2)
"""Questions of each category's split `robust`; one more in `shortcut`."""
N_CLOZE = {"cloze_compatible": 5, "mcqa_only": 2}
SCHOOL = (
    ("Which organ pumps blood?", ["The heart", "A leaf", "The sea", "Air"], 0),
    ("What has a nucleus?", ["A stone", "A cell", "Rain", "Light"], 1),
    ("What makes sugar from light?", ["A cloud", "Sand", "A green leaf", "Iron"], 2),
    (" What carries oxygen? ", ["Hair", "Bone", "Nails", "Red blood cells"], 3),
)


def school(n: int, begin: int = 0) -> pd.DataFrame:
    """Questions that are all different, with their number in front."""
    asked = [(i, *SCHOOL[i % len(SCHOOL)]) for i in range(begin, begin + n)]
    rows = [{"question": f"{i}. {q}", "choices": c, "answer": a} for i, q, c, a in asked]
    return pd.DataFrame(rows)


def write_robust(folder: Path) -> None:
    """A folder a category, as on the hub; every other one has its answers as text."""
    lines = ""
    for number, (category, n) in enumerate(zip(CATEGORIES, N_ROBUST, strict=True)):
        splits = {"robust": school(n, 10 * number), "shortcut": school(n + 1, 10 * number + 5)}
        lines += f"- config_name: {category}\n  data_files:\n"
        (folder / category).mkdir(parents=True)
        for split, table in splits.items():
            if number % 2:
                table["answer"] = table["answer"].astype(str)
            table.to_parquet(folder / category / f"{split}-00000-of-00001.parquet")
            lines += f"  - split: {split}\n    path: {category}/{split}-*\n"
    (folder / "README.md").write_text(f"---\nconfigs:\n{lines}---\n")


def write_cloze(folder: Path) -> None:
    """No configuration but the hub's own, and two columns that are not used."""
    lines = "- config_name: default\n  data_files:\n"
    (folder / "data").mkdir(parents=True)
    for number, (split, n) in enumerate(N_CLOZE.items()):
        table = school(n, 10 * number).assign(prompt="A, B, C or D?", reasoning="It stands alone.")
        table.to_parquet(folder / "data" / f"{split}-00000-of-00001.parquet")
        lines += f"  - split: {split}\n    path: data/{split}-*\n"
    (folder / "README.md").write_text(f"---\nconfigs:\n{lines}---\n")


def write_mmlu(folder: Path) -> None:
    """Two questions a subject, in the configuration that holds all."""
    (folder / "all").mkdir(parents=True)
    tables = [school(2).assign(subject=subject) for subject in MMLU_SUBJECTS]
    pd.concat(tables).to_parquet(folder / "all" / "test-00000-of-00001.parquet")
    split = "  data_files:\n  - split: test\n    path: all/test-*\n"
    (folder / "README.md").write_text(f"---\nconfigs:\n- config_name: all\n{split}---\n")
