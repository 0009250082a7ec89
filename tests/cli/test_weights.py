"""``--sample-weight``: a column that counts in what is learned, and in nothing else."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import SGDClassifier, SGDRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skretrain.cli import main
from skretrain.cli._errors import CommandError
from skretrain.cli._weights import weights_for

PLAIN = ["temp", "flag", "label"]


@pytest.fixture
def weighted(table):
    """Some columns of the fixture's stream, with weights, and without the column of these."""
    frame = table[PLAIN].assign(weight=np.arange(600) % 4)
    return frame, frame.drop(columns="weight")


@pytest.fixture
def advice(tmp_path, capsys):
    """Run ``skretrain advise`` on two frames; return exit code, both outputs and the table."""

    def advise(old, new, *options):
        paths = [str(tmp_path / f"{name}.csv") for name in ("old", "new")]
        for frame, path in zip((old, new), paths, strict=True):
            frame.to_csv(path, index=False)
        out = tmp_path / "out"
        code = main(["advise", *paths, "--target", "label", "--out", str(out), *options])
        printed = capsys.readouterr()
        rows = pd.read_csv(out / "advice.csv") if code == 0 else None
        return code, printed.out, printed.err, rows

    return advise


def _timeless(rows):
    """Return a table without seconds, which vary."""
    return [{k: v for k, v in row.items() if "seconds" not in k} for row in rows]


@pytest.mark.no_cover
def test_weights_of_one_change_no_comparison_and_zeros_leave_rows_out(run, weighted):
    frame, bare = weighted
    options = ["--target", "label", "--estimator", "nb"]
    counts = frame.weight > 0
    zero_or_one = frame.assign(weight=counts.astype(float))
    code, printed, _, rows = run(zero_or_one, *options, "--sample-weight", "weight", quick=True)
    assert code == 0
    assert "150 rows whose 'weight' is 0 left out" in printed
    assert "weight, from 1 to 1: for what is learned; the score counts all" in printed
    assert "2 columns to learn from" in printed
    plain = run(bare[counts], *options, quick=True)[3]
    assert _timeless(rows) == _timeless(plain)


def test_weights_count_in_what_is_learned(run, history, weighted):
    """The first model is the one that is fitted by hand, and each error counts one."""
    frame = weighted[0].assign(weight=np.where(weighted[0].label == "no", 5, 1))
    options = ["--target", "label", "--estimator", "nb", "--warm-up", "100"]
    rows = run(frame, *options, "--sample-weight", "weight", quick=True)[3]
    stream = history(frame, estimator="nb", weight="weight", keep=["temp", "flag"])
    weight = stream.params["sample_weight"]
    np.testing.assert_array_equal(weight, frame.weight)
    assert "weight" not in stream.table.columns
    model = GaussianNB().fit(stream.X[:100], stream.y[:100], weight[:100])
    accuracy = (model.predict(stream.X[100:]) == stream.y[100:]).mean()
    assert float(rows[0]["accuracy"]) == pytest.approx(accuracy)
    bare = GaussianNB().fit(stream.X[:100], stream.y[:100])
    assert (bare.predict(stream.X) != model.predict(stream.X)).any()


def test_weights_and_times_stay_with_their_rows(history, table):
    """Rows are sorted, those without a target are left out, and those of weight zero."""
    frame = table[["when", *PLAIN]].assign(weight=np.arange(600) % 4)
    frame.loc[5, "label"] = None
    shuffled = frame.sample(frac=1, random_state=0)
    stream = history(shuffled, time="when", weight="weight", keep=["temp", "flag"])
    kept = frame[(frame.weight > 0) & frame.label.notna()]
    np.testing.assert_array_equal(stream.params["sample_weight"], kept.weight)
    np.testing.assert_array_equal(stream.table.temp, kept.temp)
    np.testing.assert_array_equal(stream.times, kept.when.to_numpy())


def test_weights_in_advice_are_those_of_the_rows(advice, weighted, monkeypatch):
    """Sorted with them, under the name by which the last step of a pipeline takes them."""
    asked = []

    def never(*given, **options):
        asked.extend([given, options])
        raise ValueError("no time")

    monkeypatch.setattr("skretrain.cli._advise.advise", never)
    weight = np.arange(600) % 4 * np.repeat([1, 10], 300)
    frame = weighted[0].assign(when=np.arange(600), weight=weight)
    old, new = (part.sample(frac=1, random_state=0) for part in (frame[:300], frame[300:]))
    options = ["--estimator", "nb", "--time", "when", "--sample-weight", "weight"]
    code, printed, error, _ = advice(old, new, *options)
    assert (code, "no advice: no time." in error) == (2, True)
    assert "old.csv: 75 rows whose 'weight' is 0 left out" in printed
    assert "weight, from 1 to 30: for what is learned; the score counts all" in printed
    (_, X_old, _, X_new, _), options = asked
    for part, X, name in ((frame[:300], X_old, "old"), (frame[300:], X_new, "new")):
        kept = part[part.weight > 0]
        assert list(X.columns) == ["temp", "flag"]
        np.testing.assert_array_equal(X.temp, kept.temp)
        [(key, weight)] = options[f"params_{name}"].items()
        assert key == "gaussiannb__sample_weight"
        np.testing.assert_array_equal(weight, kept.weight)


@pytest.mark.no_cover
def test_advice_takes_weights(advice, weighted):
    """All of it, once."""
    frame = weighted[0][::4].assign(weight=np.arange(150) % 3 + 1)
    options = ["--estimator", "sgd", "--sample-weight", "weight"]
    code, _, _, rows = advice(frame[:75], frame[75:], *options)
    assert code == 0
    assert rows.tried[rows.action != "refit_window"].all()


BAD = [
    ({"weight": -2.0}, ["holds -2, and a weight is a finite number of at least 0"]),
    ({"weight": np.inf}, ["holds inf, and a weight"]),
    ({"weight": np.nan}, ["has 600 missing values; fill in 1"]),
    ({"weight": "heavy"}, ["holds 'heavy', which is no number"]),
    ({"weight": "2024-01-01"}, ["holds", "2024-01-01", "which is no number"]),
    ({"weight": 0}, ["is 0 in every row"]),
    ({"wait": 1}, ["is not a column of the file; did you mean 'wait'?"]),
]


@pytest.mark.parametrize(("column", "parts"), BAD)
@pytest.mark.parametrize("command", ["compare", "advise"])
def test_what_is_no_weight_is_one_line(command, column, parts, run, advice, weighted):
    frame = weighted[1].assign(**column)
    if command == "compare":
        code, _, error, _ = run(frame, "--target", "label", "--sample-weight", "weight")
    else:
        code, _, error, _ = advice(frame, frame, "--sample-weight", "weight")
    assert code == 2
    assert error.count("\n") == 1
    for part in ["--sample-weight 'weight'", *parts]:
        assert part in error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sample-weight", "label"], "'label' is named by --target, too"),
        (["--sample-weight", "temp", "--time", "temp"], "'temp' is named by --time, too"),
        (["--sample-weight", "temp", "--keep", "temp"], "'temp' is named by --keep, too"),
        (["--sample-weight", "temp", "--drop", "temp"], "'temp' is named by --drop, too"),
    ],
)
@pytest.mark.no_cover
def test_a_weight_is_nothing_else(options, message, run, weighted):
    code, _, error, _ = run(weighted[1], "--target", "label", *options)
    assert code == 2
    assert message in error


def test_the_built_in_stream_has_no_weights(capsys):
    assert main(["compare", "--sample-weight", "weight"]) == 2
    assert "--sample-weight needs a FILE" in capsys.readouterr().err


def test_a_model_that_takes_no_weights_is_one_line(run, advice, weighted):
    frame = weighted[0]
    options = ["--sample-weight", "weight"]
    options += ["--estimator", "sklearn.neighbors:KNeighborsClassifier"]
    answers = run(frame, "--target", "label", *options), advice(frame, frame, *options)
    for code, _, error, _ in answers:
        assert code == 2
        assert "'weight': KNeighborsClassifier takes no sample_weight; leave it out" in error
        assert error.count("\n") == 1


class TakesAnything(BaseEstimator):
    """Hands on whatever it gets."""

    def fit(self, X, y, **params):
        return self


def test_weights_have_the_name_under_which_the_model_takes_them():
    """A pipeline names the step, what scales the target does not."""
    weight, scaled = np.ones(3), TransformedTargetRegressor(SGDRegressor())
    for model, name in (
        (SGDClassifier(), "sample_weight"),
        (make_pipeline(StandardScaler(), SGDClassifier()), "sgdclassifier__sample_weight"),
        (make_pipeline(scaled), "transformedtargetregressor__sample_weight"),
        (TakesAnything(), "sample_weight"),
    ):
        assert list(weights_for(model, "w", weight)) == [name]
    assert weights_for(KNeighborsClassifier(), None, None) == {}
    with pytest.raises(CommandError, match="KNeighborsClassifier takes no sample_weight"):
        weights_for(make_pipeline(StandardScaler(), KNeighborsClassifier()), "w", weight)
