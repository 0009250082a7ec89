"""Metrics of labels of which only probabilities are known: expected counts in place of counts."""

import re
from typing import NamedTuple

import numpy as np

from ..utils._plain import Plain

_KINDS = ("accuracy", "recall", "precision", "roc_auc", "cost")
_OF_A_CLASS = ("recall", "precision")


class PerformanceEstimate(NamedTuple):
    """One metric on some rows.

    Attributes
    ----------
    metric : str
        Its name.
    value : float
        Expected value; NaN if there is none, and `reason` says why.
    low, high : float
        Interval of what the value will turn out to be once all labels are known.
    n_rows : int
        Number of rows.
    n_labelled : int
        How many of them have a label, and count as what they are.
    start : int
        Position of the first of the rows.
    reason : str
        Why there is no value; else empty.

    Examples
    --------
    >>> from skretrain.serving import PerformanceEstimate
    >>> PerformanceEstimate("accuracy", 0.8, 0.75, 0.85, 200, 0, 0, "").value
    0.8
    """

    metric: str
    value: float
    low: float
    high: float
    n_rows: int
    n_labelled: int
    start: int
    reason: str


class Measure(NamedTuple):
    """A metric, and the column of the class that it is about, or None."""

    name: str
    kind: str
    place: int | None = None


def measures_of(metrics, classes, refuse):
    """Return the measures that names stand for.

    Parameters
    ----------
    metrics : str or sequence of str
        Their names.
    classes : ndarray of shape (n_classes,)
        Sorted.
    refuse : callable
        Raises, given in words what is accepted.
    """
    names = (metrics,) if isinstance(metrics, str) else metrics
    accepted = f"names out of {', '.join(_KINDS)}, and recall and precision with [class]"
    if not isinstance(names, (list, tuple)) or not names:
        refuse(accepted)
    by_text = {str(label): place for place, label in enumerate(classes.tolist())}
    found = []
    for name in names:
        parts = re.fullmatch(r"(\w+)(?:\[(.*)\])?", name) if isinstance(name, str) else None
        kind, wanted = parts.groups() if parts else (None, None)
        if kind not in _KINDS or (wanted is not None and kind not in _OF_A_CLASS):
            refuse(accepted)
        if kind not in _OF_A_CLASS:
            found.append(Measure(kind, kind))
        elif wanted is None:
            labels = list(by_text)[-1:] if len(by_text) == 2 else by_text
            found += [Measure(f"{kind}[{text}]", kind, by_text[text]) for text in labels]
        elif wanted in by_text:
            found.append(Measure(name, kind, by_text[wanted]))
        else:
            refuse(f"about classes of the reference, {list(by_text)[:5]}; {name} is not")
    return found


class Ranked(Plain):
    """Rows sorted into ties by what a model says of one class, for areas under the ROC curve."""

    def __init__(self, scores):
        self._tie = np.unique(scores, return_inverse=True)[1]

    def area(self, hits):
        """Return the expected AUC, where each row is of the class with probability `hits`.

        No row is compared with itself.
        """
        above, below = np.bincount(self._tie, hits), np.bincount(self._tie, 1 - hits)
        with_itself = float(hits @ (1 - hits))
        pairs = hits.sum() * (1 - hits).sum() - with_itself
        before = np.cumsum(below) - below
        won = above @ (before + below / 2) - with_itself / 2
        return float(won / pairs) if pairs > 1e-9 else np.nan


class Rows(Plain):
    """Rows as a model sees them: what it predicts, and how it ranks them.

    Parameters
    ----------
    measures : list of Measure
        What will be asked for.
    proba : ndarray of shape (n_samples, n_classes)
        As the model gives them.
    predicted : ndarray of shape (n_samples,)
        Columns of the classes that it predicts.
    costs : ndarray of shape (n_classes, n_classes) or None
        Cost of each true class (row) taken for another (column).
    """

    def __init__(self, measures, proba, predicted, costs):
        self._measures, self._costs = measures, costs
        n_classes = proba.shape[1]
        self._predicted = np.eye(n_classes)[predicted]
        ranks = any(measure.kind == "roc_auc" for measure in measures)
        # Of two classes, the areas are the same.
        columns = proba.T[-1:] if n_classes == 2 else proba.T
        self._ranked = [Ranked(column) for column in columns] if ranks else []

    def values(self, hits):
        """Return the measures, where each row is of the classes with the probabilities `hits`.

        Parameters
        ----------
        hits : ndarray of shape (n_samples, n_classes)
            Rows of a label that is known have a single 1.

        Returns
        -------
        values : ndarray of shape (n_measures,)
            NaN where there is nothing to divide by.
        """
        counts = hits.T @ self._predicted
        return np.array([self._value(measure, counts, hits) for measure in self._measures])

    def _value(self, measure, counts, hits):
        place = measure.place
        if measure.kind == "accuracy":
            return np.trace(counts) / len(hits)
        if measure.kind == "cost":
            return (counts * self._costs).sum() / len(hits)
        if measure.kind == "roc_auc":
            columns = hits.T[-len(self._ranked) :]
            return np.mean([r.area(c) for r, c in zip(self._ranked, columns, strict=True)])
        total = counts[place].sum() if measure.kind == "recall" else counts[:, place].sum()
        return counts[place, place] / total if total > 1e-9 else np.nan
