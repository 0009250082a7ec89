"""Properties of the trigger that lets a classifier tell the newest rows from those before."""

import pickle
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers import feed, stream
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

from skretrain import DriftAwareRetrainer
from skretrain.datasets import make_drifting_classification
from skretrain.drift import AtLeast, DomainDrift, ErrorDrift, FitRecord, ScoredBatch
from skretrain.metrics import _two_samples
from skretrain.utils._containers import n_rows, take_rows

FIT = FitRecord(0, 0, None, "full_refit", 0.0, 0.0)


def small(**params):
    """Return a blank trigger whose looks are cheap."""
    return DomainDrift(**{"window": 60, "n_reference": 100, **params}).reset()


def _by_means(old, new):
    """Tell rows by how far they are along the way from the old means to the new."""
    means = [np.nanmean(part, axis=0) for part in (old, new)]
    way, middle = np.nan_to_num(means[1] - means[0]), np.nan_to_num(sum(means) / 2)
    return lambda rows: 1 / (1 + np.exp(-(np.nan_to_num(rows) - middle) @ way))


@pytest.fixture
def quick(monkeypatch):
    """Replace the trees, whose fits take most of the time of a look."""
    monkeypatch.setattr(_two_samples, "_trees", _by_means)


def normal(n=340, moved_from=None, seed=0):
    X = np.random.default_rng(seed).normal(size=(n, 3))
    if moved_from is not None:
        X[moved_from:, 0] += 3
    return X


def shown(trigger, X, size=30, first=0):
    """Show rows in batches, and return one signal for each."""
    cuts = range(0, n_rows(X), size)
    parts = [(first + k, take_rows(X, slice(k, k + size))) for k in cuts]
    return [trigger.update(ScoredBatch(k, n_rows(part), X=part)) for k, part in parts]


def states(signals):
    return "".join(signal.state[0] for signal in signals)


def located(signals):
    return [signal.since for signal in signals if signal.state == "drift"]


@pytest.mark.parametrize(
    ("drift", "ringing"), [("virtual", DomainDrift), ("abrupt", ErrorDrift), ("stationary", None)]
)
def test_it_rings_when_the_inputs_move_and_the_losses_ring_when_the_concept_does(drift, ringing):
    """A move along a direction that the label does not depend on, and labels of another concept."""
    X, y, _ = make_drifting_classification(2500, drift=drift, n_features=5, random_state=0)
    model = LogisticRegression().fit(X[:500], y[:500])
    triggers = [DomainDrift(window=400, n_reference=500), ErrorDrift()]
    rang = set()
    for start in range(500, 2500, 250):
        rows = slice(start, start + 250)
        loss = (model.predict(X[rows]) != y[rows]).astype(float)
        for trigger in triggers:
            if trigger.update(ScoredBatch(start, 250, loss, X=X[rows])).state == "drift":
                rang.add(type(trigger))
    assert rang == ({ringing} if ringing else set())


@pytest.mark.usefixtures("quick")
@pytest.mark.no_cover
def test_one_alarm_per_episode_which_ends_when_rows_are_as_before():
    """Silent while it collects, then an alarm, warnings, and after a return another alarm."""
    X = np.concatenate([normal(), normal(120, 0, seed=1), normal(120, seed=2), normal(60, 0)])
    signals = shown(small(), X)
    told = states(signals)
    assert re.fullmatch("s{11,13}dw+s+dw*", told), told


@pytest.mark.usefixtures("quick")
def test_the_lower_end_of_the_interval_has_to_exceed_the_threshold():
    """An AUC above it is not enough."""
    X = normal(160)
    X[100:, 0] += 1.2
    trigger = small(threshold=0.99)
    shown(trigger, X)
    auc, low, _ = trigger.auc_
    assert 0.5 < low < auc - 0.03
    rang = [bool(located(shown(small(threshold=at), X))) for at in (low - 0.001, low, auc - 0.01)]
    assert rang == [True, False, False]


@pytest.mark.usefixtures("quick")
def test_the_change_is_located_among_the_rows_of_the_window():
    (since,) = located(shown(small(window=120), normal(400, moved_from=290)))
    assert abs(since - 290) <= 10


@pytest.mark.usefixtures("quick")
def test_a_window_that_is_new_from_its_first_row_is_where_the_change_began():
    """Noise in the scores is no place: `since` is then the first row of the window."""
    trigger = small()
    trigger.after_fit(FIT, ScoredBatch(0, 100, X=normal(100)), False)
    assert located(shown(trigger, normal(60, 0, seed=1), first=700)) == [700]


@pytest.mark.usefixtures("quick")
@pytest.mark.no_cover
def test_how_the_stream_is_cut_does_not_matter():
    """Looks are at rows, not at batches; a large batch rings if one look in it did."""
    X = normal(400, moved_from=250)
    found, areas = [], []
    for size in (1, 50, 400):
        trigger = small()
        found.append(located(shown(trigger, X, size)))
        areas.append(trigger.auc_)
    assert len(found[0]) == 1
    assert found[0] == found[1] == found[2]
    assert areas[0] == areas[1] == areas[2]


@pytest.mark.usefixtures("quick")
def test_a_pickled_trigger_goes_on_as_if_nothing_had_happened():
    X = normal(moved_from=250)
    whole, halves = small(), small()
    expected = shown(whole, X)
    begun = shown(halves, X[:210])
    again = pickle.loads(pickle.dumps(halves))
    assert begun + shown(again, X[210:], first=210) == expected
    assert again.auc_ == whole.auc_


@pytest.mark.usefixtures("quick")
@pytest.mark.no_cover
def test_memory_is_flat():
    trigger, sizes = small(), []
    for size in (7, 200):
        shown(trigger, normal(500), size)
        sizes.append(
            [sum(map(n_rows, held.parts)) for held in (trigger._reference, trigger._window)]
        )
    assert all(reference == 100 and window < 60 for reference, window in sizes)


@pytest.mark.usefixtures("quick")
def test_what_a_caller_writes_later_does_not_show():
    X, other = normal(), normal()
    trigger, untouched = small(), small()
    for start in range(0, 340, 20):
        rows = slice(start, start + 20)
        for one, values in ((trigger, X), (untouched, other)):
            one.update(ScoredBatch(start, 20, X=values[rows]))
        X[rows] = 100
    assert trigger.auc_ == untouched.auc_


# -- what it is given after a fit ------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
def test_the_reference_is_the_newest_of_the_rows_that_the_model_stands_for():
    """The first fit gives it, and no row is needed to complete it."""
    trigger = small()
    assert trigger.warming_up
    rows = np.concatenate([normal(50) + 50, normal(100)])
    trigger.after_fit(FIT, ScoredBatch(0, 150, X=rows), False)
    assert not trigger.warming_up
    assert states(shown(trigger, normal(60, seed=1))) == "ss"
    assert states(shown(trigger, normal(60, 0, seed=1))) in ("sd", "dw")


@pytest.mark.usefixtures("quick")
def test_only_the_fit_that_answers_the_alarm_changes_the_reference():
    trigger = small()
    shown(trigger, normal(280, moved_from=200))
    assert trigger.auc_[1] > 0.7
    before = trigger.auc_
    moved = ScoredBatch(0, 150, X=normal(150, 0, seed=3))
    trigger.after_fit(FIT, moved, False)
    assert trigger.auc_ == before
    trigger.after_fit(FIT, moved, True)
    assert trigger.auc_ == (0.5, 0.0, 1.0)
    assert states(shown(trigger, normal(90, 0, seed=4))) == "sss"


@pytest.mark.usefixtures("quick")
def test_few_rows_are_completed_by_the_next_ones():
    trigger = small()
    trigger.after_fit(FIT, ScoredBatch(0, 40, X=normal(40)), True)
    shown(trigger, normal(59, seed=1), 59)
    assert trigger.warming_up
    shown(trigger, normal(1, seed=2))
    assert not trigger.warming_up


@pytest.mark.usefixtures("quick")
def test_without_any_rows_the_reference_is_collected():
    trigger = DomainDrift(window=60, n_reference=100)
    trigger.after_fit(FIT, None, True)
    assert trigger.warming_up
    assert len(located(shown(trigger, normal(moved_from=250)))) == 1


# -- containers ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
@pytest.mark.no_cover
def test_the_container_does_not_matter():
    X = normal(moved_from=250)
    names = ["a", "b", "c"]
    frames = [X, pd.DataFrame(X, columns=names), pl.DataFrame(X, schema=names)]
    found = []
    for frame in frames:
        trigger = small()
        found.append((located(shown(trigger, frame)), trigger.auc_))
    assert len(found[0][0]) == 1
    assert found[0] == found[1] == found[2]


@pytest.mark.usefixtures("quick")
def test_arrays_and_frames_may_take_turns():
    X = normal(moved_from=250)
    trigger, alike = small(), small()
    shown(trigger, pd.DataFrame(X[:130]), 65)
    assert located(shown(trigger, X[130:], first=130)) == located(shown(alike, X))


@pytest.mark.no_cover
def test_a_category_that_comes_more_often_is_told():
    """Text is no obstacle, nor are missing values and levels that were never seen."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"shop": rng.choice(["a", "b", "c"], 400), "x": rng.normal(size=400)})
    frame.loc[::7, "x"] = np.nan
    frame.loc[3, "shop"] = None
    assert not located(shown(small(window=100), frame))
    frame.loc[250:, "shop"] = "new"
    assert len(located(shown(small(window=100), frame))) == 1


@pytest.mark.usefixtures("quick")
def test_what_tells_the_time_is_left_out():
    """Dates and running numbers are always new, and constants tell nothing."""
    n = 340
    frame = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=n), "row": np.arange(n)})
    trigger = small()
    assert states(shown(trigger, frame)) == "s" * 12
    assert trigger.auc_ == (0.5, 0.0, 1.0)
    frame["x"] = normal()[:, 0]
    frame["empty"] = np.nan
    frame["constant"] = 1
    assert states(shown(small(), frame)) == "s" * 12


def test_sparse_rows_are_told_apart_by_a_linear_model():
    rng = np.random.default_rng(0)
    counts = rng.poisson(0.2, size=(400, 50))
    assert not located(shown(small(), sparse.csr_matrix(counts)))
    counts[250:, :3] += 1
    found = [
        located(shown(small(), kind(counts))) for kind in (sparse.csr_matrix, sparse.csc_array)
    ]
    assert len(found[0]) == 1
    assert found[0] == found[1]
    missing = counts.astype(float)
    missing[::3, :2] = np.nan
    assert len(located(shown(small(), sparse.csr_matrix(missing)))) == 1  # by the third column


@pytest.mark.parametrize(
    ("X", "named"),
    [(None, "none"), (["a text", "another"], "a list"), (np.zeros(2), "a ndarray")],
)
def test_rows_without_columns_are_refused(X, named):
    trigger = small()
    with pytest.raises(ValueError, match=f"a table, and got {named}. For texts.*PredictionDrift"):
        trigger.update(ScoredBatch(0, 2, X=X))
    with pytest.raises(ValueError, match="PredictionDrift"):
        trigger._check_columns(X)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "bad",
    [np.zeros((2, 4)), np.zeros((2, 3), "datetime64[s]"), pd.DataFrame(np.zeros((2, 2)))],
    ids=["columns", "dates", "frame"],
)
def test_rows_that_do_not_fit_are_refused_and_nothing_is_lost(bad):
    X = normal(moved_from=250)
    trigger, untouched = small(), small()
    shown(trigger, X[:130], 65)
    with pytest.raises(ValueError, match="cannot be joined"):
        trigger.update(ScoredBatch(130, 2, X=bad))
    shown(untouched, X[:130], 65)
    rest = [shown(one, X[130:], first=130) for one in (trigger, untouched)]
    assert rest[0] == rest[1]
    assert len(located(rest[0])) == 1


def test_no_rows_change_nothing():
    trigger = small()
    assert trigger.update(ScoredBatch(0, 0, X=np.empty((0, 3)))).state == "stable"
    shown(trigger, normal(50))
    assert trigger.update(ScoredBatch(50, 0, X=np.empty((0, 3)))).state == "stable"


# -- in a retrainer --------------------------------------------------------------------------------

X, Y = stream(1000)
MOVED = X.copy()
MOVED[700:, 2] += 3


def retrainer(**params):
    trigger = DomainDrift(window=60, n_reference=100)
    params = {"detector": trigger, "policy": "full_refit", "update": None, **params}
    return DriftAwareRetrainer(GaussianNB(), **params).fit(X[:500], Y[:500])


@pytest.mark.usefixtures("quick")
def test_an_alarm_retrains_on_the_rows_since_and_the_event_says_what_was_found():
    """The refit's rows are the reference then, so that the same change does not ring again."""
    model = feed(retrainer(), MOVED, Y, 50, 500)
    alarm = [event for event in model.events_ if event.state == "drift"]
    assert len(alarm) == 1
    assert abs(alarm[0].since - 700) <= 15
    assert "alarm; rows told from the reference with an AUC of " in alarm[0].reason
    assert model.n_refits_ >= 1


@pytest.mark.usefixtures("quick")
def test_observed_rows_ask_for_labels_and_never_promote():
    model = retrainer(detector=[DomainDrift(window=60, n_reference=100), ErrorDrift()])
    version = model.estimator_
    for start in range(700, 900, 50):
        model.observe(MOVED[start : start + 50])
    wanted = [event for event in model.events_ if event.action == "labels_wanted"]
    assert len(wanted) == 1
    assert "; a retrain is due at the next batch with labels" in wanted[0].reason
    assert model.estimator_ is version
    model.partial_fit(MOVED[700:900], Y[700:900])
    assert "alarm on rows without labels; rows told" in model.events_[-1].reason
    assert model.estimator_ is not version


def test_texts_are_refused_when_the_fit_begins():
    texts = make_pipeline(HashingVectorizer(n_features=16), LogisticRegression())
    model = DriftAwareRetrainer(texts, detector=DomainDrift())
    with pytest.raises(ValueError, match="For texts and other rows without columns"):
        model.fit(["a", "b"] * 30, [0, 1] * 30)


@pytest.mark.usefixtures("quick")
def test_in_a_list_the_notes_of_those_that_ring_are_told():
    trigger = AtLeast([small(), small(threshold=0.8), ErrorDrift()]).reset()
    rows = normal(250)
    for start in range(0, 250, 50):
        trigger.update(ScoredBatch(start, 50, np.zeros(50), X=rows[start : start + 50]))
    batch = ScoredBatch(250, 60, np.zeros(60), X=normal(60, 0, seed=1))
    note = trigger.update(batch).note
    assert note.count("rows told from the reference") == 2
    assert "; " in note
