"""Advice: one action that the numbers on held-out rows of both periods support."""

import builtins
import functools
import itertools
import json
import math
import re
import time
from html.parser import HTMLParser

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from helpers import representatives
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    Perceptron,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    get_scorer,
    log_loss,
    make_scorer,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skretrain.model_selection import advise
from skretrain.model_selection._advise import _candidates, _evidence
from skretrain.model_selection._advise._evidence import (
    Evaluation,
    RowwiseEvaluator,
    ScorerEvaluator,
    beyond_moved_inputs,
    forecast,
    rounded_up,
)
from skretrain.model_selection._advise._inputs import input_shift
from skretrain.model_selection._advise._text import ACTIONS, Units
from skretrain.model_selection._metric import metric_of

CLASSIFIER = LogisticRegression()


class Always(ClassifierMixin, BaseEstimator):
    """A model of two classes, of which only the answers matter."""

    classes_ = np.array([0, 1])


class Undecided(ClassifierMixin, BaseEstimator):
    """Gives labels, and neither scores nor probabilities."""

    def fit(self, X, y):
        self.model_ = LogisticRegression(class_weight="balanced").fit(X, y)
        self.classes_ = self.model_.classes_
        return self

    def predict(self, X):
        return self.model_.predict(X)


class WakesUp(ClassifierMixin, BaseEstimator):
    """The fit of the tests is one model, every other one another."""

    def __init__(self, first, then):
        self.first = first
        self.then = then

    def fit(self, X, y):
        old = len(X) == 400 or len(X) == 300
        self.model_ = clone(self.first if old else self.then).fit(X, y)
        self.classes_ = self.model_.classes_
        return self

    def predict(self, X):
        return self.model_.predict(X)


class SlowToContinue(SGDClassifier):
    """Takes its time over each batch."""

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        began = time.process_time()
        while time.process_time() < began + 0.2:
            pass
        return super().partial_fit(X, y, classes, sample_weight)


def _concept(n, seed, *, turned=0.0, moved=0.0, noise=0.05):
    """Return rows of a linear concept; `turned` is the share of labels that differ from 0.0's."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    X[:, 0] += moved
    angle = math.pi * turned
    y = (math.cos(angle) * X[:, 1] + math.sin(angle) * X[:, 2] > 0).astype(int)
    wrong = rng.random(n) < noise
    return X, np.where(wrong, 1 - y, y)


def _pair(n_old=600, n_new=600, seed=0, **new):
    return *_concept(n_old, seed), *_concept(n_new, seed + 1000, **new)


@functools.cache
def _advised(**pair):
    """Return the advice on a pair: several tests read one, and none changes it."""
    return advise(CLASSIFIER, *_pair(**pair))


def _regression(n, seed, slope=1.0, shift=0.0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    return X, slope * X[:, 0] + shift + rng.normal(0, 0.3, n)


def _row(advice, action):
    return next(row for row in advice.rows if row["action"] == action)


@pytest.fixture
def in_stages():
    """Learn from growing subsamples, as advice does; a test that reads what they tell asks."""


@pytest.fixture(autouse=True)
def _in_one_stage(request, monkeypatch):
    """Learn from all rows at once: the subsamples take most of the time, and decide nothing."""
    if "in_stages" not in request.fixturenames and not request.node.get_closest_marker("slow"):
        monkeypatch.setattr(_candidates, "_shares", lambda case: [1.0])


# -- the answers -----------------------------------------------------------------------------------


@pytest.mark.no_cover
def test_a_stationary_pair_is_answered_by_keep():
    advice = _advised()
    assert advice.action == "keep"
    assert "within the noise" in advice.text
    assert "relation between inputs and target held" in advice.text
    assert "did not visibly move" in advice.text


@pytest.mark.parametrize("base", [None, SGDClassifier(loss="log_loss", alpha=1e-3)])
@pytest.mark.no_cover
def test_a_flipped_concept_is_answered_by_a_refit_on_the_new_rows(base):
    advice = _advised(turned=1.0) if base is None else advise(base, *_pair(turned=1.0))
    assert advice.action == "refit_new"
    assert "the old rows are now wrong" in advice.text
    assert _row(advice, "refit_new")["loss_new"] < 0.12
    assert _row(advice, "refit_all")["loss_new"] > 0.3


@pytest.mark.no_cover
def test_moved_inputs_under_an_unchanged_relation_are_told_apart_from_a_changed_one():
    advice = _advised(moved=3.0)
    assert advice.action == "keep"
    assert "The inputs moved" in advice.text
    assert "relation between inputs and target held" in advice.text
    assert advice.evidence["input_shift"]["moved"][0]["name"] == "column 0"
    assert 2.5 < advice.evidence["input_shift"]["moved"][0]["in_deviations"] < 3.5
    assert advice.evidence["input_shift"]["low"] > 0.9


@pytest.mark.parametrize("turned", [0.0, 1.0])
@pytest.mark.no_cover
def test_thirty_new_rows_are_answered_by_collect_more_and_a_number(turned, in_stages):
    advice = advise(CLASSIFIER, *_pair(n_new=30, turned=turned))
    assert advice.action == "collect_more"
    more = advice.evidence["rows_needed"]["more_rows"]
    assert more >= 30
    assert f"collect about {more:,} more new rows" in advice.text


def _bent(n, seed, center):
    """Return rows of one curve, y = x squared, around a center."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.normal(center, 0.7, n), rng.normal(size=n)])
    return X, X[:, 0] ** 2 + rng.normal(0, 0.2, n)


@pytest.mark.no_cover
def test_a_curve_seen_from_its_other_side_is_not_called_a_changed_relation():
    advice = advise(LinearRegression(), *_bent(600, 0, -1.5), *_bent(600, 1, 1.5))
    assert advice.action == "refit_new"  # for a line, the old rows are wrong all the same
    assert advice.evidence["concept_shift"]["inputs_may_explain"]
    assert "the old rows are now wrong for this model" in advice.text
    assert "the relation between inputs and target has changed" not in advice.text


@pytest.mark.no_cover
def test_a_curve_turned_over_in_place_is_called_a_changed_relation():
    X_new, y_new = _bent(600, 1, -1.5)
    advice = advise(LinearRegression(), *_bent(600, 0, -1.5), X_new, -y_new)
    assert advice.action == "refit_new"
    assert not advice.evidence["concept_shift"]["inputs_may_explain"]
    assert "the relation between inputs and target has changed" in advice.text


@pytest.mark.parametrize(
    ("auc", "beyond"), [(0.5, True), (0.65, True), (0.7, False), (1.0, False), (math.nan, False)]
)
def test_errors_may_rise_by_as_much_as_the_inputs_moved(auc, beyond):
    """From 10 % to 50 %, or 2 * 0.7 - 1: by the total variation of the inputs, if all are wrong."""
    before, after = (_evaluation(np.arange(2000) % 10 < n) for n in (1, 5))
    assert beyond_moved_inputs(before, after, auc, is_classifier=True) is beyond
    # Residuals count where they are beyond the old median.
    before, after = _evaluation([1.0, 3.0] * 1000), _evaluation([1.0, *[3.0] * 9] * 200)
    assert beyond_moved_inputs(before, after, auc, is_classifier=False) is beyond


def test_inputs_that_cannot_be_looked_at_leave_open_what_has_changed():
    X_old, y_old, X_new, y_new = _pair(turned=1.0)
    sparse_rows = [sparse.csr_matrix(X) for X in (X_old, X_new)]
    advice = advise(CLASSIFIER, sparse_rows[0], y_old, sparse_rows[1], y_new)
    assert "the old rows are now wrong for this model" in advice.text


@pytest.mark.no_cover
def test_a_shift_of_the_priors_alone_is_answered_by_recalibration():
    rng = np.random.default_rng(0)

    def rows(n, share):
        y = (rng.random(n) < share).astype(int)
        return rng.normal(size=(n, 2)) + 1.2 * y[:, None], y

    advice = advise(GaussianNB(), *rows(3000, 0.5), *rows(1500, 0.95))
    assert advice.action == "recalibrate"
    assert _row(advice, "recalibrate")["gain_low"] > 0


@pytest.mark.no_cover
def test_old_rows_that_still_hold_are_not_thrown_away_for_a_few_new_ones():
    # Few old rows and few new: only together are they enough.
    X, y = _concept(400, 3, noise=0.0)
    X = np.column_stack([X, np.random.default_rng(0).normal(size=(400, 40))])
    advice = advise(CLASSIFIER, X[:80], y[:80], X[80:], y[80:])
    assert advice.action in ("refit_all", "warm_start", "replay_mix", "refit_new")
    assert _row(advice, "refit_all")["loss_new"] <= _row(advice, "refit_new")["loss_new"]


@pytest.mark.no_cover
def test_a_change_inside_the_new_rows_is_located_and_its_window_refitted():
    X_old, y_old = _concept(600, 0)
    X_1, y_1 = _concept(300, 1)
    X_2, y_2 = _concept(900, 2, turned=1.0)
    X_new, y_new = np.concatenate([X_1, X_2]), np.concatenate([y_1, y_2])
    advice = advise(GaussianNB(), X_old, y_old, X_new, y_new)
    located = advice.evidence["concept_shift"]["change_at_new_row"]
    assert abs(located - 300) <= 10
    window = _row(advice, "refit_window")
    assert window["rows"] == 800 - located
    assert window["loss_new"] < _row(advice, "refit_new")["loss_new"]
    assert advice.action == "refit_window"
    assert f"from about new row {located} on" in advice.text


def test_a_change_too_late_for_a_window_is_said():
    X_old, y_old = _concept(600, 0)
    X_1, y_1 = _concept(382, 1)
    X_2, y_2 = _concept(218, 2, turned=1.0)
    X_new, y_new = np.concatenate([X_1, X_2]), np.concatenate([y_1, y_2])
    advice = advise(CLASSIFIER, X_old, y_old, X_new, y_new)
    assert "rows to learn from follow the located change" in _row(advice, "refit_window")["note"]


@pytest.mark.parametrize(
    ("change", "answers"),
    [
        ({}, ["keep"]),
        ({"slope": -1.0}, ["refit_new"]),
        ({"shift": 2.0}, ["recalibrate"]),
    ],
)
@pytest.mark.no_cover
def test_regression_is_answered_as_classification_is(change, answers):
    advice = advise(LinearRegression(), *_regression(600, 0), *_regression(600, 1, **change))
    assert advice.action in answers
    assert "mean absolute error" in advice.text


@pytest.mark.no_cover
def test_a_line_corrects_a_regressor_whose_scale_moved():
    X_old, y_old = _regression(600, 0)
    X_new, y_new = _regression(600, 1)
    advice = advise(LinearRegression(), X_old, y_old, X_new, 3 * y_new)
    assert _row(advice, "recalibrate")["note"] == "a line"
    assert _row(advice, "recalibrate")["gain_low"] > 0


# -- honesty ---------------------------------------------------------------------------------------


class _Memory(ClassifierMixin, BaseEstimator):
    """Remember every row by its number, which is its first column."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.known_ = {int(row[0]): label for row, label in zip(X, y, strict=True)}
        return self

    def predict(self, X):
        return np.array([self.known_.get(int(row[0]), self.classes_[0]) for row in X])


def test_noise_is_never_learned_by_heart_into_a_gain():
    # A model that knows by heart what it saw would win every candidate that saw the test rows.
    rng = np.random.default_rng(0)
    X = np.arange(800.0)[:, None]
    y = rng.integers(0, 2, 800)
    advice = advise(_Memory(), X[:400], y[:400], X[400:], y[400:])
    for action in ("keep", "refit_new", "refit_all"):
        row = _row(advice, action)
        assert 0.35 < row["loss_new"] < 0.65
        assert 0.35 < row["loss_old"] < 0.65


def test_no_candidate_is_fitted_on_a_held_out_row(monkeypatch):
    seen = []
    plain = _Memory.fit

    def fit(self, X, y):
        seen.extend(X[:, 0].tolist())
        return plain(self, X, y)

    monkeypatch.setattr(_Memory, "fit", fit)
    X, y = np.arange(800.0)[:, None], np.arange(800) % 2
    advise(_Memory(), X[:400], y[:400], X[400:], y[400:])
    held_out = {*range(300, 400), *range(667, 800)}  # the newest quarter and the newest third
    assert held_out.isdisjoint(seen)
    assert set(seen) == set(range(800)) - held_out


@pytest.mark.no_cover
def test_a_fitted_model_is_the_present_one_and_is_not_changed():
    X_old, y_old, X_new, y_new = _pair(turned=1.0)
    model = make_pipeline(StandardScaler(), SGDClassifier(random_state=0)).fit(X_old, y_old)
    before = joblib.hash(model)
    advice = advise(model, X_old, y_old, X_new, y_new)
    assert joblib.hash(model) == before
    held_out = slice(400, None)
    assert _row(advice, "keep")["loss_new"] == np.mean(
        model.predict(X_new[held_out]) != y_new[held_out]
    )
    assert advice.evidence["present"]["fitted"]


def test_what_only_the_given_model_allows_and_its_clone_does_not_is_no_candidate():
    # Upside down, it can be calibrated on turned labels; a clone fitted on the old ones cannot.
    X_old, y_old, X_new, y_new = _pair(turned=1.0)
    model = LinearSVC().fit(X_old, 1 - y_old)
    advice = advise(model, X_old, y_old, X_new, y_new)
    assert not _row(advice, "recalibrate")["tried"]
    assert "rank the wrong way round" in _row(advice, "recalibrate")["note"]


def test_what_a_fitted_model_knows_by_heart_does_not_count_as_its_past_loss():
    rng = np.random.default_rng(0)
    X, y = np.arange(800.0)[:, None], rng.integers(0, 2, 800)
    model = _Memory().fit(X[:400], y[:400])  # the held-out old rows among them
    advice = advise(model, X[:400], y[:400], X[400:], y[400:])
    assert _row(advice, "keep")["loss_old"] > 0.35
    assert advice.action != "refit_new"
    assert advice.evidence["concept_shift"]["low"] < 0 < advice.evidence["concept_shift"]["high"]


@pytest.mark.no_cover
def test_two_calls_agree(in_stages):
    data = _pair(turned=0.3)
    one, two = (advise(SGDClassifier(), *data) for _ in range(2))
    assert one.action == two.action
    for a, b in zip(one.rows, two.rows, strict=True):
        for name in a.keys() - {"seconds", "forecast_seconds"}:
            assert a[name] == b[name] or (a[name] != a[name] and b[name] != b[name])
    assert one.evidence["input_shift"] == two.evidence["input_shift"]
    assert one.evidence["sensitivity"] == two.evidence["sensitivity"]


@pytest.mark.no_cover
def test_another_seed_draws_other_models():
    data = _pair(turned=0.2)
    seeds = [*range(4), np.random.RandomState(3)]
    losses = [advise(SGDClassifier(), *data, random_state=s).rows[0]["loss_new"] for s in seeds]
    assert len(set(losses)) > 2
    # A generator gives a seed and stays as it is: two calls agree.
    before = joblib.hash(seeds[-1])
    again = advise(SGDClassifier(), *data, random_state=seeds[-1]).rows[0]["loss_new"]
    assert (again, joblib.hash(seeds[-1])) == (losses[-1], before)


# -- targets and containers ------------------------------------------------------------------------


@pytest.mark.no_cover
def test_string_labels_give_the_numbers_of_the_codes():
    X_old, y_old, X_new, y_new = _pair(turned=1.0)
    names = np.array(["no", "yes"])
    codes = _advised(turned=1.0)
    for dtype in (None, object):
        old, new = (names[y].astype(dtype or names.dtype) for y in (y_old, y_new))
        texts = advise(CLASSIFIER, X_old, old, X_new, new)
        assert texts.action == codes.action
        assert texts.evidence["gains"] == codes.evidence["gains"]


def _frames():
    rng = np.random.default_rng(0)
    n = 800
    frame = pd.DataFrame(
        {
            "day": pd.date_range("2024-01-01", periods=n, freq="h"),
            "temp": rng.normal(size=n),
            "count": rng.integers(0, 50, n),
            "city": rng.choice(["Oslo", "Rome"], n),
            "wait": pd.to_timedelta(rng.integers(1, 500, n), unit="min"),
            "gap": np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n)),
        }
    )
    frame.loc[n // 2 :, "temp"] += 2
    frame.loc[n // 2 :, "city"] = rng.choice(["Oslo", "Rome", "Lima"], n // 2)
    y = np.where(frame.temp + (frame.city == "Oslo") > 0.5, "yes", "no")
    return frame.iloc[: n // 2], y[: n // 2], frame.iloc[n // 2 :], y[n // 2 :]


@functools.cache
def _advised_on_frames():
    return advise(_mixed(), *_frames())


def _mixed():
    return make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), ["city"]),
            ("passthrough", ["temp", "count", "gap"]),
        ),
        HistGradientBoostingClassifier(max_iter=10),
    )


POLARS_BY_NAME = pytest.mark.skipif(
    sklearn.__version__.startswith("1.7."),
    reason="a ColumnTransformer of scikit-learn 1.7 cannot pick columns of this frame by name",
)


@pytest.mark.parametrize(
    "library",
    ["pandas", pytest.param("polars", marks=[POLARS_BY_NAME, pytest.mark.no_cover])],
)
def test_frames_of_mixed_columns_are_described_by_their_names(library):
    if library == "pandas":
        advice = _advised_on_frames()
    else:
        X_old, y_old, X_new, y_new = _frames()
        X_old, X_new = pl.from_pandas(X_old), pl.from_pandas(X_new.reset_index(drop=True))
        advice = advise(_mixed(), X_old, y_old, X_new, y_new)
    shift, found = advice.evidence["input_shift"], advice.evidence["sensitivity"]
    assert [m["name"] for m in shift["moved"]][:2] == ["temp", "city"]
    assert shift["clocks"] == ["day"]  # it would tell the periods apart without any drift
    assert {"temp", "count", "gap"} == {f["name"] for f in found["features"]}
    assert found["features"][0]["name"] == "temp"
    assert "temp" in advice.text
    assert _row(advice, "fine_tune")["tried"]


def test_nothing_is_written_without_a_minus():
    units = Units(is_classifier=True)
    assert units.change(-0.0001) == "0.0 points"
    assert units.interval(-0.012, -0.0002) == "-1.2 to 0.0"


@pytest.mark.no_cover
def test_a_clock_that_was_set_back_hides_no_shift():
    """Two exports may count their rows from 0 each; an unsorted column is none."""
    X_old, y_old, X_new, y_new = _pair(n_old=400, n_new=300)
    X_new = X_new + 2.0 * np.eye(1, X_new.shape[1])
    pair = [np.column_stack([np.arange(len(X)), X]) for X in (X_old, X_new)]
    shift = advise(LogisticRegression(), pair[0], y_old, pair[1], y_new).evidence["input_shift"]
    plain = advise(LogisticRegression(), X_old, y_old, X_new, y_new).evidence["input_shift"]
    assert shift["clocks"] == ["column 0"]
    assert (shift["auc"], plain["clocks"]) == (plain["auc"], [])
    assert shift["low"] > 0.5


@pytest.mark.no_cover
def test_columns_in_another_order_are_the_same_columns():
    X_old, y_old, X_new, y_new = _frames()
    one = _advised_on_frames()
    two = advise(_mixed(), X_old, y_old, X_new[X_new.columns[::-1]], y_new)
    assert one.evidence["gains"] == two.evidence["gains"]


@pytest.mark.no_cover
def test_sparse_rows_and_texts_are_judged_without_a_look_at_columns():
    X_old, y_old, X_new, y_new = _pair(n_old=200, n_new=200, turned=1.0)
    advice = advise(CLASSIFIER, sparse.csr_matrix(X_old), y_old, sparse.csr_matrix(X_new), y_new)
    assert advice.action == "refit_new"
    assert "the columns are sparse" in advice.text
    assert "What its predictions depend on" not in advice.to_html()
    texts = [["bad news", "good news"][label] for label in np.arange(900) % 2]
    y = np.arange(900) % 2
    model = make_pipeline(HashingVectorizer(n_features=16), CLASSIFIER)
    advice = advise(model, texts[:300], y[:300], texts[300:], y[300:])
    assert advice.action == "keep"
    assert "the rows are no table of columns" in advice.text
    assert advice.evidence["sensitivity"]["reason"]


@pytest.mark.no_cover
def test_a_class_that_only_the_new_rows_have_is_learned_by_what_can():
    X_old, y_old, X_new, y_new = _pair()
    y_new = np.where(X_new[:, 3] > 0.5, 2, y_new)
    advice = advise(CLASSIFIER, X_old, y_old, X_new, y_new)
    assert advice.action in ("refit_new", "refit_all", "warm_start", "replay_mix")
    assert advice.evidence["concept_shift"]["low"] > 0


@pytest.mark.no_cover
def test_a_class_that_only_the_old_rows_have_is_topped_up():
    X_old, y_old, X_new, y_new = _pair(turned=1.0)
    y_old = np.where(X_old[:, 3] > 1, 2, y_old)
    advice = advise(CLASSIFIER, X_old, y_old, X_new, y_new)
    assert advice.action == "refit_new"
    assert "older rows of classes" in _row(advice, "refit_new")["note"]


@pytest.mark.no_cover
def test_new_rows_of_one_class_break_nothing():
    X_old, y_old, X_new, _ = _pair()
    advice = advise(CLASSIFIER, X_old, y_old, X_new, np.ones(600, dtype=int))
    assert advice.action in ("recalibrate", "refit_new", "warm_start")
    assert _row(advice, advice.action)["loss_new"] < 0.05


@pytest.mark.parametrize("base", [DecisionTreeClassifier(), DummyRegressor()])
@pytest.mark.no_cover
def test_a_target_that_never_varies_is_answered_by_keep(base):
    X_old, _, X_new, _ = _pair(n_old=100, n_new=100)
    advice = advise(base, X_old, np.ones(100), X_new, np.ones(100))
    assert advice.action == "keep"
    assert _row(advice, "keep")["loss_new"] == 0


@pytest.mark.no_cover
def test_missing_values_are_left_to_a_base_that_takes_them():
    X_old, y_old, X_new, y_new = _pair(turned=1.0)
    for X in (X_old, X_new):
        X[::7, 3] = np.nan
    X_new[::2, 0] = np.nan
    base = HistGradientBoostingClassifier(max_iter=10)
    advice = advise(base, X_old, y_old, X_new, y_new)
    assert _row(advice, advice.action)["gain_low"] > 0.5
    assert all(_row(advice, name)["tried"] for name in ("refit_new", "refit_all", "replay_mix"))


# -- candidates that cannot ------------------------------------------------------------------------


class _Picky(DecisionTreeClassifier):
    """Refuse to be fitted on as many rows as both periods have; warn on the new ones."""

    def fit(self, X, y):
        if len(X) > 700:
            raise RuntimeError("too many rows\nand a second line")
        return super().fit(X, y)


@pytest.mark.no_cover
def test_a_candidate_that_fails_says_why_and_the_others_go_on():
    advice = advise(_Picky(max_depth=3), *_pair(turned=1.0))
    failed = _row(advice, "refit_all")
    assert failed["note"] == "failed: RuntimeError: too many rows"
    assert not failed["tried"]
    assert math.isnan(failed["gain"])
    assert advice.action == "refit_new"
    assert "not possible" in _row(advice, "warm_start")["note"]
    assert "failed: RuntimeError: too many rows" in advice.to_html()


class _Warns(DecisionTreeClassifier):
    def fit(self, X, y):
        import warnings

        warnings.warn("odd rows", UserWarning, stacklevel=2)
        return super().fit(X, y)


def test_a_warning_of_a_fit_stands_in_the_table_and_goes_nowhere_else():
    advice = advise(_Warns(max_depth=2), *_pair(n_old=200, n_new=200))
    assert _row(advice, "refit_new")["note"] == "warned: odd rows"


class _Unsure(LinearRegression):
    """Predict nothing that is a number where it was fitted on few rows."""

    def fit(self, X, y):
        self.few_ = len(X) < 400
        return super().fit(X, y)

    def predict(self, X):
        return super().predict(X) * (np.nan if self.few_ else 1.0)


@pytest.mark.no_cover
def test_predictions_that_are_no_numbers_are_no_candidate():
    advice = advise(_Unsure(), *_regression(800, 0), *_regression(300, 1))
    assert "not finite" in _row(advice, "refit_new")["note"]
    assert advice.action == "keep"


@pytest.mark.no_cover
def test_a_model_without_scores_cannot_be_recalibrated():
    advice = advise(_Memory(), *_pair(n_old=100, n_new=100))
    assert "no probabilities" in _row(advice, "recalibrate")["note"]


@pytest.mark.no_cover
def test_scores_without_probabilities_are_calibrated_but_never_turned_round():
    base = LinearSVC()
    advice = advise(base, *_pair(n_new=200))
    assert _row(advice, "recalibrate")["note"] == "sigmoid calibration"
    turned = advise(base, *_pair(n_new=200, turned=1.0))
    assert "wrong way round" in _row(turned, "recalibrate")["note"]
    X, y = _concept(600, 0)
    three = np.where(X[:, 3] > 0.7, 2, y)
    several = advise(RidgeClassifier(), X[:400], three[:400], X[400:], three[400:])
    assert _row(several, "recalibrate")["note"] == "sigmoid calibration"


def test_a_class_that_comes_too_late_to_compare_calibrations_rules_them_out_there_only():
    X_old, y_old, X_new, y_new = _pair(n_new=300)
    y_new[:150] = 0  # of the 200 rows to learn from; the corrections are compared on the last 67
    assert _row(advise(CLASSIFIER, X_old, y_old, X_new, y_new), "recalibrate")["tried"]


def test_a_regressor_that_always_says_the_same_can_only_be_shifted():
    X_old, y_old = _regression(200, 0)
    X_new, y_new = _regression(200, 1, shift=3.0)
    advice = advise(DummyRegressor(), X_old, y_old, X_new, y_new)
    assert _row(advice, "recalibrate")["note"] == "shifted"
    assert advice.action == "recalibrate"


def test_a_warm_start_that_would_be_a_refit_is_not_called_one():
    X_old, y_old, X_new, y_new = _pair(n_old=200, n_new=200)
    base = Perceptron(early_stopping=True)
    assert not _row(advise(base, X_old, y_old, X_new, y_new), "warm_start")["tried"]
    y_new = np.where(X_new[:, 3] > 0, 2, y_new)
    model = HistGradientBoostingClassifier(max_iter=5, warm_start=True).fit(X_old, y_old)
    assert not _row(advise(model, X_old, y_old, X_new, y_new), "warm_start")["tried"]


# -- prices, scores, time --------------------------------------------------------------------------


def test_a_gain_that_does_not_pay_its_price_is_no_reason_to_retrain():
    data = _pair(turned=0.3)
    free = advise(CLASSIFIER, *data)
    assert free.action == "refit_new"
    saved = free.evidence["gains"]["refit_new"]["estimate"] * 600
    share = _row(free, "refit_new")["rows"] / (450 + 400)
    assert advise(CLASSIFIER, *data, price=0.9 * saved / share).action == "refit_new"
    dear = advise(CLASSIFIER, *data, price=2 * saved / share)
    assert dear.action == "keep"
    assert f"does not pay its price of {2 * saved / share:g}" in dear.text
    assert "price of a refit" in dear.to_html()


@pytest.mark.parametrize("scoring", ["roc_auc", "neg_log_loss"])
@pytest.mark.no_cover
def test_a_scorer_is_the_loss_that_is_compared(scoring, monkeypatch):
    X_old, y_old, X_new, y_new = _pair(n_old=300, n_new=300, turned=1.0)
    monkeypatch.setattr(_evidence, "_RESAMPLES", 20)
    advice = advise(CLASSIFIER, X_old, y_old, X_new, y_new, scoring=scoring)
    model = clone(CLASSIFIER).fit(X_old[:225], y_old[:225])
    assert _row(advice, "keep")["loss_new"] == pytest.approx(
        -get_scorer(scoring)(model, X_new[200:], y_new[200:])
    )
    assert advice.action == "refit_new"
    shown, way = {"roc_auc": ("ROC AUC", "rise"), "neg_log_loss": ("log loss", "fall")}[scoring]
    assert f"the present model has {shown} " in advice.text
    assert f"A gain is a {way} of the {shown}." in advice.to_html()


@pytest.mark.no_cover
def test_a_scorer_of_ones_own_is_called_by_its_name(monkeypatch):
    monkeypatch.setattr(_evidence, "_RESAMPLES", 5)

    def share_of_right_ones(model, X, y):
        return float((model.predict(X) == y).mean())

    data = _pair(n_old=200, n_new=200)
    advice = advise(CLASSIFIER, *data, scoring=share_of_right_ones)
    assert "the present model has share of right ones 0.9" in advice.text
    advice = advise(CLASSIFIER, *data, scoring=lambda *args: share_of_right_ones(*args))
    assert "the present model has score 0.9" in advice.text


def _worth(truth, predicted):
    return -np.abs(truth - predicted).mean()


AVERAGE_PRECISION = make_scorer(
    average_precision_score, response_method="predict_proba", pos_label="fraud"
)
NEG_LOG_LOSS = make_scorer(log_loss, greater_is_better=False, response_method="predict_proba")
SCORINGS = {
    "errors": (None, "error rate", -1),
    "accuracy": ("accuracy", "accuracy", 1),
    "average precision": ("average_precision", "average precision", 1),
    "F1": ("f1", "F1", 1),
    "log loss": ("neg_log_loss", "log loss", -1),
    "a loss": (NEG_LOG_LOSS, "log loss", -1),
    "residuals": (None, "mean absolute error", -1),
    "R2": ("r2", "R2", 1),
    "RMSE": ("neg_root_mean_squared_error", "root mean squared error", -1),
    "a score": (make_scorer(_worth), "worth", 1),
}
OF_REGRESSORS = ("residuals", "R2", "RMSE", "a score")


@pytest.mark.parametrize(
    ("name", "gets"),
    representatives(
        itertools.product(SCORINGS, ["worse", "better"]),
        fast=[("errors", "worse"), ("F1", "better"), ("residuals", "better"), ("a score", "worse")],
    ),
)
@pytest.mark.no_cover
@pytest.mark.thinned(3)
def test_what_falls_is_said_to_be_lower_and_what_rises_higher(name, gets, monkeypatch):
    """Of the present model on the new rows beside the old; a loss rises where a score falls."""
    monkeypatch.setattr(_evidence, "_RESAMPLES", 20)
    scoring, shown, sign = SCORINGS[name]
    noise = {"old": 0.15, "new": 0.3 if gets == "worse" else 0.02}
    if name in OF_REGRESSORS:
        rng = np.random.default_rng(0)
        pair = {period: _regression(300, seed) for seed, period in enumerate(noise)}
        pair = {k: (X, y + 3 * noise[k] * rng.normal(size=len(y))) for k, (X, y) in pair.items()}
        advice = advise(LinearRegression(), *pair["old"], *pair["new"], scoring=scoring)
    else:
        pair = {k: _concept(300, seed, noise=noise[k]) for seed, k in enumerate(noise)}
        advice = advise(CLASSIFIER, *pair["old"], *pair["new"], scoring=scoring)
    way = "lower" if (gets == "worse") == (sign > 0) else "higher"
    said = re.search(
        rf"has {shown} (\S+)(?: %)?, on the new ones (\S+)(?: points)? (\w+)", advice.text
    )
    before, by, told = said.groups()
    assert told == way
    present = advice.evidence["present"]
    scale = 100 if name == "errors" else 1
    assert float(before) == pytest.approx(-sign * scale * present["loss_old"], rel=0.01)
    change = -sign * scale * (present["loss_new"] - present["loss_old"])
    assert float(by) == pytest.approx(abs(change), rel=0.02, abs=0.051 if scale == 100 else 0)
    low, high = re.search(r"difference: 95 % interval (\S+) to ([^)]+)\)", advice.text).groups()
    assert float(low) < change < float(high)


def _frauds(n, seed, *, changed=False, share=0.015):
    """Return rows of which few are frauds; of the others they differ in some columns."""
    rng = np.random.default_rng((seed, changed))
    y = np.where(rng.random(n) < share, "fraud", "ok")
    X = rng.normal(size=(n, 8))
    X[y == "fraud", slice(4, 8) if changed else slice(0, 4)] += 1
    return X, y


@pytest.mark.no_cover
def test_a_rare_class_is_judged_by_its_average_precision(monkeypatch):
    """Errors would hardly tell: the model that never says "fraud" makes fewer than most."""
    monkeypatch.setattr(_evidence, "_RESAMPLES", 30)
    data = *_frauds(4000, 0), *_frauds(4000, 1, changed=True)
    advice = advise(CLASSIFIER, *data)
    assert advice.action == "refit_new"
    assert "the present model has average precision of 'fraud' 0.0" in advice.text
    share = np.mean(np.concatenate([data[1], data[3]]) == "fraud")
    assert f"not by errors: 'fraud' has {100 * share:.2g} % of the rows, and" in advice.text
    model = clone(CLASSIFIER).fit(*(part[:3000] for part in data[:2]))
    X, y = (part[-1333:] for part in data[2:])
    by_hand = average_precision_score(y == "fraud", model.predict_proba(X)[:, 0])
    assert _row(advice, "keep")["loss_new"] == pytest.approx(-by_hand)


@pytest.mark.no_cover
def test_few_rows_of_a_class_show_that_a_score_near_zero_was_left_behind(monkeypatch):
    """By the logit, on which shares near 0 vary as others do; the interval stays below 1."""
    monkeypatch.setattr(_evidence, "_RESAMPLES", 40)
    data = *_frauds(3000, 0, share=0.02), *_frauds(3000, 1, share=0.02, changed=True)
    advice = advise(CLASSIFIER, *data)
    keep, refit = (_row(advice, action) for action in ("keep", "refit_new"))
    assert -keep["loss_new"] < 0.05 < 0.2 < -refit["loss_new"]
    assert (data[3][-1000:] == "fraud").sum() < 30
    assert 0 < refit["gain_low"] < refit["gain"] < refit["gain_high"] < 1
    assert advice.action == "refit_new"
    shift = advice.evidence["concept_shift"]
    assert 0 < shift["low"] < shift["estimate"] < shift["high"] < 1


@pytest.mark.filterwarnings("ignore:Recall is ill-defined")  # on draws of other rows
@pytest.mark.no_cover
def test_the_interval_of_a_difference_of_shares_does_not_depend_on_the_order(monkeypatch):
    """Nor does it vanish where one of them is 0, or 1."""
    monkeypatch.setattr(_evidence, "_RESAMPLES", 40)
    y = np.repeat([0, 1], [480, 20])
    evaluator = ScorerEvaluator(True, metric_of(CLASSIFIER, "recall"), 0)
    models = []
    for n_found in (0, 1, 7, 13, 20):
        found = np.zeros(500, dtype=int)
        found[480 : 480 + n_found] = 1
        losses = (found != y).astype(float)
        models.append(Evaluation(Always(), y, losses, {"predict": found}, np.zeros((500, 1))))
    for one, two in itertools.combinations(models, 2):
        gain, loss = evaluator.gain(one, two, 0.95), evaluator.gain(two, one, 0.95)
        assert (gain.low, gain.high) == pytest.approx((-loss.high, -loss.low))
        assert gain.low <= gain.estimate <= gain.high
        assert gain.high - gain.low > 0.05


def test_what_only_looks_like_a_share_has_a_normal_interval():
    """A count, a loss, an adjusted score, and a function of another's name."""

    def f1_score(y_true, y_pred):
        return 10.0

    for scorer in (
        make_scorer(accuracy_score, normalize=False),
        make_scorer(accuracy_score, greater_is_better=False),
        make_scorer(balanced_accuracy_score, adjusted=True),
        make_scorer(f1_score),
    ):
        assert not metric_of(CLASSIFIER, scorer).is_share
    assert metric_of(CLASSIFIER, make_scorer(accuracy_score)).is_share


@pytest.mark.slow
def test_of_rows_alike_no_gain_in_a_share_is_found(monkeypatch):
    """Of ten pairs that do not differ, at most one has an interval of a gain above zero."""
    monkeypatch.setattr(_evidence, "_RESAMPLES", 50)
    found = 0
    for seed in range(10):
        data = *_frauds(800, 2 * seed, share=0.04), *_frauds(800, 2 * seed + 1, share=0.04)
        gains = advise(GaussianNB(), *data, scoring=AVERAGE_PRECISION).evidence["gains"]
        found += any(gain["low"] > 0 for gain in gains.values())
    assert found <= 1


@pytest.mark.parametrize(
    ("base", "labels", "shown"),
    [
        (Undecided(), ["ok", "fraud"], "F1 of 'fraud'"),
        (CLASSIFIER, ["ok", "fine", "fraud"], "mean F1 of the classes"),
    ],
)
def test_a_rare_class_of_another_kind_has_its_own_measure(base, labels, shown, monkeypatch):
    """Without scores or probabilities, and beside more than one class."""
    monkeypatch.setattr(_evidence, "_RESAMPLES", 5)
    parts = []
    for seed in range(2):
        X, y = _frauds(1000, seed, share=0.03)
        y = np.where((y == "ok") & (X[:, 7] > 0), labels[-2], y)
        parts += [X, y]
    advice = advise(base, *parts)
    assert f"the present model has {shown} " in advice.text
    assert f"They are compared by the {shown}, not by errors: 'fraud' has" in advice.text


@pytest.mark.parametrize("case", ["a class that it lacks", "few held-out rows"])
@pytest.mark.no_cover
def test_errors_are_compared_where_a_rare_class_cannot_be_judged(case):
    """A model cannot rank a class that it lacks, and a handful of rows shows nothing."""
    X_old, y_old = _frauds(600, 0)
    X_new, y_new = _frauds(600, 1)
    if case == "a class that it lacks":
        y_old[y_old == "fraud"] = "ok"
        y_old[::2] = "fine"
    else:
        y_new[-200:] = "ok"
    advice = advise(GaussianNB(), X_old, y_old, X_new, y_new)
    assert "the present model has error rate" in advice.text
    assert "They are compared" not in advice.text


@pytest.mark.parametrize("asked", [{"price": 2.0}, {"scoring": "accuracy"}])
def test_a_price_or_a_scorer_is_taken_at_its_word_with_a_rare_class_too(asked, monkeypatch):
    monkeypatch.setattr(_evidence, "_RESAMPLES", 5)
    advice = advise(CLASSIFIER, *_frauds(1000, 0), *_frauds(1000, 1), **asked)
    assert "average precision" not in advice.text
    assert "They are compared" not in advice.text


@pytest.mark.parametrize("scoring", [None, "f1", "accuracy"])
@pytest.mark.no_cover
def test_a_model_that_tells_no_classes_apart_says_nothing_of_the_relation(scoring, monkeypatch):
    """That its errors, or an F1 of 0, are the same in both periods does not show that it held."""
    monkeypatch.setattr(_evidence, "_RESAMPLES", 5)
    X_old, y_old, X_new, y_new = _pair(n_old=300, n_new=300, turned=0.5)
    y_old, y_new = (np.where(np.arange(300) % 10 == 0, y, 0) for y in (y_old, y_new))
    never = DummyClassifier(strategy="constant", constant=0)
    advice = advise(never, X_old, y_old, X_new, y_new, scoring=scoring)
    assert "it tells no classes apart, neither there nor here" in advice.text
    assert "relation between inputs and target held" not in advice.text


@pytest.mark.no_cover
def test_where_the_present_score_is_zero_a_better_one_is_a_gain(monkeypatch):
    """A twentieth of nothing would settle the question before it is asked."""
    monkeypatch.setattr(_evidence, "_RESAMPLES", 30)
    X_old, y_old, X_new, y_new = _pair(n_old=400, n_new=400)
    never = DummyClassifier(strategy="constant", constant=0).fit(X_old, y_old)
    wakes = WakesUp(never, CLASSIFIER).fit(X_old, y_old)
    advice = advise(wakes, X_old, y_old, X_new, y_new, scoring="f1")
    assert _row(advice, "keep")["loss_new"] == 0
    assert advice.action != "keep"


@pytest.mark.no_cover
def test_the_forecast_of_an_action_is_made_of_its_own_seconds(monkeypatch):
    """A slow candidate beside a fast one does not make that one slow."""
    data = _pair(n_old=400, n_new=400)
    advice = advise(SlowToContinue(), *data)
    slow, fast = (_row(advice, action) for action in ("warm_start", "refit_new"))
    assert slow["seconds"] > 10 * fast["seconds"]
    assert fast["forecast_seconds"] < 5 * fast["seconds"] * 800 / fast["rows"]


@pytest.mark.no_cover
def test_a_scorer_is_handed_the_rows_that_it_scores(monkeypatch):
    monkeypatch.setattr(_evidence, "_RESAMPLES", 10)

    def right_where_large(model, X, y):
        return float((model.predict(X) == y)[np.asarray(X)[:, 0] > -9].mean())

    data = _pair(n_old=200, n_new=200)
    by_hand = advise(CLASSIFIER, *data, scoring=right_where_large)
    named = advise(CLASSIFIER, *data, scoring=lambda *args: get_scorer("accuracy")(*args))
    assert by_hand.evidence["gains"] == named.evidence["gains"]


@pytest.mark.no_cover
def test_a_score_that_is_undefined_on_a_draw_leaves_the_draw_out(monkeypatch):
    X_old, y_old, X_new, y_new = _pair(n_old=200, n_new=30)
    y_new[20:] = [1] * 9 + [0]  # a third of the draws has one class alone
    monkeypatch.setattr(_evidence, "_RESAMPLES", 20)
    advice = advise(CLASSIFIER, X_old, y_old, X_new, y_new, scoring="roc_auc")
    assert math.isfinite(advice.evidence["gains"]["refit_all"]["low"])


def test_a_score_that_no_draw_defines_has_no_interval_and_decides_nothing():
    X_old, y_old, X_new, y_new = _pair(n_old=200, n_new=90)
    whole = {y_old[150:].tobytes(), y_new[60:].tobytes()}

    def right(model, X, y):
        if y.tobytes() not in whole:
            raise ValueError("undefined")
        return float((model.predict(X) == y).mean())

    advice = advise(CLASSIFIER, X_old, y_old, X_new, y_new, scoring=right)
    assert advice.action == "collect_more"
    assert advice.evidence["rows_needed"]["more_rows"] == 900
    assert advice.to_html()


def test_without_time_only_a_part_of_the_rows_is_learned_and_the_text_says_so(in_stages):
    data = _pair(n_old=3000, n_new=3000)
    hasty = advise(CLASSIFIER, *data, time_budget=0)
    rows = hasty.evidence["rows"]
    assert rows["share"] == 0.125  # the first of the doubling subsamples
    assert rows["old_learned"] == math.ceil(0.125 * 2250)
    assert "For lack of time, all models learned from 12 % of the rows only" in hasty.text
    patient = advise(CLASSIFIER, *data, time_budget=1e9)
    assert patient.evidence["rows"]["share"] == 1
    assert [n for n, _ in patient.evidence["rows_needed"]["curve"]] == [250, 500, 1000, 2000]


@pytest.mark.no_cover
def test_subsamples_that_cannot_be_fitted_are_passed_over(in_stages):
    X = _concept(40, 0)[0]
    y_old = np.array([0] * 29 + [1] + [0, 1] * 5)  # one row of the other class to learn from
    advice = advise(CLASSIFIER, X, y_old, *_concept(60, 1))
    assert advice.evidence["rows"]["share"] == 1


def test_seconds_are_forecast_by_a_line_through_sizes():
    assert forecast([100, 200, 400], [1.0, 2.0, 4.0], 800) == pytest.approx(8.0, rel=0.02)
    assert forecast([100], [1.0], 300) == pytest.approx(3.0)
    assert forecast([100, 200], [2.0, 1.0], 800) >= 0


# -- intervals -------------------------------------------------------------------------------------


def _evaluation(losses):
    return _evidence.Evaluation(None, np.zeros(len(losses)), np.asarray(losses, float))


def test_independent_rows_are_taken_one_by_one_and_runs_in_blocks():
    rng = np.random.default_rng(0)
    independent = rng.normal(size=400)
    runs = np.repeat(rng.normal(size=20), 20)
    evaluator = RowwiseEvaluator(is_classifier=False)
    zero = _evaluation(np.zeros(400))
    one, many = (evaluator.gain(_evaluation(x), zero, 0.95) for x in (independent, runs))
    assert one.block == 1
    assert many.block == 20
    assert many.high - many.low > 3 * (one.high - one.low)


def test_the_interval_of_a_mean_is_the_usual_one_of_t():
    from scipy import stats

    gains = np.random.default_rng(1).normal(0.3, 1, 60)
    found = RowwiseEvaluator(False).gain(_evaluation(gains), _evaluation(np.zeros(60)), 0.9)
    oracle = stats.ttest_1samp(gains, 0).confidence_interval(0.9)
    assert (found.low, found.high) == pytest.approx(tuple(oracle))


def test_ten_rows_that_agree_do_not_prove_the_eleventh():
    found = RowwiseEvaluator(True).gain(_evaluation(np.ones(10)), _evaluation(np.zeros(10)), 0.95)
    from scipy import stats

    assert found.estimate == 1
    error = math.sqrt(11 - 100 / 12) / 12  # half a pair each way: a mean of 10 / 12
    assert found.low == pytest.approx(10 / 12 - stats.t.ppf(0.975, 9) * error)
    assert found.high <= 1
    unknown = RowwiseEvaluator(False).gain(_evaluation([1.0]), _evaluation([0.0]), 0.95)
    assert unknown.low == -math.inf
    same = RowwiseEvaluator(False).gain(_evaluation(np.ones(9)), _evaluation(np.ones(9)), 0.95)
    assert (same.low, same.high) == (0, 0)


@pytest.mark.slow
def test_intervals_of_a_gain_of_zero_cover_it_as_often_as_they_say():
    rng = np.random.default_rng(0)
    missed = 0
    for _ in range(1000):
        one, two = (rng.random(60) < 0.2).astype(float), (rng.random(60) < 0.2).astype(float)
        found = RowwiseEvaluator(True).gain(_evaluation(one), _evaluation(two), 0.95)
        missed += not found.low <= 0 <= found.high
    assert missed / 1000 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 1000)


def test_rows_to_collect_grow_with_the_square_of_the_precision():
    interval = _evidence.Interval(0.0, -1, 1, deviation=0.5, n_rows=100)
    coarse, fine = (_evidence.rows_to_tell(interval, effect, 300) for effect in (0.02, 0.01))
    assert (fine + 300) / (coarse + 300) == pytest.approx(4)
    assert _evidence.rows_to_tell(interval, 10.0, 300) == 300
    assert [rounded_up(n) for n in (7.2, 10, 101, 12345)] == [8, 10, 110, 13000]


# -- evidence --------------------------------------------------------------------------------------


@pytest.mark.no_cover
def test_equal_inputs_are_not_told_apart_and_no_column_moves():
    shift = _advised().evidence["input_shift"]
    assert shift["low"] <= 0.5 <= shift["high"]
    assert shift["moved"] == []


@pytest.mark.no_cover
def test_periods_that_only_a_pair_of_columns_tells_apart_are_told_apart():
    rng = np.random.default_rng(0)
    old, new = rng.normal(size=(2, 800, 2))
    new[:, 1] = np.abs(new[:, 1]) * np.sign(new[:, 0])
    shift = input_shift(old, new, 0)
    assert shift["low"] > 0.6
    assert shift["moved"] == []
    y = (old[:, 0] > 0).astype(int)
    text = advise(CLASSIFIER, old, y, new, (new[:, 0] > 0).astype(int)).text
    assert "no column moved by itself" in text


def test_what_cannot_be_measured_of_the_inputs_is_said():
    X, y = _concept(12, 0)
    few = advise(DummyClassifier(), X, y, X[:6], y[:6])
    assert "too few to tell the periods apart" in few.text
    clock = np.arange(400.0)[:, None]
    y = np.arange(400) % 2
    only_time = advise(DummyClassifier(), clock[:200], y[:200], clock[200:], y[200:])
    assert "no column tells more than the time" in only_time.text
    assert "1 column" not in only_time.text


@pytest.mark.no_cover
def test_columns_without_values_or_of_one_value_do_not_move():
    n = 60
    rng = np.random.default_rng(0)
    old = pd.DataFrame(
        {"x": rng.normal(size=n), "gap": np.nan, "same": "a", "one": 1.0, "flag": True}
    )
    shift = input_shift(old, old.assign(x=rng.normal(size=n)), 0)
    assert shift["moved"] == []
    came = input_shift(old, old.assign(gap=2.0), 0)
    assert "gap" not in [m["name"] for m in came["moved"]]  # it came; from where is not known
    late = old.assign(gap=np.where(np.arange(n) < 10, 1.0, np.nan), x=np.inf)
    assert input_shift(late, late, 0)["auc"] == pytest.approx(0.5, abs=0.2)
    many = old.assign(name=[f"n{i:03}" for i in rng.permutation(n)])
    assert input_shift(many, many.iloc[::-1], 0)["moved"] == []


@pytest.mark.no_cover
def test_the_more_a_column_weighs_the_more_predictions_flip():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 3))
    y = (X @ [3.0, 0.3, 0.0] > 0).astype(int)
    moved = X[300:] + np.array([2.0, 2.0, 0.0])
    found = advise(CLASSIFIER, X[:300], y[:300], moved, y[300:])
    features = found.evidence["sensitivity"]["features"]
    assert features[0]["name"] == "column 0"
    flips = {f["name"]: f["shift"] for f in features}
    assert flips["column 0"] > 0.3 > flips["column 1"] > flips["column 2"]


@pytest.mark.no_cover
def test_whole_numbers_are_jittered_too_and_words_are_not():
    X, y = _concept(400, 0)
    whole = np.round(10 * X).astype(int)
    found = advise(CLASSIFIER, whole[:200], y[:200], whole[200:], y[200:])
    assert found.evidence["sensitivity"]["jitter"] > 0
    words = pd.DataFrame({"city": np.where(y == 1, "Oslo", "Rome")})
    model = make_pipeline(OneHotEncoder(), CLASSIFIER)
    found = advise(model, words[:200], y[:200], words[200:], y[200:])
    assert found.evidence["sensitivity"]["reason"] == "no column holds numbers"


class _Fixed(DecisionTreeClassifier):
    """Refuse numbers beyond those that it was fitted on."""

    def predict(self, X, check_input=True):
        if np.modf(X)[0].any():
            raise ValueError("whole numbers only")
        return super().predict(X)


@pytest.mark.no_cover
def test_a_model_that_refuses_jittered_inputs_is_said_to():
    X, y = _concept(200, 0)
    X = np.round(X)
    found = advise(_Fixed(max_depth=3), X[:100], y[:100], X[100:], y[100:])
    assert "whole numbers only" in found.evidence["sensitivity"]["reason"]


@pytest.mark.no_cover
def test_the_evidence_holds_plain_numbers():
    evidence = _advised(turned=1.0).evidence
    assert json.loads(json.dumps(evidence))["rows"]["new_held_out"] == 200


# -- words and pages -------------------------------------------------------------------------------


class _Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.links, self.text = [], [], ""

    def handle_starttag(self, tag, attributes):
        if tag != "meta":
            self.open.append(tag)
        self.links += [value for name, value in attributes if name in ("src", "href", "srcset")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("new", [{}, {"turned": 1.0}, {"moved": 3.0}, {"n_new": 30, "turned": 0.0}])
def test_the_page_is_whole_loads_nothing_and_says_what_the_text_says(new):
    advice = _advised(**new)
    page = _Page()
    page.feed(advice.to_html(title="A & B <now>", facts={"file": "<x>"}, notices=["a < b"]))
    assert page.open == []
    assert page.links == []
    for part in (*advice.sentences[1:], "A & B <now>", "<x>", "a < b"):
        assert part in page.text
    assert advice.sentences[0].rstrip(".") in page.text
    for row in advice.rows:
        assert ACTIONS[row["action"]].name in page.text
    assert not [code for code in ACTIONS if "_" in code and code in page.text + advice.text]
    assert "iframe" in advice._repr_html_()
    assert repr(advice).startswith(f"Advice(action={advice.action!r})\n")
    assert advice.text in repr(advice)


@pytest.mark.no_cover
def test_the_text_quotes_the_table():
    advice = _advised(turned=1.0)
    row = _row(advice, advice.action)
    for number in (
        f"error rate {100 * _row(advice, 'keep')['loss_new']:.1f} %",
        f"a gain of {100 * row['gain']:.1f} points",
        f"95 % interval {100 * row['gain_low']:.1f} to {100 * row['gain_high']:.1f}",
        f"forgets {100 * row['forgetting']:.1f} points",
        f"{100 * row['negative_flips']:.1f} % of the new rows were right and are wrong now",
        "newest 200 of 600 new rows",
        "150 held-out rows of the old period",
    ):
        assert number in advice.text


@pytest.mark.no_cover
def test_the_table_is_a_frame_with_a_row_for_each_candidate():
    advice = _advised(n_old=200, n_new=200)
    assert advice.table["action"].tolist() == [row["action"] for row in advice.rows]
    assert len(advice.table) == 9
    assert (advice.table.query("tried")["seconds"] >= 0).all()


@pytest.mark.no_cover
def test_without_pandas_only_the_table_is_missing(monkeypatch):
    advice = _advised(n_old=200, n_new=200)
    plain = builtins.__import__

    def refuse(module, **options):
        raise ImportError("no pandas")

    monkeypatch.setattr("skretrain.model_selection._advise._advice.import_optional", refuse)
    assert advice.to_html()
    with pytest.raises(ImportError):
        advice.table  # noqa: B018
    assert builtins.__import__ is plain


@pytest.mark.no_cover
def test_negative_flips_are_rows_that_were_right_and_are_wrong_now():
    X_old, y_old, X_new, y_new = _pair(turned=0.5)
    advice = advise(CLASSIFIER, X_old, y_old, X_new, y_new)
    before = clone(CLASSIFIER).fit(X_old[:450], y_old[:450]).predict(X_new[400:]) == y_new[400:]
    after = clone(CLASSIFIER).fit(X_new[:400], y_new[:400]).predict(X_new[400:]) == y_new[400:]
    assert _row(advice, "refit_new")["negative_flips"] == np.mean(before & ~after)


def test_a_model_that_does_better_now_or_has_got_worse_alone_is_described_so():
    X_old, y_old = _concept(3000, 0, noise=0.2)
    better = advise(CLASSIFIER, X_old, y_old, *_concept(600, 1, noise=0.0))
    assert "it does better on the new rows than on the old" in better.text
    noisier = advise(CLASSIFIER, *_concept(600, 0, noise=0.0), *_concept(600, 1, noise=0.3))
    assert "nothing shows that they are wrong" in noisier.text
    assert noisier.action == "keep"


@pytest.mark.no_cover
def test_runs_of_differences_are_said_to_be_taken_in_blocks():
    X_old, y_old = _concept(600, 0)
    X, y = _concept(1200, 1)
    y = np.where(np.arange(1200) // 40 % 2, y, 1 - y)  # the relation comes and goes
    assert "because the differences come in runs" in advise(CLASSIFIER, X_old, y_old, X, y).text


def test_new_rows_that_teach_nothing_do_not_make_the_old_ones_wrong(monkeypatch):
    # A correction of a good model is never far from it; without it, all that is tried is worse.
    monkeypatch.setitem(_candidates._MAKERS, "recalibrate", _refused)
    X_old, y_old = _concept(2000, 0)
    X_new, y_new = _concept(3000, 1)
    y_new[:2000] = 1 - y_new[:2000]  # the rows to learn from; then the old relation is back
    advice = advise(CLASSIFIER, X_old, y_old, X_new, y_new)
    assert advice.action == "keep"
    assert "so that none of them is better" in advice.text
    assert "now wrong" not in advice.text


@pytest.mark.no_cover
def test_a_model_that_beats_every_refit_is_no_sign_that_old_rows_are_wrong():
    X, y = _concept(4000, 5, noise=0.0)
    model = LogisticRegression(C=100.0).fit(X, y)  # it knows more than the rows at hand
    X_old, y_old = _concept(600, 0, turned=0.5)
    X_new, y_new = _concept(600, 1)
    y_new[:400] = np.where(np.random.default_rng(0).random(400) < 0.4, 1 - y_new[:400], y_new[:400])
    advice = advise(model, X_old, y_old, X_new, y_new)
    shift = advice.evidence["concept_shift"]
    assert shift["old_rows_mislead"]["low"] > 0
    assert advice.action in ("keep", "collect_more")
    assert not shift["old_rows_are_wrong"]
    assert "now wrong" not in advice.text


def _refused(stage, champion):
    raise RuntimeError("")


def test_where_nothing_else_could_be_fitted_the_model_is_kept(monkeypatch):
    makers = dict.fromkeys(_candidates._MAKERS, _refused) | {"keep": _candidates._keep}
    monkeypatch.setattr(_candidates, "_MAKERS", makers)
    advice = advise(CLASSIFIER, *_pair(n_old=100, n_new=100))
    assert advice.action == "keep"
    assert "nothing else could be fitted" in advice.text
    assert advice.to_html()


# -- mistakes in the call --------------------------------------------------------------------------


def _fitted_on(labels):
    X, y = _concept(100, 0)
    return LogisticRegression().fit(X, np.array(labels)[y])


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"y_new": np.zeros(5)}, ["X_new has 100 rows", "y_new 5 targets"]),
        ({"X_old": np.empty((0, 4)), "y_old": np.empty(0)}, ["X_old has 0 rows", "Bring more"]),
        ({"y_old": np.zeros((100, 2))}, ["y_old has the shape (100, 2)", "one target"]),
        ({"X_new": np.zeros((100, 3))}, ["X_new", "(3,)", "(4,)", "same columns"]),
        ({"y_new": np.full(100, np.nan)}, ["y_new has 100 missing", "leave out"]),
        ({"y_new": np.array(["a", None] * 50, object)}, ["y_new has 50 missing"]),
        ({"y_new": np.array(["a", pd.NA] * 50, object)}, ["y_new has 50 missing"]),
        ({"y_new": np.array(["a", "b"] * 50)}, ["mixes text and numbers"]),
        ({"y_new": None}, ["y_new=None", "pass targets"]),
        ({"y_old": np.array([0, "a"] * 50, object)}, ["y_old mixes labels", "int, str"]),
        ({"X_new": pd.DataFrame(np.zeros((100, 4)), columns=list("abca"))}, ["X_new", "'a'"]),
        ({"estimator": _fitted_on(["a", "b"])}, ["LogisticRegression", "['a', 'b']", "[0, 1]"]),
        ({"estimator": _fitted_on([5, 6])}, ["classes [5, 6]", "Encode the targets"]),
        ({"price": -1}, ["price=-1", "at least 0", "or None"]),
        ({"price": math.inf}, ["price=inf", "finite"]),
        ({"price": "high"}, ["price='high'"]),
        ({"scoring": ["accuracy"]}, ["scoring=['accuracy']", "ask for each score"]),
        (
            {"scoring": lambda model, X, y: math.nan},
            ["scoring: the score is nan on the 33 held-out new"],
        ),
        ({"scoring": lambda model, X, y: "high"}, ["scoring returned 'high'", "one number"]),
        ({"time_budget": math.nan}, ["time_budget=nan", "seconds"]),
        ({"random_state": 0.5}, ["random_state=0.5"]),
        ({"random_state": -1}, ["random_state=-1"]),
        ({"estimator": StandardScaler()}, ["StandardScaler", "neither a classifier nor"]),
        ({"y_old": np.ones(100, int)}, ["y_old", "LogisticRegression", "Pass older rows"]),
    ],
)
def test_a_mistake_names_the_parameter_the_value_and_the_way_out(change, parts):
    X_old, y_old, X_new, y_new = _pair(n_old=100, n_new=100)
    given = {
        "estimator": CLASSIFIER,
        "X_old": X_old,
        "y_old": y_old,
        "X_new": X_new,
        "y_new": y_new,
        **change,
    }
    with pytest.raises(ValueError) as error:
        advise(**given)
    for part in parts:
        assert part in str(error.value)


@pytest.mark.parametrize("change", [{"X_new": None}, {"X_new": pl.LazyFrame({"a": [1]})}])
def test_what_is_no_container_of_rows_is_named(change):
    X_old, y_old, X_new, y_new = _pair(n_old=100, n_new=100)
    given = {"X_old": X_old, "y_old": y_old, "X_new": X_new, "y_new": y_new, **change}
    with pytest.raises(TypeError, match=f"X_new is a {type(change['X_new']).__name__}"):
        advise(CLASSIFIER, **given)


@pytest.mark.parametrize("estimator", [None, "forest", LogisticRegression])
def test_what_is_no_estimator_is_refused_before_anything_else(estimator):
    with pytest.raises(TypeError, match="estimator"):
        advise(estimator, *_pair(n_old=100, n_new=100))


def test_other_columns_are_named():
    X_old, y_old, X_new, y_new = _frames()
    message = r"X_new lacks the columns \['gap'\] and has besides \['hole'\], compared"
    with pytest.raises(ValueError, match=message):
        advise(_mixed(), X_old, y_old, X_new.rename(columns={"gap": "hole"}), y_new)
    with pytest.raises(ValueError, match=r"X_new has besides \['more'\], compared with X_old"):
        advise(_mixed(), X_old, y_old, X_new.assign(more=1), y_new)


def test_a_column_of_targets_is_a_target_and_text_is_none_for_a_regressor():
    X_old, y_old, X_new, y_new = _pair(n_old=100, n_new=100)
    assert advise(CLASSIFIER, X_old, y_old[:, None], X_new, y_new[:, None]).rows
    with pytest.raises(ValueError, match="y_old holds 'a', which no regressor can predict"):
        advise(LinearRegression(), X_old, np.array(["a"] * 100), X_new, y_new)


def test_a_present_model_whose_predictions_are_no_numbers_is_named():
    with pytest.raises(ValueError, match="predictions of _Unsure are not finite"):
        advise(_Unsure(), *_regression(300, 0), *_regression(300, 1))


def test_a_fitted_model_that_cannot_predict_the_new_rows_is_named():
    X_old, y_old = _regression(800, 0)
    model = _Unsure().fit(X_old[:100], y_old[:100])
    with pytest.raises(
        ValueError, match="_Unsure cannot be judged on the held-out rows.*not finite"
    ):
        advise(model, X_old, y_old, *_regression(300, 1))


class _Broken(DecisionTreeClassifier):
    def fit(self, X, y):
        raise RuntimeError("broken for good")


def test_what_is_wrong_with_the_estimator_itself_is_raised_as_it_is():
    with pytest.raises(RuntimeError, match="broken for good"):
        advise(_Broken(), *_pair(n_old=100, n_new=100))


# -- rates -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_stationary_pairs_are_seldom_answered_by_a_retrain():
    # So many old rows that nothing is left to be gained: every retrain is a false one. Measured
    # with ten columns: 0 of 100, 96 of them "keep".
    answers = [advise(CLASSIFIER, *_pair(3000, 1000, seed=seed)).action for seed in range(100)]
    retrained = sum(answer not in ("keep", "collect_more") for answer in answers)
    assert retrained <= 5 + 4  # two standard deviations of a share of 5 %
    assert answers.count("keep") >= 80


@pytest.mark.slow
@pytest.mark.parametrize(("turned", "least"), [(0.1, 0.3), (0.2, 0.9), (1.0, 1.0)])
def test_a_turned_concept_is_answered_by_a_retrain_the_more_it_turned(turned, least):
    # Measured with ten columns, of 30: 12 with 5 % of the labels turned, 28 with 10 %, 30 with 20.
    answers = [
        advise(CLASSIFIER, *_pair(1000, 1000, seed=seed, turned=turned)).action
        for seed in range(20)
    ]
    retrained = sum(answer not in ("keep", "collect_more") for answer in answers)
    assert retrained >= least * 20


def test_a_teacher_is_tried_beside_the_candidates_and_said_where_it_spares_flips():
    """It is no candidate: without it, every number and the action are the same."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(900, 4))
    y = (X[:, 0] + 0.7 * rng.normal(size=900) > 0).astype(int)
    turned = (X[:, 0] + 1.5 * X[:, 1] + 0.7 * rng.normal(size=900) > 0).astype(int)
    tree = DecisionTreeClassifier(max_depth=4, random_state=0)
    advice = advise(tree, X[:450], y[:450], X[450:], turned[450:])
    taught, plain = _row(advice, "distill"), _row(advice, advice.action)
    assert advice.action.startswith("refit_")
    assert taught["tried"]
    assert taught["negative_flips"] < plain["negative_flips"]
    assert (
        f"with the present model as teacher {100 * taught['negative_flips']:.1f} %" in advice.text
    )
    assert advice.evidence["decision"]["n_candidates"] == advice.table["tried"].sum() - 2


@pytest.mark.no_cover
def test_a_base_that_takes_no_weights_has_no_teacher():
    advice = advise(KNeighborsClassifier(), *_pair())
    assert not _row(advice, "distill")["tried"]
    assert "not possible: " in _row(advice, "distill")["note"]
    assert "teacher" not in advice.text
