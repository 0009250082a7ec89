"""The contract of gates."""

import pytest

from skretrain.gates import BaseGate, Verdict


def test_a_gate_has_to_judge_and_by_default_wants_a_trial():
    with pytest.raises(TypeError, match="abstract"):
        BaseGate()

    class Never(BaseGate):
        def judge(self, trial):
            return Verdict("reject", "never")

    gate = Never()
    assert gate.needs_trial
    assert gate.reset() is gate
    assert gate.judge(None) == Verdict("reject", "never", {})
