"""A scorer as people read it: its name, which way is better, and the one that rare classes need."""

from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np
from sklearn import metrics
from sklearn.metrics import average_precision_score, f1_score, make_scorer

from ..drift._rare import rare_labels
from ._stream import scorer_for

_SHARES = (
    metrics.accuracy_score,
    metrics.average_precision_score,
    metrics.balanced_accuracy_score,
    metrics.f1_score,
    metrics.jaccard_score,
    metrics.precision_score,
    metrics.recall_score,
    metrics.roc_auc_score,
    metrics.top_k_accuracy_score,
)
_ABBREVIATIONS = {"auc": "AUC", "f1": "F1", "r2": "R2", "roc": "ROC", "d2": "D2"}


@dataclass(frozen=True)
class Metric:
    """A scorer, and how its values are told.

    Attributes
    ----------
    scorer : callable
        Of scikit-learn; higher is better, whatever it measures.
    name : str
        What it measures, in words.
    higher_is_better : bool
        Whether that is so of what is shown, too: of ``neg_log_loss``, the log loss is shown.
    why : str
        Why it was chosen, a sentence; empty where it was asked for.
    is_share : bool
        Whether it lies between 0 and 1.
    """

    scorer: Any
    name: str
    higher_is_better: bool
    why: str = ""
    is_share: bool = False

    def shown(self, score):
        """Return what a reader is shown for a score."""
        return score if self.higher_is_better else -score


def metric_of(estimator, scoring, positive=None, name=None):
    """Return the Metric for a scorer, or for its name.

    Parameters
    ----------
    estimator : estimator
        What it is to score.
    scoring : str or callable
        As scikit-learn takes it.
    positive : label or None, default=None
        The class that a scorer given by name is about, if it is about one.
    name : label or None, default=None
        What to call this class. None is `positive`.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain.model_selection._metric import metric_of
    >>> metric = metric_of(LogisticRegression(), "neg_log_loss")
    >>> metric.name, metric.higher_is_better, metric.shown(-0.4)
    ('log loss', False, 0.4)
    """
    scorer = scorer_for(estimator, scoring)
    function = getattr(scorer, "_score_func", scoring)
    named = getattr(function, "__name__", "score")
    is_share = _is_share(scorer, function)
    if isinstance(scoring, str):
        words, rises = _words(scoring.removeprefix("neg_")), not scoring.startswith("neg_")
        if positive is None or not is_about_a_class(scorer):
            return Metric(scorer, words, rises, is_share=is_share)
        words = f"{words} of {(positive if name is None else name)!r}"
        return Metric(_about(scorer, positive), words, rises, is_share=is_share)
    words = "score" if named == "<lambda>" else _words(named.removesuffix("_score"))
    return Metric(scorer, words, getattr(scorer, "_sign", 1) > 0, is_share=is_share)


def _is_share(scorer, function):
    """Tell whether a score lies between 0 and 1: some arguments make it a count, or a gain."""
    kwargs = getattr(scorer, "_kwargs", {})
    is_turned = kwargs.get("adjusted") or not kwargs.get("normalize", True)
    return function in _SHARES and getattr(scorer, "_sign", 1) > 0 and not is_turned


def is_about_a_class(scorer):
    """Tell whether a scorer is about one class, the positive one."""
    takes = "pos_label" in signature(scorer._score_func).parameters
    return takes and scorer._kwargs.get("average", "binary") == "binary"


def _about(scorer, positive):
    """Return a scorer for another class."""
    return make_scorer(
        scorer._score_func,
        response_method=scorer._response_method,
        greater_is_better=scorer._sign > 0,
        **{**scorer._kwargs, "pos_label": positive},
    )


def metric_for_rare(estimator, y, names=None, *, judged=(), least=20):
    """Return the Metric for classes of which some are rare, or None where none is.

    Nearly all rows are right, and nearly all errors of the common classes, so that the share of
    errors says little about the rare ones.

    Parameters
    ----------
    estimator : classifier
        Where it gives scores or probabilities, and there are two classes, it is the average
        precision of the rare one; else F1, of several classes the mean over all.
    y : ndarray of shape (n_rows,)
        Labels.
    names : sequence or None, default=None
        What to call them, where they are codes from 0 on.
    judged : sequence of ndarray, default=()
        Labels of the rows that are judged, part by part.
    least : int, default=20
        Rows of the rare class that each part has to have; fewer show nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain.model_selection._metric import metric_for_rare
    >>> y = np.repeat(["fine", "fraud"], [985, 15])
    >>> metric_for_rare(LogisticRegression(), y).why
    "'fraud' has 1.5 % of the rows, and nearly all errors are made on the others"
    """
    y = np.asarray(y)
    rare = rare_labels(y)
    if not rare or any(np.sum(part == rare[0]) < least for part in judged):
        return None
    classes = np.unique(y)
    share = np.mean(y == rare[0])
    name = rare[0] if names is None else names[rare[0]]
    has = f"{name!r} has {100 * share:.2g} % of the rows"
    why = f"{has}, and nearly all errors are made on the others"
    if len(classes) > 2:
        # pos_label=None, or a model of two of the classes is asked for a class named 1.
        scorer = make_scorer(f1_score, average="macro", pos_label=None, zero_division=0)
        return Metric(scorer, "mean F1 of the classes", True, why, is_share=True)
    # As for scikit-learn's own; another model of the same task may have the other one.
    methods = ("decision_function", "predict_proba")
    if any(hasattr(estimator, method) for method in methods):
        scorer = make_scorer(average_precision_score, response_method=methods, pos_label=rare[0])
        return Metric(scorer, f"average precision of {name!r}", True, why, is_share=True)
    scorer = make_scorer(f1_score, pos_label=rare[0], zero_division=0)
    return Metric(scorer, f"F1 of {name!r}", True, why, is_share=True)


def _words(name):
    return " ".join(_ABBREVIATIONS.get(word, word) for word in name.strip("_").split("_"))
