"""Delays and shares are those of Kaplan and Meier, and weights undo the choice of labels."""

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LinearRegression
from sklearn.naive_bayes import GaussianNB

from skretrain.serving import PendingLabels
from skretrain.serving._arrivals import Arrivals, ClassArrivals, tallies


class Sign(ClassifierMixin, BaseEstimator):
    """Predict whether the first cell is positive."""

    def fit(self, X, y=None):
        return self

    def predict(self, X):
        return (np.asarray(X)[:, 0] > 0).astype(int)


def booked(came, waiting=(), lost=(), kind="rows"):
    """Return the delays of rows of one class, by their ages."""
    arrivals = Arrivals()
    for what, ages in (("came", came), ("lost", lost)):
        arrivals.add(what, np.zeros(len(ages)), np.array(ages, dtype=float))
    pending = tallies(np.zeros(len(waiting)), np.array(waiting, dtype=float))
    return arrivals.delays(pending, kind)


# -- delays ----------------------------------------------------------------------------------------


@given(
    st.lists(st.integers(0, 20), max_size=12),
    st.lists(st.integers(0, 20), max_size=6),
    st.lists(st.integers(0, 20), max_size=6),
    st.integers(0, 22),
)
@settings(max_examples=40)
def test_the_share_that_comes_in_time_is_the_product_over_delays(came, waiting, lost, after):
    """Kaplan and Meier's (1958), as a loop; no answer where nobody was watched for so long."""
    share, everyone = 1.0, [*came, *waiting, *lost]
    for age in sorted(set(came)):
        if age <= after:
            share *= 1 - came.count(age) / sum(other >= age for other in everyone)
    found = booked(came, waiting, lost).share_resolved(after=after)
    if not everyone or (after > max(everyone) and share > 1e-12):
        assert np.isnan(found)
    else:
        assert found == pytest.approx(1 - share)


@given(st.lists(st.integers(0, 100), min_size=1, max_size=30), st.floats(0.01, 1.0))
@settings(max_examples=40)
def test_without_rows_that_wait_the_quantiles_are_those_of_the_delays(came, q):
    assert booked(came).quantile(q) == np.quantile(came, q, method="inverted_cdf")


def test_delays_in_rows_are_those_of_an_evaluation():
    """0: known before the next row comes."""
    ledger = PendingLabels(Sign())
    for k in range(50):
        ledger.predict([[k, 0]])
        if k >= 7:
            ledger.resolve([k - 7], [1])
    delays = ledger.delays_
    assert delays.median == 7.0
    assert (delays.n_resolved, delays.n_pending, delays.n_lost) == (43, 7, 0)
    assert delays.share_resolved(after=6) == 0.0
    assert delays.share_resolved(after=7) == 1.0
    assert repr(delays) == "<LabelDelays median: 7.0, 43 resolved, 7 pending, 0 lost>"
    assert delays.to_frame()["delay"].max() == 7.0


def test_a_row_that_waits_lengthens_the_delays_and_one_given_up_waits_no_more():
    ledger = PendingLabels(Sign())
    for _ in range(10):
        ledger.predict(np.ones((1, 2)))
    ledger.resolve(range(9, 4, -1), [1] * 5)  # after 0 to 4 rows
    assert np.isnan(ledger.delays_.quantile(0.9))
    assert ledger.delays_.n_pending == 5
    assert ledger.expire(6).tolist() == [0, 1, 2]
    (event,) = ledger.events_
    assert (event.action, event.n_rows) == ("expired", 3)
    assert "longer than 6" in event.reason
    ledger.predict(np.ones((100, 2)))
    assert (ledger.delays_.n_lost, ledger.delays_.n_pending) == (3, 102)
    assert ledger.arrivals_[1][:5] == (110, 5, 102, 3, 5 / 110)


def test_long_delays_are_known_to_within_two_hundredths():
    delays = np.random.default_rng(0).uniform(1e3, 1e8, size=500)
    found = booked(delays)
    for q in (0.1, 0.5, 0.9):
        assert found.quantile(q) == pytest.approx(
            np.quantile(delays, q, method="inverted_cdf"), rel=1 / 64
        )


def test_delays_of_numbers_may_be_shorter_than_one():
    assert booked([0.25, 0.5, 0.75], kind="numbers").median == 0.5


# -- clocks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2024-05-01", "2024-05-04T12:00"),
        (np.datetime64("2024-05-01"), np.datetime64("2024-05-04T12")),
        (pd.Timestamp("2024-05-01"), pd.Timestamp("2024-05-04 12:00")),
        (pd.Timestamp("2024-05-01", tz="UTC"), pd.Timestamp("2024-05-04 14:00+02:00")),
        (datetime.datetime(2024, 5, 1), datetime.datetime(2024, 5, 4, 12)),
        (pd.Series(pd.to_datetime(["2024-05-01"] * 3)), "2024-05-04T12:00"),
    ],
    ids=["text", "datetime64", "Timestamp", "zone", "datetime", "series"],
)
def test_with_dates_a_delay_is_a_time(start, end):
    ledger = PendingLabels(Sign())
    ids, _ = ledger.predict(np.ones((3, 2)), at=start)
    ledger.resolve(ids[:2], [1, 1], at=end)
    half = np.timedelta64(84, "h")
    assert abs(ledger.delays_.median / half - 1) < 1 / 64
    assert ledger.delays_.share_resolved(after="3d") == 0.0
    assert ledger.delays_.share_resolved(after=datetime.timedelta(days=3.5)) == pytest.approx(2 / 3)
    assert len(ledger.expire("4d")) == 0
    ledger.predict(np.ones((1, 2)), at="2024-05-20")
    assert ledger.expire("4d").tolist() == [2]
    assert ledger.delays_.to_frame()["delay"].dtype.kind == "m"


def test_with_dates_a_quantile_that_nobody_knows_is_no_time():
    ledger = PendingLabels(Sign())
    ledger.predict(np.ones((3, 2)), at="2024-05-01")
    assert np.isnat(ledger.delays_.median)


def test_numbers_are_moments_too_one_for_each_row():
    ledger = PendingLabels(Sign())
    ids, _ = ledger.predict(np.ones((4, 2)), at=[1.0, 2.0, 3.0, 10.0])
    ledger.resolve(ids[:2], [1, 1], at=[1.5, 4.0])
    assert ledger.delays_.quantile(0.25) == 0.5
    assert ledger.expire(6.5).tolist() == [2]


@pytest.mark.parametrize(
    ("at", "message"),
    [
        ("2024-05-01", "at must be given in numbers.*got dates"),
        (None, "at must be given in numbers.*got none"),
        ("yesterday", "at must be dates or numbers"),
        (True, "at must be dates or numbers"),
        (float("nan"), "without missing and infinite moments"),
        (np.datetime64("NaT"), "without missing and infinite moments"),
        ([1.0, 2.0], "one for each of the 3 rows"),
        ([[1.0]], "one for each of the 3 rows"),
    ],
)
def test_what_is_no_moment_is_refused_and_nothing_changes(at, message):
    ledger = PendingLabels(Sign())
    ids, _ = ledger.predict(np.ones((3, 2)), at=5)
    for call in (
        lambda: ledger.predict(np.ones((3, 2)), at=at),
        lambda: ledger.resolve(ids, [1, 1, 1], at=at),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    assert ledger.pending_ids_.tolist() == [0, 1, 2]


def test_where_rows_are_counted_no_moment_is_taken():
    ledger = PendingLabels(Sign())
    ids, _ = ledger.predict(np.ones((3, 2)))
    with pytest.raises(ValueError, match="at must be left out.*got numbers"):
        ledger.resolve(ids, [1, 1, 1], at=5)


def test_a_label_from_before_its_prediction_is_refused_by_name():
    ledger = PendingLabels(Sign())
    ids, _ = ledger.predict(np.ones((3, 2)), at=[1, 2, 3])
    with pytest.raises(ValueError, match="labels of 2 ids, 1, 2, came before their prediction"):
        ledger.resolve(ids, [1, 1, 1], at=1)
    assert len(ledger) == 3


@pytest.mark.parametrize("value", [-1, "3d", None, np.nan, True])
def test_a_time_that_is_none_is_refused_by_name(value):
    ledger = PendingLabels(Sign())
    ledger.predict(np.ones((3, 2)))
    with pytest.raises(ValueError, match="older_than must be a number of at least 0, in rows"):
        ledger.expire(value)
    with pytest.raises(ValueError, match="after must be a number of at least 0, in rows"):
        ledger.delays_.share_resolved(after=value)
    ledger = PendingLabels(Sign())
    ledger.predict(np.ones((3, 2)), at=1.0)
    with pytest.raises(ValueError, match="in the unit of `at`"):
        ledger.expire(value)


def test_with_dates_a_number_is_no_time():
    ledger = PendingLabels(Sign())
    ledger.predict(np.ones((3, 2)), at="2024-05-01")
    with pytest.raises(ValueError, match="older_than must be a number and one of s, min"):
        ledger.expire(3)


@pytest.mark.parametrize("q", [0, 1.5, "half", None])
def test_what_is_no_share_has_no_quantile(q):
    with pytest.raises(ValueError, match="q must be a number above 0 and at most 1"):
        booked([1, 2]).quantile(q)


# -- whose labels come -----------------------------------------------------------------------------


def learned(arrives, n=20_000, every=500, *, weighted, weight=None, since=0, seed=0):
    """Return the weighted rows per class that a learner saw from a row on, the labels, the ledger.

    Of 1,000 rows 100 are positive, nine of ten are predicted right. `arrives` gives the delays
    of rows that are predicted as a class, inf for a label that never comes.
    """
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.1).astype(int)
    X = np.where(rng.random(n) < 0.9, 2 * y - 1, 1 - 2 * y)[:, None].astype(float)
    y_pred = Sign().predict(X)
    due = np.arange(n) + np.where(y_pred, arrives[1](rng, n), arrives[0](rng, n))
    ledger, waiting, sums = PendingLabels(Sign(), max_pending=n), np.arange(0), np.zeros(2)
    for start in range(0, n, every):
        params = None if weight is None else {"sample_weight": weight[start : start + every]}
        waiting = np.append(waiting, ledger.predict(X[start : start + every], params=params)[0])
        came = due[waiting] < start + every
        _, labels, params = ledger.resolve(waiting[came], y[waiting[came]], weighted=weighted)
        waiting = waiting[~came]
        sums += (start >= since) * np.bincount(
            labels, params.get("sample_weight", np.ones(len(labels))), 2
        )
    return sums, y, ledger


ALWAYS = {c: lambda rng, n: rng.integers(0, 50, n) for c in (0, 1)}
EARLY = {0: lambda rng, n: rng.integers(8000, 16_000, n), 1: ALWAYS[1]}
CHOSEN = {0: lambda rng, n: np.where(rng.random(n) < 0.2, rng.integers(0, 4000, n), np.inf)} | {
    1: ALWAYS[1]
}


@pytest.mark.parametrize(
    ("arrives", "n", "since"), [(EARLY, 14_000, 9000), (CHOSEN, 20_000, 0)], ids=["early", "chosen"]
)
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.no_cover
def test_weights_show_a_learner_the_prevalence_that_all_labels_have(arrives, n, since, seed):
    """Where labels of predicted positives come first, or those of few others come at all.

    As long as no label of the others has come, there is nothing that could be weighed.
    """
    without, y, _ = learned(arrives, n, weighted=False, since=since, seed=seed)
    weighed, _, ledger = learned(arrives, n, weighted=True, since=since, seed=seed)
    assert without[1] / without.sum() > y.mean() + 0.04
    assert weighed[1] / weighed.sum() == pytest.approx(y.mean(), abs=0.012)
    if arrives is CHOSEN:
        assert ledger.arrivals_[0].arrival_share == pytest.approx(0.2, abs=0.02)


def test_a_classifier_that_learns_with_the_weights_has_the_priors_of_one_that_saw_all():
    rng = np.random.default_rng(0)
    y = (rng.random(6000) < 0.1).astype(int)
    X = np.where(rng.random(6000) < 0.95, 2 * y - 1, 1 - 2 * y)[:, None] + 0.1
    comes = (Sign().predict(X) == 1) | (rng.random(6000) < 0.15)
    priors = {}
    for weighted in (False, True):
        model, ledger = GaussianNB(), PendingLabels(Sign())
        for start in range(0, 6000, 500):
            ids, _ = ledger.predict(X[start : start + 500])
            ids = ids[comes[ids]]
            rows, labels, params = ledger.resolve(ids, y[ids], weighted=weighted)
            model.partial_fit(rows, labels, classes=[0, 1], **params)
        priors[weighted] = model.class_prior_[1]
    assert priors[True] == pytest.approx(y.mean(), abs=0.015)
    assert priors[False] > y.mean() + 0.2


def test_where_labels_come_for_all_alike_weights_are_one():
    sums, _, ledger = learned(ALWAYS, 4000, weighted=True)
    assert [each.weight for each in ledger.arrivals_.values()] == pytest.approx([1, 1], abs=0.02)
    assert sums.sum() == pytest.approx(4000, rel=0.02)


def test_weights_multiply_those_that_came_with_the_rows():
    own = np.random.default_rng(1).uniform(size=4000)
    ledgers = [learned(CHOSEN, 4000, weighted=True, weight=w)[0] for w in (own, 10 * own)]
    np.testing.assert_allclose(10 * ledgers[0], ledgers[1])
    without = learned(CHOSEN, 4000, weighted=True)[0]
    np.testing.assert_allclose(ledgers[0], without * own.mean(), rtol=0.1)


def test_no_label_weighs_more_than_twenty_others_and_the_mean_of_all_that_came_is_one():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5000, 1))
    ledger = PendingLabels(Sign())
    ids, y_pred = ledger.predict(X)
    comes = (y_pred == 1) | (rng.random(5000) < 0.01)
    ledger.resolve(ids[comes], y_pred[comes])
    rare, often = ledger.arrivals_[0], ledger.arrivals_[1]
    assert rare.arrival_share < 0.02
    assert rare.weight == pytest.approx(20 * often.weight)
    total = rare.weight * rare.n_resolved + often.weight * often.n_resolved
    assert total == pytest.approx(rare.n_resolved + often.n_resolved)


def test_a_class_of_few_rows_weighs_as_all_of_them():
    ledger = PendingLabels(Sign())
    ids, _ = ledger.predict(np.append(np.full(100, -1.0), np.ones(3))[:, None])
    ledger.resolve(ids[::2], np.zeros(52))
    few, all_ = ledger.arrivals_[1], ledger.delays_.arrival_share
    assert np.isnan(few.arrival_share)
    assert few.weight / ledger.arrivals_[0].weight == pytest.approx(
        ledger.arrivals_[0].arrival_share / all_
    )


def test_before_there_are_ten_rows_no_label_weighs_more_than_another():
    ledger = PendingLabels(Sign())
    ids, _ = ledger.predict([[-1.0], [1.0], [1.0]])
    params = ledger.resolve(ids[:2], [0, 1], weighted=True)[2]
    assert params["sample_weight"].tolist() == [1.0, 1.0]


def test_the_labels_of_a_regressor_weigh_the_same():
    X = np.arange(40.0).reshape(-1, 1)
    ledger = PendingLabels(LinearRegression().fit(X, X[:, 0]))
    ids, _ = ledger.predict(X)
    params = ledger.resolve(ids[::3], X[::3, 0], weighted=True)[2]
    np.testing.assert_allclose(params["sample_weight"], 1.0)


def test_the_shares_by_class_are_a_table():
    ledger = PendingLabels(Sign())
    ids, _ = ledger.predict([[-1.0], [1.0], [1.0], [2.0]])
    ledger.resolve(ids[:2], [0, 1])
    table = ledger.arrivals_.to_frame().set_index("predicted")
    assert table["n_predicted"].tolist() == [1, 3]
    assert table["share_resolved"].tolist() == [1.0, pytest.approx(1 / 3)]
    assert table["n_pending"].tolist() == [0, 2]


def test_a_ledger_without_predictions_has_a_table_with_columns_and_no_rows():
    empty = PendingLabels(GaussianNB())
    table = empty.arrivals_.to_frame()
    assert len(table) == 0
    assert table.columns.tolist() == ["predicted", *ClassArrivals._fields]
    assert empty.score_.to_frame()["n_resolved"].tolist() == [0]
