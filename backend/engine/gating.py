"""A gate before anything runs: what it opens, and where its tau belongs."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from threading import Lock

import torch
from jaxtyping import Float
from torch import Tensor

from backend.data.questions import PREFIX, Packed
from backend.engine.evaluator import Evaluator
from backend.errors import BadInput
from backend.evaluation.calibration import Calibration, Ground, Rule, calibrated
from backend.features.scan import ScannedCorpus
from backend.interventions.gates import Opening, opening
from backend.interventions.method import Setting
from backend.model.rows import Rows

REMEMBERED = 16
"""Gates whose statistics are kept: a tau that moves asks for the same again and again."""


class Gating:
    """The gates of one evaluator's questions, and of the text that is to be kept."""

    def __init__(self, evaluator: Evaluator, corpora: Sequence[ScannedCorpus]):
        self._evaluator = evaluator
        self._corpora = [scanned for scanned in corpora if scanned.corpus.role == "retain"]
        self._seen: OrderedDict[object, Opening] = OrderedDict()
        self._lock = Lock()

    def opening(self, setting: Setting) -> Opening | None:
        """What the setting's gate opens among all questions; None for a setting without a gate."""
        gate = setting.method.gate
        if gate is None or not setting:
            return None
        asked = setting.features, setting.method.threshold, gate.kind, gate.width
        # Sessions ask side by side: what one has found another may push out meanwhile.
        with self._lock:
            found = self._seen.get(asked)
        if found is None:
            recording, rates = self._evaluator.recording, self._evaluator.rates(setting)
            found = opening(recording.rows, recording.acts, setting, rates)
            assert found is not None
            with self._lock:
                self._seen[asked] = found
                if len(self._seen) > REMEMBERED:
                    self._seen.popitem(last=False)
        return replace(found, gate=gate)

    def calibrate(
        self, setting: Setting, rate: float, rule: Rule, ground: Ground
    ) -> tuple[Setting, Calibration]:
        """The setting with its tau where a share of `rate` of what should stay closed is above it.

        Raises BadInput for a setting without a gate, a rate out of range, or too few to stand on.
        """
        gate = setting.method.gate
        if gate is None or not setting:
            raise BadInput("Without clamps and a gate there is no tau to find. Choose a gate.")
        found_on = self._on_questions if ground == "questions" else self._on_text
        values = found_on(setting, rule)
        found = calibrated(values.tolist(), rate, rule, ground)
        method = replace(setting.method, gate=replace(gate, tau=found.tau))
        return self._evaluator.check(Setting(setting.clamps, method)), found

    def _on_questions(self, setting: Setting, rule: Rule) -> Float[Tensor, " n"]:
        """Of retain questions of the selection half: see backend.evaluation.calibration.UNITS."""
        found = self.opening(setting)
        assert found is not None
        mine = self._evaluator.sets.role("retain") & self._evaluator.selection
        if rule == "conformal" or self._evaluator.scoring == "letter":
            return found.of_row[mine]
        read_in = found.sequences.of_choice[mine]
        return found.statistic[read_in[read_in >= 0]]

    def _on_text(self, setting: Setting, _: Rule) -> Float[Tensor, " n"]:
        values = [torch.empty(0, dtype=torch.float64)]
        for scanned in self._corpora:
            rows = Rows.of([_whole(ids) for ids in scanned.corpus.ids])
            found = opening(rows, scanned.acts, setting, self._evaluator.rates(setting))
            assert found is not None
            values.append(found.of_row[scanned.whole])
        return torch.cat(values)


def _whole(ids: Sequence[int]) -> Packed:
    """A row of text as one sequence, read at its end."""
    return Packed(list(ids), [PREFIX] * len(ids), [len(ids) - 1], [0], [0], [1.0])
