"""Rows that a buffer withholds are predicted and scored, and learned by nobody."""

import pickle
import warnings
from itertools import product

import numpy as np
import pytest
from helpers import representatives, state_of
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier, SGDRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from skretrain import DriftAwareRetrainer, ReplayPartialFit
from skretrain.buffers import Reservoir, SlidingWindow
from skretrain.exceptions import ForgettingWarning
from skretrain.utils.estimator_checks import ScriptedDetector


class Witness(ClassifierMixin, BaseEstimator):
    """Writes down the first column of whatever it learns; it can go on learning."""

    learned = set()

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self.partial_fit(X, y)

    def partial_fit(self, X, y, classes=None):
        self.classes_ = np.unique(y) if classes is None else np.asarray(classes)
        Witness.learned |= set(X[:, 0].astype(int).tolist())
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


class Refitted(Witness):
    """The same, without a ``partial_fit`` of its own."""

    partial_fit = property()

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        Witness.learned |= set(X[:, 0].astype(int).tolist())
        return self


@pytest.fixture(autouse=True)
def _blank():
    Witness.learned = set()


def _stream(n):
    return np.column_stack([np.arange(n), np.arange(n) % 5]).astype(float), np.arange(n) % 2


def _fed(model, n, size):
    X, y = _stream(n)
    for start in range(0, n, size):
        model.partial_fit(X[start : start + size], y[start : start + size])
    return model


BASES = {"updated": Witness(), "refitted": Refitted()}
POLICIES = ["full_refit", "keep_or_refit", "replay_mix"]
CASES = [*product([Reservoir, SlidingWindow], POLICIES, BASES, [1, 7, 60])]


@pytest.mark.parametrize(
    ("kind", "policy", "base", "size"), representatives(CASES, fast=CASES[::5])
)
def test_no_row_is_both_withheld_and_learned_whatever_is_retrained(kind, policy, base, size):
    trigger = ScriptedDetector([80, 150])
    model = DriftAwareRetrainer(
        BASES[base], detector=trigger, policy=policy, buffer=kind(anchor=10), initial_size=20
    )
    _fed(model, 240, size)
    withheld = set(np.flatnonzero(model.buffer_.withheld(np.arange(240))).tolist())
    assert len(withheld) > 10
    assert not Witness.learned & withheld
    assert sum(n for _, n in model.detector_.updates_) == 240 - state_first_rows(model)
    assert model.n_alarms_ == 2
    assert model.n_refits_ + model.events_.counts["kept"] > 0


def state_first_rows(model):
    """Return the rows that came before the first model was there to predict."""
    return model.events_[[e.reason[:9] for e in model.events_].index("first fit")].row


def test_a_first_fit_on_a_whole_table_withholds_rows_and_so_does_replay():
    X, y = _stream(200)
    for model in (
        DriftAwareRetrainer(Witness(), buffer=SlidingWindow(anchor=10)),
        DriftAwareRetrainer(Witness(), buffer=SlidingWindow(anchor=10), batch_size=50),
        ReplayPartialFit(Witness(), buffer=Reservoir(anchor=10)),
    ):
        Witness.learned = set()
        model.fit(X, y)
        withheld = np.flatnonzero(model.buffer_.withheld(np.arange(200)))
        assert Witness.learned == set(range(200)) - set(withheld.tolist())


def test_an_alarm_on_a_row_that_is_withheld_is_answered_at_the_next_one_that_is_not():
    blank = SlidingWindow(anchor=10)
    withheld = blank.withheld(np.arange(200))
    row = next(n for n in range(30, 199) if withheld[n] and not withheld[n + 1])
    model = DriftAwareRetrainer(
        GaussianNB(), detector=ScriptedDetector([row]), policy="full_refit", buffer=blank
    )
    X, y = _stream(200)
    model.fit(X[:30], y[:30])
    for n in range(30, row + 3):
        model.partial_fit(X[[n]], y[[n]])
    alarms = [(e.row, e.action) for e in model.events_ if e.state == "drift"]
    assert alarms == [(row + 1, "kept")]
    answers = [e.row for e in model.events_ if e.action == "retrained" and "alarm" in e.reason]
    assert answers == [row + 2]


def test_without_an_anchor_nothing_changes():
    X, y = _stream(300)
    plain, same = (
        DriftAwareRetrainer(GaussianNB(), buffer=buffer, batch_size=50).fit(X, y)
        for buffer in (None, SlidingWindow(anchor=0))
    )
    assert plain.events_.totals["rows_fitted"] == same.events_.totals["rows_fitted"]
    np.testing.assert_array_equal(plain.predict_proba(X), same.predict_proba(X))
    assert not any("anchor_loss" in event.evidence for event in plain.events_)


def _turned_round(n, at):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 2))
    y = (X[:, 0] > 0).astype(int)
    y[at:] = 1 - y[at:]
    return X, y


def test_the_event_of_a_refit_tells_what_it_costs_on_the_rows_before_the_batch():
    """The oracle: both versions, and the anchor rows that are older than the newest batch."""
    X, y = _turned_round(600, 400)
    served = {}
    model = DriftAwareRetrainer(
        GaussianNB(),
        detector=ScriptedDetector([400]),
        policy="full_refit",
        update=None,
        buffer=SlidingWindow(anchor=40),
    ).fit(X[:400], y[:400])
    served[1] = pickle.loads(pickle.dumps(model.estimator_))
    model.partial_fit(X[400:], y[400:])
    event = model.events_[-1]
    anchor = model.buffer_.anchor_
    old = anchor.index < 400
    was, now = (
        np.mean(one.predict(anchor.X[old]) != anchor.y[old])
        for one in (served[1], model.estimator_)
    )
    assert event.action == "retrained"
    assert event.evidence["anchor_loss_before"] == pytest.approx(was)
    assert event.evidence["anchor_loss"] == pytest.approx(now)
    assert now > 0.8 > 0.2 > was
    assert event.evidence["anchor_rows"] == event.evidence["anchor_stale"] == old.sum()


@pytest.mark.parametrize(("tolerance", "warns"), [(None, False), (1.0, False), (0.2, True)])
def test_forgetting_more_than_is_tolerated_is_told_once_and_the_model_serves(tolerance, warns):
    X, y = _turned_round(800, 400)
    buffer = SlidingWindow(anchor=40, anchor_tolerance=tolerance)
    model = DriftAwareRetrainer(SGDClassifier(random_state=0), detector=None, buffer=buffer)
    model.fit(X[:400], y[:400])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.partial_fit(X[400:], y[400:])
    assert [w.category for w in caught] == [ForgettingWarning] * warns
    if warns:
        assert "by row 800 costs on the anchor" in str(caught[0].message)
        assert "anchor_tolerance=0.2. 0 of them came before" in str(caught[0].message)
    assert model.score(X[400:], y[400:]) > 0.9
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.partial_fit(X[400:410], y[400:410])


def test_the_warning_of_a_refit_comes_when_all_is_in_order():
    """A filter that makes it an error finds the new model in service."""
    X, y = _turned_round(600, 400)
    model = DriftAwareRetrainer(
        GaussianNB(),
        detector=ScriptedDetector([400]),
        policy="full_refit",
        update=None,
        buffer=SlidingWindow(anchor=40, anchor_tolerance=0.1),
    ).fit(X[:400], y[:400])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ForgettingWarning):
            model.partial_fit(X[400:], y[400:])
    assert model.n_refits_ == 1
    assert model.n_samples_seen_ == 600


def test_numbers_are_lost_in_their_own_unit_and_weightless_rows_do_not_count():
    X = np.arange(300.0)[:, None]
    y, weight = 2 * X.ravel(), np.ones(300)
    weight[:150] = 0
    model = DriftAwareRetrainer(
        LinearRegression(), detector=None, policy="full_refit", buffer=SlidingWindow(anchor=20)
    )
    model.fit(X[:200], y[:200], sample_weight=weight[:200])
    model.partial_fit(X[200:], y[200:] + 100, sample_weight=weight[200:])
    state = state_of(model)
    before = state.serving._replace(model=LinearRegression().fit(X, y + 3))
    evidence = state.cost_on_anchor(before, 0)
    index = model.buffer_.anchor_.index
    counted = index[index >= 150]
    assert evidence["anchor_rows"] == len(counted)
    truth = np.where(counted < 200, 2 * counted, 2 * counted + 100)
    assert evidence["anchor_loss_before"] == pytest.approx(np.abs(truth - 2 * counted - 3).mean())


def test_the_first_model_waits_for_a_row_that_may_be_learned():
    X, y = _stream(200)
    buffers = (Reservoir(anchor=10, random_state=seed) for seed in range(100))
    buffer = next(one for one in buffers if one.withheld([0, 1]).tolist() == [True, False])
    model = DriftAwareRetrainer(SGDRegressor(), buffer=buffer, initial_size=1)
    assert not hasattr(model.partial_fit(X[:1], y[:1]), "estimator_")
    assert len(model.buffer_.anchor_.index) == 1
    assert model.partial_fit(X[1:2], y[1:2]).estimator_.n_features_in_ == 2


def test_a_category_that_only_a_withheld_row_has_does_not_stop_the_stream():
    X, y = np.array([["a"], ["b"]] * 100, dtype=object), np.arange(200) % 2
    base = make_pipeline(OneHotEncoder(), LogisticRegression())
    model = DriftAwareRetrainer(base, detector=None, buffer=SlidingWindow(anchor=10))
    row = 100 + int(np.flatnonzero(model.buffer.withheld(np.arange(100, 200)))[0])
    X[row] = "never seen"
    model.fit(X[:100], y[:100]).partial_fit(X[100:], y[100:])
    assert model.n_samples_seen_ == 200
    assert "never seen" in model.estimator_[0].categories_[0]


def test_an_anchor_that_has_nothing_to_score_is_no_evidence():
    X, y = _stream(100)
    model = DriftAwareRetrainer(GaussianNB(), buffer=SlidingWindow(anchor=10))
    model.fit(X, y)
    state = state_of(model)
    assert state.cost_on_anchor(state.serving, 100) == {}  # all came with the newest batch
    weightless = DriftAwareRetrainer(GaussianNB(), buffer=SlidingWindow(anchor=10))
    weight = np.where(weightless.buffer.withheld(np.arange(100)), 0.0, 1.0)
    weightless.fit(X, y, sample_weight=weight)
    state = state_of(weightless)
    assert state.cost_on_anchor(state.serving, 0) == {}


def test_a_model_that_cannot_read_the_anchor_is_told_and_goes_on_serving():
    X, y = _turned_round(600, 600)
    model = DriftAwareRetrainer(SGDClassifier(), detector=None, buffer=SlidingWindow(anchor=40))
    model.fit(X[:400], y[:400])
    buffer = model.buffer_
    buffer._anchor.store.columns["X"].values[:] = np.inf
    with pytest.warns(match="the comparison on the anchor failed"):
        model.partial_fit(X[400:], y[400:])
    assert model.events_[-1].action == "failed"
    assert model.events_.counts["updated"] == 1


def test_a_tolerance_without_an_anchor_is_refused():
    """It would never warn."""
    with pytest.raises(ValueError, match="anchor_tolerance must be None where anchor=0"):
        SlidingWindow(anchor_tolerance=0.1).reset()


@pytest.mark.parametrize("must", [False, True])
def test_a_relearned_model_has_learned_no_withheld_row_unless_it_must(must):
    """It must where what makes the batch unreadable stands in withheld rows alone."""
    columns = [("row", "passthrough", [0]), ("word", OneHotEncoder(sparse_output=False), [1])]
    base = make_pipeline(ColumnTransformer(columns), Witness())
    model = DriftAwareRetrainer(base, detector=None, update=None, buffer=SlidingWindow(anchor=50))
    index = np.arange(100, 200)
    withheld = model.buffer.withheld(index)
    X = np.column_stack([np.arange(200), np.tile(["a", "b"], 100)]).astype(object)
    X[index[withheld if must else ~withheld][0], 1] = "never seen"
    y = np.arange(200) % 2
    Witness.learned = set()
    model.fit(X[:100], y[:100]).partial_fit(X[100:], y[100:])
    assert index[~withheld][-1] in Witness.learned
    assert bool(Witness.learned & set(index[withheld].tolist())) == must
