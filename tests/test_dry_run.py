"""A dry run says what the real run would have done, with the same numbers, and changes nothing."""

import json
import logging

import numpy as np
import pytest
from helpers import Rings, fingerprint, stream
from sklearn.linear_model import LogisticRegression

from skretrain import DriftAwareRetrainer
from skretrain.gates import AlwaysPromote, PairedGate
from skretrain.policies import FullRefit, KeepOrRefit

X, Y = stream(2500, drift=1000)
NO_DRIFT = stream(2500)[1]
SAME = ("row", "n_rows", "state", "since", "reason", "kind", "n_rows_fitted", "n_rows_forgotten")


def decided(caplog, y, dry_run, **params):
    """Run until the first decision; return the event, what was logged, and what was served."""
    model = DriftAwareRetrainer(
        LogisticRegression(), detector=Rings([1000]), update=None, dry_run=dry_run, **params
    ).fit(X[:600], y[:600])
    served, state = model.estimator_, fingerprint(model.estimator_)
    caplog.clear()
    for first in range(600, 2500, 100):
        rows = slice(first, first + 100)
        model.partial_fit(X[rows], y[rows])
        if first >= 1000 and model.challenger_ is None:
            break
    logged = [json.loads(record.getMessage()) for record in caplog.records]
    return model, served, state, logged


@pytest.mark.parametrize(
    ("y", "params", "actions"),
    [
        (Y, {"policy": KeepOrRefit(["since_drift", "all"])}, ("retrained", "suggested")),
        (NO_DRIFT, {"policy": KeepOrRefit([50])}, ("kept", "kept")),
        (Y, {"gate": PairedGate()}, ("retrained", "suggested")),
        (NO_DRIFT, {"gate": PairedGate(max_rows=500)}, ("rejected", "rejected")),
        (Y, {"gate": PairedGate(), "policy": KeepOrRefit()}, ("retrained", "suggested")),
    ],
    ids=["winner", "keep", "promoted", "rejected", "both"],
)
@pytest.mark.no_cover
def test_up_to_the_first_decision_it_has_the_evidence_of_the_real_run(caplog, y, params, actions):
    """Batch by batch: the comparison, the state of the paired test, and the verdict."""
    caplog.set_level(logging.INFO, logger="skretrain.events")
    policy = params.get("policy", FullRefit()).set_params(grow=False)
    params = params | {"policy": policy}
    real, *_, of_real = decided(caplog, y, False, **params)
    model, served, state, of_dry = decided(caplog, y, True, **params)
    assert (real.events_[-1].action, model.events_[-1].action) == actions
    assert len(of_real) == len(of_dry)
    for mine, theirs in zip(of_dry, of_real, strict=True):
        assert {name: mine[name] for name in SAME} == {name: theirs[name] for name in SAME}
        assert mine["evidence"] == theirs["evidence"]
    assert model.events_[-1].evidence
    totals = real.events_.totals["rows_fitted"], model.events_.totals["rows_fitted"]
    assert totals[0] == totals[1]
    assert model.estimator_ is served
    assert fingerprint(served) == state
    assert model.challenger_ is None
    assert (model.n_refits_, model.events_[-1].version) == (0, 1)


def test_what_the_comparison_found_is_in_the_event(caplog):
    """The one that is taken has the least loss; the serving model took no rows."""
    policy = KeepOrRefit(["since_drift", "all"], grow=False)
    model, *_ = decided(caplog, Y, True, policy=policy)
    found = model.events_[-1].evidence["comparison"]
    assert found["taken"] == "since_drift"
    assert found["rows_held_out"] == 33
    table = found["losses"]
    assert {name: row["rows"] for name, row in table.items()} == {
        "since_drift": 67,
        "all": 1067,
        "keep": 0,
    }
    assert table["since_drift"]["loss"] < min(table["all"]["loss"], table["keep"]["loss"])
    proba = model.predict_proba(X[1067:1100])[np.arange(33), Y[1067:1100]]
    np.testing.assert_allclose(table["keep"]["loss"], ((1 - proba) ** 2).mean())


def test_while_a_paired_test_goes_on_its_state_is_logged(caplog):
    """On every batch since the challenger was made: rows of evidence so far."""
    caplog.set_level(logging.INFO, logger="skretrain.events")
    params = {"gate": PairedGate(min_rows=400), "policy": FullRefit(grow=False)}
    *_, logged = decided(caplog, Y, True, **params)
    waiting = [event["evidence"]["loss"]["rows"] for event in logged if event["evidence"]]
    assert waiting == [100, 200, 300, 400]


def test_a_policy_and_a_gate_that_compare_nothing_cost_nothing(caplog):
    params = {"gate": AlwaysPromote(), "policy": FullRefit(grow=False)}
    model, *_ = decided(caplog, Y, True, **params)
    event = model.events_[-1]
    assert (event.action, event.reason, event.evidence) == ("suggested", "alarm", {})
    assert model.events_.totals["rows_fitted"] == 600
