"""The scores of slices over time are those of their rows alone, and agree with slice_scores."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import get_scorer, make_scorer, mean_absolute_error, roc_auc_score
from sklearn.preprocessing import OneHotEncoder

from skretrain import DriftAwareRetrainer, ReplayPartialFit
from skretrain.metrics import slice_scores
from skretrain.model_selection import prequential_validate

SLICES = {"shop": 2, "amount": 1, "high": lambda X: np.asarray(X)[:, 0] > 0}


def history(n=600, seed=0):
    rng = np.random.default_rng(seed)
    X = np.c_[rng.normal(size=(n, 2)), rng.integers(0, 3, size=n)]
    y = (X[:, 0] + rng.normal(size=n) * np.where(X[:, 2] == 1, 2.0, 0.3) > 0).astype(int)
    return X, y


def validated(X, y, model=None, **options):
    model = DriftAwareRetrainer(LogisticRegression()) if model is None else model
    return prequential_validate(model, X, y, **({"slices": SLICES} | options))


@pytest.mark.no_cover
@pytest.mark.parametrize("as_frame", [False, True])
def test_all_rows_together_score_as_slice_scores_says(as_frame):
    X, y = history()
    slices = SLICES
    if as_frame:
        X = pd.DataFrame(X, columns=["score", "amount", "shop"])
        slices = SLICES | {"shop": "shop", "amount": "amount"}
    result = validated(X, y, slices=slices)
    table = result.per_slice(len(result.rows))
    rows = X.iloc[result.rows] if as_frame else X[result.rows]
    expected = slice_scores(result.y_true, result.y_pred, rows, slices)
    assert table["slice"].tolist() == [score.name for score in expected]
    assert table["n_rows"].tolist() == [score.n_rows for score in expected]
    assert table["score"].to_numpy() == pytest.approx([score.score for score in expected])
    assert set(table["row"]) == {100}


def test_a_window_scores_the_rows_of_the_slice_in_it_by_each_scorer():
    X, y = history()
    scoring = {"area": "roc_auc", "right": "accuracy", "mine": mine}
    result = validated(X, y, scoring=scoring)
    table = result.per_slice(170)
    assert table["row"].unique().tolist() == [100, 270, 440]
    for line in table.itertuples():
        window = (result.rows >= line.row) & (result.rows < line.row + 170)
        if not line.slice.startswith("shop"):
            continue
        part = np.flatnonzero(window & (X[result.rows, 2] == int(line.slice[-1])))
        y_true, proba = result.y_true[part], result.outputs["predict_proba"][part]
        assert line.n_rows == len(part)
        assert line.right == pytest.approx(np.mean(y_true == result.y_pred[part]))
        assert line.area == pytest.approx(roc_auc_score(y_true, proba[:, 1]))
        assert line.mine == pytest.approx(X[result.rows[part], 1].mean())


def mine(estimator, X, y):
    """A scorer that looks at the rows."""
    assert len(estimator.predict(X)) == len(y)
    return float(X[:, 1].mean())


def test_slices_change_nothing_else():
    X, y = history()
    with_slices, without = validated(X, y), validated(X, y, slices=None)
    assert (with_slices.y_pred == without.y_pred).all()
    assert with_slices.scores == without.scores
    assert without.sliced is None


def test_a_regression_has_slices_with_a_score_in_its_own_unit():
    X, y = history()
    target = X[:, 0] + y
    scorer = make_scorer(mean_absolute_error, greater_is_better=False)
    result = validated(X, target, ReplayPartialFit(Ridge()), scoring=scorer)
    table = result.per_slice(len(result.rows)).set_index("slice")
    expected = slice_scores(
        result.y_true, result.y_pred, X[result.rows], SLICES, metric="mean_absolute_error"
    )
    for score in expected:
        assert table.loc[score.name, "score"] == pytest.approx(-score.score)


def test_what_is_not_defined_is_missing_and_what_is_not_there_has_no_rows():
    X, y = history(400)
    X[:250, 2] = 0
    X[250:, 2] = 1
    y[250:300] = np.arange(50) % 2
    y[300:] = 0
    result = validated(X, y, scoring="roc_auc", slices={"shop": 2})
    table = result.per_slice(150).set_index(["row", "slice"])
    assert table.loc[(100, "shop=1"), "n_rows"] == 0
    assert np.isnan(table.loc[(100, "shop=1"), "score"])
    assert table.loc[(250, "shop=1"), "score"] == get_scorer("roc_auc")._score_func(
        y[250:], result.outputs["predict_proba"][150:, 1]
    )
    only_zero = result.per_slice(50).set_index(["row", "slice"]).loc[(350, "shop=1")]
    assert only_zero["n_rows"] == 50
    assert np.isnan(only_zero["score"])


@pytest.mark.no_cover
def test_rows_that_weigh_nothing_or_could_not_be_read_are_in_no_slice():
    X, y = history(400)
    weight = np.ones(400)
    weight[200:210] = 0
    result = validated(X, y, params={"sample_weight": weight}, slices={"shop": 2})
    assert result.per_slice(400)["n_rows"].sum() == 290
    frame = pd.DataFrame({"kind": np.where(np.arange(400) == 150, "new", "old"), "shop": X[:, 2]})
    model = ReplayPartialFit(Encoded())
    result = prequential_validate(model, frame, y, slices={"shop": "shop"})
    assert result.unpredicted_rows.tolist() == [150]
    assert result.per_slice(400)["n_rows"].sum() == 299


class Encoded(LogisticRegression):
    """A model that cannot read a category that it never saw."""

    def fit(self, X, y):
        self.encoder_ = OneHotEncoder(sparse_output=False).fit(X[["kind"]])
        super().fit(np.c_[self.encoder_.transform(X[["kind"]]), X["shop"]], y)
        self.n_features_in_, self.feature_names_in_ = 2, np.array(["kind", "shop"], dtype=object)
        return self

    def predict(self, X):
        coded = np.c_[self.encoder_.transform(X[["kind"]]), X["shop"]]
        return self.classes_[(coded @ self.coef_.T + self.intercept_ > 0).astype(int).ravel()]


def test_the_column_of_label_times_is_none_that_a_slice_could_go_by():
    X, y = history(300)
    frame = pd.DataFrame(X, columns=["score", "amount", "shop"]).assign(known=np.arange(300) + 50)
    result = validated(frame, y, slices={"shop": "shop"}, label_time="known")
    assert result.per_slice(300)["n_rows"].sum() == 200
    with pytest.raises(ValueError, match="'known' is none"):
        validated(frame, y, slices={"known": "known"}, label_time="known")


def test_each_seed_has_its_slices_and_results_pickle():
    X, y = history(300)
    results = validated(X, y, slices={"shop": 2}, seeds=2)
    for result in results:
        copy = pickle.loads(pickle.dumps(result))
        pd.testing.assert_frame_equal(copy.per_slice(100), result.per_slice(100))


class Fails(LogisticRegression):
    def fit(self, X, y):
        raise AssertionError("nothing is to be fitted")


@pytest.mark.parametrize(
    ("slices", "message"),
    [
        ({"shop": "shop"}, r"prequential_validate\(slices=.*'shop' is none; it has 3, without"),
        (["shop"], "slices must be a dict that names slices"),
        ({}, "slices must be a dict that names slices"),
        ({"odd": lambda X: X[:, 0]}, "functions that return True or False for each row"),
    ],
)
def test_what_is_no_slice_is_refused_before_anything_is_fitted(slices, message):
    X, y = history(200)
    with pytest.raises(ValueError, match=message):
        validated(X, y, ReplayPartialFit(Fails()), slices=slices)


def test_batches_as_they_come_and_results_without_slices_have_none():
    X, y = history(200)
    with pytest.raises(ValueError, match=r"slices is for rows that are given together"):
        validated([(X[:100], y[:100]), (X[100:], y[100:])], None)
    with pytest.raises(ValueError, match=r"there are no slices; pass prequential_validate\(slic"):
        validated(X, y, slices=None).per_slice()
    with pytest.raises(ValueError, match="window must be an integer of at least 1"):
        validated(X, y).per_slice(0)
