"""Tables of each class over time, for streams whose classes change while they are evaluated."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import column_or_1d

from ..inspection._per_class_data import check_labels, first_rows, precision_of, ratio
from ..utils._labels import union_of_labels
from ..utils._optional import import_optional
from ..utils._params import check_choice, check_integer, refuse


class OldVersusNew(NamedTuple):
    """What became of the old classes when a new one came.

    Attributes
    ----------
    row : int
        Stream row of the first true label of the new class.
    predicted_from : int or None
        The first row from there on that was predicted as the new class; None if none was.
    table : DataFrame
        A line per class: ``recall_before``, ``recall_after``, ``recall_change`` and
        ``recall_error``, the standard error of the change [1]_, ``_before`` and ``_after`` of
        precision, F1, specificity and support, and ``taken``, the share of its rows after that
        were predicted as the new class.
    confusion_before, confusion_after : DataFrame
        Numbers of rows, by true class (down) and predicted class (across).

    References
    ----------
    .. [1] A. Agresti, B. Caffo, "Simple and effective confidence intervals for proportions and
       differences of proportions result from adding two successes and two failures",
       The American Statistician 54, 2000.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.model_selection import prequential_validate
    >>> rng = np.random.default_rng(0)
    >>> y = np.where(np.arange(800) < 400, rng.integers(2, size=800), rng.integers(3, size=800))
    >>> X = rng.normal(y, 0.4)[:, np.newaxis]
    >>> result = prequential_validate(DriftAwareRetrainer(GaussianNB()), X, y)
    >>> result.old_versus_new(2, window=200).confusion_after.to_numpy()
    array([[44, 11,  0],
           [ 4, 60,  5],
           [ 0, 19, 57]])
    """

    row: int
    predicted_from: Any
    table: Any
    confusion_before: Any
    confusion_after: Any


def per_class_table(result, window, average):
    """Return the scores of each class in each window; see :meth:`PrequentialResult.per_class`."""
    owner = "PrequentialResult.per_class"
    check_choice(owner, "average", (None, "macro"), average)
    pandas = import_optional("pandas", caller=owner, extra="cli")
    y_true, y_pred, classes = _labels_of(result)
    window = window_of(owner, window, len(y_true))
    true, predicted = (np.searchsorted(classes, y) for y in (y_true, y_pred))
    number, starts = np.arange(len(true)) // window, np.arange(0, len(true), window)
    hit, shape = true == predicted, (len(starts), len(classes))
    scores = _scores_of(
        _tally(shape, number[hit], true[hit]),
        _tally(shape, number, true),
        _tally(shape, number, predicted),
    )
    first = first_rows(y_true, classes, result.classes_at_start)
    stops, rows = np.append(starts[1:], len(true)), result.rows[starts]
    exists = stops[:, np.newaxis] > first
    if average == "macro":
        sizes = {"n_classes": exists.sum(axis=1), "support": scores.pop("support").sum(axis=1)}
        means = {name: _mean_where(exists, score) for name, score in scores.items()}
        return pandas.DataFrame({"row": rows, **means, **sizes})
    at, k = np.nonzero(exists)
    there = {name: score[exists] for name, score in scores.items()}
    return pandas.DataFrame({"row": rows[at], "class": classes[k], **there})


def old_versus_new(result, label, window):
    """Compare rows before and after a class came; see :meth:`PrequentialResult.old_versus_new`."""
    owner = "PrequentialResult.old_versus_new"
    pandas = import_optional("pandas", caller=owner, extra="cli")
    y_true, y_pred, classes = _labels_of(result)
    window = window_of(owner, window, len(y_true))
    true, predicted = (np.searchsorted(classes, y) for y in (y_true, y_pred))
    first = first_rows(y_true, classes, result.classes_at_start)
    new, came = _arrival_of(owner, label, classes, first, len(true))
    found = came + np.flatnonzero(predicted[came:] == new)
    since = found[0] if len(found) else came
    spans = slice(max(came - window, 0), came), slice(since, since + window)
    shape = (len(classes), len(classes))
    before, after = (_tally(shape, true[span], predicted[span]) for span in spans)
    index = pandas.Index(classes, name="class")
    return OldVersusNew(
        int(result.rows[came]),
        int(result.rows[since]) if len(found) else None,
        pandas.DataFrame(_compared(before, after, new), index=index),
        *(pandas.DataFrame(counts, index=index, columns=classes) for counts in (before, after)),
    )


def _labels_of(result):
    """Return targets and predictions, and all classes among them."""
    if result.y_true is None or not len(result.rows):
        why = "there are no targets" if result.y_true is None else "no row could be read"
        raise ValueError(f"There are no classes to count: {why}.")
    y_true, y_pred = column_or_1d(result.y_true), column_or_1d(result.y_pred)
    check_labels(y_true, y_pred)
    return y_true, y_pred, union_of_labels(np.unique(y_true), y_pred)


def window_of(owner, window, n_rows):
    """Return the scored rows per line, a twentieth of all where none is given."""
    what = "a number of scored rows"
    check_integer(owner, "window", window, least=1, what=what, otherwise=(None,))
    return max(n_rows // 20, 1) if window is None else int(window)


def _tally(shape, down, across):
    """Return how often each pair of numbers comes."""
    return np.bincount(down * shape[1] + across, minlength=shape[0] * shape[1]).reshape(shape)


def _scores_of(hits, support, predicted):
    """Return the scores of classes, of which the last axis is."""
    n_rows = support.sum(axis=-1, keepdims=True)
    return {
        "precision": precision_of(hits, support, predicted),
        "recall": ratio(hits, support),
        "f1": ratio(2 * hits, support + predicted),
        "specificity": ratio(n_rows - support - predicted + hits, n_rows - support),
        "support": support,
    }


def _mean_where(exists, score):
    there = exists & ~np.isnan(score)
    return ratio(np.where(there, score, 0.0).sum(axis=1), there.sum(axis=1))


def _arrival_of(owner, label, classes, first, end):
    """Return the number of a class that came later, and where it first came."""
    came_later = (first >= 0) & (first < end)
    named = [k for k in np.flatnonzero(came_later) if _is_same(classes[k], label)]
    if not named:
        names = classes[came_later].tolist()
        refuse(owner, "label", f"a class that came after the first fit, one of {names}", label)
    return named[0], first[named[0]]


def _is_same(one, other):
    """Tell whether two labels are the same: pandas.NA and arrays give no answer, and are none."""
    same = one == other
    return isinstance(same, bool | np.bool_) and bool(same)


def _compared(before, after, new):
    """Return a column for each figure, from two confusion matrices."""
    table, variance = {}, 0.0
    for when, counts in (("before", before), ("after", after)):
        hits, support = np.diagonal(counts), counts.sum(axis=1)
        scores = _scores_of(hits, support, counts.sum(axis=0))
        table |= {f"{name}_{when}": score for name, score in scores.items()}
        recall = (hits + 1) / (support + 2)
        variance = variance + recall * (1 - recall) / (support + 2)
    table["recall_change"] = table["recall_after"] - table["recall_before"]
    table["recall_error"] = np.where(np.isnan(table["recall_change"]), np.nan, np.sqrt(variance))
    table["taken"] = ratio(after[:, new], after.sum(axis=1))
    return table
