"""Rows that the model of their time cannot read stop no evaluation: they are counted and told."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from helpers import representatives
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_regressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.naive_bayes import CategoricalNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, SplineTransformer

from skretrain import DriftAwareRetrainer, MixtureRetrainer, ReplayPartialFit
from skretrain.exceptions import SkretrainWarning
from skretrain.inspection import PolicyComparisonDisplay
from skretrain.model_selection import (
    RetrainMatrix,
    advise,
    compare_policies,
    make_prequential_scorer,
    prequential_predict,
    prequential_validate,
)

N, START, SIZE = 600, 200, 50
rng = np.random.default_rng(0)
IS_NEW = np.zeros(N, dtype=bool)
IS_NEW[300::7] = True  # first in the batch that begins with row 300
CITY = np.where(IS_NEW, "new", rng.choice(["a", "b"], N)).astype(object)
FRAME = pd.DataFrame({"city": CITY, "kind": rng.choice(["x", "y"], N)})
Y = ((CITY == "a") ^ (rng.random(N) < 0.1)).astype(int)
CODES = np.select([CITY == "a", CITY == "b"], [0, 1], 2)[:, None]
WIDE = np.where(IS_NEW, 1.5, rng.integers(0, 9, N) / 8)[:, None]

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
FIRST_NEW = np.arange(300, 350)[IS_NEW[300:350]]
ALL_NEW = np.flatnonzero(IS_NEW)


class Never(ClassifierMixin, BaseEstimator):
    """A bare model, fitted once: it is shown all labels and learns none."""

    def __init__(self, model):
        self.model = model

    def fit(self, X, y):
        self.model_ = clone(self.model).fit(X, y)
        self.classes_ = getattr(self.model_, "classes_", None)
        return self

    def partial_fit(self, X, y):
        return self

    def predict(self, X):
        return self.model_.predict(X)

    def __sklearn_tags__(self):
        return self.model.__sklearn_tags__()


def rows_of(X, rows):
    return X.iloc[rows] if isinstance(X, pd.DataFrame) else X[rows]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(
    ("make", "unpredicted"),
    [
        (DriftAwareRetrainer, FIRST_NEW),
        (ReplayPartialFit, FIRST_NEW),
        (lambda base: MixtureRetrainer([("a", DriftAwareRetrainer(base))]), FIRST_NEW),
        (Never, ALL_NEW),
    ],
)
@pytest.mark.no_cover
@pytest.mark.thinned(3)
def test_they_are_counted_told_and_left_out_of_the_scores(make, unpredicted, name):
    """A retrainer can read them from the next batch on, a model that learns nothing never."""
    base, X, y = CASES[name]
    result = prequential_validate(make(base), X, y, batch_size=SIZE, initial_size=START)
    assert result.unpredicted_rows.tolist() == unpredicted.tolist()
    rows = np.setdiff1d(np.arange(START, N), unpredicted)
    assert result.rows.tolist() == rows.tolist()
    np.testing.assert_array_equal(result.y_true, y[rows])
    metric = r2_score if is_regressor(base) else accuracy_score
    assert result.score == metric(y[rows], result.y_pred)
    counts = np.bincount((unpredicted - START) // SIZE, minlength=len(result.batch_rows))
    assert result.to_frame()["n_unpredicted"].tolist() == counts.tolist()
    before = result.rows < 300  # what is served before they come is what it always was
    first = clone(base).fit(rows_of(X, slice(START)), y[:START])
    if make is Never:
        np.testing.assert_array_equal(result.y_pred, first.predict(rows_of(X, rows)))
    else:
        assert before.sum() == 100


@pytest.mark.no_cover
def test_predictions_are_missing_where_there_are_none():
    base, X, y = CASES["one-hot"]
    with pytest.warns(SkretrainWarning, match="8 of 400 rows could not be read.*missing among"):
        labels = prequential_predict(
            DriftAwareRetrainer(base), X, y, batch_size=SIZE, initial_size=START
        )
    assert [label is None for label in labels] == np.isin(range(START, N), FIRST_NEW).tolist()
    with pytest.warns(SkretrainWarning, match="8 of 400 rows"):
        proba = prequential_predict(
            DriftAwareRetrainer(base),
            *(X, y),
            batch_size=SIZE,
            initial_size=START,
            method="predict_proba",
        )
    assert proba.shape == (400, 2)
    assert np.flatnonzero(np.isnan(proba[:, 0])).tolist() == (FIRST_NEW - START).tolist()


@pytest.mark.no_cover
def test_a_grid_search_scores_the_others_and_warns():
    base, X, y = CASES["one-hot"]
    scorer = make_prequential_scorer("accuracy", batch_size=SIZE)
    model = DriftAwareRetrainer(base).fit(X[:START], y[:START])
    with pytest.warns(SkretrainWarning, match="8 of 400 rows could not be read.*left out of the"):
        score = scorer(model, X[START:], y[START:])
    result = prequential_validate(
        DriftAwareRetrainer(base), X, y, batch_size=SIZE, initial_size=START
    )
    assert score == result.score
    search = GridSearchCV(model, {"update": [None]}, cv=TimeSeriesSplit(2), scoring=scorer)
    with pytest.warns(SkretrainWarning):
        assert np.isfinite(search.fit(X, y).best_score_)


def test_a_batch_of_such_rows_alone_has_no_score():
    """Nothing at all that could be read has none either."""
    X = pd.DataFrame({"city": np.repeat(["a", "b", "new"], [60, 40, 50])})
    y = np.arange(150) % 2
    base = make_pipeline(OneHotEncoder(), LogisticRegression())
    model = DriftAwareRetrainer(base)
    result = prequential_validate(model, X, y, batch_size=25, initial_size=50)
    assert result.unpredicted_rows.tolist() == [*range(60, 75), *range(100, 125)]
    assert np.isnan(result.batch_scores["score"]).tolist() == [False, False, True, False]
    X["city"] = np.repeat(["a", "new"], [100, 50])
    result = prequential_validate(model, X, y, batch_size=50, initial_size=100)
    assert np.isnan(result.score)
    assert (len(result.rows), len(result.y_pred), len(result.unpredicted_rows)) == (0, 0, 50)
    fitted = model.fit(X[:100], y[:100])
    with pytest.warns(SkretrainWarning, match="50 of 50 rows"):
        assert np.isnan(make_prequential_scorer(None, batch_size=50)(fitted, X[100:], y[100:]))


@pytest.mark.parametrize("make", [DriftAwareRetrainer, Never])
@pytest.mark.no_cover
@pytest.mark.thinned(2)
def test_batches_as_they_come_without_the_features(make):
    base, X, y = CASES["one-hot"]
    whole = prequential_validate(make(base), X, y, batch_size=SIZE, initial_size=START)
    given = ((X[k : k + SIZE], y[k : k + SIZE]) for k in range(0, N, SIZE))
    result = prequential_validate(make(base), given, batch_size=SIZE, initial_size=START)
    assert result.scores == whole.scores
    assert result.unpredicted_rows.tolist() == whole.unpredicted_rows.tolist()


@pytest.mark.parametrize("delays", [(100, 0), (0, 100), (50, 50)])
@pytest.mark.no_cover
def test_delays_make_more_of_them(delays):
    """Until the labels have come and the new model serves, nobody can read them."""
    base, X, y = CASES["one-hot"]
    delay, latency = delays
    result = prequential_validate(
        DriftAwareRetrainer(base), X, y, batch_size=SIZE, initial_size=START,
        label_delay=delay, fit_latency=latency,
    )  # fmt: skip
    late = ALL_NEW[350 + delay + latency > ALL_NEW]
    assert result.unpredicted_rows.tolist() == late.tolist()


class Broken(LogisticRegression):
    """A bug of its own: it cannot predict what comes after row 300."""

    def predict(self, X):
        if X[-1, 1] > 300:
            raise KeyError("a bug")
        return super().predict(X)


class Interrupted(Broken):
    def predict(self, X):
        if X[-1, 1] > 300:
            raise KeyboardInterrupt
        return super().predict(X)


@pytest.mark.parametrize(("base", "error"), [(Broken, KeyError), (Interrupted, KeyboardInterrupt)])
@pytest.mark.parametrize("make", [DriftAwareRetrainer, Never])
def test_what_is_no_fault_of_a_row_is_raised(make, base, error):
    """A bug is one after a fresh fit, too; an interrupt ends everything."""
    X = np.column_stack([rng.normal(size=N), np.arange(N)])
    with pytest.raises(error):
        prequential_validate(make(base()), X, Y, batch_size=SIZE)


@pytest.mark.parametrize("make", [DriftAwareRetrainer, Never])
def test_a_batch_with_another_number_of_columns_is_raised(make):
    X = rng.normal(size=(N, 2))
    given = ((X[k : k + SIZE, : 1 + (k < 300)], Y[k : k + SIZE]) for k in range(0, N, SIZE))
    with pytest.raises(ValueError, match="1 features?, but"):
        prequential_validate(make(LogisticRegression()), given, batch_size=SIZE)


# -- schedules and comparisons ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "n_jobs"),
    representatives(
        [*product(CASES, [None]), ("codes", 2)], fast=[("codes", None), ("knots", None)]
    ),
)
@pytest.mark.no_cover
def test_a_matrix_counts_them(name, n_jobs):
    """A model fitted before they came cannot read them, one fitted on all rows since can."""
    base, X, y = CASES[name]
    matrix = RetrainMatrix(base, chunk=SIZE, initial_size=START, windows=["all"], n_jobs=n_jobs)
    matrix.fit(X, y)
    never, refit = matrix.replay([]), matrix.replay([(4, "all")])
    assert never.n_unpredicted == len(ALL_NEW)
    assert refit.n_unpredicted == len(FIRST_NEW)
    live = prequential_validate(Never(base), X, y, batch_size=SIZE, initial_size=START)
    loss = np.abs(live.y_true - live.y_pred)
    assert never.mean_loss == pytest.approx(loss.mean())
    losses = [loss[live.rows // SIZE == chunk].mean() * SIZE for chunk in range(4, 12)]
    np.testing.assert_allclose(never.chunk_losses, losses)
    assert never.chunk_unpredicted.tolist() == np.bincount(ALL_NEW // SIZE)[4:].tolist()


@pytest.mark.no_cover
def test_a_matrix_with_them_is_saved(tmp_path):
    base, X, y = CASES["codes"]
    matrix = RetrainMatrix(base, chunk=SIZE, initial_size=START).fit(X, y)
    matrix.save(tmp_path / "matrix.npz")
    loaded = RetrainMatrix.load(tmp_path / "matrix.npz")
    assert loaded.replay([]).n_unpredicted == len(ALL_NEW)


@pytest.mark.no_cover
def test_rows_of_weight_zero_are_not_among_them():
    base, X, y = CASES["codes"]
    matrix = RetrainMatrix(base, chunk=SIZE, initial_size=START, windows=["all"])
    matrix.fit(X, y, sample_weight=(~IS_NEW).astype(float))
    assert matrix.replay([]).n_unpredicted == 0
    assert matrix.replay([]).chunk_rows.sum() == N - START - len(ALL_NEW)


def test_a_chunk_of_them_counts_as_the_others_and_nothing_read_at_all_as_infinite():
    X = pd.DataFrame({"city": np.repeat(["a", "b", "new"], [60, 60, 80])})
    y = np.arange(200) % 2
    y[110:] = 0
    base = make_pipeline(OneHotEncoder(), LogisticRegression())
    never = RetrainMatrix(base, chunk=40, initial_size=80, windows=["all"]).fit(X, y).replay([])
    assert never.chunk_unpredicted.tolist() == [0, 40, 40]
    assert np.ptp(never.chunk_losses) == 0
    assert never.mean_loss == never.chunk_losses[0] / 40
    matrix = RetrainMatrix(base, chunk=40, initial_size=120, windows=["all"]).fit(X, y)
    assert matrix.replay([]).loss == np.inf
    assert np.isnan(matrix.replay([]).mean_loss)
    assert matrix.replay([(2, "all")]).n_unpredicted == 40


@pytest.mark.parametrize(("base", "error"), [(Broken, KeyError), (Interrupted, KeyboardInterrupt)])
def test_a_matrix_raises_what_is_no_fault_of_a_row(base, error):
    X = np.column_stack([rng.normal(size=N), np.arange(N)])
    with pytest.raises(error):
        RetrainMatrix(base(), chunk=SIZE).fit(X, Y)


POLICIES = {
    "never": [],
    "static": Never(CASES["codes"][0]),
    "relearns": DriftAwareRetrainer(CASES["codes"][0], update=None),
}


def test_a_comparison_says_who_could_not_read_how_many():
    """Their score is that of the others; in a cost they are no cheaper than these."""
    base, X, y = CASES["codes"]
    comparison = compare_policies(
        base, X, y, POLICIES, batch_size=SIZE, initial_size=START, prices=[0.5, 1]
    )
    table = comparison.to_frame().set_index("policy")
    counts = {"never": len(ALL_NEW), "static": len(ALL_NEW), "relearns": len(FIRST_NEW)}
    assert table["n_unpredicted"].to_dict() == counts
    result = comparison.results["static"][0]
    assert comparison.score("never") == pytest.approx(result.score)
    assert comparison.score("static") == pytest.approx(result.score)
    assert comparison.cost("never", 0) == pytest.approx(comparison.cost("static", 0))
    n_errors = (result.y_true != result.y_pred).sum()
    assert comparison.cost("never", 0) > n_errors
    text = comparison.recommend(1).text
    assert f"'never', 'static' could not read {len(ALL_NEW)} of 400 rows when they came" in text
    assert f"'relearns' could not read {len(FIRST_NEW)} of 400 rows" in text


@pytest.mark.no_cover
def test_policies_that_read_other_rows_are_drawn_on_those_that_all_could():
    base, X, y = CASES["one-hot"]
    sizes = {"batch_size": SIZE, "initial_size": START}
    results = {
        name: prequential_validate(model, X, y, **sizes)
        for name, model in (("static", Never(base)), ("relearns", DriftAwareRetrainer(base)))
    }
    display = PolicyComparisonDisplay.from_results(results, window=1)
    assert display.rows.tolist() == np.setdiff1d(np.arange(START, N), ALL_NEW).tolist()
    results["other"] = prequential_validate(Never(base), X, y, batch_size=SIZE)
    with pytest.raises(ValueError, match="evaluate all policies with the same initial_size"):
        PolicyComparisonDisplay.from_results(results)


# -- advice ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "is_fitted"),
    representatives(product(CASES, [False, True]), fast=[("codes", False), ("knots", True)]),
)
def test_advice_is_given_on_the_rows_that_the_present_model_can_read(name, is_fitted):
    """How many there are stands in the evidence, in the paragraph and on the page."""
    base, X, y = CASES[name]
    base = clone(base).fit(X[:300], y[:300]) if is_fitted else base
    advice = advise(base, X[:300], y[:300], X[300:], y[300:])
    n = int(IS_NEW[500:].sum())
    assert advice.evidence["rows"]["new_unpredicted"] == n
    assert advice.evidence["rows"]["old_unpredicted"] == 0
    said = f"The present model cannot read {n} of the 100 held-out new rows"
    assert said in advice.text
    assert said in advice.to_html()
    assert f"0 old and {n} new of those held out" in advice.to_html()
    by_action = {row["action"]: row for row in advice.rows}
    present = clone(base).fit(X[:225], y[:225])
    present = base if is_fitted else present
    rows = np.setdiff1d(np.arange(500, N), ALL_NEW)
    loss = np.abs(y[rows] - present.predict(rows_of(X, rows))).mean()
    assert by_action["keep"]["loss_new"] == pytest.approx(loss)
    assert by_action["refit_all"]["tried"]
    assert by_action["recalibrate"]["tried"] or name == "knots"


@pytest.mark.parametrize("name", representatives(CASES, fast=["codes"]))
@pytest.mark.no_cover
def test_a_model_that_cannot_read_rows_is_not_kept_where_another_can(name):
    """It is no better on the others: what speaks for the refit is in no loss."""
    base, X, y = CASES[name]
    advice = advise(base, X[:300], y[:300], X[300:], y[300:])
    assert advice.action not in ("keep", "recalibrate", "collect_more")
    assert advice.evidence["gains"][advice.action]["high"] >= 0
    row = next(row for row in advice.rows if row["action"] == advice.action)
    assert row["tried"]
    assert "Keep the model" not in advice.text


def test_rows_that_cannot_be_read_are_no_reason_to_wait_for_more():
    """So few that no loss decides are enough to say that the present model cannot serve."""
    base, X, y = CASES["codes"]
    known = advise(base, X[:200], y[:200], X[200:245], y[200:245])
    assert known.action == "collect_more"
    advice = advise(base, X[:300], y[:300], X[300:345], y[300:345])
    assert advice.action not in ("keep", "recalibrate", "collect_more")
    assert advice.evidence["rows_needed"]["more_rows"] is None


def test_a_model_that_reads_more_and_is_worse_is_not_advised():
    """Where the labels of the rows to learn from are turned round, the present model stays."""
    base, X, y = CASES["one-hot"]
    present = clone(base).fit(X[:300], y[:300])
    turned = np.r_[1 - y[300:500], y[500:]]
    advice = advise(present, X[:50], y[:50], X[300:], turned)
    assert advice.evidence["rows"]["new_unpredicted"] > 0
    assert advice.action == "keep"


@pytest.mark.no_cover
def test_advice_where_everything_can_be_read_says_nothing_of_it():
    base, X, y = CASES["codes"]
    advice = advise(base, X[:150], y[:150], X[150:300], y[150:300])
    assert advice.evidence["rows"]["new_unpredicted"] == 0
    assert "cannot read" not in advice.text
    assert "not read by it" not in advice.to_html()


def test_advice_needs_some_new_rows_that_can_be_read():
    base, X, y = CASES["one-hot"]
    new = X[300:].assign(city="new")
    with pytest.raises(ValueError, match="X_new: the present model can read none of 100 rows"):
        advise(base, X[:300], y[:300], new, y[300:])


def test_advice_raises_what_is_no_fault_of_a_row():
    """A bug, missing values, and a model that was fitted on other columns."""
    X = np.column_stack([rng.normal(size=N), np.arange(N)])
    with pytest.raises(KeyError):
        advise(Broken(), X[:250], Y[:250], X[250:], Y[250:])
    holes = X.copy()
    holes[550, 0] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        advise(LogisticRegression(), holes[:250], Y[:250], holes[250:], Y[250:])
    other = LogisticRegression().fit(X[:, :1], Y)
    with pytest.raises(ValueError, match="expecting 1 features"):
        advise(other, X[:250], Y[:250], X[250:], Y[250:])


def every_row_is_new():
    """Return a base and a stream of which each batch has a category of its own."""
    base, _, y = CASES["one-hot"]
    return base, pd.DataFrame({"c": np.repeat(np.arange(10), 20).astype(str)}), y[:200]


def test_nothing_is_recommended_where_nothing_could_be_read():
    base, X, y = every_row_is_new()
    with pytest.raises(ValueError, match="none of their models could read a single row"):
        compare_policies(base, X, y, {"never": [], "again": [(3, "all")]}, batch_size=20)


def test_a_result_without_a_prediction_has_its_shape_and_is_not_drawn():
    base, X, y = every_row_is_new()
    sizes = {"batch_size": 20, "initial_size": 20}
    model = Never(base)
    result = prequential_validate(model, X, y, **sizes)
    assert np.isnan(result.score)
    assert len(result.unpredicted_rows) == 180
    with pytest.raises(ValueError, match="nothing to draw"):
        result.plot()
    retrainer = DriftAwareRetrainer(base, update=None)
    with pytest.warns(SkretrainWarning, match="180 of 180 rows could not be read"):
        proba = prequential_predict(retrainer, X, y, method="predict_proba", **sizes)
    assert proba.shape == (180, 2)
    assert np.isnan(proba).all()
