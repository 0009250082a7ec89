"""Columns of every kind to numbers, by what the rows of the warm-up show and by nothing else."""

import warnings
from contextlib import contextmanager

import numpy as np
from scipy import sparse
from sklearn.base import is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags

from ..utils._clone import cloned
from ..utils._losses import zero_one_loss_per_row
from ..utils._plain import named
from ..utils._words import counted
from ._columns import some
from ._errors import CommandError, as_sentence, needed

# What skrub calls the kinds of columns -> what the reader calls them.
_KINDS = {
    "numeric": "numbers",
    "datetime": "dates",
    "low_cardinality": "categories",
    "high_cardinality": "text",
}
_N_WORDS = 2**14
_WEIGHT = 5.0  # of a text, so that a word in a short one is about as large as another column
_LEAST_TO_JUDGE = 30  # rows
_BY_WORDS = "skrub, but text by its words, hashed, which did better on"


def encoded(table, y, warm_up, base):
    """Return a table as numbers, encoded as skrub's ``tabular_pipeline`` does for an estimator.

    The encoding is learned from the rows of the warm-up, once for all policies: they see the same
    numbers, ``partial_fit`` meets the same columns for ever, and nothing is known before its time.
    A linear classifier gets the words of texts themselves, hashed, if it does better with them
    there.

    Parameters
    ----------
    table : DataFrame of shape (n_rows, n_columns)
        The columns to learn from.
    y : ndarray of shape (n_rows,)
        Codes of the classes, or numbers.
    warm_up : int
        Rows that the encoding may look at.
    base : estimator
        Trees get codes and missing values as they are, where they can; all others scaled, imputed
        numbers.

    Returns
    -------
    X : ndarray or CSR matrix of shape (n_rows, n_features)
        The numbers; sparse if words are among them.
    encoding : Encoding
        What made them, for rows that come later.
    how : str
        How many columns of which kind became how many numbers.
    notices : list of str
        Columns that were left out or need a word.

    Raises
    ------
    CommandError
        If no column is left, or one cannot be encoded.
    """
    encoding = Encoding(table.iloc[:warm_up], y[:warm_up], base)
    X, kinds = encoding.numbers(table), encoding.kinds
    notices = [*encoding.notices, *_new_categories(table, kinds["low_cardinality"], warm_up)]
    counts = [f"{len(kinds[kind])} of {name}" for kind, name in _KINDS.items() if kinds[kind]]
    how = f"{', '.join(counts)}; encoded as {counted(X.shape[1], 'number')} by {encoding.by}"
    return X, encoding, how, notices


class Encoding:
    """How columns become numbers, as the rows of the warm-up show it.

    Parameters
    ----------
    first : DataFrame of shape (n_rows, n_columns)
        These rows.
    y : ndarray of shape (n_rows,)
        Their targets.
    base : estimator
        What the numbers are for.

    Attributes
    ----------
    kinds : dict of str to list of str
        The columns of each kind, as skrub calls it.
    by : str
        What makes numbers of them, in words.
    notices : list of str
        Columns that were left out or need a word.
    """

    def __init__(self, first, y, base):
        empty = [name for name in first.columns if first[name].isna().all()]
        self.notices = []
        if empty:
            self.notices.append(f"left out, without a value in the warm-up: {some(empty)}")
        if len(empty) == first.shape[1]:
            raise CommandError(
                f"no column is left to learn from; {self.notices[0]}. Raise --warm-up."
            )
        first = first.drop(columns=empty)
        constant = [name for name in first.columns if first[name].astype(str).nunique() == 1]
        if constant:
            self.notices.append(
                "the same in every row of the warm-up, which learns nothing from it: "
                f"{some(constant)}"
            )
        self.columns, self.by, self._words = list(first.columns), "skrub", {}
        self._encoder = _fitted(encoder_for(base), first)
        self.kinds = self._encoder[0].kind_to_columns_
        texts = self.kinds["high_cardinality"]
        if _words_do_better(first, y, texts, base):
            self.by = f"{_BY_WORDS} the warm-up"
            rest = first.drop(columns=texts)
            self._encoder = _fitted(encoder_for(base), rest) if rest.shape[1] else None
            self._words = {name: _word_encoder().fit(first[name]) for name in texts}

    def numbers(self, table):
        """Return rows as an array of numbers, or a CSR matrix if words are among them."""
        table = table[self.columns]
        if not self._words:
            return _transformed(self._encoder, table)
        parts = [encoder.transform(table[name]) for name, encoder in self._words.items()]
        if self._encoder is not None:
            rest = table.drop(columns=list(self._words))
            parts.insert(0, sparse.csr_matrix(_transformed(self._encoder, rest)))
        return sparse.hstack(parts, format="csr")


def encoder_fitted_on(table, y, base):
    """Return what to put before an estimator in a pipeline, and what it is, in words.

    As by :func:`encoded`, a linear classifier gets the words of texts where it does better with
    them, which is judged on these rows.

    Parameters
    ----------
    table : DataFrame of shape (n_rows, n_columns)
        The columns to learn from.
    y : ndarray of shape (n_rows,)
        Their targets.
    base : estimator
        What it is for.

    Returns
    -------
    encoder : transformer
        Blank.
    by : str
        What it does.
    """
    if _is_linear_classifier(base):
        encoder = encoder_for(base)
        _numbers(encoder, table, len(table))
        texts = encoder[0].kind_to_columns_["high_cardinality"]
        if _words_do_better(table, y, texts, base):
            rest = [name for name in table.columns if name not in texts]
            parts = [("rest", encoder_for(base), rest)] if rest else []
            parts += [(f"words of {name}", _word_encoder(), name) for name in texts]
            return ColumnTransformer(parts, sparse_threshold=1.0), f"{_BY_WORDS} the old rows"
    return encoder_for(base), "skrub"


def encoder_for(base):
    """Return what ``tabular_pipeline`` puts before the estimator, with fixed seeds."""
    model = cloned(base.steps[-1][1] if isinstance(base, Pipeline) else base)
    if getattr(model, "categorical_features", None) == "from_dtype":
        # Codes instead of pandas categories: the same array of numbers for every policy.
        model.set_params(categorical_features=None)
    encoder = needed("skrub").tabular_pipeline(model)[:-1]
    _seed(encoder)
    finite = FunctionTransformer(_without_infinities, feature_names_out="one-to-one")
    encoder.steps.insert(1, ("finite", finite))
    return encoder


def _seed(estimator):
    seeds = {name for name in estimator.get_params() if name.endswith("random_state")}
    return estimator.set_params(**dict.fromkeys(seeds, 0))


@named
def _without_infinities(frame):
    return frame.replace([np.inf, -np.inf], np.nan)


def _numbers(encoder, table, warm_up):
    return _transformed(_fitted(encoder, table.iloc[:warm_up]), table)


def _fitted(encoder, first):
    with _told():
        return encoder.fit(first)


def _transformed(encoder, table):
    with _told():
        return _scaled(encoder, table)


@contextmanager
def _told():
    """Say of an error what to do about it."""
    with warnings.catch_warnings():
        # Categories and dates that come later are announced by a notice.
        warnings.simplefilter("ignore")
        try:
            yield
        except (TypeError, ValueError) as error:
            raise CommandError(
                f"the columns could not be turned into numbers: {as_sentence(error)} Drop or "
                "convert the column."
            ) from error


def _scaled(encoder, table):
    scaler = encoder.named_steps.get("squashingscaler")
    if scaler is None:
        return np.asarray(encoder.transform(table), dtype=float)
    numbers = np.asarray(encoder[:-1].transform(table), dtype=float)
    scaled = np.array(scaler.transform(numbers), dtype=float)
    # The scaler turns a column that was constant in the warm-up to zero for ever, also when it
    # begins to vary; here it keeps its own unit, within the same bound.
    constant, bound = scaler.zero_cols_, scaler.max_absolute_value
    moved = numbers[:, constant] - numbers[0, constant]
    scaled[:, constant] = moved / np.sqrt(1 + (moved / bound) ** 2)
    return scaled


def _new_categories(table, names, warm_up):
    """Say of each column which categories the warm-up does not show."""
    for name in names:
        values = table[name].dropna().astype(str)
        first = values[values.index.isin(table.index[:warm_up])]
        new = values[~values.isin(first)].unique()
        if len(new):
            yield (
                f"{name!r} has {counted(len(new), 'value')} that the warm-up does not show, such "
                f"as {new[0]!r}, encoded as unknown"
            )


# -- words -----------------------------------------------------------------------------------------


def _words_do_better(first, y, texts, base):
    """Tell whether a linear classifier does better with words than with skrub's numbers.

    One half of the warm-up learns, the other judges, and each class counts as much as any.
    """
    half = len(y) // 2
    if not texts or not _is_linear_classifier(base) or half < _LEAST_TO_JUDGE:
        return False
    try:
        ways = _numbers(encoder_for(base), first, half), _with_words(first, half, texts, base)
        losses = [_losses(base, X, y, half) for X in ways]
    except (CommandError, ValueError):  # half of the rows may lack a class, or every value
        return False
    gains = losses[0] - losses[1]
    # One standard error: to miss words that tell something costs more than to take them in vain.
    return bool(gains.sum() > np.sqrt((gains**2).sum()))


def _losses(base, X, y, half):
    """Return the losses on the second half of the rows of a model fitted on the first."""
    model = _seed(cloned(base)).fit(X[:half], y[:half])
    _, place, counts = np.unique(y[half:], return_inverse=True, return_counts=True)
    return zero_one_loss_per_row(y[half:], model.predict(X[half:])) / counts[place]


def _is_linear_classifier(base):
    is_linear = type(base).__module__.startswith("sklearn.linear_model.")
    return is_linear and is_classifier(base) and get_tags(base).input_tags.sparse


def _with_words(table, n, texts, base):
    """Return a table as numbers, texts by the words in them; sparse.

    The first n rows tell how much a word weighs.
    """
    rest = table.drop(columns=texts)
    parts = [sparse.csr_matrix(_numbers(encoder_for(base), rest, n))] if rest.shape[1] else []
    return sparse.hstack([*parts, *(_words(table[name], n) for name in texts)], format="csr")


def _words(texts, n):
    return _word_encoder().fit(texts[:n]).transform(texts)


def _word_encoder():
    """Return what makes numbers of the words in a column of texts; sparse."""
    return make_pipeline(
        FunctionTransformer(_without_gaps),
        HashingVectorizer(n_features=_N_WORDS, alternate_sign=False, norm=None),
        TfidfTransformer(sublinear_tf=True),
        FunctionTransformer(_weighty, accept_sparse=True),
    )


@named
def _without_gaps(texts):
    return texts.astype(object).fillna("").astype(str)


@named
def _weighty(words):
    return _WEIGHT * words
