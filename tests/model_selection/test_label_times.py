"""Labels that come at moments of their own: none is used too early, none that came is lost."""

from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers import stream
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from skretrain import DriftAwareRetrainer, ReplayPartialFit
from skretrain.drift import Periodic
from skretrain.model_selection import prequential_predict, prequential_validate

N = 300
X, Y = stream(N, drift=150)
HOURS = np.datetime64("2024-03-01T00", "us") + np.arange(N).astype("timedelta64[h]")


class Diary(ClassifierMixin, BaseEstimator):
    """Write down which rows are predicted and learned, in order; the first feature is the row."""

    def fit(self, X, y, sample_weight=None):
        self.pages_ = [("fit", X[:, 0].astype(int).tolist())]
        self.classes_ = np.array([0, 1])
        return self

    def partial_fit(self, X, y, sample_weight=None):
        self.pages_.append(("learn", X[:, 0].astype(int).tolist()))
        return self

    def predict(self, X):
        self.pages_.append(("predict", X[:, 0].astype(int).tolist()))
        return np.zeros(len(X), dtype=int)


def pages(label_time, *, times=None, size=N, **options):
    """Return what a model sees of a stream, and the result."""
    numbered = np.arange(size, dtype=float).reshape(-1, 1)
    result = prequential_validate(
        Diary(),
        numbered,
        np.arange(size) % 2,
        label_time=label_time,
        times=times,
        **options,
    )
    return result.estimator.pages_, result


def by_hand(label_time, *, edges, is_known):
    """Return the loop one would write: predict a batch, then learn what has come since."""
    arriving = sorted(
        (row for row in range(edges[-1]) if np.isfinite(label_time[row])),
        key=lambda row: (label_time[row], row),
    )
    learned = [row for row in arriving if row < edges[0] and is_known(row, edges[0])]
    written = [("fit", learned)]
    for first, stop in pairwise(edges):
        written.append(("predict", list(range(first, stop))))
        new = [r for r in arriving if r < stop and r not in learned and is_known(r, stop)]
        learned = learned + new
        if new:
            written.append(("learn", new))
    return written


@given(data=st.data(), batch_size=st.integers(1, 15), start=st.integers(1, 20))
@settings(max_examples=40, deadline=None)
@pytest.mark.no_cover
def test_each_label_is_learned_once_after_it_came_in_the_order_of_arrival(data, batch_size, start):
    """Row numbers: a label has come when that row has been predicted; NaN and infinity never."""
    size = 40
    late = st.one_of(st.integers(0, 50), st.sampled_from([np.nan, np.inf, 0.5]))
    label_time = np.arange(size) + np.array(data.draw(st.lists(late, min_size=size, max_size=size)))
    label_time[0] = 0  # a fit needs a row
    found, result = pages(label_time, size=size, batch_size=batch_size, initial_size=start)
    edges = [*range(start, size, batch_size), size]
    expected = by_hand(label_time, edges=edges, is_known=lambda row, now: label_time[row] < now)
    assert found == expected
    learned = [row for kind, rows in expected if kind != "predict" for row in rows]
    assert result.learned_rows.tolist() == learned
    assert result.n_first == len(expected[0][1])


@given(data=st.data(), batch_size=st.integers(1, 15), as_dates=st.booleans())
@settings(max_examples=30, deadline=None)
@pytest.mark.no_cover
def test_with_times_a_label_has_come_by_the_moment_of_the_next_row(data, batch_size, as_dates):
    """Times may be shared, and then no batch cuts them; the clock stops with the last row."""
    size = 30
    days = np.cumsum(data.draw(st.lists(st.integers(0, 3), min_size=size, max_size=size)))
    days[-1] += 90  # else a first fit might be all there is
    late = st.lists(st.sampled_from([0, 1, 2, 7, 40, 200, np.nan]), min_size=size, max_size=size)
    known = days + np.array([0, *data.draw(late)[1:]])
    times, label_time = (dated(days), dated(known)) if as_dates else (days, known)
    found, result = pages(label_time, times=times, size=size, batch_size=batch_size)
    edges = [*result.batch_rows.tolist(), size]
    expected = by_hand(
        known, edges=edges, is_known=lambda row, now: known[row] <= days[min(now, size - 1)]
    )
    assert found == expected


def dated(days):
    """Return days as dates, NaN as NaT."""
    first = np.datetime64("2024-01-01")
    return np.array(
        [np.datetime64("NaT") if np.isnan(day) else first + int(day) for day in days],
        dtype="datetime64[D]",
    )


MODELS = {
    "bare": SGDClassifier(random_state=0),
    "refit": DriftAwareRetrainer(LogisticRegression(), random_state=0),
    "replay": ReplayPartialFit(LogisticRegression(), random_state=0),
}


@pytest.mark.parametrize(
    ("batch_size", "delay"), [(30, 0), (30, 1), (30, 95), (100, 50), (100, 100), (100, 1000)]
)
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.no_cover
@pytest.mark.thinned(5)
def test_the_same_delay_for_all_is_label_delay(name, batch_size, delay):
    """But for the first fit, whose labels a delay takes as known."""
    rows = np.arange(N)
    label_time = np.where(rows < batch_size, rows, rows + delay)
    options = {"batch_size": batch_size, "scoring": "accuracy"}
    one = prequential_validate(MODELS[name], X, Y, label_delay=delay, **options)
    other = prequential_validate(MODELS[name], X, Y, label_time=label_time, **options)
    assert_same(one, other)
    assert (one.label_delay, other.label_delay) == (delay, None)


def assert_same(one, other):
    for field in ("y_pred", "rows", "refit_rows", "n_learned", "learned_rows", "batch_rows"):
        np.testing.assert_array_equal(getattr(one, field), getattr(other, field), err_msg=field)
    assert (one.score, one.n_fits, one.n_first) == (other.score, other.n_fits, other.n_first)
    if one.events is not None:
        assert [(e.row, e.action) for e in one.events] == [(e.row, e.action) for e in other.events]


@pytest.mark.parametrize(("delay", "latency"), [("5h", "1d"), ("2d", 0)])
def test_the_same_delay_for_all_is_label_delay_on_dates_too(delay, latency):
    step = np.timedelta64(5, "h") if delay == "5h" else np.timedelta64(2, "D")
    known = HOURS + step
    known[:48] = HOURS[:48]
    options = {"times": HOURS, "batch_size": "1d", "initial_size": "2d", "fit_latency": latency}
    for model in (MODELS["refit"], GaussianNB()):
        one = prequential_validate(model, X, Y, label_delay=delay, **options)
        other = prequential_validate(model, X, Y, label_time=known, **options)
        assert_same(one, other)


@pytest.mark.parametrize("seed", range(3))
def test_within_a_batch_the_moment_changes_only_the_order(seed):
    """Naive Bayes takes its rows in any order: the same rows per step are the same predictions."""
    rng = np.random.default_rng(seed)
    batch = np.arange(N) // 30
    late = rng.integers(0, 4, N)  # batches
    one = (batch + late) * 30 + rng.integers(0, 30, N)
    other = (batch + late) * 30 + rng.integers(0, 30, N)
    one, other = np.maximum(one, np.arange(N)), np.maximum(other, np.arange(N))
    results = [
        prequential_validate(GaussianNB(), X, Y, batch_size=30, initial_size=60, label_time=times)
        for times in (one, other)
    ]
    np.testing.assert_array_equal(results[0].y_pred, results[1].y_pred)
    np.testing.assert_array_equal(results[0].n_learned, results[1].n_learned)
    assert results[0].learned_rows.tolist() != results[1].learned_rows.tolist()


@pytest.mark.parametrize(
    "model",
    [
        DriftAwareRetrainer(DecisionTreeClassifier(random_state=0), update="full_refit"),
        ReplayPartialFit(DecisionTreeClassifier(random_state=0), ratio=10),
    ],
    ids=["tree", "replay"],
)
@pytest.mark.no_cover
def test_noise_scores_chance(model):
    """Trap 16: a tree knows every row it has learned; labels of pure noise must not help."""
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(1500, 3)), rng.integers(0, 2, 1500)
    late = np.arange(1500) + rng.choice([0, 1, 7, 200, np.nan], 1500)
    score = prequential_validate(model, X, y, batch_size=50, label_time=late).score
    assert abs(score - 0.5) < 3 * 0.5 / np.sqrt(1450)


@pytest.mark.no_cover
@pytest.mark.parametrize("row", [60, 149])
@pytest.mark.parametrize("moment", [149, 170, np.nan])
def test_no_prediction_depends_on_a_label_before_its_time(row, moment):
    """Another label of one row changes nothing until the batch of its moment is over."""
    label_time = np.arange(N, dtype=float)
    label_time[row] = moment
    changed = Y.copy()
    changed[row] = 1 - changed[row]
    model = ReplayPartialFit(DecisionTreeClassifier(random_state=0), random_state=0)
    options = {"batch_size": 50, "method": "predict_proba", "label_time": label_time}
    before, after = (prequential_predict(model, X, y, **options) for y in (Y, changed))
    same = (before == after).all(axis=1)
    end = N if np.isnan(moment) else 50 * (int(moment) // 50 + 1)
    assert same[: end - 50].all()
    assert np.isnan(moment) or not same.all()


def test_rows_whose_label_never_comes_are_scored_and_not_learned():
    label_time = np.arange(N, dtype=float)
    label_time[100::2] = np.nan
    found, result = pages(label_time, batch_size=50)
    np.testing.assert_array_equal(result.rows, np.arange(50, N))
    learned = {row for kind, rows in found if kind != "predict" for row in rows}
    assert learned == set(range(100)) | set(range(101, N, 2))
    assert result.rows_fitted == len(learned)


def test_the_first_fit_has_the_labels_that_are_there_by_then():
    """The others come later, like all that are late."""
    label_time = np.arange(N)
    label_time[10:20] = 75
    found, result = pages(label_time, batch_size=50)
    assert found[0] == ("fit", [*range(10), *range(20, 50)])
    assert found[2] == ("learn", [*range(50, 75), *range(10, 20), *range(75, 100)])
    assert (result.n_first, result.learned_rows[40]) == (40, 50)


def test_events_are_placed_where_their_labels_came():
    """An event counts rows as learned; `arrived` tells before which row of the stream that was."""
    label_time = np.arange(N)
    label_time[:20] = 120  # half of the first fit comes later
    label_time[200:] = 10_000
    model = DriftAwareRetrainer(
        GaussianNB(), detector=Periodic(every=60), policy="full_refit", update=None
    )
    result = prequential_validate(model, X, Y, batch_size=40, label_time=label_time)
    assert result.n_first == 20
    assert result.n_learned.tolist() == [60, 100, 160, 200, 200, 200, 200]
    refits = [event.row for event in result.events if event.action == "retrained"][1:]
    borders = result.arrived(refits)
    np.testing.assert_array_equal(borders, result.refit_rows)
    for event_row, border in zip(refits, borders, strict=True):
        newest = label_time[result.learned_rows[:event_row]].max()
        assert border - 40 <= newest < border
    assert result.arrived([20, 21]).tolist() == [40, 80]


# -- in any container ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["pandas", "polars"])
@pytest.mark.parametrize("evaluate", [prequential_predict, prequential_validate])
def test_a_column_of_the_frame_may_hold_the_moments(kind, evaluate):
    """No model is shown it: it would be a feature from the future."""
    known = HOURS + np.timedelta64(30, "h")
    known[::7] = np.datetime64("NaT")
    known[:24] = HOURS[:24]
    columns = dict(zip("abcd", X.T, strict=True))
    made = {"pandas": pd.DataFrame, "polars": pl.DataFrame}[kind]
    frame = made({**columns, "known_at": known})
    options = {"times": HOURS, "batch_size": "1d"}
    named = evaluate(GaussianNB(), frame, Y, label_time="known_at", **options)
    given_ = evaluate(GaussianNB(), X, Y, label_time=known, **options)
    if evaluate is prequential_validate:
        assert named.estimator.n_features_in_ == 4
        named, given_ = named.y_pred, given_.y_pred
    np.testing.assert_array_equal(named, given_)
    assert "known_at" in frame.columns


LATE = np.where(np.arange(N) < 50, 0, 24)
COMES = np.arange(N) % 5 > 0
COMES[:50] = True
DAYS = pd.Series(HOURS + LATE.astype("timedelta64[h]")).where(COMES)
# By row numbers a label is known to the rows after that one; by times, to that one, too.
ROWS = pd.Series(np.arange(N) + np.maximum(LATE - 1.0, 0)).where(COMES)


@pytest.mark.parametrize(
    ("times", "label_time"),
    [
        (HOURS, DAYS.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")),
        (HOURS, [None if pd.isna(day) else day.isoformat() for day in DAYS]),
        (HOURS, pl.Series([None if pd.isna(day) else day for day in DAYS])),
        (np.arange(N), np.where(COMES, np.arange(N) + LATE, np.inf)),
        (None, ROWS.tolist()),
        (None, ROWS.astype("Int64")),
        (None, [None if np.isnan(row) else int(row) for row in ROWS]),
        (None, ROWS.fillna(np.inf)),
    ],
    ids=["zone", "text", "polars", "numbers", "list", "nullable", "None", "infinite"],
)
@pytest.mark.no_cover
def test_moments_of_any_kind_are_the_same(times, label_time):
    expected, _ = pages(DAYS.to_numpy(), times=HOURS, batch_size=24, initial_size=50)
    found, _ = pages(label_time, times=times, batch_size=24, initial_size=50)
    n_before_the_end = 1 + 2 * 10  # the last step differs: a clock stops with the last row
    assert found[:n_before_the_end] == expected[:n_before_the_end]


def test_weights_come_with_their_rows():
    """A row of weight zero waits like the others, and is not learned by a bare estimator."""
    label_time = np.arange(N) + 30
    label_time[:50] = np.arange(50)
    weight = np.ones(N)
    weight[::9] = 0
    found, result = pages(label_time, batch_size=50, params={"sample_weight": weight})
    learned = [row for kind, rows in found if kind != "predict" for row in rows]
    assert learned == [row for row in range(270) if row % 9]
    assert result.n_learned[-1] == 270


# -- what makes no sense ---------------------------------------------------------------------------

ROW = np.arange(N)
TEXT = [f"{hour:03}" for hour in range(N)]


@pytest.mark.parametrize("evaluate", [prequential_predict, prequential_validate])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label_time": ROW, "label_delay": 5}, r"label_delay=5\).*0 beside label_time"),
        (
            {"label_time": HOURS, "times": HOURS, "label_delay": "1d"},
            r"label_delay='1d'\).*pass one of the two",
        ),
        ({"label_time": ROW[:-1]}, "299 values for 300 rows: pass one for each row"),
        ({"label_time": ROW.reshape(-1, 1)}, r"shape \(300, 1\): pass one moment for each row"),
        ({"label_time": ROW - (ROW == 7)}, "is 6 in row 7, before the row itself: no label"),
        ({"label_time": np.where(ROW == 7, -np.inf, ROW)}, "is -inf in row 7, before"),
        (
            {"label_time": HOURS - np.timedelta64(1, "h"), "times": HOURS},
            "is 2024-02-29T23:.* in row 0, before the row itself, which came at 2024-03-01T00",
        ),
        ({"label_time": HOURS}, r"datetime64\(.*in row 0: pass row numbers, as times is not given"),
        ({"label_time": ROW, "times": HOURS}, "in row 0: pass dates, as times are, NaN or NaT"),
        ({"label_time": HOURS, "times": ROW}, "in row 0: pass numbers, as times are"),
        ({"label_time": HOURS - HOURS[0]}, r"timedelta64\(.*pass row numbers"),
        ({"label_time": [None, *ROW[1:-1].tolist(), True]}, "True in row 299: pass row numbers"),
        ({"label_time": [None, *ROW[1:-1].tolist(), "soon"]}, "'soon' in row 299: pass row"),
        ({"label_time": [*map(str, HOURS[:-1]), "soon"], "times": HOURS}, "'soon'.* in row 299"),
        ({"label_time": np.full(N, np.datetime64("NaT"))}, "no moment at all: pass row numbers"),
        ({"label_time": TEXT, "times": TEXT}, "times are such as .*'000'.*dates or numbers"),
        ({"label_time": np.where(ROW < 200, 200, ROW)}, "none of the 100 rows of the first fit"),
        ({"label_time": np.full(N, np.nan)}, "none of the 100 rows.*raise initial_size"),
        ({"label_time": "known_at"}, "label_time='known_at': X has no such column, but no names"),
    ],
)
def test_moments_that_make_no_sense_are_refused(evaluate, options, message):
    with pytest.raises(ValueError, match=message):
        evaluate(GaussianNB(), X, Y, **options)


def test_a_column_that_is_not_there_is_named_beside_those_that_are():
    frame = pd.DataFrame(X, columns=list("abcd"))
    with pytest.raises(ValueError, match="no such column, but the columns 'a', 'b', 'c', 'd'"):
        prequential_validate(GaussianNB(), frame, Y, label_time="known_at")


def test_batches_as_they_come_have_no_moments():
    with pytest.raises(ValueError, match="label_time is for rows that are given together"):
        prequential_validate(GaussianNB(), iter([(X, Y)]), label_time=ROW)


def test_a_first_fit_that_fails_says_how_few_labels_it_had():
    """Positives whose labels are slow leave a single class; which the base says itself."""
    late = np.where((Y == 1) & (ROW < 100), 150, ROW)
    model = SGDClassifier()
    with pytest.raises(ValueError, match="classes") as caught:
        prequential_validate(model, X, Y, label_time=late)
    assert caught.value.__notes__ == [
        f"Of the 100 rows of the first fit, {(Y[:100] == 0).sum()} had a label by then, as "
        "label_time says. With a larger initial_size there are more."
    ]
    with pytest.raises(ValueError, match="classes") as caught:
        prequential_validate(model, X, np.zeros(N), label_time=ROW)
    assert not hasattr(caught.value, "__notes__")
