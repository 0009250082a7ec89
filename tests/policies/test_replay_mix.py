"""ReplayMix: the stated share of remembered rows, and never a fresh one twice."""

import numpy as np
import pytest
from helpers import Recorder, Rings, batches, feed, fingerprint, stream
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skretrain import DriftAwareRetrainer, ReplayPartialFit
from skretrain.buffers import Memory, Reservoir, Rows, SlidingWindow, StratifiedReservoir
from skretrain.compose import Learner
from skretrain.policies import ReplayMix, RetrainContext

X, Y = stream(400)
ROW_OF = {row.tobytes(): number for number, row in enumerate(X)}


def rows_shown(model):
    """Return the stream rows of each call of the base."""
    return [
        np.array([ROW_OF[row.tobytes()] for row in rows]) for _, rows, *_ in model.estimator_.calls_
    ]


def run(ratio, size=20, seed=0, **params):
    model = DriftAwareRetrainer(
        Recorder(), detector=None, update=ReplayMix(ratio), random_state=seed, **params
    )
    return feed(model.fit(X[:100], Y[:100]), X, Y, size, 100)


@pytest.mark.parametrize("size", [1, 7, 20])
@pytest.mark.parametrize("ratio", [0, 0.5, 1.0, 3.0])
@pytest.mark.no_cover
@pytest.mark.thinned(5)
def test_the_rows_of_a_step_are_the_stated_ratio(ratio, size):
    """Trap 27: a sample, not the whole memory; and no fresh row is replayed in its own step.

    To within a row in each step, and in all steps together: batches of one row would otherwise get
    nothing at a ratio of a half.
    """
    model, n_replayed = run(ratio, size), 0
    for shown, batch in zip(rows_shown(model)[1:], batches(400, size, 100), strict=True):
        fresh = np.arange(batch.start, batch.stop)
        replayed = shown[: -len(fresh)]
        np.testing.assert_array_equal(shown[len(replayed) :], fresh)
        n_replayed += len(replayed)
        assert abs(len(replayed) - ratio * len(fresh)) < 1
        assert abs(n_replayed - ratio * (batch.stop - 100)) <= 0.5
        assert len(set(replayed)) == len(replayed)
        assert (replayed < batch.start).all()
        assert (np.diff(replayed) > 0).all()


def test_a_memory_with_fewer_rows_gives_all_it_has():
    """Trap 27: fewer remembered rows than asked for are each used once."""
    model = run(ratio=3.0, buffer=SlidingWindow(30))
    for shown, batch in zip(rows_shown(model)[1:], batches(400, 20, 100), strict=True):
        np.testing.assert_array_equal(shown, np.arange(batch.start - 30, batch.stop))


def test_the_seed_decides_the_sample():
    """The same seed draws the same rows, another one others; None is a fixed seed."""
    shown = {seed: np.concatenate(rows_shown(run(1.0, seed=seed))) for seed in (0, 1, None)}
    np.testing.assert_array_equal(shown[0], np.concatenate(rows_shown(run(1.0, seed=0))))
    np.testing.assert_array_equal(shown[None], np.concatenate(rows_shown(run(1.0, seed=None))))
    assert not np.array_equal(shown[0], shown[1])


@pytest.mark.no_cover
def test_every_remembered_row_is_as_likely():
    """Trap 27: draws are uniform over the memory, by a chi-square test."""
    from scipy.stats import chisquare

    counts = np.zeros(400, dtype=int)
    model = DriftAwareRetrainer(
        Recorder(), detector=None, update=ReplayMix(5.0), buffer=SlidingWindow(40), random_state=0
    ).fit(X[:100], Y[:100])
    ages = []
    for row in range(100, 400):
        model.partial_fit(X[row : row + 1], Y[row : row + 1])
    for step, shown in enumerate(rows_shown(model)[1:]):
        ages.extend(100 + step - shown[:-1])
    counts = np.bincount(ages, minlength=41)
    assert counts[0] == 0
    assert counts.sum() == 5 * 300
    assert chisquare(counts[1:41]).pvalue > 1e-3


def test_after_an_alarm_the_new_rows_are_those_since_the_change():
    model = DriftAwareRetrainer(
        Recorder(), detector=Rings([150]), policy=ReplayMix(0.5), update=None, random_state=0
    ).fit(X[:100], Y[:100])
    feed(model, X, Y, 40, 100, 180)
    shown = rows_shown(model)[-1]
    np.testing.assert_array_equal(shown[15:], np.arange(150, 180))
    assert (shown[:15] < 150).all()
    assert model.events_[-1].kind == "replay_mix"


def test_a_base_without_partial_fit_is_refitted_on_the_mix():
    """Once, on new and remembered rows together, by a blank clone."""
    model = DriftAwareRetrainer(
        DecisionTreeClassifier(random_state=0), detector=None, update=ReplayMix(1.0, n_passes=3)
    ).fit(X[:100], Y[:100])
    before = model.estimator_
    model.partial_fit(X[100:120], Y[100:120])
    assert model.estimator_.tree_.n_node_samples[0] == 40
    assert model.estimator_ is not before
    assert model.events_.totals["rows_fitted"] == 140


def test_the_newest_rows_of_a_reservoir_may_be_missing():
    """What the memory let go cannot be replayed, and the batch is not taken from it."""
    model = run(1.0, buffer=Reservoir(25))
    for shown, batch in zip(rows_shown(model)[1:], batches(400, 20, 100), strict=True):
        np.testing.assert_array_equal(shown[-20:], np.arange(batch.start, batch.stop))
        assert len(shown) == 40
        assert (shown[:20] < batch.start).all()


def test_it_differs_from_the_plain_update():
    plain = DriftAwareRetrainer(SGDClassifier(random_state=0), detector=None).fit(X[:50], Y[:50])
    mixed = DriftAwareRetrainer(
        SGDClassifier(random_state=0), detector=None, update="replay_mix"
    ).fit(X[:50], Y[:50])
    for model in (plain, mixed):
        model.partial_fit(X[50:100], Y[50:100])
    assert fingerprint(plain.estimator_) != fingerprint(mixed.estimator_)


def test_memory_survives_the_steps():
    model = DriftAwareRetrainer(GaussianNB(), detector=None, update="replay_mix")
    feed(model.fit(X[:100], Y[:100]), X, Y, 20, 100)
    np.testing.assert_array_equal(model.buffer_.latest().X, X)
    np.testing.assert_array_equal(model.buffer_.latest().y, Y)


# -- weights ---------------------------------------------------------------------------------------


def weights_shown(model):
    return [weight for *_, weight, _ in model.estimator_.calls_]


MEMORIES = {
    "window": SlidingWindow(50),
    "uniform": Reservoir(50),
    "balanced": Reservoir(50, balance=True),
    "decaying": Reservoir(50, decay=0.01),
}


@pytest.mark.parametrize("name", MEMORIES)
@pytest.mark.no_cover
def test_weighted_sums_over_the_mix_estimate_those_of_the_stream(name):
    """Without bias: rows, rows of a class and a column, at the last of few steps, over 120 seeds.

    Of a window, those of the rows in it. Means are compared in their standard errors.
    """
    rare = (np.arange(200) % 8 == 0).astype(int)
    sums = []
    for seed in range(120):
        memory = MEMORIES[name]
        if name != "window":
            memory.set_params(random_state=seed)
        model = ReplayPartialFit(
            Recorder(), buffer=memory, ratio=0.7, weighting="inverse", random_state=seed
        ).fit(X[:170], rare[:170])
        model.partial_fit(X[170:200], rare[170:200])
        shown, weights = rows_shown(model)[-1], weights_shown(model)[-1]
        assert (weights[-30:] == 1).all()
        sums.append([weights.sum(), weights @ rare[shown], weights @ shown])
    first, sums = 120 if name == "window" else 0, np.array(sums)
    truth = [200 - first, rare[first:].sum(), np.arange(first, 200).sum()]
    error = sums.std(axis=0) / np.sqrt(len(sums)) + 1e-9
    assert (np.abs(sums.mean(axis=0) - truth) < 4 * error).all()


def test_weights_multiply_those_that_came_with_the_rows():
    """In a pipeline, under the name by which the last step takes them."""
    weights = np.arange(1.0, 401.0)
    model = ReplayPartialFit(
        make_pipeline(StandardScaler(), Recorder()),
        buffer=SlidingWindow(40),
        weighting="inverse",
    ).fit(X[:100], Y[:100], recorder__sample_weight=weights[:100])
    model.partial_fit(X[100:120], Y[100:120], recorder__sample_weight=weights[100:120])
    shown = model.estimator_[-1].calls_[-1][3]
    np.testing.assert_array_equal(shown[20:], weights[100:120])
    assert set(shown[:20]) <= {2 * weight for weight in weights[60:100]}


def test_new_rows_out_of_a_sample_count_for_those_it_let_go():
    """At an alarm, rows since the change come from the memory, and stand for more rows."""
    model = DriftAwareRetrainer(
        Recorder(),
        detector=Rings([170], since=150),
        policy=ReplayMix(1.0, weighting="inverse"),
        update=None,
        buffer=Reservoir(40),
        random_state=0,
    ).fit(X[:100], Y[:100])
    feed(model, X, Y, 20, 100, 180)
    shown, weights = rows_shown(model)[-1], weights_shown(model)[-1]
    new = shown >= 150
    assert (weights[shown >= 160] == 1).all()
    np.testing.assert_allclose(weights[new & (shown < 160)], 4)
    assert (weights[~new] >= 4).all()


def test_a_ratio_of_nothing_leaves_the_weights_of_new_rows():
    model = run_weighted(0)
    assert [set(weights) for weights in weights_shown(model)[1:]] == [{1.0}] * 15


def run_weighted(ratio):
    policy = ReplayMix(ratio, weighting="inverse")
    model = DriftAwareRetrainer(Recorder(), detector=None, update=policy)
    return feed(model.fit(X[:100], Y[:100]), X, Y, 20, 100)


class _Unweighted(GaussianNB):
    def partial_fit(self, X, y, classes=None):
        return super().partial_fit(X, y, classes)


@pytest.mark.parametrize("base", [KNeighborsClassifier(), _Unweighted()])
def test_a_base_without_weights_is_refused(base):
    """Before anything is fitted, with the parameter and the reason."""
    name = type(base).__name__
    for model, owner in (
        (ReplayPartialFit(base, weighting="inverse"), "ReplayPartialFit"),
        (DriftAwareRetrainer(base, policy=ReplayMix(weighting="inverse")), "ReplayMix"),
    ):
        match = rf"{owner}\(weighting='inverse'\): weighting must be None, because {name} does not"
        with pytest.raises(ValueError, match=match):
            model.fit(X, Y)
        assert not hasattr(model, "estimator_")


@pytest.mark.parametrize(
    ("params", "match"),
    [
        (
            {"weighting": "equal"},
            r"weighting='equal'\): weighting must be one of None, 'inverse', 'relative'",
        ),
        ({"across_drifts": 1}, r"across_drifts=1\): across_drifts must be True, False, or None"),
        ({"ratio": 1e300}, "ratio must be a number of at least 0 and at most 1000000000.0"),
        ({"ratio": -1}, "ratio must be a number of at least 0"),
        ({"n_passes": 0}, "n_passes must be an integer of at least 1"),
    ],
)
def test_invalid_parameters_are_refused(params, match):
    with pytest.raises(ValueError, match=match):
        DriftAwareRetrainer(GaussianNB(), update=ReplayMix(**params)).fit(X, Y)


def test_relative_weights_keep_the_proportions_and_the_share():
    """Those of "inverse", divided so that the replayed rows together weigh as they are many."""
    rare = (np.arange(200) % 8 == 0).astype(int)
    shown = {}
    for weighting in ("inverse", "relative"):
        model = ReplayPartialFit(
            Recorder(), buffer=Reservoir(50, balance=True), weighting=weighting, random_state=0
        ).fit(X[:170], rare[:170])
        model.partial_fit(X[170:200], rare[170:200])
        shown[weighting] = weights_shown(model)[-1]
    inverse, relative = shown["inverse"][:30], shown["relative"][:30]
    np.testing.assert_allclose(relative, inverse / inverse.mean())
    assert len(set(inverse)) == 2
    assert (shown["relative"][30:] == 1).all()


@pytest.mark.parametrize("weighting", ["inverse", "relative"])
def test_a_model_that_cannot_go_on_is_refitted_with_weights(weighting):
    """On all that is remembered, each row counting for those it stands for."""
    buffer = Reservoir(40, random_state=0).add(X[:200], Y[:200])
    context = RetrainContext(
        learner=_CannotGoOn(Recorder()),
        champion=None,
        batch=Rows(X[200:210], Y[200:210], {}, np.arange(200, 210)),
        memory=Memory(buffer),
        since=0,
    )
    candidate = ReplayMix(weighting=weighting).propose(context)
    assert (candidate.kind, candidate.note) == ("full_refit", "it is full")
    weights = candidate.model.calls_[0][3]
    expected = np.array([5.0] * 40 + [1.0] * 10)
    if weighting == "relative":
        expected /= expected.mean()
    np.testing.assert_allclose(weights, expected)


class _CannotGoOn(Learner):
    def refusal(self, model, rows, *, effort=None, steps=None):
        return "it is full"


# -- drifts ----------------------------------------------------------------------------------------


def replayed_after_an_alarm(**params):
    """Return the oldest row replayed in each step after the answer to an alarm, located at 150."""
    model = DriftAwareRetrainer(
        Recorder(), detector=Rings([150]), policy="full_refit", random_state=0, **params
    ).fit(X[:100], Y[:100])
    feed(model, X, Y, 20, 100, 400)
    n_after = (400 - 160) // 20
    assert model.n_alarms_ == 1
    return np.array([shown.min() for shown in rows_shown(model)[-n_after:]])


def days(rows):
    return np.zeros(len(rows), dtype=int)


def test_rows_from_before_a_located_change_are_not_replayed():
    """Rehearsal of what is no longer true hurts: only the present concept is drawn from."""
    oldest = replayed_after_an_alarm(update="replay_mix")
    assert (oldest >= 150).all()
    assert oldest.min() < 170
    kept = replayed_after_an_alarm(update=ReplayMix(), buffer=Reservoir(200))
    assert (kept >= 150).all()


def test_concepts_that_recur_are_replayed_across_drifts():
    """Where it is asked for, or the buffer remembers by season, unless that is overruled."""
    assert replayed_after_an_alarm(update=ReplayMix(across_drifts=True)).min() < 100
    categories = StratifiedReservoir(by=days)
    assert replayed_after_an_alarm(update=ReplayMix(), buffer=categories).min() >= 150
    seasons = _Seasons(by=days)
    assert replayed_after_an_alarm(update=ReplayMix(), buffer=seasons).min() < 100
    assert (
        replayed_after_an_alarm(update=ReplayMix(across_drifts=False), buffer=seasons).min() >= 150
    )


class _Seasons(StratifiedReservoir):
    concepts_recur = True


def test_the_answer_to_an_alarm_mixes_both_concepts():
    """As a policy it is chosen for that, whatever ``across_drifts`` says."""
    for across in (None, False, True):
        model = DriftAwareRetrainer(
            Recorder(),
            detector=Rings([150]),
            policy=ReplayMix(1.0, across_drifts=across),
            update=None,
        ).fit(X[:100], Y[:100])
        feed(model, X, Y, 20, 100, 180)
        shown = rows_shown(model)[-1]
        assert (shown < 150).sum() == (shown >= 150).sum()


def test_replay_partial_fit_takes_all_that_is_remembered_to_be_true():
    """It has no detector, so that nothing ever ends a concept."""
    model = ReplayPartialFit(Recorder(), random_state=0).fit(X[:100], Y[:100])
    feed(model, X, 1 - Y, 50, 100)
    assert all(shown.min() < 100 for shown in rows_shown(model))


def test_the_past_of_a_context_keeps_its_weights():
    """Before the batch, before an earlier row, and up to a row of it: new ones stand for 1."""
    labels = (np.arange(200) < 20).astype(int)
    buffer = Reservoir(40, balance=True, random_state=0).add(X[:200], labels)
    batch = Rows(X[200:210], labels[:10], {}, np.arange(200, 210))
    context = RetrainContext(Learner(Recorder()), None, batch, Memory(buffer), since=0)
    stand_for = np.where(buffer.index < 20, 1.0, 9.0)
    for row, n_new in ((200, 0), (205, 5), (None, 10), (100, 0)):
        past = context.past(row)
        expected = np.append(stand_for[: len(past) - n_new], np.ones(n_new))
        np.testing.assert_array_equal(past.sampling_weights, expected)
    assert len(past) < 40
