"""Labels that come late, in any order, in part, twice or never, are learned as if in order."""

import copy
import pickle
import sys
import threading
from collections import Counter

import joblib
import numpy as np
import pandas as pd
import pytest
from helpers import Recorder, assert_same_outputs, fingerprint, stream
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer, MixtureRetrainer, ReplayPartialFit
from skretrain.drift import Periodic
from skretrain.model_selection import prequential_validate
from skretrain.serving import PendingLabels

X, Y = stream(600)


class Sign(ClassifierMixin, BaseEstimator):
    """Predict whether the first cell is positive; learns nothing."""

    def fit(self, X, y=None):
        return self

    def predict(self, X):
        return (np.asarray(X)[:, 0] > 0).astype(int)


class FirstCell:
    """Return the first cell of each row: a model that is no estimator."""

    def predict(self, X):
        return np.asarray(X)[:, 0]


def signs(n, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 2))


# -- against a dictionary --------------------------------------------------------------------------


class Reference:
    """What a ledger promises, row by row, in dictionaries."""

    def __init__(self, max_pending):
        self.max_pending = max_pending
        self.pending, self.resolved, self.lost, self.n = {}, {}, Counter(), 0
        self.n_after = {}  # rows predicted by the end of the call of each row

    def predict(self, n):
        ids = list(range(self.n, self.n + n))
        self.pending |= dict.fromkeys(ids)
        self.n += n
        self.n_after |= dict.fromkeys(ids, self.n)
        while len(self.pending) > self.max_pending:
            self._lose(next(iter(self.pending)))
        return ids

    def _lose(self, each):
        del self.pending[each]
        self.lost[each] = 1

    def expire(self, older_than):
        gone = [each for each in self.pending if self.n - self.n_after[each] > older_than]
        for each in gone:
            self._lose(each)
        return gone

    def resolve(self, ids, y):
        learned = {}
        for each, label in zip(ids, y, strict=True):
            if label is not None and self.resolved.get(each) != label:
                self.pending.pop(each, None)
                self.resolved[each] = learned[each] = label
        return learned


ACTIONS = st.one_of(
    st.tuples(st.just("predict"), st.integers(0, 6)),
    st.tuples(
        st.just("resolve"),
        st.lists(st.tuples(st.integers(0, 50), st.sampled_from([0, 1, None])), max_size=6),
    ),
    st.tuples(st.just("expire"), st.integers(0, 12)),
    st.tuples(st.just("pickle"), st.none()),
)


@settings(max_examples=40)
@given(st.lists(ACTIONS, max_size=14), st.integers(1, 9))
def test_any_sequence_of_calls_does_what_a_dictionary_of_rows_does(calls, max_pending):
    """Rows learned, rows that wait, and the losses, whatever is resolved twice or corrected."""
    rows = signs(200)
    ledger, reference = PendingLabels(Sign(), max_pending=max_pending), Reference(max_pending)
    for call, argument in calls:
        if call == "predict":
            start = reference.n
            ids, y_pred = ledger.predict(rows[start : start + argument])
            assert ids.tolist() == reference.predict(argument)
            assert y_pred.tolist() == Sign().predict(rows[start : start + argument]).tolist()
        elif call == "expire":
            assert ledger.expire(argument).tolist() == reference.expire(argument)
        elif call == "pickle":
            ledger = pickle.loads(pickle.dumps(ledger))
        else:
            # Only what is held; of labels twice in a call the last one counts.
            last = {each: label for each, label in argument if label is not None}
            held = {each for each in last if ledger.status([each])[0] in ("pending", "resolved")}
            given_ = [(each, label) for each, label in argument if each in held]
            ids, y = [each for each, _ in given_], [label for _, label in given_]
            learned = reference.resolve(held, [last[each] for each in held])
            X_new, y_new, params = ledger.resolve(ids, y)
            assert dict(sorted(learned.items())) == dict(
                zip(sorted(learned), np.asarray(y_new).tolist(), strict=True)
            )
            if learned:
                np.testing.assert_array_equal(X_new, rows[sorted(learned)])
            assert params == {}
    assert ledger.pending_ids_.tolist() == list(reference.pending)
    assert len(ledger) == len(reference.pending)
    assert (ledger.status(list(reference.lost)) != "pending").all()
    wrong = [Sign().predict(rows[[k]])[0] != label for k, label in reference.resolved.items()]
    score = ledger.score_["all"]
    assert score.n_resolved == len(wrong)
    if wrong:
        assert score.loss == pytest.approx(np.mean(wrong))
    arrivals = ledger.arrivals_.values()
    assert sum(each.n_predicted for each in arrivals) == reference.n
    assert sum(each.n_lost for each in arrivals) == len(reference.lost)


# -- the order of things ---------------------------------------------------------------------------


def test_the_order_in_which_labels_are_given_changes_nothing():
    """Rows come back in the order of prediction, books and all."""
    ledgers = [PendingLabels(Sign()), PendingLabels(Sign())]
    order = np.random.default_rng(0).permutation(100)
    batches = []
    for ledger, by in zip(ledgers, (np.arange(100), order), strict=True):
        ids, _ = ledger.predict(X[:60])
        more, _ = ledger.predict(X[60:100])
        batches.append(ledger.resolve(np.append(ids, more)[by], Y[:100][by]))
    for one, other, true in zip(*(batch[:2] for batch in batches), (X[:100], Y[:100]), strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(one, true)
    assert ledgers[0].score_ == ledgers[1].score_
    assert ledgers[0].arrivals_ == ledgers[1].arrivals_


def test_labels_in_several_calls_leave_the_same_books_as_in_one():
    ledgers = [PendingLabels(Sign()), PendingLabels(Sign())]
    for ledger, size in zip(ledgers, (100, 7), strict=True):
        ids, _ = ledger.predict(X[:120])
        for start in range(0, 100, size):
            part = slice(start, min(start + size, 100))
            ledger.resolve(ids[part], Y[part])
    assert ledgers[0].score_ == ledgers[1].score_
    assert ledgers[0].arrivals_ == ledgers[1].arrivals_
    assert repr(ledgers[0]) == repr(ledgers[1])


@pytest.mark.parametrize("delay", [0, 130])
def test_a_ledger_in_production_repeats_what_an_evaluation_with_late_labels_says(delay):
    """Served accuracy and the model in the end are those of ``prequential_validate``."""
    base = DriftAwareRetrainer(GaussianNB(), detector=Periodic(100), policy="full_refit")
    result = prequential_validate(
        copy.deepcopy(base), X, Y, batch_size=50, initial_size=100, label_delay=delay
    )
    model = base.fit(X[:100], Y[:100])
    ledger, ids = PendingLabels(model), []
    for start in range(100, 600, 50):
        ids.extend(ledger.predict(X[start : start + 50])[0].tolist())
        n_known = max(start + 50 - delay - 100, 0)
        ready = [each for each in ids[:n_known] if ledger.status([each])[0] == "pending"]
        X_new, y_new, params = ledger.resolve(ready, Y[100:][ready])
        if len(ready):
            model.partial_fit(X_new, y_new, **params)
    late = ledger.pending_ids_
    ledger.resolve(late, Y[100:][late])
    assert ledger.score_["all"].accuracy == pytest.approx(result.score)
    assert_same_outputs(model, result.estimator, X)


# -- the version that served -----------------------------------------------------------------------


def test_each_row_is_scored_for_the_version_that_served_it():
    """However many have been promoted by the time when its label comes."""
    model = DriftAwareRetrainer(GaussianNB(), detector=Periodic(100), policy="full_refit")
    model.fit(X[:100], Y[:100])
    ledger, served, rows = PendingLabels(model), [], []
    for start in range(100, 600, 100):
        part = slice(start, start + 100)
        ids, y_pred = ledger.predict(X[part])
        served.append(model.events_[-1].version)
        rows.append((ids, Y[part], y_pred))
        model.partial_fit(X[part], Y[part])
    for ids, y, _ in rows:
        ledger.resolve(ids, y)
    score = ledger.score_
    assert list(score) == ["all", *served]
    assert len(set(served)) == 5
    for version, (_, y, y_pred) in zip(served, rows, strict=True):
        assert score[version].n_resolved == 100
        assert score[version].accuracy == pytest.approx((y == y_pred).mean())
    assert score["all"].n_resolved == 500
    assert score.to_frame()["version"].tolist() == ["all", *served]


def test_a_mixture_counts_the_promotions_of_its_members():
    def members():
        return [
            (name, DriftAwareRetrainer(GaussianNB(), detector=Periodic(every), policy="full_refit"))
            for name, every in (("often", 50), ("seldom", 100))
        ]

    model = MixtureRetrainer(members(), random_state=0).fit(X[:100], Y[:100])
    ledger = PendingLabels(model)
    for start in (100, 200):
        ids, _ = ledger.predict(X[start : start + 100])
        ledger.resolve(ids, Y[start : start + 100])
        model.partial_fit(X[start : start + 100], Y[start : start + 100])
    assert list(ledger.score_) == ["all", 1, 3]  # two first fits, then one promotion each


class Racing(DriftAwareRetrainer):
    """Promote a new version once, between a prediction and the answer: as another thread may."""

    def predict(self, X):
        y_pred = super().predict(X)
        if len(self.__dict__.get("rivals", ())):
            self.partial_fit(*self.__dict__.pop("rivals"))
        return y_pred


def test_the_version_is_that_of_the_predictions_also_if_another_is_promoted_meanwhile():
    model = Racing(GaussianNB(), detector=Periodic(100), policy="full_refit").fit(X[:100], Y[:100])
    model.rivals = (X[100:200], 1 - Y[100:200])
    ledger = PendingLabels(model)
    ids, y_pred = ledger.predict(X[200:])
    ledger.resolve(ids, Y[200:])
    assert list(ledger.score_) == ["all", 2]
    np.testing.assert_array_equal(y_pred, model.predict(X[200:]))


def test_any_other_model_stays_the_first_version():
    model = SGDClassifier(random_state=0).fit(X[:100], Y[:100])
    ledger = PendingLabels(model)
    for _ in range(2):
        ids, _ = ledger.predict(X[100:200])
        model.partial_fit(*ledger.resolve(ids, Y[100:200])[:2])
    assert list(ledger.score_) == ["all", 1]


def test_only_the_newest_thousand_versions_are_kept_and_all_are_counted():
    from skretrain.serving._served import ServedLosses

    losses = ServedLosses()
    for version in range(1, 1204):
        losses.add(np.array([version]), np.ones(1))
    assert list(losses.scores(is_regression=False)) == ["all", *range(204, 1204)]
    assert losses.scores(is_regression=False)["all"].n_resolved == 1203


def test_the_model_is_never_changed():
    model = DriftAwareRetrainer(GaussianNB()).fit(X[:100], Y[:100])
    before = fingerprint(model)
    ledger = PendingLabels(model)
    ids, _ = ledger.predict(X[100:])
    ledger.resolve(ids, Y[100:], weighted=True)
    ledger.expire(3)
    assert fingerprint(model) == before
    assert ledger.model is model


def test_the_residuals_of_a_regressor_are_scored_by_their_mean_and_students_interval():
    from scipy import stats

    y = X[:, 0] + np.random.default_rng(0).normal(size=600)
    ledger = PendingLabels(LinearRegression().fit(X, y))
    ids, y_pred = ledger.predict(X)
    ledger.resolve(ids, y)
    residuals = np.abs(y - y_pred)
    score = ledger.score_["all"]
    low, high = stats.t.interval(0.95, 599, residuals.mean(), stats.sem(residuals))
    assert (score.loss, score.low, score.high) == pytest.approx((residuals.mean(), low, high))
    assert np.isnan(score.accuracy)
    assert list(ledger.arrivals_) == ["all"]


def test_the_score_of_several_outputs_is_the_share_of_wrong_ones():
    y = np.column_stack([Y, 1 - Y])
    model = RandomForestClassifier(n_estimators=3, random_state=0).fit(X[:300], y[:300])
    ledger = PendingLabels(model)
    ids, y_pred = ledger.predict(X[300:])
    late = y[300:].astype(float)
    late[0, 1] = np.nan  # one of two outputs is not known yet
    X_new, y_new, _ = ledger.resolve(ids, late, weighted=True)
    np.testing.assert_array_equal(X_new, X[301:])
    np.testing.assert_array_equal(y_new, y[301:])
    assert ledger.score_["all"].loss == pytest.approx((y[301:] != y_pred[1:]).mean())
    y_other = y_new.copy()
    y_other[3, 1] = 1 - y_other[3, 1]
    np.testing.assert_array_equal(ledger.resolve(ids[1:], y_other)[1], y_other[[3]])


@pytest.mark.parametrize("labels", [Y, Y.astype(float)])
def test_what_is_no_estimator_is_judged_by_what_it_predicts(labels):
    """Numbers with a fraction part are residuals, all else are errors."""
    ledger = PendingLabels(FirstCell())
    ids, y_pred = ledger.predict(labels[:, None])
    ledger.resolve(ids, y_pred)
    assert np.isnan(ledger.score_["all"].accuracy) == (labels.dtype == float)


class Column:
    """Predict 0 for each row, as a column."""

    def predict(self, X):
        return np.zeros((len(X), 1), dtype=int)


def test_a_column_of_predictions_is_one_output():
    ledger = PendingLabels(Column())
    ids, y_pred = ledger.predict(X[:4])
    assert y_pred.shape == (4, 1)
    ledger.resolve(ids, [0, 0, 1, 0])
    assert ledger.score_["all"].accuracy == 0.75
    assert list(ledger.arrivals_) == [0]


def test_a_prediction_that_is_no_number_is_infinitely_wrong_until_it_is_corrected_away():
    """The label cannot mend it: only versions without such a prediction have a finite loss."""
    ledger = PendingLabels(FirstCell())
    ids, _ = ledger.predict(np.array([[np.nan], [1.0], [2.0]]))
    ledger.resolve(ids, [1.0, 1.0, 2.5])
    ledger.resolve(ids[:1], [2.0])
    assert ledger.score_["all"][:2] == (3, np.inf)


@pytest.mark.parametrize("absurd", [1e20, -3.4e38, 1.7e308, 5e-324])
def test_a_fill_value_that_is_corrected_leaves_the_loss_of_the_others(absurd):
    """1e20 in a sum swallows the small losses: taken back from it, it would leave none of them."""
    ledger = PendingLabels(FirstCell())
    ids, _ = ledger.predict(np.zeros((4, 1)))
    ledger.resolve(ids, [1.0, 2.0, 3.0, absurd])
    ledger.resolve(ids[3:], [4.0])
    assert ledger.score_["all"].loss == 2.5


class Mixed:
    """Predict labels that cannot be sorted."""

    def predict(self, X):
        return np.array(["a", 1] * (len(X) // 2), dtype=object)


def test_predictions_that_cannot_be_sorted_are_counted_all_the_same():
    ledger = PendingLabels(Mixed(), max_pending=2)
    ledger.predict(X[:6])
    assert [(k, v.n_predicted) for k, v in ledger.arrivals_.items()] == [(1, 3), ("a", 3)]


# -- containers ------------------------------------------------------------------------------------


def frame(start, stop):
    return pd.DataFrame(
        {
            "n": np.arange(start, stop, dtype=np.int32),
            "x": X[start:stop, 0].astype(np.float32),
            "city": pd.Categorical([f"c{k % 3}" for k in range(start, stop)]),
        }
    )


def test_frames_come_back_with_their_columns_and_types_across_batches():
    ledger = PendingLabels(DummyClassifier(strategy="constant", constant=0).fit(X, 1 - Y))
    first, _ = ledger.predict(frame(0, 40))
    second, _ = ledger.predict(frame(40, 90))
    X_new, _, _ = ledger.resolve([*second[10:], *first[:5]], Y[[*range(50, 90), *range(5)]])
    whole = frame(0, 90)
    expected = whole.iloc[[*range(5), *range(50, 90)]].reset_index(drop=True)
    pd.testing.assert_frame_equal(X_new, expected)


def test_polars_frames_come_back_as_such():
    pl = pytest.importorskip("polars")
    ledger = PendingLabels(DummyClassifier().fit(X, Y))
    whole = pl.DataFrame({"n": range(30), "s": [f"c{k}" for k in range(30)]})
    ids, _ = ledger.predict(whole[:10])
    more, _ = ledger.predict(whole[10:])
    labels = pl.Series([0, None, 1])
    X_new, y_new, _ = ledger.resolve([more[3], more[4], ids[2]], labels)
    assert X_new.equals(whole[[2, 13]])
    assert y_new.tolist() == [1, 0]
    assert y_new.dtype == Y.dtype


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csr_array, list, pd.DataFrame])
def test_rows_of_any_container_come_back_as_they_were(kind):
    ledger = PendingLabels(GaussianNB().fit(X, Y) if kind is pd.DataFrame else Constant())
    ids, _ = ledger.predict(kind(X[:20]))
    more, _ = ledger.predict(kind(X[20:50]))
    X_new, _, _ = ledger.resolve([*more[5:], *ids[:3]], Y[[*range(25, 50), *range(3)]])
    dense = X_new.toarray() if sparse.issparse(X_new) else np.asarray(X_new)
    np.testing.assert_array_equal(dense, X[[*range(3), *range(25, 50)]])
    assert isinstance(X_new, np.ndarray if kind is list else kind)


class Constant:
    """Predict 0 for rows of any container."""

    def predict(self, X):
        return np.zeros(X.shape[0] if hasattr(X, "shape") else len(X), dtype=int)


def test_texts_are_rows_too():
    ledger = PendingLabels(Constant())
    ids, _ = ledger.predict(["one", "two", "three"])
    assert ledger.resolve(ids[1:], [1, 0])[0] == ["two", "three"]


def test_rows_handed_out_and_rows_handed_in_belong_to_their_owners():
    rows = X[:10].copy()
    ledger = PendingLabels(Sign())
    ids, _ = ledger.predict(rows)
    rows[:] = 0
    batch, _, _ = ledger.resolve(ids, Y[:10])
    np.testing.assert_array_equal(batch, X[:10])
    batch[:] = 0
    np.testing.assert_array_equal(ledger.resolve(ids, 1 - Y[:10])[0], X[:10])


def test_metadata_comes_back_with_its_rows():
    model = Recorder().fit(X[:10], Y[:10])
    ledger = PendingLabels(model)
    weight, customer = np.arange(20.0), np.array([f"c{k}" for k in range(20)])
    ids, _ = ledger.predict(X[:20], params={"sample_weight": weight, "customer": customer})
    X_new, y_new, params = ledger.resolve(ids[[7, 3]], Y[[7, 3]])
    model.partial_fit(X_new, y_new, **params)
    _, _, _, seen_weight, seen_customer = model.calls_[-1]
    assert seen_weight.tolist() == [3.0, 7.0]
    assert seen_customer.tolist() == ["c3", "c7"]


# -- ids -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ids",
    [
        [f"order-{k}" for k in range(30)],
        [(k, "shop") for k in range(30)],
        pd.date_range("2024-01-01", periods=30),
        np.arange(1000, 1030),
        pd.Series([f"order-{k}" for k in range(30)]),
    ],
    ids=["text", "tuple", "date", "integer", "series"],
)
def test_ids_may_be_anything_that_is_a_key(ids):
    ledger = PendingLabels(Sign(), max_pending=25)
    for part in (slice(9), slice(9, 20), slice(20, 30)):
        given_, _ = ledger.predict(X[part], ids=ids[part])
        assert list(given_) == list(ids[part])
    assert ledger.status(ids).tolist() == ["dropped"] * 5 + ["pending"] * 25
    X_new, _, _ = ledger.resolve(ids[20:][::-1], Y[20:30][::-1])
    np.testing.assert_array_equal(X_new, X[20:30])
    assert ledger.expire(20).tolist() == list(ids[5:9])
    assert ledger.status(ids).tolist() == (
        ["dropped"] * 5 + ["expired"] * 4 + ["pending"] * 11 + ["resolved"] * 10
    )
    assert list(ledger.pending_ids_) == list(ids[9:20])


def test_an_id_is_free_again_once_its_row_is_gone():
    """Dropped, expired, or resolved and gone for want of room, in any order."""
    ledger = PendingLabels(Sign(), max_pending=2)
    for k in range(5):
        ledger.predict(X[:1], ids=["dropped"])
        ledger.predict(X[:2], ids=["resolved", "expired"])
        ledger.resolve(["resolved"], Y[:1])
        ledger.predict(X[:1], ids=[("another", k)])
        assert ledger.expire(0).tolist() == ["expired"]
        assert ledger.status(["resolved"]).tolist() == ["resolved"]
        ledger.predict(X[:9], ids=[("room", k, row) for row in range(9)])
    assert ledger.status(["dropped", "resolved", "expired"]).tolist() == [
        "dropped",
        "unknown",
        "expired",
    ]


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["a", "b", "a"], "'a' among ids is in use already"),
        (["x", "y", "b"], "'x', 'y' among ids are in use already"),
        (["a", None, "b"], "ids hold None"),
        (["a", float("nan"), "b"], "ids hold nan"),
        (["a", ["b"], "c"], r"must be hashable.* item 1 is \['b'\]"),
        (["a", "b"], "got 2 for 3 rows"),
        ("abc", "a list or an array with one id per row"),
        (7, "a list or an array with one id per row"),
        (np.array(7), "a list or an array with one id per row"),
        ({"a", "b", "c"}, "a list or an array with one id per row"),
        (None, "given, as they were with the first prediction"),
    ],
)
def test_ids_that_no_row_could_be_found_by_are_refused_and_nothing_is_remembered(ids, message):
    ledger = PendingLabels(Sign())
    ledger.predict(X[:2], ids=["x", "y"])
    before = joblib.hash(ledger.__getstate__())
    with pytest.raises(ValueError, match=f"PendingLabels.predict.*{message}"):
        ledger.predict(X[:3], ids=ids)
    assert joblib.hash(ledger.__getstate__()) == before


def test_ids_are_given_always_or_never():
    ledger = PendingLabels(Sign())
    ledger.predict(X[:2])
    with pytest.raises(ValueError, match="left out, as they were with the first prediction"):
        ledger.predict(X[:2], ids=["a", "b"])


@pytest.mark.parametrize("ids", [["a"], [1.0], 3, [[1]], [True]])
def test_the_ids_of_the_ledger_are_integers(ids):
    ledger = PendingLabels(Sign())
    ledger.predict(X[:5])
    with pytest.raises(ValueError, match="integers that predict gave"):
        ledger.resolve(ids, [1])
    with pytest.raises(ValueError, match="integers that predict gave"):
        ledger.status(ids)


def test_ids_that_are_not_held_are_named_with_what_became_of_them_and_nothing_changes():
    ledger = PendingLabels(Sign(), max_pending=4)
    ids, _ = ledger.predict(X[:6])  # 0 and 1 are dropped
    ledger.resolve([3], [1])
    ledger.expire(0)
    ledger.predict(X[6:8])
    ledger.expire(0)
    ledger.resolve([7], [1])
    ledger.predict(X[:40])
    before = joblib.hash(ledger.__getstate__())
    with pytest.raises(ValueError, match="some are not held") as caught:
        ledger.resolve([*ids, 900, -1, 46], [1] * 9)
    message = str(caught.value)
    assert "dropped for lack of room: 0, 1, 2;" in message
    assert "given up by expire: 4, 5;" in message
    assert "resolved, or given up, too long ago: 3" in message
    assert "never given, or too long ago: 900, -1" in message
    assert "status(ids)" in message
    assert joblib.hash(ledger.__getstate__()) == before
    assert ledger.status([46]).tolist() == ["pending"]


def test_nothing_is_known_before_the_first_prediction():
    ledger = PendingLabels(Sign())
    assert repr(ledger) == "<PendingLabels of Sign: 0 pending, 0 resolved, 0 lost>"
    assert ledger
    assert len(ledger) == 0
    assert ledger.status([3]).tolist() == ["unknown"]
    assert [len(part) for part in ledger.resolve([], [])] == [0, 0, 0]
    assert len(ledger.pending_ids_) == len(ledger.expire(5)) == len(ledger.events_) == 0
    assert len(ledger.expire("90d")) == 0
    assert np.isnan(ledger.delays_.share_resolved(after="2d"))
    with pytest.raises(ValueError, match="older_than must be"):
        ledger.expire("soon")
    assert np.isnan(ledger.score_["all"].loss)
    assert ledger.arrivals_ == {}
    with pytest.raises(ValueError, match="never given, or too long ago: 0"):
        ledger.resolve([0], [1])
    ids, y_pred = ledger.predict(X[:0])
    assert len(ids) == len(y_pred) == 0


def test_no_rows_are_no_prediction_and_no_labels_no_batch():
    ledger = PendingLabels(Sign())
    ids, _ = ledger.predict(X[:5])
    none, y_pred = ledger.predict(X[:0])
    assert (len(none), y_pred.dtype) == (0, Y.dtype)
    assert ledger.predict(X[:0], ids=[])[0] == []
    X_new, y_new, params = ledger.resolve([], [])
    assert (X_new.shape, y_new.shape, params) == ((0, 4), (0,), {})
    X_new, y_new, _ = ledger.resolve(ids, [None] * 5)
    assert (X_new.shape, y_new.dtype, len(ledger)) == ((0, 4), Y.dtype, 5)


# -- labels ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "labels",
    [
        [1, None, 0],
        [1.0, np.nan, 0.0],
        pd.Series([1, None, 0], dtype="Int64"),
        pd.Series([1, pd.NA, 0], dtype=object),
        np.array([True, None, False], dtype=object),
        pd.Series([1, None, 0]),
    ],
    ids=["list", "float", "Int64", "object", "bool", "series"],
)
def test_a_label_that_is_missing_leaves_its_row_waiting_and_the_others_keep_their_type(labels):
    ledger = PendingLabels(Sign())
    ids, _ = ledger.predict(X[:3])
    X_new, y_new, _ = ledger.resolve(ids, labels)
    np.testing.assert_array_equal(X_new, X[[0, 2]])
    assert y_new.tolist() == [1, 0]
    assert y_new.dtype == Y.dtype
    assert ledger.pending_ids_.tolist() == [1]


def test_texts_of_any_width_are_labels():
    names = np.array(["no", "yes"])
    ledger = PendingLabels(GaussianNB().fit(X, names[Y]))
    ids, _ = ledger.predict(X[:4])
    assert ledger.resolve(ids[:2], names[Y[:2]])[1].tolist() == names[Y[:2]].tolist()
    assert ledger.resolve(ids[2:], ["a new class", None])[1].tolist() == ["a new class"]
    late = pd.Series(["no", "yes"], dtype=object)
    assert ledger.resolve(ids[:2], late)[1].tolist() == late[late != names[Y[:2]]].tolist()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([1, 0], r"shape \(2,\) for 3 ids"),
        (1, r"shape \(\) for 3 ids"),
        (["a", "b", "c"], "does not hold labels such as those predicted"),
        (np.array([1, "b", 0], dtype=object), "does not hold labels such as those predicted"),
        ([1.0, np.inf, 0.0], "infinite"),
        ([1j, 1, 0], "complex128"),
        (pd.date_range("2024-01-01", periods=3), "datetime64"),
        ([[1, 0]] * 3, r"shape \(3, 2\).*pass as many outputs"),
    ],
)
def test_what_is_no_label_is_refused_and_nothing_changes(labels, message):
    ledger = PendingLabels(Sign())
    ids, _ = ledger.predict(X[:3])
    before = joblib.hash(ledger.__getstate__())
    with pytest.raises(ValueError, match=f"PendingLabels.resolve.*{message}"):
        ledger.resolve(ids, labels)
    assert joblib.hash(ledger.__getstate__()) == before


def test_a_column_of_labels_is_taken_as_one():
    ledger = PendingLabels(Sign())
    ids, _ = ledger.predict(X[:3])
    assert ledger.resolve(ids, Y[:3, None])[1].shape == (3,)


def test_the_labels_of_a_regressor_are_numbers():
    ledger = PendingLabels(LinearRegression().fit(X, X[:, 0]))
    ids, _ = ledger.predict(X[:3])
    with pytest.raises(ValueError, match="y must hold numbers"):
        ledger.resolve(ids, ["a", "b", "c"])
    y_new = ledger.resolve(ids, np.array([1, None, 2.5], dtype=object))[1]
    assert y_new.tolist() == [1.0, 2.5]
    assert ledger.resolve(ids[1:2], [3])[1].dtype == np.float64


# -- labels that come again ------------------------------------------------------------------------


def test_the_same_label_again_is_an_event_and_nothing_else():
    ledger = PendingLabels(Sign())
    ids, _ = ledger.predict(X[:20])
    ledger.resolve(ids, Y[:20])
    books = [ledger.score_, ledger.arrivals_, len(ledger)]
    assert len(ledger.resolve(ids[:12], Y[:12])[1]) == 0
    assert books == [ledger.score_, ledger.arrivals_, len(ledger)]
    (event,) = ledger.events_
    assert (event.action, event.n_rows, event.row) == ("repeated", 12, 20)
    assert event.evidence["ids"] == ids[:10].tolist()


def test_after_a_correction_the_books_are_as_if_the_first_label_had_been_right():
    corrected, right = PendingLabels(Sign()), PendingLabels(Sign())
    truth = Y[:50].copy()
    truth[[3, 17]] = 1 - truth[[3, 17]]
    for ledger, first in ((corrected, Y[:50]), (right, truth)):
        ids, _ = ledger.predict(X[:50])
        ledger.resolve(ids, first)
    X_new, y_new, _ = corrected.resolve(ids, truth)
    np.testing.assert_array_equal(X_new, X[[3, 17]])
    assert y_new.tolist() == truth[[3, 17]].tolist()
    assert corrected.score_ == right.score_
    assert corrected.arrivals_ == right.arrivals_
    assert [(e.action, e.n_rows) for e in corrected.events_] == [("repeated", 48), ("corrected", 2)]


def test_a_label_that_is_taken_back_changes_nothing():
    ledger = PendingLabels(Sign())
    ids, _ = ledger.predict(X[:3])
    ledger.resolve(ids, Y[:3])
    assert len(ledger.resolve(ids, [None] * 3)[1]) == 0
    assert len(ledger.events_) == len(ledger) == 0


def test_of_several_labels_in_one_call_the_last_counts():
    ledger = PendingLabels(Sign())
    ledger.predict(X[:3])
    X_new, y_new, _ = ledger.resolve([2, 0, 2, 0, 2], [1, 1, 0, 1, 1])
    np.testing.assert_array_equal(X_new, X[[0, 2]])
    assert y_new.tolist() == [1, 1]
    assert [(e.action, e.n_rows) for e in ledger.events_] == [("repeated", 2), ("corrected", 1)]


# -- bounds ----------------------------------------------------------------------------------------


def test_the_oldest_rows_that_wait_are_dropped_and_the_event_says_which():
    ledger = PendingLabels(Sign(), max_pending=10)
    ledger.predict(X[:8])
    ledger.resolve([0, 2], Y[[0, 2]])
    ledger.predict(X[8:15])
    assert ledger.pending_ids_.tolist() == [5, 6, 7, *range(8, 15)]
    (event,) = ledger.events_
    assert (event.action, event.n_rows, event.row) == ("dropped", 3, 15)
    assert event.evidence["ids"] == [1, 3, 4]
    assert "max_pending=10" in event.reason
    assert repr(ledger) == "<PendingLabels of Sign: 10 pending, 2 resolved, 3 lost>"


def test_more_rows_at_once_than_may_wait_leave_the_newest():
    ledger = PendingLabels(Sign(), max_pending=10)
    ids, y_pred = ledger.predict(X[:500])
    assert len(ids) == len(y_pred) == 500
    assert ledger.pending_ids_.tolist() == list(range(490, 500))
    ids, _ = ledger.predict(X[500:510])
    np.testing.assert_array_equal(ledger.resolve(ids, Y[500:510])[0], X[500:510])


def test_resolved_rows_make_room_before_any_that_waits():
    ledger = PendingLabels(Sign(), max_pending=10)
    ledger.predict(X[:1])
    for start in range(1, 400):
        ids, _ = ledger.predict(X[start : start + 1])
        ledger.resolve(ids, Y[start : start + 1])
    assert ledger.pending_ids_.tolist() == [0]
    assert ledger.status([399, 1]).tolist() == ["resolved", "forgotten"]
    np.testing.assert_array_equal(ledger.resolve([0], [1])[0], X[:1])


@pytest.mark.parametrize("own_ids", [False, True])
def test_memory_is_flat_however_long_the_stream(own_ids):
    ledger = PendingLabels(Sign(), max_pending=200)
    sizes = []
    for start in range(0, 3000, 100):
        ids = [f"row-{k:07d}" for k in range(start, start + 100)] if own_ids else None
        ids, _ = ledger.predict(X[:100], ids=ids)
        ledger.resolve(ids[:30], Y[:30])
        ledger.resolve(ids[:10], 1 - Y[:10])
        sizes.append(len(pickle.dumps(ledger._ledger.book)))
    assert max(sizes[20:]) <= 1.1 * max(sizes[10:20])
    assert len(ledger.events_) <= 10_000
    n_bins = sum(len(ages) for ages in ledger._ledger.arrivals.lost.values())
    assert n_bins <= 2 * 200


def test_a_row_takes_its_cells_its_prediction_its_label_and_25_bytes():
    ledger = PendingLabels(Sign())
    ids, _ = ledger.predict(X)
    ledger.resolve(ids, Y)
    book = ledger._ledger.book
    held = book.store.nbytes + book.states.nbytes + book.labels.nbytes
    assert held == len(book.states) * (X[0].nbytes + 8 + 8 + 25)


@pytest.mark.parametrize("max_pending", [0, -1, 2.5, None, "many", True])
def test_a_bound_that_is_none_is_refused_when_it_is_used(max_pending):
    ledger = PendingLabels(Sign(), max_pending=max_pending)
    with pytest.raises(ValueError, match="max_pending must be an integer of at least 1"):
        ledger.predict(X[:3])


def test_a_lower_bound_holds_from_the_next_prediction_on():
    ledger = PendingLabels(Sign())
    ledger.predict(X[:50])
    ledger.max_pending = 20
    ledger.predict(X[50:60])
    assert ledger.pending_ids_.tolist() == list(range(40, 60))


# -- what can be wrong with a model or rows --------------------------------------------------------


@pytest.mark.parametrize("rows", [None, 3, np.array(3), "a text"])
def test_what_is_no_rows_is_refused(rows):
    with pytest.raises(ValueError, match=r"PendingLabels.predict\(X=.*: X must be an array"):
        PendingLabels(Sign()).predict(rows)


def test_what_cannot_predict_is_refused():
    with pytest.raises(ValueError, match="model must be an object with predict"):
        PendingLabels(3).predict(X)


@pytest.mark.parametrize("model", [GaussianNB(), DriftAwareRetrainer(GaussianNB())])
def test_a_model_that_is_not_fitted_says_so_and_nothing_is_remembered(model):
    ledger = PendingLabels(model)
    with pytest.raises(NotFittedError):
        ledger.predict(X)
    assert ledger.status([0]).tolist() == ["unknown"]


class OneForAll:
    def predict(self, X):
        return np.zeros(1)


def test_a_model_with_one_prediction_for_all_rows_is_refused():
    with pytest.raises(ValueError, match=r"OneForAll.predict returned the shape \(1,\) for 3 rows"):
        PendingLabels(OneForAll()).predict(X[:3])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"sample_weight": [1.0]}, "one value per row"),
        ({"sample_weight": [np.nan] * 3}, "NaN"),
        ({"y": [1, 2, 3]}, "arguments of partial_fit other than X and y"),
        ([1, 2, 3], "params must be a dict"),
    ],
)
def test_metadata_that_is_none_is_refused(params, message):
    ledger = PendingLabels(Sign())
    with pytest.raises(ValueError, match=message):
        ledger.predict(X[:3], params=params)
    assert len(ledger) == 0


def test_rows_that_cannot_lie_beside_those_before_are_refused_and_lose_nothing():
    ledger = PendingLabels(Sign())
    ids, _ = ledger.predict(X[:3])
    with pytest.raises(ValueError, match="does not fit the rows remembered"):
        ledger.predict(X[:3, :2])
    with pytest.raises(ValueError, match="pass it with every call"):
        ledger.predict(X[:3], params={"customer": [1, 2, 3]})
    assert len(ledger) == 3
    np.testing.assert_array_equal(ledger.resolve(ids, Y[:3])[0], X[:3])


@pytest.mark.parametrize("weighted", ["no", 1, None])
def test_a_flag_is_true_or_false(weighted):
    with pytest.raises(ValueError, match="weighted must be True or False"):
        PendingLabels(Sign()).resolve([], [], weighted=weighted)


# -- pickles and threads ---------------------------------------------------------------------------


def test_a_pickle_taken_at_any_moment_goes_on_as_the_original_does():
    model = ReplayPartialFit(GaussianNB(), random_state=0).fit(X[:100], Y[:100])
    ledger = PendingLabels(model, max_pending=150)
    twins = []
    for start in range(100, 600, 100):
        twins.append((start, pickle.loads(pickle.dumps(ledger))))
        work(ledger, start)
    for start, twin in twins:
        for later in range(start, 600, 100):
            work(twin, later)
        assert twin.score_ == ledger.score_
        assert twin.arrivals_ == ledger.arrivals_
        assert twin.pending_ids_.tolist() == ledger.pending_ids_.tolist()
        assert [e.reason for e in twin.events_] == [e.reason for e in ledger.events_]
        assert_same_outputs(twin.model, ledger.model, X)


def work(ledger, start):
    """Predict a hundred rows, and learn the labels of half of those before that wait."""
    waiting = ledger.pending_ids_[::2]
    X_new, y_new, params = ledger.resolve(waiting, Y[100:][waiting], weighted=True)
    ledger.predict(X[start : start + 100])
    if len(y_new):
        ledger.model.partial_fit(X_new, y_new, **params)


def test_a_copy_is_independent():
    ledger = PendingLabels(Sign())
    ids, _ = ledger.predict(X[:10])
    twin = copy.copy(ledger)
    twin.resolve(ids, Y[:10])
    assert (len(ledger), len(twin)) == (10, 0)
    assert twin.model is ledger.model


def test_the_counts_that_are_shown_are_those_of_one_moment():
    """No other thread learns of a class while they are counted."""
    ledger = PendingLabels(Sign())
    with ledger._lock:
        shown = []
        thread = threading.Thread(target=lambda: shown.append(repr(ledger)))
        thread.start()
        thread.join(0.05)
        assert not shown
    thread.join()
    assert shown == ["<PendingLabels of Sign: 0 pending, 0 resolved, 0 lost>"]


def test_many_threads_get_ids_of_their_own():
    """Each row is found again by its id, whoever predicted in between."""
    model = DriftAwareRetrainer(GaussianNB()).fit(X[:100], Y[:100])
    ledger, found = PendingLabels(model), {}

    def serve(number):
        for k in range(20):
            rows = np.full((3, 4), 100.0 * number + k)
            ids, _ = ledger.predict(rows)
            found.update(dict.fromkeys(ids.tolist(), rows[0, 0]))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=serve, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert sorted(found) == list(range(360))
    rows, _, _ = ledger.resolve(list(found), [0] * 360)
    assert rows[:, 0].tolist() == [found[each] for each in range(360)]


# -- the versions that predicted -------------------------------------------------------------------


def test_a_row_keeps_the_version_that_predicted_it():
    """Whatever serves by now, and whether its label came; the ids may be one's own."""
    model = DriftAwareRetrainer(
        GaussianNB(), detector=Periodic(50), policy="full_refit", update=None
    )
    model.fit(X[:200], Y[:200])
    ledger = PendingLabels(model)
    ledger.predict(X[200:203], ids=["a", "b", "c"])
    model.partial_fit(X[200:300], Y[200:300])
    ledger.predict(X[300:302], ids=["d", "e"])
    ledger.resolve(["b"], [Y[201]])
    assert model.n_refits_ == 1
    assert ledger.versions(["e", "b", "a"]).tolist() == [2, 1, 1]
    assert ledger.versions([]).tolist() == []


def test_the_version_of_a_row_that_is_not_held_is_not_known():
    ledger = PendingLabels(Sign(), max_pending=2)
    ids, _ = ledger.predict(signs(3))
    assert ledger.versions(ids[1:]).tolist() == [1, 1]
    with pytest.raises(ValueError, match="PendingLabels.versions.*dropped for lack of room: 0"):
        ledger.versions(ids)
