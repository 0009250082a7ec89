"""Labels of every kind, classes that are absent, appear late or were only declared."""

import contextlib

import numpy as np
import pytest
from helpers import Rings, assert_same_outputs, batches, events, feed, fingerprint, stream
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Perceptron, SGDClassifier, SGDRegressor
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeClassifier

from skretrain import DriftAwareRetrainer, ReplayPartialFit
from skretrain.exceptions import ClassesGrewWarning, RetrainFailedWarning
from skretrain.policies import FullRefit, WarmStart

X, Y = stream(600, n_classes=3)
BINARY = (Y > 0).astype(int)

KINDS = {
    "bool": np.array([False, True]),
    "float": np.array([-1.0, 2.0]),
    "negative": np.array([1, -1]),
    "object": np.array(["no", "yes"], dtype=object),
    "string": np.array(["yes", "no"]),
    "unsorted": np.array([7, 3]),
}


@pytest.mark.filterwarnings("ignore:.*np.bool_.*:DeprecationWarning")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("begin", ["fit", "partial_fit"])
@pytest.mark.parametrize("base", [SGDClassifier(random_state=0), LogisticRegression()])
@pytest.mark.no_cover
def test_labels_of_any_kind_are_those_of_the_bare_estimator(kind, begin, base):
    """The kind of label changes neither what is learned nor what is predicted."""
    y = KINDS[kind][BINARY]
    model = DriftAwareRetrainer(base, detector=Rings([350]), policy=FullRefit(grow=False))
    declared = {"classes": KINDS[kind]} if begin == "partial_fit" else {}
    getattr(model, begin)(X[:100], y[:100], **declared)
    for batch in batches(600, 50, 100):
        model.partial_fit(X[batch], y[batch])
    np.testing.assert_array_equal(model.classes_, np.unique(y))
    refitted = clone(base).fit(X[350:400], y[350:400])
    if isinstance(base, SGDClassifier):
        for batch in batches(600, 50, 400):
            refitted.partial_fit(X[batch], y[batch])
    assert_same_outputs(model, refitted, X)
    assert model.predict(X).dtype == refitted.predict(X).dtype
    assert model.n_alarms_ == 1


@pytest.mark.parametrize("kind", KINDS)
def test_losses_do_not_depend_on_the_kind_of_label(kind):
    y = KINDS[kind][BINARY]
    model = DriftAwareRetrainer(GaussianNB(), detector=Rings()).fit(X[:100], y[:100])
    model.partial_fit(X[100:], y[100:])
    wrong = GaussianNB().fit(X[:100], y[:100]).predict(X[100:]) != y[100:]
    np.testing.assert_array_equal(model.detector_.seen_[0].loss, wrong)


def test_a_batch_may_lack_classes():
    """Trap 17: the classes of a batch are not the classes of the stream."""
    order = np.argsort(Y, kind="stable")  # every batch has one class
    model = DriftAwareRetrainer(SGDClassifier(random_state=0), detector=None)
    oracle = SGDClassifier(random_state=0)
    declared = {"classes": [2, 0, 1]}
    for batch in batches(600, 50):
        rows = order[batch]
        model.partial_fit(X[rows], Y[rows], **declared)
        oracle.partial_fit(X[rows], Y[rows], classes=[0, 1, 2])
        declared = {}
    assert_same_outputs(model, oracle, X)
    np.testing.assert_array_equal(model.classes_, [0, 1, 2])


def test_one_row_at_a_time():
    """Without ``classes`` the first rows wait until there are two; then it is the bare loop."""
    y = BINARY[:60]
    two = int(np.flatnonzero(y != y[0])[0]) + 1
    model = DriftAwareRetrainer(GaussianNB(), detector=None)
    for row in range(60):
        model.partial_fit(X[row : row + 1], y[row : row + 1])
    oracle = GaussianNB().partial_fit(X[:two], y[:two], classes=[0, 1])
    for row in range(two, 60):
        oracle.partial_fit(X[row : row + 1], y[row : row + 1])
    assert fingerprint(model.estimator_) == fingerprint(oracle)
    assert model.events_.counts["buffered"] == two - 1
    assert len(model.buffer_) == model.n_samples_seen_ == 60


@pytest.mark.parametrize("ratio", [0, 1.0, 5.0])
@pytest.mark.no_cover
def test_one_row_at_a_time_for_a_base_that_needs_two_classes(ratio):
    """Trap 29: a mix of one class is topped up from memory, no row is lost to a failure."""
    model = ReplayPartialFit(LogisticRegression(), ratio=ratio, random_state=0)
    model.fit(X[:50], BINARY[:50])
    for row in range(50, 120):
        model.partial_fit(X[row : row + 1], BINARY[row : row + 1])
    assert model.events_.counts["failed"] == 0
    assert len(model.buffer_) == 120
    np.testing.assert_array_equal(model.estimator_.classes_, [0, 1])


@pytest.mark.parametrize("base", [GaussianNB(), LogisticRegression()], ids=["partial", "refit"])
def test_an_empty_batch_changes_nothing(base):
    model = DriftAwareRetrainer(base).fit(X[:100], BINARY[:100])
    before = fingerprint(model.estimator_), model.n_samples_seen_, dict(model.events_.counts)
    model.partial_fit(X[:0], BINARY[:0])
    after = fingerprint(model.estimator_), model.n_samples_seen_, dict(model.events_.counts)
    assert before == after


@pytest.mark.parametrize("batch_size", [None, 10])
def test_no_rows_are_too_few_for_a_fit(batch_size):
    with pytest.raises(ValueError, match="0 sample"):
        DriftAwareRetrainer(LogisticRegression(), batch_size=batch_size).fit(X[:0], BINARY[:0])


def test_an_empty_first_batch_is_not_yet_a_beginning():
    model = DriftAwareRetrainer(GaussianNB())
    model.partial_fit(X[:0], BINARY[:0]).partial_fit(X[:100], BINARY[:100])
    assert_same_outputs(model, GaussianNB().partial_fit(X[:100], BINARY[:100], [0, 1]), X)


def test_a_batch_of_weight_zero_is_kept_but_neither_scored_nor_learned():
    """Trap 23: such a batch would still advance the step-size schedule of SGD."""
    model = DriftAwareRetrainer(SGDClassifier(random_state=0), detector=Rings())
    model.fit(X[:100], BINARY[:100])
    before = fingerprint(model.estimator_)
    model.partial_fit(X[100:150], BINARY[100:150], sample_weight=np.zeros(50))
    assert fingerprint(model.estimator_) == before
    assert np.isnan(model.detector_.seen_[0].loss).all()
    assert len(model.buffer_) == 150
    assert model.events_.counts["kept"] == 1


def test_rows_of_weight_zero_inside_a_batch_are_left_out():
    weight = np.tile([0.0, 1.0], 25)
    model = DriftAwareRetrainer(SGDClassifier(random_state=0), detector=Rings())
    model.fit(X[:100], BINARY[:100])
    model.partial_fit(X[100:150], BINARY[100:150], sample_weight=weight)
    oracle = SGDClassifier(random_state=0).fit(X[:100], BINARY[:100])
    oracle.partial_fit(X[101:150:2], BINARY[101:150:2], sample_weight=np.ones(25))
    assert fingerprint(model.estimator_) == fingerprint(oracle)
    np.testing.assert_array_equal(np.isnan(model.detector_.seen_[0].loss), weight == 0)


def test_a_stream_that_begins_with_weight_zero_waits():
    model = DriftAwareRetrainer(GaussianNB())
    model.partial_fit(X[:50], BINARY[:50], classes=[0, 1], sample_weight=np.zeros(50))
    assert model.events_.counts["buffered"] == 1
    model.partial_fit(X[50:100], BINARY[50:100], sample_weight=np.ones(50))
    oracle = GaussianNB().partial_fit(X[50:100], BINARY[50:100], [0, 1], np.ones(50))
    np.testing.assert_array_equal(model.predict_proba(X), oracle.predict_proba(X))


# -- the first fit waits for two classes -----------------------------------------------------------


@pytest.mark.parametrize("base", [SGDClassifier(random_state=0), LogisticRegression()])
def test_rows_of_a_single_class_wait(base):
    """A first fit needs two classes, however many rows there are."""
    order = np.argsort(BINARY, kind="stable")
    xs, ys = X[order], BINARY[order]
    zeros = int((BINARY == 0).sum())
    model = DriftAwareRetrainer(base, detector=None, update=None)
    for batch in batches(zeros, 50):
        model.partial_fit(xs[batch], ys[batch])
        assert not hasattr(model, "estimator_")
    model.partial_fit(xs[zeros : zeros + 50], ys[zeros : zeros + 50])
    oracle = clone(base).fit(xs[: zeros + 50], ys[: zeros + 50])
    np.testing.assert_array_equal(model.predict(X), oracle.predict(X))


def test_streaming_in_fit_extends_the_first_fit_to_two_classes():
    order = np.argsort(BINARY, kind="stable")
    zeros = int((BINARY == 0).sum())
    model = DriftAwareRetrainer(GaussianNB(), detector=Rings(), batch_size=20)
    model.fit(X[order], BINARY[order])
    assert model.detector_.fits_[0][0].n_rows == zeros + 1
    only = DriftAwareRetrainer(GaussianNB(), detector=None, batch_size=20)
    only.fit(X[:100], np.zeros(100, int))
    np.testing.assert_array_equal(only.predict(X), np.zeros(600))


def test_the_first_fit_waits_for_initial_size_and_takes_all_that_came():
    model = DriftAwareRetrainer(
        LogisticRegression(), detector=None, update=None, initial_size=120, policy=FullRefit("all")
    )
    feed(model, X, BINARY, 50, 0, 150)
    oracle = LogisticRegression().fit(X[:150], BINARY[:150])
    np.testing.assert_array_equal(model.predict_proba(X), oracle.predict_proba(X))
    assert model.events_.counts["buffered"] == 2


# -- new classes -----------------------------------------------------------------------------------

GROWING = {
    "forest": RandomForestClassifier(5, random_state=0),
    "logistic": LogisticRegression(),
    "mlp": MLPClassifier((4,), max_iter=2, learning_rate_init=0.1, random_state=0),
    "nb": GaussianNB(),
    "perceptron": Perceptron(random_state=0),
    "sgd": SGDClassifier(random_state=0),
    "tree": DecisionTreeClassifier(random_state=0),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::skretrain.exceptions.ClassesGrewWarning")
@pytest.mark.parametrize("update", ["auto", "replay_mix", "full_refit", None])
@pytest.mark.parametrize("name", GROWING)
@pytest.mark.no_cover
@pytest.mark.thinned(3)
def test_a_class_that_appears_late_is_learned(name, update):
    """Trap 18: in the batch in which it appears, by a refit where the model cannot take it in."""
    old = Y[:300] < 2
    model = DriftAwareRetrainer(GROWING[name], detector=None, update=update)
    model.fit(X[:300][old], Y[:300][old])
    model.partial_fit(X[300:400], Y[300:400])
    np.testing.assert_array_equal(model.classes_, [0, 1, 2])
    np.testing.assert_array_equal(model.estimator_.classes_, [0, 1, 2])
    assert model.events_[-1].reason.startswith("new classes [2]")
    grows = hasattr(GROWING[name], "partial_fit") and update in ("auto", "replay_mix")
    grows = grows or (name, update) == ("logistic", "replay_mix")  # each of its mixes is a refit
    assert model.events_[-1].action == ("updated" if grows else "retrained")
    assert model.n_refits_ == (0 if grows else 1)
    for _ in range(20 if grows else 1):  # one step of a gradient has not learned it yet
        model.partial_fit(X[400:500], Y[400:500])
    assert (model.predict(X) == 2).any()
    assert model.events_.counts["failed"] == 0


@pytest.mark.filterwarnings("ignore::skretrain.exceptions.ClassesGrewWarning")
@pytest.mark.parametrize("policy", ["warm_start", "replay_mix"])
@pytest.mark.parametrize(
    "base", [GaussianNB(priors=[0.5, 0.5]), RandomForestClassifier(5, random_state=0)]
)
def test_a_policy_that_cannot_take_the_class_in_refits_and_says_why(base, policy):
    """Where a table of priors is fixed, or old trees know two classes only."""
    old = Y[:300] < 2
    model = DriftAwareRetrainer(base, detector=None, policy=policy, update=None)
    with contextlib.ExitStack() as stack:
        if isinstance(base, GaussianNB):  # two priors for three classes: the base refuses
            stack.enter_context(pytest.warns(RetrainFailedWarning, match="Number of priors"))
        model.fit(X[:300][old], Y[:300][old]).partial_fit(X[300:400], Y[300:400])
    if isinstance(base, GaussianNB):
        np.testing.assert_array_equal(model.estimator_.classes_, [0, 1])
    else:
        np.testing.assert_array_equal(model.estimator_.classes_, [0, 1, 2])
        if policy == "warm_start":
            assert "no room for new classes [2]" in model.events_[-1].reason


@pytest.mark.parametrize("declared", [False, True])
def test_new_classes_can_be_refused(declared):
    """``new_classes="raise"`` keeps scikit-learn's error, before anything is counted."""
    old = Y[:300] < 2
    model = DriftAwareRetrainer(GaussianNB(), new_classes="raise")
    if declared:
        model.partial_fit(X[:300][old], Y[:300][old], classes=[0, 1])
    else:
        model.fit(X[:300][old], Y[:300][old])
    before = fingerprint(model.estimator_), model.n_samples_seen_, len(model.buffer_)
    with pytest.raises(ValueError, match=r"label\(s\) \[2\] in y do not exist.*new_classes='grow'"):
        model.partial_fit(X[300:400], Y[300:400])
    assert (fingerprint(model.estimator_), model.n_samples_seen_, len(model.buffer_)) == before
    np.testing.assert_array_equal(model.classes_, [0, 1])


def test_classes_announced_with_a_refused_batch_are_not_taken_in():
    """(a): a call that raises leaves no trace, the announcement in it included."""
    old = Y[:300] < 2
    model = DriftAwareRetrainer(GaussianNB(), new_classes="raise").fit(X[:300][old], Y[:300][old])
    with pytest.raises(ValueError, match=r"label\(s\) \[2\]"):
        model.partial_fit(X[300:400], Y[300:400], classes=[0, 1, 5])
    np.testing.assert_array_equal(model.classes_, [0, 1])


def test_decision_function_becomes_two_dimensional_with_one_warning():
    """From the day a third class appears there is one column per class, and it is said once."""
    model = DriftAwareRetrainer(SGDClassifier(random_state=0), detector=None)
    model.fit(X[:300], BINARY[:300])
    assert model.decision_function(X).shape == (600,)
    with pytest.warns(ClassesGrewWarning, match=r"\[0, 1, 2\].*one column per class") as caught:
        model.partial_fit(X[300:400], BINARY[300:400] * 2)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert model.decision_function(X).shape == (600, 3)
    model.partial_fit(X[400:500], np.arange(100) % 4)  # without a warning: it would be an error
    assert model.decision_function(X).shape == (600, 4)


@pytest.mark.parametrize(
    "base",
    [LogisticRegression(), RandomForestClassifier(3, random_state=0)],
    ids=["logistic", "forest"],
)
def test_a_class_that_was_only_declared_has_probability_zero(base):
    """The outputs have its column from the start, also for a base without ``partial_fit``."""
    model = DriftAwareRetrainer(base, detector=None)
    model.partial_fit(X[:100], BINARY[:100] * 2, classes=[0, 1, 2])
    plain = clone(base).fit(X[:100], BINARY[:100] * 2)
    np.testing.assert_array_equal(model.classes_, [0, 1, 2])
    proba = model.predict_proba(X)
    np.testing.assert_array_equal(proba[:, 1], 0)
    np.testing.assert_array_equal(proba[:, [0, 2]], plain.predict_proba(X))
    with np.errstate(divide="ignore"):  # the forest's own logarithm of 0
        log_proba = model.predict_log_proba(X)
        np.testing.assert_array_equal(log_proba[:, [0, 2]], plain.predict_log_proba(X))
    np.testing.assert_array_equal(log_proba[:, 1], -np.inf)
    np.testing.assert_array_equal(model.predict(X), plain.predict(X))
    if hasattr(base, "decision_function"):
        decision = model.decision_function(X)
        binary = plain.decision_function(X)
        np.testing.assert_array_equal(
            decision, np.c_[-binary, np.full(600, -np.finfo(float).max), binary]
        )
        np.testing.assert_array_equal(model.classes_[decision.argmax(axis=1)], plain.predict(X))


def test_a_class_declared_later_widens_the_outputs():
    model = DriftAwareRetrainer(GaussianNB(), detector=None).fit(X[:100], BINARY[:100])
    model.partial_fit(X[100:150], BINARY[100:150], classes=[0, 1, 9])
    np.testing.assert_array_equal(model.classes_, [0, 1, 9])
    np.testing.assert_array_equal(model.predict_proba(X)[:, 2], 0)
    assert model.n_refits_ == 0


def test_a_refit_window_with_one_class_is_topped_up_from_memory():
    """Trap 29: the rows since the change are all of one class; the base gets both."""
    y = BINARY.copy()
    y[200:] = 1
    model = DriftAwareRetrainer(
        LogisticRegression(), detector=Rings([300]), policy=FullRefit(min_rows=1, grow=False)
    ).fit(X[:200], y[:200])
    feed(model, X, y, 50, 200, 400)
    assert model.n_refits_ == 1
    np.testing.assert_array_equal(model.estimator_.classes_, [0, 1])
    # A tenth of the 50 rows of the window: the five newest rows of the absent class.
    assert model.events_[-1].n_rows_fitted == 55


def test_a_memory_with_one_class_keeps_the_champion():
    """Trap 29: if memory has nothing to top up with, the retrain fails and the model serves on."""
    from skretrain.buffers import SlidingWindow
    from skretrain.exceptions import RetrainFailedWarning

    y = BINARY.copy()
    y[200:] = 1
    model = DriftAwareRetrainer(
        LogisticRegression(),
        detector=Rings([300]),
        buffer=SlidingWindow(50),
        update=None,
        policy="full_refit",
    ).fit(X[:200], y[:200])
    before = fingerprint(model.estimator_)
    with pytest.warns(RetrainFailedWarning, match="at least 2 classes"):
        feed(model, X, y, 50, 200, 350)
    assert fingerprint(model.estimator_) == before


def test_regressors_and_clusterers_ignore_classes():
    """Trap 17: ``classes`` forwarded to a regressor crashes."""
    model = DriftAwareRetrainer(SGDRegressor(random_state=0), detector=None)
    model.partial_fit(X[:100], X[:100, 0], classes=[0, 1])
    oracle = SGDRegressor(random_state=0).partial_fit(X[:100], X[:100, 0])
    assert_same_outputs(model, oracle, X)
    assert not hasattr(model, "classes_")


# -- several outputs -------------------------------------------------------------------------------

TWO = np.c_[Y, BINARY]


@pytest.mark.parametrize(
    "base",
    [
        DecisionTreeClassifier(random_state=0),
        MultiOutputClassifier(SGDClassifier(random_state=0)),
        RandomForestClassifier(3, random_state=0),
    ],
    ids=["tree", "multioutput", "forest"],
)
def test_several_outputs_are_learned_updated_and_refitted(base):
    """The loss of a row is its share of wrong outputs; refits and updates work as for one."""
    model = DriftAwareRetrainer(base, detector=Rings([350]), policy="full_refit").fit(
        X[:200], TWO[:200]
    )
    oracle = clone(base).fit(X[:200], TWO[:200])
    model.partial_fit(X[200:300], TWO[200:300])
    wrong = (oracle.predict(X[200:300]) != TWO[200:300]).mean(axis=1)
    np.testing.assert_array_equal(model.detector_.seen_[0].loss, wrong)
    model.partial_fit(X[300:400], TWO[300:400])
    assert events(model, "action")[-1] == ("retrained",)
    assert model.predict(X).shape == (600, 2)
    assert len(model.classes_) == 2
    oracle = clone(base).fit(X[350:400], TWO[350:400])
    np.testing.assert_array_equal(model.predict(X), oracle.predict(X))


def test_several_outputs_from_the_first_row():
    """With the classes of each output declared, learning begins at once; else with a fit."""
    base = MultiOutputClassifier(SGDClassifier(random_state=0))
    declared = DriftAwareRetrainer(base, detector=None)
    declared.partial_fit(X[:50], TWO[:50], classes=[np.arange(3), np.arange(2)])
    oracle = clone(base).partial_fit(X[:50], TWO[:50], [np.arange(3), np.arange(2)])
    np.testing.assert_array_equal(declared.predict(X), oracle.predict(X))
    found = DriftAwareRetrainer(base, detector=None).partial_fit(X[:50], TWO[:50])
    np.testing.assert_array_equal(found.predict(X), clone(base).fit(X[:50], TWO[:50]).predict(X))


def test_multilabel_targets_may_be_sparse():
    from scipy.sparse import csr_matrix

    labels = np.c_[BINARY, Y == 1].astype(int)
    model = DriftAwareRetrainer(
        DecisionTreeClassifier(random_state=0), detector=Rings(), policy="full_refit"
    )
    model.fit(X[:200], csr_matrix(labels[:200])).partial_fit(X[200:], csr_matrix(labels[200:]))
    assert model.detector_.seen_[0].loss.shape == (400,)
    dense = DecisionTreeClassifier(random_state=0).fit(X, labels)
    np.testing.assert_array_equal(model.predict(X), dense.predict(X))


def test_warm_start_as_policy_keeps_classes_that_an_alarm_window_lacks():
    """``partial_fit`` does not need all classes; nothing has to be refitted."""
    y = BINARY.copy()
    y[200:] = 1
    model = DriftAwareRetrainer(
        SGDClassifier(random_state=0), detector=Rings([250]), policy=WarmStart(), update=None
    ).fit(X[:200], y[:200])
    model.partial_fit(X[200:300], y[200:300])
    oracle = SGDClassifier(random_state=0).fit(X[:200], y[:200])
    oracle.partial_fit(X[250:300], y[250:300])
    assert_same_outputs(model, oracle, X)


@pytest.mark.parametrize("method", ["partial_fit", "fit"])
def test_a_third_class_for_a_binary_base_is_refused_at_the_border(method):
    """The base can never learn it: a refit would fail inside it, batch after batch."""
    binary = FixedThresholdClassifier(LogisticRegression())
    model = DriftAwareRetrainer(binary, batch_size=50, on_error="raise").fit(X[:100], Y[:100] % 2)
    before = fingerprint(model)
    labels = Y % 2
    labels[150:] = 2
    with pytest.raises(ValueError, match="tells two classes apart, .* label.s. .2. besides .0, 1."):
        getattr(model, method)(X[100:200], labels[100:200])
    assert fingerprint(model) == before


def test_several_outputs_whose_classes_may_not_grow_are_streamed_in_fit():
    model = DriftAwareRetrainer(
        MultiOutputClassifier(SGDClassifier(random_state=0)),
        detector=None,
        new_classes="raise",
        batch_size=100,
    ).fit(X[:300], TWO[:300])
    assert model.predict(X[:5]).shape == (5, 2)
