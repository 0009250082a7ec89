"""Text for a linear model: its words, hashed, where they tell more than skrub's numbers."""

import numpy as np
import pandas as pd
import pytest
from helpers import representatives
from scipy import sparse

from skretrain.cli import _encoding, main
from skretrain.model_selection._advise import _candidates
from skretrain.utils._clone import cloned

N_COLUMNS = 2**14


@pytest.fixture
def letters():
    """400 letters of twelve words, two of which tell the class: any of sixteen for each."""
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abcdefghij"), 6)) for _ in range(1000)]
    late = rng.random(400) < 0.5
    rows = rng.integers(0, 1000, size=(400, 12))
    rows[:, :2] = rng.integers(0, 16, size=(400, 2)) + 16 * late[:, None]
    texts = [" ".join(words[place] for place in row) for row in rows]
    label = np.where(late, "late", "in time")
    return pd.DataFrame({"text": texts, "x": rng.normal(size=400), "label": label})


@pytest.fixture
def words_of(history):
    """Return the history of letters, of which half are the warm-up."""

    def history_of_letters(frame, **changes):
        return history(frame, **{"warm_up": 200, **changes})

    return history_of_letters


@pytest.mark.parametrize("estimator", ["sgd", "logistic"])
@pytest.mark.no_cover
@pytest.mark.thinned(2)
def test_a_linear_classifier_gets_words_where_they_tell_more(estimator, letters, words_of):
    """It then tells the later rows better than from skrub's thirty numbers."""
    stream = words_of(letters, estimator=estimator)
    assert sparse.issparse(stream.X)
    assert stream.X.shape == (400, N_COLUMNS + 1)
    assert stream.how.endswith("text by its words, hashed, which did better on the warm-up")
    plain = words_of(letters, estimator="nb").X
    base, y = _encoding._seed(cloned(stream.base)), stream.y
    with_words, without = (
        cloned(base).fit(X[:200], y[:200]).score(X[200:], y[200:]) for X in (stream.X, plain)
    )
    assert with_words > without


def _is_left_to_skrub(stream):
    return isinstance(stream.X, np.ndarray) and stream.how.endswith("numbers by skrub")


@pytest.mark.no_cover
def test_words_that_tell_nothing_are_left_to_skrub(letters, words_of):
    noise = letters.assign(label=np.random.default_rng(1).permutation(letters.label))
    assert _is_left_to_skrub(words_of(noise))


@pytest.mark.parametrize("estimator", ["forest", "nb", "sklearn.linear_model:Ridge"])
@pytest.mark.no_cover
@pytest.mark.thinned(2)
def test_other_models_get_what_skrub_makes_of_text(estimator, letters, words_of):
    """A forest has no use for thousands of columns, and naive Bayes takes none that are sparse."""
    frame = letters.assign(label=letters.x) if estimator.endswith("Ridge") else letters
    assert _is_left_to_skrub(words_of(frame, estimator=estimator))


def test_a_warm_up_that_cannot_judge_leaves_text_to_skrub(letters, words_of):
    """Too few rows; and one half that lacks a class."""
    assert _is_left_to_skrub(words_of(letters, warm_up=58, batch=20))
    lacking = pd.concat([letters[letters.label == "late"][:110], letters])
    assert _is_left_to_skrub(words_of(lacking.reset_index(drop=True)))


@pytest.mark.no_cover
def test_nothing_of_the_words_is_known_before_its_time(letters, words_of):
    """Neither which words there are, nor how rare they are, nor which way is better."""
    later = letters.copy()
    later.loc[300:, "text"] = "quite another letter"
    later.loc[300:, "label"] = np.random.default_rng(1).permutation(letters.label[300:])
    before, after = (words_of(frame).X for frame in (letters, later))
    assert (before[:300] != after[:300]).nnz == 0
    assert (before[300:] != after[300:]).nnz > 0


@pytest.mark.no_cover
def test_a_file_of_text_alone_and_with_gaps(letters, words_of):
    """A row without text has no words."""
    letters.loc[[5, 250], "text"] = None
    X = words_of(letters[["text", "label"]], estimator="logistic").X
    assert X.shape == (400, N_COLUMNS)
    assert np.flatnonzero(np.diff(X.indptr) == 0).tolist() == [5, 250]


@pytest.mark.no_cover
def test_the_judge_counts_each_class_as_much_as_any(letters, words_of):
    """Whoever knows one class of two alone loses half of all, though it be rare."""
    base = words_of(letters).base
    y = (np.arange(200) % 10 == 3).astype(int)
    losses = [_encoding._losses(base, X, y, 100) for X in (np.zeros((200, 1)), y[:, None] - 0.5)]
    assert losses[0].sum() == pytest.approx(1)
    assert losses[1].sum() == 0


@pytest.mark.no_cover
def test_a_history_of_letters_is_replayed_with_its_words(letters, run):
    options = ("--target", "label", "--warm-up", "200", "--batch", "50")
    code, printed, error, rows = run(letters, *options, quick=True)
    assert (code, error) == (0, "")
    assert "encoded as 16,385 numbers by skrub, but text by its words, hashed" in printed
    assert float(rows[0]["accuracy"]) > 0.8


def _refused(stage, champion):
    raise RuntimeError("not tried")


@pytest.fixture
def ask(tmp_path, capsys, monkeypatch):
    """Run ``skretrain advise`` on two frames; return what it prints and the table.

    All candidates get the same numbers of the texts, whose making takes nearly all of the time: two
    are tried.
    """
    makers = {name: _candidates._MAKERS[name] for name in ("keep", "refit_new")}
    monkeypatch.setattr(
        _candidates, "_MAKERS", dict.fromkeys(_candidates._MAKERS, _refused) | makers
    )

    def ask_with(old, new, *options):
        paths = [tmp_path / f"{name}.csv" for name in ("old", "new")]
        for frame, path in zip((old, new), paths, strict=True):
            frame.to_csv(path, index=False)
        out = ["--out", str(tmp_path / "out")]
        assert main(["advise", *map(str, paths), "--target", "label", *out, *options]) == 0
        table = pd.read_csv(tmp_path / "out" / "advice.csv", index_col="action")
        return capsys.readouterr().out, table

    return ask_with


@pytest.mark.parametrize(
    "columns",
    representatives([["text", "label"], ["text", "x", "label"]], fast=[["text", "x", "label"]]),
)
@pytest.mark.no_cover
def test_advice_on_letters_is_by_their_words_too(columns, letters, ask):
    """With them the model errs less than with what skrub makes of text."""
    frame = letters[columns]
    printed, table = ask(frame[:200], frame[200:])
    assert "encoded as numbers by skrub, but text by its words, hashed" in printed
    assert "which did better on the old rows" in printed
    printed, without = ask(frame[:200], frame[200:], "--estimator", "nb")
    assert "encoded as numbers by skrub\n" in printed
    assert table.loss_new["keep"] < without.loss_new["keep"]


@pytest.mark.no_cover
def test_advice_without_texts_that_tell_is_left_to_skrub(letters, ask):
    noise = letters.assign(label=np.random.default_rng(1).permutation(letters.label))
    printed, _ = ask(noise[:200], noise[200:])
    assert "encoded as numbers by skrub\n" in printed


def test_what_stands_before_a_model_in_a_pipeline_gives_the_numbers_of_a_history(letters, words_of):
    stream = words_of(letters)
    encoder, _ = _encoding.encoder_fitted_on(stream.table[:200], stream.y[:200], stream.base)
    X = encoder.fit(stream.table[:200]).transform(stream.table)
    assert X.shape == stream.X.shape
    assert abs(X - stream.X).max() < 1e-5  # numbers of skrub have 32 bits
