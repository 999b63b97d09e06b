"""One method of each kind, for tests that go through all of them."""

from backend.interventions.method import Gate, Method, Refusal

METHODS = {
    "rho, all": Method(gate=Gate("rho", 0.2), reach="all"),
    "threshold, window": Method(threshold=0.1, gate=Gate("window", 0.5, 12)),
    "cusum": Method(gate=Gate("cusum", 1.0)),
    "refusal": Method(refusal=Refusal(9, -20.0)),
    "refusal beside, length kept": Method(refusal=Refusal(9, 12.0, alone=False), keep_norm=True),
}
