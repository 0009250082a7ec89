"""Streams by date: batches, delays, windows and schedules of the calendar."""

from datetime import UTC, date, datetime, timedelta
from itertools import product

import numpy as np
import pandas as pd
import pytest
from helpers import representatives
from hypothesis import given
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from skretrain import DriftAwareRetrainer
from skretrain.buffers import SlidingWindow
from skretrain.drift import Periodic, ScoredBatch
from skretrain.model_selection import (
    RetrainMatrix,
    compare_policies,
    prequential_predict,
    prequential_validate,
)
from skretrain.policies import FullRefit
from skretrain.utils._durations import Duration, duration_of, moments_of

FIRST_DAY = np.datetime64("2024-02-27T00:00", "us")  # a Tuesday, before the end of a leap month


def _stream(n=600, seed=0):
    """Return rows at odd moments over some 60 days, whose concept turns half way."""
    rng = np.random.default_rng(seed)
    minutes = np.sort(rng.integers(0, 60 * 24 * 60, size=n))
    X = rng.normal(size=(n, 3))
    y = (X[:, 0] + np.where(np.arange(n) < n // 2, 1, -1) * X[:, 1] > 0).astype(int)
    return X, y, FIRST_DAY + minutes.astype("timedelta64[m]")


X, Y, TIMES = _stream()


def _first_rows(labels):
    """Return where a label differs from the one before it."""
    return [row for row in range(1, len(labels)) if labels[row] != labels[row - 1]]


@pytest.mark.parametrize(
    ("batch", "freq"), [("6h", None), ("daily", "D"), ("weekly", "W-SUN"), ("1mo", "M")]
)
@pytest.mark.no_cover
def test_a_batch_has_the_rows_of_one_calendar_period(batch, freq):
    """pandas says which these are."""
    dates = pd.Series(TIMES).dt
    periods = dates.floor("6h") if freq is None else dates.to_period(freq)
    expected = _first_rows(periods.tolist())
    result = prequential_validate(GaussianNB(), X, Y, batch_size=batch, times=TIMES)
    assert result.batch_rows.tolist() == expected


_UNITS = st.sampled_from(["s", "min", "h", "d", "w", "mo", "y"])


@given(
    n=st.integers(1, 20),
    unit=_UNITS,
    hours=st.lists(st.integers(0, 50_000), min_size=1, max_size=20),
)
def test_periods_follow_each_other_and_none_is_longer_than_its_duration(n, unit, hours):
    moments = FIRST_DAY + np.sort(hours).astype("timedelta64[h]")
    duration = Duration(n, unit)
    numbers = duration.periods(moments)
    assert (np.diff(numbers) >= 0).all()
    earlier = duration.before(moments)
    assert (np.diff(earlier) >= np.timedelta64(0)).all()
    # What lies a whole duration or more before is of another period.
    assert (duration.periods(earlier, moments[0]) < numbers).all()


@pytest.mark.parametrize(
    ("text", "moment", "expected"),
    [
        ("1mo", "2024-03-31T12:00", "2024-02-29T23:59:59.999999"),
        ("1mo", "2024-03-15T12:00", "2024-02-15T12:00"),
        ("1y", "2024-02-29", "2023-02-28T23:59:59.999999"),
        ("36h", "2024-03-01T06:00", "2024-02-28T18:00"),
    ],
)
def test_a_month_earlier_is_the_same_day_or_the_end_of_a_shorter_month(text, moment, expected):
    moments = np.array([moment], dtype="datetime64[us]")
    assert duration_of(text).before(moments)[0] == np.datetime64(expected, "us")


def test_one_duration_may_be_said_in_many_ways():
    for same in ("7d", timedelta(days=7), np.timedelta64(1, "W"), pd.Timedelta("7D")):
        assert duration_of(same) == Duration(7, "d")
    assert duration_of(np.timedelta64(2, "M")) == duration_of("2mo") == Duration(2, "mo")
    assert duration_of(np.timedelta64(1, "Y")) == duration_of("yearly") == Duration(1, "y")
    assert duration_of(timedelta(microseconds=3)) == Duration(3, "us")
    assert duration_of(Duration(1, "h")) == Duration(1, "h")
    assert duration_of("5us") == Duration(5, "us")
    nothing = (timedelta(0), timedelta(-1), np.timedelta64("NaT"), np.timedelta64(0, "M"))
    endless = ("10001y", "999999999999mo", "99999999999999999999d", timedelta(days=4_000_000))
    assert [duration_of(value) for value in endless] == [None] * 4
    for none in (*nothing, "0d", "1 fortnight", 7, 7.5, None):
        assert duration_of(none) is None


def test_parts_of_a_day_begin_at_each_midnight():
    """Also where they do not divide it; what is longer goes on from the first."""
    hours = FIRST_DAY + np.arange(72).astype("timedelta64[h]")
    numbers = duration_of("5h").periods(hours)
    begins = [int(h) % 24 for h in np.flatnonzero(np.diff(numbers, prepend=-1))]
    assert begins == 3 * [0, 5, 10, 15, 20]
    longer = duration_of("36h").periods(hours)
    assert longer.tolist() == 36 * [0] + 36 * [1]


@pytest.mark.parametrize(
    ("text", "hours"),
    representatives(
        [("2w", 14 * 24), ("1mo", 29 * 24), ("36h", 36)], fast=[("1mo", 29 * 24)], covering=[]
    ),
)
def test_the_first_fit_has_the_rows_of_so_much_time(text, hours):
    """From the first row on, wherever months and weeks begin; then to the end of a batch."""
    options = {"initial_size": text, "batch_size": "6h"}
    result = prequential_validate(GaussianNB(), X, Y, times=TIMES, **options)
    start, end = int(result.batch_rows[0]), TIMES[0] + np.timedelta64(hours, "h")
    borders = prequential_validate(GaussianNB(), X, Y, times=TIMES, batch_size="6h").batch_rows
    assert start == borders[np.searchsorted(borders, np.searchsorted(TIMES, end))]


def test_no_time_is_no_delay():
    zero = {"label_delay": "0d", "fit_latency": timedelta(0)}
    one = prequential_validate(GaussianNB(), X, Y, times=TIMES, batch_size="1d", **zero)
    other = prequential_validate(GaussianNB(), X, Y, times=TIMES, batch_size="1d")
    np.testing.assert_array_equal(one.y_pred, other.y_pred)


def test_windows_that_are_one_are_one():
    found = compare_policies(
        GaussianNB(),
        X,
        Y,
        {
            "never": [],
            "text": (Periodic("weekly"), "10d"),
            "timedelta": (Periodic("weekly"), timedelta(days=10)),
            "numpy": (Periodic("weekly"), np.timedelta64(10, "D")),
        },
        times=TIMES,
        batch_size="1d",
        prices=1,
    )
    assert found.matrices[0].windows == [Duration(10, "d"), "all"]
    assert found.score("text") == found.score("timedelta") == found.score("numpy")


def test_dates_of_any_kind_are_the_same_moments():
    zoned = [datetime(2024, 3, 1, 1, tzinfo=UTC), datetime(2024, 3, 2, tzinfo=UTC)]
    expected = np.array(["2024-03-01T01:00", "2024-03-02"], dtype="datetime64[us]")
    for same in (
        zoned,
        ["2024-03-01T02:00+01:00", "2024-03-02"],
        pd.Series(zoned),
        pd.Series(zoned).dt.tz_convert("Europe/Berlin"),
        expected.astype("datetime64[ns]"),
    ):
        np.testing.assert_array_equal(moments_of(same), expected)
    assert moments_of([date(2024, 3, 2)])[0] == expected[1]
    for none in ([1, 2], ["Monday"], [None], [], [datetime.max, 3]):
        assert moments_of(none) is None


@pytest.mark.no_cover
def test_with_a_row_per_hour_days_are_24_rows():
    """The same stream by the clock and by count is the same evaluation, to the bit."""
    hourly = FIRST_DAY + np.arange(len(Y)).astype("timedelta64[h]")
    model = DriftAwareRetrainer(LogisticRegression(), random_state=0)
    by_row = {"batch_size": 24, "initial_size": 72, "label_delay": 48, "fit_latency": 24}
    by_time = {
        "batch_size": "1d",
        "initial_size": timedelta(days=3),
        # A label is known at the moment when it comes: one row earlier than by count.
        "label_delay": "49h",
        "fit_latency": "24h",
    }
    one = prequential_validate(model, X, Y, **by_row)
    other = prequential_validate(model, X, Y, times=hourly, **by_time)
    for name in ("y_pred", "batch_rows", "refit_rows", "n_learned"):
        # The clock stops with the last row.
        np.testing.assert_array_equal(getattr(one, name)[:-1], getattr(other, name)[:-1])
    del by_row["fit_latency"], by_time["fit_latency"]
    rows = prequential_predict(GaussianNB(), X, Y, **by_row)
    times = prequential_predict(GaussianNB(), X, Y, times=hourly, **by_time)
    np.testing.assert_array_equal(rows, times)


@pytest.mark.parametrize("delay", ["1d", "36h", "9d", "1mo"])
@pytest.mark.no_cover
def test_what_is_learned_is_what_was_known_when_the_next_batch_came(delay):
    result = prequential_validate(
        GaussianNB(), X, Y, times=TIMES, batch_size="2d", label_delay=delay
    )
    known_from = duration_of(delay)
    start = int(result.batch_rows[0])
    for row, n_learned in zip(result.batch_rows[1:], result.n_learned, strict=False):
        known = int((known_from.before(TIMES[row : row + 1])[0] >= TIMES).sum())
        assert n_learned == max(known, start)
    # Rows learned are told back as the rows before which that was.
    assert result.arrived([start])[0] == start
    learned = result.n_learned[np.diff(result.n_learned, prepend=start) > 0]
    assert (TIMES[result.arrived(learned)[:-1]] > TIMES[learned[:-1] - 1]).all()


MOMENTS = [*product([0, "3d", 25], [0, "2d", 30])]


@pytest.mark.parametrize(("delay", "latency"), representatives(MOMENTS, fast=MOMENTS[2::2]))
@pytest.mark.no_cover
def test_a_schedule_and_a_retrainer_learn_the_same_labels_at_the_same_moments(delay, latency):
    """A live retrainer that refits on all rows each time is the schedule that does."""
    live = DriftAwareRetrainer(
        GaussianNB(), detector=Periodic(1), policy=FullRefit("all", grow=False), update=None
    )
    found = compare_policies(
        GaussianNB(),
        X,
        Y,
        {"live": live, "replayed": (Periodic(1), "all")},
        batch_size="2d",
        times=TIMES,
        label_delay=delay,
        fit_latency=latency,
        prices=1,
    )
    live_errors, replayed = (found.batch_losses(name, 1)[0] for name in ("live", "replayed"))
    # A replayed schedule acts from the second batch on, a retrainer once it has learned one.
    assert live_errors.tolist() == replayed.tolist()
    run = found.results["live"][0]
    assert set(run.refit_rows) <= set(found.matrices[0].edges_)


@pytest.mark.no_cover
def test_policies_on_dates_have_names_and_windows_of_the_calendar():
    found = compare_policies(GaussianNB(), X, Y, batch_size="1d", times=TIMES, prices=[5, 50])
    assert "every 7 days on all" in found.names
    assert "every 28 days on last 10 days" in found.names
    assert found.matrices[0].windows == [Duration(10, "d"), "all"]
    three = compare_policies(
        GaussianNB(), X, Y, batch_size="3d", times=TIMES, initial_size="10d", prices=[5, 50]
    )
    assert {"every 3 days on all", "every 15 days on all"} < set(three.names)
    assert "every 60 days on all" not in three.names


@pytest.mark.parametrize("window", ["10d", "1mo"])
def test_a_window_of_time_has_the_rows_since_then(window):
    matrix = RetrainMatrix(DecisionTreeClassifier(random_state=0), chunk="1w", windows=[window])
    matrix.fit(X, Y, times=TIMES)
    for number, chunk in enumerate(matrix.times_):
        stop = matrix.edges_[chunk]
        since = duration_of(window).before(TIMES[stop : stop + 1])[0]
        rows = np.flatnonzero((since <= TIMES) & (np.arange(len(Y)) < stop))
        assert matrix.rows_fitted_[0, number] == max(len(rows), 1)
        model = DecisionTreeClassifier(random_state=0).fit(X[rows], Y[rows])
        later = slice(stop, int(matrix.edges_[chunk + 1]))
        errors = (model.predict(X[later]) != Y[later]).sum()
        assert matrix.losses_[0, number, chunk] == errors
    assert matrix.replay([(1, window)]).loss == matrix.replay([]).loss


def test_a_gap_longer_than_the_window_leaves_the_newest_row():
    times = np.append(TIMES[:300], TIMES[300:] + np.timedelta64(90, "D"))
    matrix = RetrainMatrix(Ridge(), chunk="1d", windows=["5d"]).fit(X, X[:, 0], times=times)
    gap = int(np.flatnonzero(matrix.edges_ == 300)[0])
    assert matrix.rows_fitted_[0, gap - 1] == 1


def test_a_matrix_knows_the_chunks_whose_last_label_has_come():
    matrix = RetrainMatrix(GaussianNB(), chunk="1d", windows=["all"]).fit(X, Y, times=TIMES)
    seen = []
    matrix.replay(lambda now: seen.append((now.chunk, len(now.rows))), label_delay="4d")
    for chunk, n_known in seen:
        now = TIMES[matrix.edges_[chunk]]
        last = TIMES[matrix.edges_[1 : chunk + 1] - 1]
        known = int((last + np.timedelta64(4, "D") <= now).sum())
        assert n_known == max(known - 1, 0)
    by_row = matrix.replay([(chunk, "all") for chunk in range(2, 30)], label_delay=60)
    edges, first = matrix.edges_, matrix.edges_[1]
    rows = [max(edges[edges <= max(edges[chunk] - 60, 0)][-1], first) for chunk in range(1, 30)]
    # Without a new label, there is no other model.
    assert by_row.rows_per_fit.tolist() == sorted(set(rows))


def test_a_weekly_schedule_refits_where_a_week_has_begun():
    matrix = RetrainMatrix(GaussianNB(), chunk="1d", windows=["all"]).fit(X, Y, times=TIMES)
    found = matrix.replay(Periodic("weekly"))
    weeks = pd.Series(TIMES[matrix.edges_[:-1]]).dt.to_period("W-SUN")
    # The schedule begins with chunk 1; it is told of a chunk's rows when the next one comes.
    expected = [1] + [
        chunk + 1 for chunk in range(2, len(weeks) - 1) if weeks[chunk] != weeks[chunk - 1]
    ]
    assert [chunk for chunk, _ in found.schedule] == expected


@pytest.mark.no_cover
def test_a_retrainer_refits_weekly_by_a_column_of_its_own():
    frame = pd.DataFrame(X, columns=["a", "b", "c"]).assign(day=TIMES)
    base = make_pipeline(
        make_column_transformer(("passthrough", ["a", "b", "c"])), LogisticRegression()
    )
    model = DriftAwareRetrainer(
        base, detector=Periodic("weekly", column="day"), policy=FullRefit("all", grow=False)
    )
    result = prequential_validate(model, frame, Y, times=TIMES, batch_size="1d")
    refits = [event for event in result.events if event.action == "retrained"][1:]
    weeks = pd.Series(TIMES).dt.to_period("W-SUN")
    assert len(refits) == weeks[int(result.batch_rows[0]) :].nunique() - 1
    for event in refits:
        assert (
            weeks[event.row - 1] != weeks[result.batch_rows[result.batch_rows < event.row][-1] - 1]
        )


def test_a_matrix_by_date_is_the_same_after_a_file(tmp_path):
    matrix = RetrainMatrix(GaussianNB(), chunk="2d", windows=["20d", "all"]).fit(X, Y, times=TIMES)
    matrix.save(tmp_path / "m.npz")
    loaded = RetrainMatrix.load(tmp_path / "m.npz")
    for policy in (Periodic("weekly"), [(3, "20d"), (5, "all")]):
        one, other = (m.replay(policy, label_delay="3d") for m in (matrix, loaded))
        assert (one.loss, one.schedule) == (other.loss, other.schedule)
    assert loaded.oracle(5, label_delay="2d").loss == matrix.oracle(5, label_delay="2d").loss
    with np.load(tmp_path / "m.npz") as stored:
        parts = dict(stored)
    for wrong in (
        parts["chunk_moments_"][::-1],
        parts["chunk_moments_"][:-1],
        parts["chunk_moments_"].astype("int64"),
    ):
        np.savez(tmp_path / "w.npz", **(parts | {"chunk_moments_": wrong}))
        with pytest.raises(ValueError, match="chunk_moments_ does not fit the rest"):
            RetrainMatrix.load(tmp_path / "w.npz")


def test_the_largest_window_serves_first():
    matrix = RetrainMatrix(GaussianNB(), chunk="2d", windows=[10, "30d"]).fit(X, Y, times=TIMES)
    assert str(matrix.replay([]).schedule[0][1]) == "30d"


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"batch_size": "1d"}, r"batch_size='1d'\).*unless times are dates; they are not given"),
        ({"label_delay": timedelta(days=1)}, r"label_delay=.*unless times are dates; they are not"),
        ({"label_delay": "1d", "times": np.arange(600)}, r"label_delay='1d'.*they are such as"),
        ({"batch_size": "fortnight"}, r"batch_size='fortnight'.*where dates are known"),
        ({"times": TIMES[::-1]}, r"times falls in row \d+, from 2024-.*sort the rows by it"),
        ({"times": np.append(TIMES[:-1], np.datetime64("NaT"))}, "times has no value in row 599"),
        ({"times": [*TIMES.tolist()[:-1], None]}, "times has no value in row 599"),
        ({"times": np.append(np.arange(599.0), np.nan)}, "times has no value in row 599"),
        ({"times": TIMES, "batch_size": "1y"}, r"batch_size=1y, with the rest of its last time"),
        ({"times": TIMES, "initial_size": "2y"}, r"initial_size=2y, with the rest.*leaves none"),
    ],
)
@pytest.mark.parametrize("function", [prequential_validate, prequential_predict, compare_policies])
def test_times_that_make_no_sense_are_refused(function, options, match):
    with pytest.raises(ValueError, match=match):
        function(GaussianNB(), X, Y, **options)


def test_batches_that_come_as_they_come_have_no_times():
    with pytest.raises(ValueError, match="times is for rows that are given together"):
        prequential_validate(GaussianNB(), iter([(X, Y)]), times=TIMES)


def test_windows_of_time_need_dates():
    with pytest.raises(ValueError, match="with times that are dates, of durations such as '90d'"):
        RetrainMatrix(GaussianNB(), windows=["90d"]).fit(X, Y)


def test_a_retrainer_is_not_told_when_rows_come():
    model = DriftAwareRetrainer(GaussianNB(), detector=Periodic("weekly"))
    with pytest.raises(ValueError, match=r"goes by dates.*Periodic\(every, column=...\)"):
        model.fit(X, Y)


DATED = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=40), "x": range(40)})


@pytest.mark.parametrize(
    ("parts", "named"),
    [
        ({"detector": Periodic("1d", column="when")}, "Periodic"),
        ({"detector": [Periodic(9), Periodic("1d", column="when")]}, "Periodic"),
        ({"buffer": SlidingWindow(max_age="9d", column="when")}, "SlidingWindow"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_column_of_dates_that_is_not_there_raises_when_a_fit_begins(parts, named, method):
    """With the columns there are; and nothing is learned."""
    y = np.arange(40) % 2
    base = make_pipeline(make_column_transformer(("passthrough", ["x"])), GaussianNB())
    model = DriftAwareRetrainer(base, **parts)
    message = rf"{named}\(column='when'\): X has no such column, but the columns 'day', 'x'; pass"
    with pytest.raises(ValueError, match=message):
        getattr(model, method)(DATED, y)
    assert not hasattr(model, "estimator_")
    with pytest.raises(ValueError, match=r"X has no such column, but no names; pass frames"):
        getattr(DriftAwareRetrainer(GaussianNB(), **parts), method)(DATED[["x"]].to_numpy(), y)
    getattr(model, method)(DATED.rename(columns={"day": "when"}), y)


def test_a_schedule_without_dates_says_what_is_missing():
    trigger = Periodic("1d", column="day").reset()
    with pytest.raises(ValueError, match=r"column='day'\): X has no such column"):
        trigger.update(ScoredBatch(0, 2, X=X[:2]))
    with pytest.raises(ValueError, match=r"column='day'\): the column holds no dates"):
        trigger.update(ScoredBatch(0, 2, X=pd.DataFrame({"day": ["soon", "later"]})))
    with pytest.raises(ValueError, match=r"a number of rows needs no column"):
        Periodic(100, column="day").reset()
    nothing = pd.DataFrame({"day": pd.to_datetime([None, None])})
    assert trigger.update(ScoredBatch(0, 2, X=nothing)).state == "stable"
