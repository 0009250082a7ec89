"""The first model of a stream: it warns where its rows are too few to make it more than a constant.

When rows suffice for a first fit at all is in tests/test_labels.py and tests/test_cycle.py.
"""

import warnings
from functools import partial

import numpy as np
import pytest
from helpers import feed, state_of, stream
from sklearn.base import BaseEstimator, ClusterMixin, RegressorMixin, clone
from sklearn.cluster import KMeans
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skretrain import DriftAwareRetrainer
from skretrain.exceptions import ClassesGrewWarning, ConstantModelWarning, SkretrainWarning

X, Y = stream(400)
TARGETS = X[:, 0] + 0.5 * X[:, 1]
STARVED = HistGradientBoostingRegressor(max_iter=3)  # asks for 20 rows in a leaf
SAYS = (
    r"The first model gives the same output for all 24 rows of the first fit \(initial_size=24\), "
    r".*Set initial_size to as many rows as HistGradientBoostingRegressor needs, or lower"
)
NOTE = "first fit; the output is the same for all 24 rows"


def retrainer(base, **params):
    return DriftAwareRetrainer(base, detector=None, update=None, **params)


def constant_warnings(learn):
    """Return how many warnings of a constant a call gives; others are none of its business."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        learn()
    return sum(issubclass(one.category, ConstantModelWarning) for one in caught)


# It is told ---------------------------------------------------------------------------------------


def test_rows_that_were_collected_and_are_too_few_are_told_with_the_way_out():
    model = retrainer(STARVED, initial_size=24).partial_fit(X[:12], TARGETS[:12])
    with pytest.warns(ConstantModelWarning, match=SAYS) as caught:
        model.partial_fit(X[12:24], TARGETS[12:24])
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert issubclass(ConstantModelWarning, SkretrainWarning)
    assert model.events_[-1].reason == NOTE
    assert np.ptp(model.predict(X)) == 0


def test_so_are_those_of_a_fit_that_streams():
    model = retrainer(STARVED, initial_size=24, batch_size=50)
    with pytest.warns(ConstantModelWarning, match=SAYS):
        model.fit(X, TARGETS)
    assert model.events_[0].reason == NOTE
    assert model.n_samples_seen_ == 400


def test_the_first_batch_may_be_what_is_too_small():
    with pytest.warns(ConstantModelWarning, match=r"all 30 rows .*\(initial_size=None\)"):
        retrainer(STARVED).partial_fit(X[:30], TARGETS[:30])


@pytest.mark.parametrize(
    "base",
    [
        HistGradientBoostingClassifier(max_iter=3),
        make_pipeline(StandardScaler(), HistGradientBoostingClassifier(max_iter=3)),
        KNeighborsClassifier(n_neighbors=24),
    ],
)
def test_the_probabilities_of_a_classifier_tell(base):
    """Where labels are the same for all rows, these need not be."""
    model = retrainer(base, initial_size=24)
    assert constant_warnings(lambda: model.partial_fit(X[:24], Y[:24])) == 1


def test_of_several_outputs_all_have_to_be_the_same():
    """One that lacks rows is no constant, as long as the other one is none."""
    base = MultiOutputClassifier(HistGradientBoostingClassifier(max_iter=3))
    y = np.c_[Y, Y]
    assert constant_warnings(lambda: retrainer(base).partial_fit(X[:24], y[:24])) == 1
    assert constant_warnings(lambda: retrainer(base).partial_fit(X, y)) == 0


# It is not told -----------------------------------------------------------------------------------


@pytest.mark.parametrize("base", [KNeighborsClassifier(n_neighbors=23), SVC(C=0.05)])
def test_labels_that_are_all_the_same_are_no_constant_where_more_is_known(base):
    """Probabilities or scores differ; ten times as many rows would let the labels differ, too."""
    y = (TARGETS[:24] > np.sort(TARGETS[:24])[15]).astype(int)
    model, many = retrainer(base), clone(base).fit(np.tile(X[:24], (10, 1)), np.tile(y, 10))
    assert constant_warnings(partial(model.partial_fit, X[:24], y)) == 0
    assert len(np.unique(model.predict(X[:24]))) == 1
    assert len(np.unique(many.predict(X[:24]))) == 2


def test_a_model_that_tells_late_rows_from_the_others_is_no_constant():
    """Its first fifty outputs are the same."""
    rows = np.r_[np.zeros(100), np.ones(100)].reshape(-1, 1)
    model = retrainer(HistGradientBoostingRegressor(max_iter=3))
    assert constant_warnings(partial(model.partial_fit, rows, rows[:, 0])) == 0
    assert len(np.unique(model.predict(rows))) == 2


class OneCluster(ClusterMixin, BaseEstimator):
    """All rows are one cluster before there are 200."""

    def fit(self, X, y=None):
        self.n_seen_ = len(X)
        return self

    def predict(self, X):
        return (X[:, 0] > 0) & (self.n_seen_ >= 200)


def test_a_clusterer_may_find_that_all_rows_are_one():
    assert constant_warnings(partial(retrainer(OneCluster()).partial_fit, X[:24])) == 0


@pytest.mark.parametrize(
    ("base", "targets"),
    [
        (DummyRegressor(), TARGETS),
        (DummyClassifier(), Y),
        (DummyClassifier(strategy="stratified"), Y),
        (Lasso(alpha=100.0), TARGETS),  # a constant on any number of rows
        (LinearRegression(), TARGETS),
        (LogisticRegression(), Y),
        (SVC(), Y),
        (KMeans(2), None),
    ],
)
def test_bases_that_lack_no_rows_are_left_in_peace(base, targets):
    model, first = retrainer(base), None if targets is None else targets[:24]
    assert constant_warnings(lambda: model.partial_fit(X[:24], first)) == 0
    assert model.events_[-1].reason == "first fit"


def test_rows_that_have_nothing_to_tell_are_not_too_few():
    """Constant columns, or a constant target."""
    for rows, targets in ((np.zeros((24, 2)), TARGETS[:24]), (X[:24], np.ones(24))):
        learn = partial(retrainer(STARVED).partial_fit, rows, targets)
        assert constant_warnings(learn) == 0


def test_a_plain_fit_is_left_in_peace():
    """It was given all rows that there are."""
    assert constant_warnings(lambda: retrainer(STARVED).fit(X[:24], TARGETS[:24])) == 0


def test_a_thousand_rows_are_enough_for_anybody():
    base = HistGradientBoostingRegressor(max_iter=1, min_samples_leaf=600)
    rows = np.random.default_rng(0).normal(size=(1000, 2))
    for n_rows, expected in ((999, 1), (1000, 0)):
        learn = partial(retrainer(base).partial_fit, rows[:n_rows], rows[:n_rows, 0])
        assert constant_warnings(learn) == expected


class Slow(RegressorMixin, BaseEstimator):
    """A constant before it has learned 200 rows; it learns them in any number of steps."""

    n_fits = 0

    def fit(self, X, y):
        type(self).n_fits += 1
        self.n_seen_ = 0
        return self.partial_fit(X, y)

    def partial_fit(self, X, y):
        self.n_seen_ = getattr(self, "n_seen_", 0) + len(X)
        return self

    def predict(self, X):
        return X[:, 0] * (self.n_seen_ >= 200)


def test_a_base_that_learns_along_needs_no_larger_first_batch():
    """``initial_size`` would not make it wait."""
    model = DriftAwareRetrainer(Slow(), detector=None, initial_size=24)
    assert constant_warnings(lambda: model.partial_fit(X[:24], TARGETS[:24])) == 0
    model = retrainer(Slow(), initial_size=24)
    assert constant_warnings(lambda: model.partial_fit(X[:24], TARGETS[:24])) == 1


def test_the_rows_are_repeated_only_if_the_model_is_a_constant():
    """Else the first fit stays the only one, and one look at its output is all that is added."""

    class Counted(Slow):
        n_fits = n_looks = 0

        def predict(self, X):
            type(self).n_looks += 1
            return super().predict(X)

    retrainer(Counted()).partial_fit(X[:200], TARGETS[:200])
    assert (Counted.n_fits, Counted.n_looks) == (1, 2)
    assert constant_warnings(lambda: retrainer(Counted()).partial_fit(X[:24], TARGETS[:24])) == 1
    assert Counted.n_fits == 3


class Unreadable(LinearRegression):
    """A model that cannot read the rows that it was fitted on."""

    def predict(self, X):
        raise RuntimeError("not these")


def test_what_cannot_be_looked_at_is_no_reason_to_fail():
    model = retrainer(Unreadable(), initial_size=24)
    assert constant_warnings(lambda: model.fit(X, TARGETS)) == 0
    assert model.events_[-1].reason == "first fit"


# An error that a filter made of it ----------------------------------------------------------------


def test_an_error_that_a_filter_makes_of_it_leaves_the_first_model_in_service():
    """The rows that waited are remembered once, there is one event, and the stream goes on."""
    model = retrainer(HistGradientBoostingClassifier(max_iter=3))
    model.partial_fit(X[:10], np.zeros(10, dtype=int))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConstantModelWarning)
        with pytest.raises(ConstantModelWarning):
            model.partial_fit(X[10:24], Y[10:24])
    assert (model.n_samples_seen_, len(model.buffer_)) == (24, 24)
    assert [event.action for event in model.events_] == ["retrained"]
    assert model.events_.counts["buffered"] == 1
    assert state_of(model).log.n_fits == 1
    np.testing.assert_array_equal(model.classes_, [0, 1])
    feed(model, X, Y, 50, 24, 124)
    assert model.n_samples_seen_ == 124


def test_what_else_is_to_be_told_is_told_on_later_batches():
    """A third class in the very next batch: how many there were is known although it was raised."""
    model = retrainer(HistGradientBoostingClassifier(max_iter=3), initial_size=24)
    model.partial_fit(X[:10], Y[:10])
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConstantModelWarning)
        with pytest.raises(ConstantModelWarning):
            model.partial_fit(X[10:24], Y[10:24])
    y = np.where(np.arange(50) % 2, 2, Y[24:74])
    with pytest.warns(ClassesGrewWarning, match=r"\[0, 1, 2\]"):
        model.partial_fit(X[24:74], y)


def test_of_a_fit_that_it_stops_nothing_is_kept():
    model = retrainer(GaussianNB()).fit(X, Y)
    model.set_params(estimator=HistGradientBoostingClassifier(), initial_size=24, batch_size=50)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConstantModelWarning)
        with pytest.raises(ConstantModelWarning):
            model.fit(X, Y)
    assert isinstance(model.estimator_, GaussianNB)


class FailsOnMany(RegressorMixin, BaseEstimator):
    """A constant that cannot be fitted on more than fifty rows."""

    def fit(self, X, y):
        if len(X) > 50:
            raise RuntimeError("too many")
        self.fitted_ = True
        return self

    def predict(self, X):
        return np.zeros(len(X))


def test_rows_that_cannot_be_repeated_are_no_reason_to_fail():
    """Whether more rows would help is then not known, and nothing is said."""
    model = retrainer(FailsOnMany(), initial_size=24, policy="full_refit")
    model.partial_fit(X[:24], X[:24, 0])
    assert model.events_[-1].reason == "first fit"
