"""What the serving model makes of a batch, and what of it a trigger gets to see."""

from numbers import Integral

import numpy as np
from sklearn.base import is_classifier

from ..drift import ScoredBatch, Signal
from ..utils._losses import absolute_loss_per_row, novelty_per_row, zero_one_loss_per_row
from ..utils._plain import Plain
from ..utils._sklearn_api import predict_of, predict_proba_of

# What a base must have, so that a trigger can be shown what it needs.
_METHODS = {"y_pred": "predict", "y_proba": "predict_proba"}


def check_needs(trigger, estimator):
    """Raise ValueError where a trigger needs something that models of this base cannot give.

    Parameters
    ----------
    trigger : BaseTrigger or None
        Blank.
    estimator : estimator
        The base, unfitted.
    """
    for need in sorted(trigger.needs) if trigger is not None else ():
        if need == "classes" and not is_classifier(estimator):
            raise ValueError(
                f"{type(trigger).__name__} watches the rows of classes, and "
                f"{type(estimator).__name__} has none: it is no classifier. Use another trigger, "
                "or rows_of_class=None."
            )
        if need == "moments":
            raise ValueError(
                f"{trigger!r} goes by dates, and a retrainer is not told when rows come: name the "
                "column of X that has them, Periodic(every, column=...), or count rows."
            )
        method = _METHODS.get(need)
        if method is not None and not hasattr(estimator, method):
            raise ValueError(
                f"{type(trigger).__name__} needs {need!r}, and {type(estimator).__name__} has no "
                f"{method}. Choose another trigger (or another loss), or a base that has it."
            )


def is_sound(signal):
    """Tell whether an answer is a signal, with what belongs into one."""
    sound = isinstance(signal, Signal) and signal.state in ("stable", "warning", "drift")
    sound = sound and (signal.since is None or isinstance(signal.since, Integral))
    return sound and isinstance(signal.note, str)


def sound_signal(trigger, signal):
    """Return what a trigger answered, or raise TypeError where it is no signal."""
    if not is_sound(signal):
        raise TypeError(
            f"{type(trigger).__name__} answered {signal!r}: it must be a Signal that says one of "
            "stable, warning, drift, since which stream row, an int, or None, and a str as note."
        )
    return signal


class Scorer(Plain):
    """Scores batches for a trigger.

    Parameters
    ----------
    task : {"classification", "regression", "unsupervised"}
        Decides the loss per row.
    needs : frozenset of str
        What the trigger wants to see.
    """

    def __init__(self, task, needs):
        self.task = task
        self.needs = needs

    def predicted(self, model, X):
        """Return a fresh prediction, or None without targets, and the novelty of each row if so."""
        if self.task != "unsupervised":
            return predict_of(model, X), None
        novelty = novelty_per_row(model, X)
        if novelty is None and hasattr(model, "predict"):
            model.predict(X)  # for its checks of the input
        return None, novelty

    def check(self, model, rows):
        """Raise where a model does not give one prediction for each row: it cannot serve."""
        predicted, novelty = self.predicted(model, rows.X)
        given = novelty if predicted is None else predicted
        n_rows = len(rows.index)
        if given is not None and (np.ndim(given) == 0 or len(given) != n_rows):
            raise ValueError(
                f"{type(model).__name__} gave predictions of shape {np.shape(given)} for "
                f"{n_rows} rows: it cannot serve."
            )

    def labelled(self, serving, rows, uncounted, *, start, past=()):
        """Return the prediction of a batch, and the batch with one loss per row.

        Parameters
        ----------
        serving : Serving
            The model that serves.
        rows : Rows
            The batch.
        uncounted : ndarray of bool or None
            Which rows are not scored.
        start : int
            Stream row of the first one.
        past : tuple of Serving, default=()
            Models that served before, for a trigger that asks for their losses.
        """
        readable = serving.readable(rows.X)  # a trigger is to judge what predict gives
        predicted, loss = self.losses(serving.model, readable, rows.y, uncounted)
        shown = self._shown(serving, rows, readable, (predicted, loss), start)
        past_loss = None
        if "past_loss" in self.needs:
            past_loss = dict(self._past_losses(past, rows, uncounted))
        return predicted, ScoredBatch(loss=loss, y=rows.y, past_loss=past_loss, **shown)

    def _past_losses(self, past, rows, uncounted):
        for one in past:
            try:
                loss = self.losses(one.model, one.readable(rows.X), rows.y, uncounted)[1]
            except Exception:
                continue  # it cannot read the rows of today, and need not
            yield one.row, loss

    def losses(self, model, X, y, uncounted):
        """Return a fresh prediction, and one loss per row: NaN where it is not scored."""
        predicted, loss = self.predicted(model, X)
        if self.task == "classification":
            loss = zero_one_loss_per_row(y, predicted)
        elif self.task == "regression":
            loss = absolute_loss_per_row(y, predicted)
        if loss is not None and uncounted is not None:
            loss[uncounted] = np.nan
        return predicted, loss

    def unlabelled(self, serving, rows, *, start):
        """Return a batch without labels and losses, for the triggers that need none."""
        readable = serving.readable(rows.X)
        given = self.predicted(serving.model, readable)
        shown = self._shown(serving, rows, readable, given, start)
        return ScoredBatch(loss=None, y=None, labelled=False, **shown)

    def _shown(self, serving, rows, readable, given, start):
        predicted, novelty = given
        # Whether there is one is asked last: to be told that there is none takes microseconds.
        wants_proba = "y_proba" in self.needs or (
            "outputs" in self.needs and hasattr(serving.model, "predict_proba")
        )
        proba = None
        if wants_proba:
            proba = serving.spread(predict_proba_of(serving.model, readable), 0.0)
        outputs = novelty if predicted is None else predicted
        y_pred = outputs if "outputs" in self.needs else predicted
        return {
            "start": start,
            "n_rows": len(rows.index),
            "bounded": self.task == "classification",
            "y_pred": None if {"y_pred", "outputs"}.isdisjoint(self.needs) else y_pred,
            "y_proba": proba,
            "X": rows.X if "X" in self.needs else None,
            "classes": serving.classes,
        }
