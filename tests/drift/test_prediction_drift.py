"""Properties of the trigger that tests whether the outputs of the model have moved."""

import pickle

import numpy as np
import pytest
from helpers import events, feed, stream
from scipy.stats import ks_2samp
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC

from skretrain import DriftAwareRetrainer
from skretrain.drift import AtLeast, FitRecord, PredictionDrift, ScoredBatch, _prediction_drift
from skretrain.drift._prediction_drift import _groups, _rows_per_independent_one

FIT = FitRecord(0, 0, None, "update", 0.0, 0.0)


def small(**params):
    return PredictionDrift(**{"window": 100, "n_reference": 200, **params}).reset()


def numbers(n=900, moved_from=None, by=2.0, seed=0):
    values = np.random.default_rng(seed).normal(size=n)
    if moved_from is not None:
        values[moved_from:] += by
    return values


def proba_of(z):
    p = 1 / (1 + np.exp(-z))
    return np.column_stack([1 - p, p])


def shown(trigger, size=50, first=0, bounded=False, **outputs):
    """Show outputs in batches, and return one signal for each."""
    n = len(next(iter(outputs.values())))
    return [
        trigger.update(
            ScoredBatch(
                first + k,
                min(size, n - k),
                bounded=bounded,
                **{name: values[k : k + size] for name, values in outputs.items()},
            )
        )
        for k in range(0, n, size)
    ]


def states(signals):
    return "".join(signal.state[0] for signal in signals)


def located(signals):
    return [signal.since for signal in signals if signal.state == "drift"]


# -- the tests -------------------------------------------------------------------------------------


def test_numbers_are_compared_by_a_kolmogorov_smirnov_test(monkeypatch):
    """As scipy makes it, where rows are told to be independent; else the proof is weaker."""
    values = numbers(300, moved_from=200, by=0.3)
    weaker, trigger = small(), small()
    shown(weaker, y_pred=values)
    monkeypatch.setattr(_prediction_drift, "_rows_per_independent_one", lambda values: 1.0)
    shown(trigger, y_pred=values)
    expected = ks_2samp(values[:200], values[200:], method="asymp")
    assert trigger.distance_ == pytest.approx(expected.statistic)
    assert trigger.p_value_ == pytest.approx(expected.pvalue)
    assert trigger.p_value_ <= weaker.p_value_ < 10 * trigger.p_value_


def test_labels_are_compared_by_the_share_that_changed():
    """Whatever their type: a tenth of the rows has another label, and then half of them."""
    for labels in (np.array(["no", "yes"]), np.array([0, 1]), np.array([False, True])):
        rng = np.random.default_rng(0)
        shares = np.concatenate([np.arange(200) < 20, np.arange(100) < 20, np.arange(100) < 60])
        drawn = [rng.permutation(part) for part in np.split(shares, [200, 300])]
        trigger = small()
        assert states(shown(trigger, bounded=True, y_pred=labels[drawn[0].astype(int)])) == "ssss"
        signals = shown(trigger, bounded=True, y_pred=labels[drawn[1].astype(int)])
        assert trigger.distance_ == pytest.approx(0.1)
        assert "d" not in states(signals)
        shown(trigger, bounded=True, y_pred=labels[drawn[2].astype(int)][:50])
        signals = shown(trigger, bounded=True, y_pred=labels[drawn[2].astype(int)][50:])
        assert trigger.distance_ > 0.35
        assert states(signals) in ("d", "w")


@pytest.mark.parametrize("seed", range(5))
def test_a_group_of_labels_has_rows_enough_for_a_chi_square_test(seed):
    """At least half of the five that are aimed at in either sample; frequent ones stay alone."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(40, 0.3))
    counts = np.array([rng.multinomial(n, shares) for n in (400, 200)])
    counts = counts[:, counts.any(axis=0)]
    groups = _groups(counts)
    expected = np.bincount(groups, counts.sum(axis=0) / 3)
    assert expected[expected > 0].min() >= 2.5
    assert (np.bincount(groups)[groups[counts.sum(axis=0) >= 45]] == 1).all()
    assert len(set(groups.tolist())) > 5


def test_labels_that_hardly_come_are_no_proof():
    """Five rows of a hundred with a label of their own, each new."""
    common = np.repeat(["a", "b"], 100)
    old = np.random.default_rng(0).permutation(np.r_[common[:-2], ["r0", "r1"]])
    new = np.random.default_rng(1).permutation(np.r_[common[50:145], [f"n{k}" for k in range(5)]])
    trigger = small(min_effect=0.0)
    shown(trigger, bounded=True, y_pred=np.r_[old, new])
    assert trigger.p_value_ > 0.05


def test_one_label_throughout_proves_nothing():
    trigger = small(min_effect=0.0)
    signals = shown(trigger, bounded=True, y_pred=np.zeros(400, int))
    assert (states(signals), trigger.distance_, trigger.p_value_) == ("s" * 8, 0.0, 1.0)


def test_classes_share_the_level():
    """The smallest p value is multiplied by their number; of two classes one tells all."""
    z = numbers(300, moved_from=200, by=0.5)
    p = proba_of(z)
    alone, pair, three = small(), small(), small()
    shown(alone, y_pred=p[:, 1])
    shown(pair, bounded=True, y_proba=p)
    shown(three, bounded=True, y_proba=np.column_stack([p[:, 0], p[:, 1] / 2, p[:, 1] / 2]))
    assert pair.p_value_ == alone.p_value_
    assert three.p_value_ == pytest.approx(3 * alone.p_value_)


def test_a_change_that_is_sure_and_small_is_none():
    rows = numbers(900, moved_from=500, by=1.0)
    assert len(located(shown(small(), y_pred=rows))) == 1
    assert not located(shown(small(min_effect=0.6), y_pred=rows))


def test_each_look_has_less_of_the_level_than_the_one_before():
    """The same two windows are proof at the first look, and none at the third."""
    reference = np.random.default_rng(0).permutation(np.linspace(0, 1, 200))
    alike = np.random.default_rng(1).permutation(np.linspace(0, 1, 100))
    moved = 0.22 + 0.78 * alike
    first, third = small(), small()
    assert states(shown(first, y_pred=np.r_[reference, moved]))[-1] == "d"
    assert "d" not in states(shown(third, y_pred=np.r_[reference, alike, moved]))
    assert first.p_value_ == third.p_value_
    assert 0.01 / 12 < first.p_value_ < 0.01 / 2


@pytest.mark.no_cover
def test_the_share_of_streams_with_a_false_alarm_is_below_alpha():
    """However often it looks: 18 times on each of 40 streams."""
    rang = [
        bool(located(shown(small(alpha=0.2, min_effect=0.0), y_pred=numbers(1150, seed=seed))))
        for seed in range(40)
    ]
    assert 0 < sum(rang) <= 8


def _autocorrelated(n, seed, strength=0.9):
    values = np.random.default_rng(seed).normal(size=n)
    for k in range(1, n):
        values[k] = strength * values[k - 1] + (1 - strength**2) ** 0.5 * values[k]
    return values


def test_rows_that_are_alike_count_as_fewer():
    """For an autoregression of 0.9 nineteen rows tell as much as one; streams of it do not ring."""
    long = _autocorrelated(50_000, seed=0)
    assert _rows_per_independent_one(long) == pytest.approx(19, rel=0.15)
    assert _rows_per_independent_one(numbers(50_000)) == pytest.approx(1, abs=0.1)
    assert _rows_per_independent_one(np.tile([0.0, 1.0], 50)) == 1
    assert _rows_per_independent_one(np.ones(101)) == 1
    assert _rows_per_independent_one(np.arange(101.0)) > 30
    rang = [located(shown(small(), y_pred=part)) for part in np.split(long[:15_000], 15)]
    assert sum(map(bool, rang)) <= 1


# -- the stream ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 50, 900])
def test_how_the_stream_is_cut_does_not_matter(size):
    (since,) = located(shown(small(), size, y_pred=numbers(moved_from=530, by=3.0)))
    assert abs(since - 530) <= 5


def test_a_pickled_trigger_goes_on_as_if_nothing_had_happened():
    rows = numbers(moved_from=500)
    whole, halves = small(), small()
    expected = shown(whole, y_pred=rows)
    begun = shown(halves, y_pred=rows[:430], size=43)
    again = pickle.loads(pickle.dumps(halves))
    rest = shown(again, y_pred=rows[430:], first=430, size=47)
    assert located(begun + rest) == located(expected)
    assert (again.distance_, again.p_value_) == (whole.distance_, whole.p_value_)


def test_any_fit_begins_anew_because_another_model_gives_other_outputs():
    trigger = PredictionDrift(window=100, n_reference=200)
    assert trigger.warming_up
    trigger.after_fit(FIT, None, False)
    for answered in (False, True):
        assert trigger.warming_up
        assert not located(shown(trigger, y_pred=numbers(400) + 5 * answered))
        assert not trigger.warming_up
        trigger.after_fit(FIT, None, answered)
    assert (trigger.distance_, trigger.p_value_) == (0.0, 1.0)


def test_another_number_of_classes_begins_anew():
    trigger = small()
    p = proba_of(numbers(400))
    shown(trigger, bounded=True, y_proba=p)
    trigger.update(ScoredBatch(400, 0, y_proba=np.empty((0, 3))))
    assert not trigger.warming_up
    shown(trigger, bounded=True, y_proba=np.column_stack([p, np.zeros(400)])[:50])
    assert trigger.warming_up


def test_a_single_known_output_is_no_proof_of_anything():
    values = np.r_[0.5, np.full(199, np.nan), numbers(100)]
    trigger = small(min_effect=0.0)
    assert {signal.state for signal in shown(trigger, y_pred=values)} == {"stable"}
    assert trigger.p_value_ > 0.05


def test_probabilities_of_one_class_may_be_one_dimensional():
    z = numbers(moved_from=500)
    flat, wide = small(), small()
    assert shown(flat, y_proba=proba_of(z)[:, 1]) == shown(wide, y_proba=proba_of(z))


def test_outputs_that_are_no_numbers_are_left_out():
    """Some, and all of them."""
    rows = numbers(moved_from=500)
    rows[::5] = np.nan
    assert len(located(shown(small(), y_pred=rows))) == 1
    trigger = small()
    shown(trigger, y_pred=np.full(400, np.nan))
    assert (trigger.distance_, trigger.p_value_) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("on", "outputs", "named"),
    [
        ("auto", {}, "compares 'outputs', and the batch from row 7 has none"),
        ("proba", {"y_pred": np.zeros(2)}, "compares 'y_proba'"),
        ("output", {"y_proba": np.zeros((2, 2))}, "compares 'y_pred'"),
        ("auto", {"y_pred": np.zeros(3)}, "has 2 rows and 3 outputs"),
    ],
)
def test_what_is_not_there_is_named_and_nothing_is_lost(on, outputs, named):
    trigger = small(on=on)
    with pytest.raises(ValueError, match=named):
        trigger.update(ScoredBatch(7, 2, **outputs))
    assert trigger._reference.n_rows == 0


# -- in a retrainer --------------------------------------------------------------------------------

X, Y = stream(1500)
MOVED = X.copy()
MOVED[1000:, 0] += 2


def watched(base, on="auto", **params):
    trigger = PredictionDrift(on, window=100, n_reference=200)
    return DriftAwareRetrainer(base, detector=trigger, **{"update": None, **params})


@pytest.mark.parametrize(
    ("on", "needs"), [("auto", {"outputs"}), ("proba", {"y_proba"}), ("output", {"y_pred"})]
)
def test_what_it_needs_depends_on_what_is_compared(on, needs):
    trigger = PredictionDrift(on)
    assert trigger.needs == needs == AtLeast([trigger]).needs
    assert trigger.label_free
    assert PredictionDrift([]).needs == {"outputs"}  # refused by reset


@pytest.mark.parametrize(
    ("base", "on", "width"),
    [
        (GaussianNB(), "auto", 1),
        (GaussianNB(), "proba", 1),
        (GaussianNB(), "output", 1),
        (LinearSVC(), "auto", 1),
        (Ridge(), "auto", 1),
        (MultiOutputClassifier(GaussianNB()), "auto", 4),
        (MultiOutputClassifier(LinearSVC()), "auto", 2),
    ],
)
def test_whatever_a_base_gives_is_compared(base, on, width):
    """It rings when the inputs move by themselves, and the event says what was found."""
    y = np.column_stack([Y, Y]) if width > 1 else Y
    model = feed(watched(base, on, policy="full_refit"), MOVED, y, 100, stop=1300)
    (alarm,) = [event for event in model.events_ if event.state == "drift"]
    assert abs(alarm.since - 1000) <= 30
    assert "alarm; outputs moved by 0." in alarm.reason


def test_a_base_without_a_target_is_watched_by_how_unusual_rows_are():
    model = watched(IsolationForest(n_estimators=10, random_state=0)).fit(X[:500])
    for start in range(500, 1300, 100):
        model.observe(MOVED[start : start + 100])
    wanted = [event for event in model.events_ if event.action == "labels_wanted"]
    assert len(wanted) == 1
    assert "outputs moved" in wanted[0].reason


def test_probabilities_that_a_base_has_not_are_refused_before_a_fit():
    with pytest.raises(ValueError, match="needs 'y_proba', and LinearSVC has no predict_proba"):
        watched(LinearSVC(), "proba").fit(X, Y)


def test_rows_that_the_model_has_learned_are_no_reference():
    """On these a forest is surer than on any others, and would ring without a drift."""
    model = watched(RandomForestClassifier(10, random_state=0), policy="full_refit")
    y = np.random.default_rng(0).permutation(Y)
    model.fit(X[:400], y[:400])
    learned, unseen = (model.predict_proba(part) for part in (X[:200], X[400:500]))
    fooled = small()
    shown(fooled, bounded=True, y_proba=np.r_[learned, unseen])
    assert fooled._has_rung
    for start in range(400, 1000, 100):
        model.observe(X[start : start + 100])
    assert [action for (action,) in events(model, "action")] == ["retrained"]


def test_observed_rows_ask_for_labels_and_never_promote():
    model = watched(LogisticRegression(), policy="full_refit").fit(X[:500], Y[:500])
    version = model.estimator_
    for start in range(500, 1300, 100):
        model.observe(MOVED[start : start + 100])
    assert events(model, "action")[1:] == [("labels_wanted",)]
    assert model.estimator_ is version
    model.partial_fit(MOVED[1000:1300], Y[1000:1300])
    assert model.estimator_ is not version
    assert model.detector_.warming_up
