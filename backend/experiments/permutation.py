"""One question asked in all 24 orders of its options, without and with clamps."""

from dataclasses import dataclass

from backend.data.orders import N_ORDERS, ORDERS, pack_orders, picks
from backend.data.questions import NO_QUESTIONS, Question
from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.evaluation.evaluate import evaluate
from backend.evaluation.recordings import record
from backend.interventions.method import Setting
from backend.model.rows import Rows
from backend.progress import OnProgress, silent


@dataclass(frozen=True)
class PermutationCheck:
    """Picks are options as numbered in the question; one for each of backend.data.orders.ORDERS,
    the question's own order first.
    """

    question: Question
    before: tuple[int, ...]
    after: tuple[int, ...]

    @property
    def right_before(self) -> int:
        """Of 24; guessing makes 6."""
        return sum(pick == self.question.answer for pick in self.before)

    @property
    def right_after(self) -> int:
        return sum(pick == self.question.answer for pick in self.after)

    def letters_after(self) -> dict[str, int]:
        """How often each letter is picked with the clamps: a model that always picks one letter has
        24 of it.
        """
        letters = [ORDERS[order].index(pick) for order, pick in enumerate(self.after)]
        return {"ABCD"[i]: letters.count(i) for i in range(4)}

    def in_words(self) -> str:
        words = (
            f"Right in {self.right_before} of {N_ORDERS} orders of the options without clamps, in "
            f"{self.right_after} with them (guessing: 6)."
        )
        letter, n = max(self.letters_after().items(), key=lambda item: item[1])
        return (
            words
            if n < 18
            else (
                f"{words} With clamps {n} of {N_ORDERS} answers are '{letter}', whatever stands "
                "there."
            )
        )


def permutation_check(
    engine: Engine, place: int, setting: Setting, on_wait: OnProgress = silent
) -> PermutationCheck:
    """The question at that place among all (see backend.reading.seen.place_of). Raises BadInput
    where prompts do not show the options.
    """
    if engine.setup.scoring != "letter":
        raise BadInput(
            "The order of the options can be checked with letter scoring only: cloze prompts do not"
            " show the options."
        )
    setting = engine.check(setting)
    questions, question = engine.sets.at(place)
    worked = questions.worked(question)
    row = pack_orders(engine.tokenizer, question, engine.setup.protocol, worked)
    with engine.turn(on_wait, "orders"):
        recording = record(
            engine.runner, Rows.of([row]), stage="Asking in all 24 orders", scoring="letter"
        )
        action = engine.evaluator.action(setting, recording, "letter")
        *_, last = evaluate(engine.runner, recording, NO_QUESTIONS, setting, action)
    before, after = (tuple(picks(s)[0].tolist()) for s in (recording.baseline, last.scores))
    return PermutationCheck(question, before, after)
