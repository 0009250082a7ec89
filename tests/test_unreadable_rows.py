"""Rows that the serving model cannot read and a fresh fit can: a reason to retrain."""

import numpy as np
import pandas as pd
import pytest
from helpers import WaitGate, batches, events, feed
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import CategoricalNB
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, SplineTransformer

from skretrain import DriftAwareRetrainer, MixtureRetrainer, ReplayPartialFit
from skretrain.buffers import SlidingWindow

rng = np.random.default_rng(0)
N = 600
CITY = rng.choice(["a", "b"], N).astype(object)
CITY[300::7] = "new"
FRAME = pd.DataFrame({"city": CITY, "kind": rng.choice(["x", "y"], N)})
Y = ((CITY == "a") ^ (rng.random(N) < 0.1)).astype(int)
CODES = (np.select([CITY == "a", CITY == "b"], [0, 1], 2))[:, None]
WIDE = np.where(np.arange(N) < 300, rng.uniform(0, 1, N), rng.uniform(0, 2, N))[:, None]

CASES = {
    "one-hot": (make_pipeline(OneHotEncoder(), LogisticRegression()), FRAME, Y),
    "ordinal": (make_pipeline(OrdinalEncoder(), LogisticRegression()), FRAME, Y),
    "codes": (CategoricalNB(), CODES, Y),
    "knots": (
        make_pipeline(SplineTransformer(extrapolation="error"), Ridge()),
        WIDE,
        WIDE[:, 0] ** 2,
    ),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("kind", [DriftAwareRetrainer, ReplayPartialFit])
@pytest.mark.no_cover
def test_the_model_is_fitted_anew_in_one_transaction_and_the_stream_goes_on(kind, name):
    """Trap 50: no batch is refused, every row is counted, and the event says why."""
    base, X, y = CASES[name]
    model = kind(base).fit(X[:300], y[:300])
    for batch in batches(N, 50, 300):
        model.partial_fit(X[batch], y[batch])
        model.predict(X[batch])  # what was learned can be read
    assert model.n_samples_seen_ == N
    why = [e for e in model.events_ if e.reason.startswith("rows that the model could not read: ")]
    assert (why[0].action, why[0].row, why[0].from_scratch) == ("retrained", 350, True)
    assert why[0].n_rows_fitted == 350
    assert "ValueError" in why[0].reason or "IndexError" in why[0].reason
    assert len(why) < 4  # once it is known, it is no news
    assert model.events_.counts["failed"] == 0


def test_the_rows_are_not_scored_and_the_trigger_hears_of_the_fit():
    model = DriftAwareRetrainer(CASES["one-hot"][0]).fit(FRAME[:300], Y[:300])
    examined = model._examine(FRAME[300:350], Y[300:350], None, {})
    assert examined.batch.scored is None
    assert examined.batch.y_pred is None
    before = model.estimator_
    model._learn(examined)
    assert model.estimator_ is not before
    assert model.n_refits_ == 1
    assert model.n_alarms_ == 0


def test_columns_or_values_that_nobody_can_read_are_an_input_error_as_ever():
    """The message is that of the model; nothing is counted or remembered."""
    model = DriftAwareRetrainer(LogisticRegression()).fit(CODES[:300], Y[:300])
    holes = CODES[300:350].astype(float)
    holes[3] = np.nan
    for bad, message in ((holes, "contains NaN"), (np.hstack([CODES[:50]] * 2), "2 features")):
        before, n = model.estimator_, len(model.buffer_)
        with pytest.raises(ValueError, match=message):
            model.partial_fit(bad, Y[300:350])
        assert (model.estimator_, len(model.buffer_), model.n_samples_seen_) == (before, n, 300)
    assert len(model.events_) == 1
    small = DriftAwareRetrainer(LogisticRegression(), buffer=SlidingWindow(max_rows=20))
    small.fit(CODES[:300], Y[:300])
    with pytest.raises(ValueError, match="2 features"):
        small.partial_fit(np.hstack([CODES[:50]] * 2), Y[:50])


def test_a_dry_run_says_what_it_would_do():
    model = DriftAwareRetrainer(CASES["one-hot"][0], dry_run=True).fit(FRAME[:300], Y[:300])
    before = model.estimator_
    model.partial_fit(FRAME[300:350], Y[300:350])
    assert model.events_[-1].action == "suggested"
    assert "could not read" in model.events_[-1].reason
    assert model.estimator_ is before
    assert model.n_samples_seen_ == 350


@pytest.mark.no_cover
def test_a_challenger_that_waits_is_made_anew():
    """It was to be compared with a model that serves no more."""
    y = Y.copy()
    y[200:] = 1 - y[200:]
    model = DriftAwareRetrainer(CASES["one-hot"][0], gate=WaitGate(50))
    feed(model.fit(FRAME[:150], y[:150]), FRAME, y, 50, 150, 300)
    assert model.challenger_ is not None
    model.partial_fit(FRAME[300:350], y[300:350])
    assert model.challenger_ is None
    assert model.events_[-1].action == "retrained"
    model.partial_fit(FRAME[350:400], y[350:400])
    assert model.challenger_ is not None


@pytest.mark.no_cover
def test_members_of_a_mixture_relearn_each_for_itself():
    members = [
        ("one-hot", DriftAwareRetrainer(CASES["one-hot"][0])),
        ("tolerant", DriftAwareRetrainer(
            make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression())
        )),
    ]  # fmt: skip
    mixture = feed(MixtureRetrainer(members).fit(FRAME[:300], Y[:300]), FRAME, Y, 50, 300)
    assert [member.n_samples_seen_ for member in mixture.estimators_] == [N, N]
    assert mixture.score(FRAME[300:], Y[300:]) > 0.7


# -- a first fit that is too small -----------------------------------------------------------------


def test_a_first_model_serves_once_it_can_predict():
    """Five neighbours cannot be found among three rows."""
    X, y = np.arange(60.0)[:, None], np.arange(60.0)
    model = DriftAwareRetrainer(KNeighborsRegressor())
    for batch in batches(60, 3):
        model.partial_fit(X[batch], y[batch])
    assert model.n_samples_seen_ == 60
    assert events(model, "action")[:2] == [("buffered",), ("retrained",)]
    assert "too few rows for a first fit: ValueError" in model.events_[0].reason
    assert model.events_[1].row == 6


def test_clusters_wait_for_as_many_rows():
    from sklearn.cluster import KMeans

    X = rng.normal(size=(60, 2))
    model = DriftAwareRetrainer(KMeans(8, n_init=1, random_state=0))
    for batch in batches(60, 3):
        model.partial_fit(X[batch])
    assert model.events_.counts["buffered"] == 2
    assert model.predict(X).shape == (60,)


def test_a_stated_size_that_does_not_suffice_raises_the_error_of_the_base():
    X, y = np.arange(60.0)[:, None], np.arange(60.0)
    model = DriftAwareRetrainer(KNeighborsRegressor(), initial_size=3)
    with pytest.raises(ValueError, match="n_neighbors"):
        model.partial_fit(X[:3], y[:3])


def test_what_more_rows_would_not_mend_raises_at_once():
    model = DriftAwareRetrainer(KNeighborsRegressor(n_neighbors=0))
    with pytest.raises(ValueError, match="n_neighbors"):
        model.partial_fit(np.zeros((3, 1)), np.zeros(3))
    assert not hasattr(model, "events_")


def test_many_rows_that_fail_are_not_too_few():
    X, y = np.zeros((250, 1)), np.arange(250.0)
    model = DriftAwareRetrainer(KNeighborsRegressor(n_neighbors=400))
    with pytest.raises(ValueError, match="n_neighbors"):
        model.partial_fit(X, y)


@pytest.mark.filterwarnings("ignore::skretrain.exceptions.ClassesGrewWarning")
def test_a_new_label_in_such_a_batch_is_known_in_a_dry_run_too():
    y = Y.copy()
    y[300:350] = 7
    model = DriftAwareRetrainer(CASES["one-hot"][0], dry_run=True).fit(FRAME[:300], y[:300])
    model.partial_fit(FRAME[300:350], y[300:350])
    assert model.classes_.tolist() == [0, 1, 7]
