"""Properties of the trigger that watches every feature."""

import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skretrain import DriftAwareRetrainer
from skretrain.drift import AtLeast, FeatureDrift, FitRecord, ScoredBatch

METHODS = ["two_sample", "ewma", "cusum"]
ANSWER = FitRecord(0, 100, 0, "full_refit", cpu_seconds=0.1, wall_seconds=0.1)


def numbers(n=3000, seed=0, at=None, shift=0.5, n_features=4):
    """Return independent normal features, of which the third moves at a row."""
    X = np.random.default_rng(seed).normal(size=(n, n_features))
    if at is not None:
        X[at:, 2] += shift
    return X


def mixed(n, seed=0, shift=False):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.normal(40 + 10 * shift, 10, n),
            "town": rng.choice(["a", "b"] + ["d"] * shift, n),
            "paid": rng.choice([True, False], n),
            "day": pd.date_range("2024-01-01", periods=n),
        }
    )


def show(trigger, X, size=100, first=0, **fields):
    """Show rows in batches, and return (rows seen, signal) of each alarm."""
    signals = []
    for start in range(0, X.shape[0], size):
        part = X[start : start + size]
        signal = trigger.update(ScoredBatch(first + start, part.shape[0], X=part, **fields))
        if signal.state == "drift":
            signals.append((first + start + part.shape[0], signal))
    return signals


@pytest.fixture(params=METHODS)
def method(request):
    return request.param


def test_a_shift_of_half_a_deviation_is_found_named_and_located(method):
    trigger = FeatureDrift(method).reset()
    ((row, signal),) = show(trigger, numbers(5000, at=4000))
    assert 4000 < row <= 4500
    assert signal.since == pytest.approx(4000, abs=300)
    assert signal.note.startswith("moved: column 2 (mean -0.0")
    (moved,) = trigger.moved_
    assert (moved.name, moved.moved) == ("column 2", True)
    assert moved.test == ("ks" if method == "two_sample" else method)


@pytest.mark.parametrize("share", [0.0, 0.003])
def test_a_column_that_was_constant_or_nearly_so_rings_once_it_is_not(method, share):
    """A sensor that stood still says something when it moves; a rare blip as before does not."""
    rng = np.random.default_rng(0)
    X = (rng.random((4000, 1)) < share).astype(float)
    trigger = FeatureDrift(method).reset()
    assert show(trigger, X) == []
    ((row, signal),) = show(trigger, (rng.random((500, 1)) < 0.5).astype(float), first=4000)
    assert row <= 4400
    assert signal.note.startswith("moved: column 0")


@pytest.mark.no_cover
def test_what_does_not_move_does_not_ring(method):
    """In 10,000 rows, at an expectation of a twentieth of an alarm."""
    assert show(FeatureDrift(method).reset(), numbers(12_000), 1000) == []


@pytest.mark.no_cover
def test_a_shift_that_is_too_small_to_matter_does_not_ring(method):
    X = numbers(7000, at=2000, shift=0.2)
    assert show(FeatureDrift(method, min_effect=0.2).reset(), X, 1000) == []
    assert show(FeatureDrift(method, min_effect=0.02).reset(), X, 1000) != []


@pytest.mark.no_cover
def test_where_batches_begin_plays_no_part(method):
    X, at = numbers(700, at=520, shift=2.0), {}
    for size in (1, 20, 100):
        ((row, _),) = show(FeatureDrift(method, window=80).reset(), X, size)
        at[size] = row
    assert at[20] == -(-at[1] // 20) * 20
    assert at[100] == -(-at[1] // 100) * 100


def test_all_rows_at_once_ring_once_and_tell_the_same_row():
    X = numbers(3500, at=2600, shift=1.0)
    ((_, by_batch),) = show(FeatureDrift().reset(), X, 50)
    ((_, at_once),) = show(FeatureDrift().reset(), X, 3500)
    assert (at_once.since, at_once.note) == (by_batch.since, by_batch.note)


def test_a_feature_rings_once_and_again_when_it_has_come_back(method):
    X = numbers(3400)
    X[1200:2000, 2] += 2
    X[3000:, 2] += 2
    trigger = FeatureDrift(method, window=200).reset()
    rows = [row for row, _ in show(trigger, X)]
    assert [row // 200 for row in rows] == [6, 15]


def test_another_feature_rings_while_one_is_away():
    X = numbers(6000)
    X[3000:, 2] += 1
    X[4000:, 0] += 1
    notes = [signal.note for _, signal in show(FeatureDrift().reset(), X)]
    assert [note.split(" (")[0] for note in notes] == ["moved: column 2", "moved: column 0"]


def test_while_a_feature_is_away_the_trigger_warns(method):
    trigger = FeatureDrift(method).reset()
    X = numbers(4000, at=2000, shift=2.0)
    states = [
        trigger.update(ScoredBatch(k, 500, X=X[k : k + 500])).state for k in range(0, 4000, 500)
    ]
    assert states == ["stable"] * 4 + ["drift"] + ["warning"] * 3


@pytest.mark.no_cover
def test_categories_missing_values_and_levels_never_seen_are_watched(method):
    """A date moves by itself, and is not among what moved."""
    X = pd.concat([mixed(2500), mixed(500, 1, shift=True)])
    X["gaps"] = np.where(
        np.random.default_rng(0).random(3000) < 0.3 * (np.arange(3000) > 2500), None, 1
    )
    trigger = FeatureDrift(method).reset()
    show(trigger, X)
    assert {shift.name for shift in trigger.moved_} == {"age", "town", "gaps"}


def test_more_features_than_three_are_counted():
    X = numbers(3000, n_features=6)
    X[2500:] += 2
    ((_, signal),) = show(FeatureDrift().reset(), X, 500)
    assert signal.note.endswith(", 3 more features")


@pytest.mark.parametrize("kind", [pl.from_pandas, lambda X: X.to_numpy(object)])
@pytest.mark.no_cover
def test_the_container_plays_no_part(method, kind):
    X = pd.concat([mixed(2500), mixed(500, 1, shift=True)], ignore_index=True)
    from_pandas = show(FeatureDrift(method).reset(), X, 250)
    others = show(FeatureDrift(method).reset(), kind(X), 250)
    assert [(row, s.since) for row, s in others] == [(row, s.since) for row, s in from_pandas]


@pytest.mark.no_cover
def test_sparse_rows_are_watched_by_their_entries(method):
    X = sparse.random(3000, 20, density=0.05, format="csr", random_state=0).tolil()
    X[2500::2, 7] = 0.5
    trigger = FeatureDrift(method).reset()
    assert [row for row, _ in show(trigger, X.tocsr(), 250)] == [2750]
    assert [shift.name for shift in trigger.moved_] == ["column 7"]
    trigger.update(ScoredBatch(3000, 30, X=X[:30].toarray()))  # numbers are taken in


def test_a_feature_of_text_among_numbers_rings_instead_of_failing(method):
    trigger = FeatureDrift(method).reset()
    X = pd.DataFrame(numbers(3000), columns=list("abcd"))
    assert show(trigger, X[:2500]) == []
    rang = show(trigger, X[2500:].assign(c="none"), first=2500)
    assert "c (" in rang[0][1].note


def test_without_a_feature_that_does_not_move_by_itself_nothing_rings(method):
    trigger = FeatureDrift(method).reset()
    assert show(trigger, np.arange(4000.0)[:, None]) == []


# -- the reference -------------------------------------------------------------------------------


def told(trigger, X, answered, start=0):
    trigger.after_fit(ANSWER, ScoredBatch(start, len(X), X=X), answered)


def test_the_reference_is_what_the_first_model_was_fitted_on():
    trigger = FeatureDrift().reset()
    assert trigger.warming_up
    assert trigger.n_reference_ == 0
    told(trigger, numbers(800), answered=False)
    assert not trigger.warming_up
    assert trigger.n_reference_ == 800
    assert show(trigger, numbers(500, 1, at=0, shift=2.0))[0][0] <= 300


def test_a_small_reference_is_completed_by_the_rows_that_come_next():
    trigger = FeatureDrift(window=100).reset()
    told(trigger, numbers(20), answered=False)
    assert trigger.warming_up
    assert show(trigger, numbers(70, 1)) == []
    assert (trigger.warming_up, trigger.n_reference_) == (True, 90)
    assert show(trigger, numbers(110, 2)) == []
    assert (trigger.warming_up, trigger.n_reference_) == (False, 100)


def test_of_a_large_reference_four_windows_are_kept(method):
    trigger = FeatureDrift(method, window=100).reset()
    told(trigger, numbers(5000), answered=False)
    assert trigger.n_reference_ == 400


def test_only_the_fit_that_answers_its_alarm_gives_another_reference():
    trigger = FeatureDrift()
    told(trigger, numbers(2000), answered=False)
    away = numbers(1000, 1, at=0, shift=2.0)
    told(trigger, away, answered=False)  # it grew
    assert len(show(trigger, away)) == 1
    told(trigger, away[:600], answered=True)
    assert trigger.n_reference_ == 600
    assert trigger.moved_ == []
    assert show(trigger, away[600:]) == []
    assert len(show(trigger, numbers(1000, 2))) == 1


@pytest.mark.parametrize("reference", [None, numbers(2000)])
def test_after_an_alarm_on_rows_without_labels_the_reference_begins_at_the_change(reference):
    """What is remembered with labels lies before it."""
    trigger = FeatureDrift()
    told(trigger, numbers(2000), answered=False)
    away = numbers(900, 1, at=300, shift=2.0)
    assert len(show(trigger, away, labelled=False)) == 1
    batch = None if reference is None else ScoredBatch(0, len(reference), X=reference)
    trigger.after_fit(ANSWER, batch, True)
    assert trigger.n_reference_ == pytest.approx(500, abs=20)  # the newest window, all after it
    assert show(trigger, numbers(2000, 2, at=0, shift=2.0)) == []


def test_an_answer_to_an_alarm_that_it_did_not_raise_leaves_it_as_it_is():
    trigger = FeatureDrift()
    trigger.after_fit(ANSWER, None, True)
    assert (trigger.warming_up, trigger.n_reference_) == (True, 0)


# -- the contract --------------------------------------------------------------------------------


@pytest.mark.no_cover
def test_memory_is_bounded_whatever_the_size_of_a_batch(method):
    trigger, sizes = FeatureDrift(method, window=100).reset(), []
    for n in (1000, 2000):
        show(trigger, numbers(n), 500)
        show(trigger, numbers(150), 1)
        sizes.append(len(pickle.dumps(trigger)))
    assert sizes[1] < 1.05 * sizes[0]
    assert sizes[1] < 8 * 4 * 5.5 * 100 + 50_000


def test_a_pickle_taken_anywhere_decides_the_same(method):
    trigger = FeatureDrift(method).reset()
    X = numbers(4000, at=3000)
    show(trigger, X[:2710])
    copy = pickle.loads(pickle.dumps(trigger))
    assert show(copy, X[2710:], first=2710) == show(trigger, X[2710:], first=2710) != []


def test_parameters_are_never_touched_and_clones_are_blank(method):
    trigger = FeatureDrift(method, window=60)
    before = joblib.hash(trigger.get_params())
    show(trigger, numbers(1000))
    assert joblib.hash(trigger.get_params()) == before
    assert not hasattr(clone(trigger), "n_reference_")
    assert trigger.reset().warming_up


def test_a_batch_without_a_table_is_refused_before_anything_is_seen():
    trigger = FeatureDrift().reset()
    with pytest.raises(ValueError, match="FeatureDrift needs X, which this batch lacks"):
        trigger.update(ScoredBatch(0, 100))
    with pytest.raises(ValueError, match="X of FeatureDrift is no table of columns"):
        DriftAwareRetrainer(GaussianNB(), detector=trigger).fit(["text"] * 9, [0, 1, 1] * 3)


# -- in a retrainer ------------------------------------------------------------------------------


def test_the_event_says_which_features_moved():
    """The trigger sees the rows as the retrainer was given them, before any encoder."""
    encode = make_column_transformer(
        (StandardScaler(), ["age"]), (OneHotEncoder(handle_unknown="ignore"), ["town"])
    )
    base = make_pipeline(encode, LogisticRegression())
    X = pd.concat([mixed(1000), mixed(400, 1, shift=True)], ignore_index=True)
    y = (X["age"] > 45).to_numpy().astype(int)
    model = DriftAwareRetrainer(base, detector=FeatureDrift(), policy="full_refit")
    model.fit(X[:800], y[:800])
    for k in range(800, 1400, 100):
        model.partial_fit(X[k : k + 100], y[k : k + 100])
    (event,) = (event for event in model.events_ if event.state == "drift")
    assert event.since == pytest.approx(1000, abs=20)
    assert event.reason.startswith("alarm; moved: ")
    assert "town (new levels 'd' in " in event.reason
    assert model.detector_.n_reference_ == 400  # what came since
    assert model.detector_.warming_up


def test_rows_without_labels_make_a_retrain_due_once():
    X, y = numbers(4000, at=1500, shift=2.0), np.arange(4000) % 2
    model = DriftAwareRetrainer(
        GaussianNB(), detector=["adwin", FeatureDrift()], policy="full_refit"
    )
    model.fit(X[:1000], y[:1000])
    for k in range(1000, 4000, 100):
        model.observe(X[k : k + 100])
        if k % 500 == 400:
            model.partial_fit(X[k : k + 100], y[k : k + 100])
    wanted = [event for event in model.events_ if event.action == "labels_wanted"]
    assert [event.reason.split(" (")[0] for event in wanted] == ["moved: column 2"]
    assert wanted[0].reason.endswith("; a retrain is due at the next batch with labels")
    (retrained,) = (event for event in model.events_ if "rows without labels" in event.reason)
    assert retrained.reason.startswith("alarm on rows without labels; moved: column 2")


def test_several_triggers_tell_what_each_has_found():
    trigger = AtLeast([FeatureDrift(), FeatureDrift("cusum")], k=2).reset()
    ((_, signal),) = show(trigger, numbers(3000, at=2500, shift=2.0), 500)
    first, second = signal.note.split("; ")
    assert first == second == f"moved: {first.removeprefix('moved: ')}"


@pytest.mark.no_cover
@pytest.mark.thinned(2)
def test_columns_that_lose_their_names_are_still_those_of_the_reference(method):
    """An array after a frame, or the other way: nothing moved."""
    X = numbers(2000)
    names = ["a", "b", "c", "d"]
    for first, then in (
        (pd.DataFrame(X, columns=names), X),
        (X, pd.DataFrame(X, columns=names)),
        (pd.DataFrame(X, columns=names), sparse.csr_matrix(X)),
    ):
        trigger = FeatureDrift(method, window=100).reset()
        assert show(trigger, first) == show(trigger, then, first=2000) == []


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix], ids=["array", "sparse"])
@pytest.mark.parametrize("n_seen", [50, 1000], ids=["first", "later"])
def test_rows_with_fewer_columns_are_refused_before_anything_has_changed(method, container, n_seen):
    trigger = FeatureDrift(method, window=100).reset()
    show(trigger, container(numbers(n_seen)))
    before = joblib.hash(trigger)
    with pytest.raises(ValueError, match=r"the new rows have 3 columns and the reference 4"):
        show(trigger, container(numbers(500)[:, :3]), size=500)
    assert joblib.hash(trigger) == before
