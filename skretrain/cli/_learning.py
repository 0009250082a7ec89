"""What a daily job does with new rows: predict, remember, score, learn, look at those without."""

from collections import Counter

import numpy as np

from ._errors import CommandError, as_sentence, refusals
from ._score_now import score_now

RETRAINED, WANTS_LABELS, ROLLED_BACK, FAILED = 10, 20, 30, 40

# Which exit code an action asks for, the most urgent first.
_CODES = {
    "failed": FAILED,
    "rolled_back": ROLLED_BACK,
    "retrained": RETRAINED,
    "labels_wanted": WANTS_LABELS,
}
_LOSSES = {"classification": "share of errors", "regression": "mean absolute error"}
_SHOWN = ("action", "row", "state", "since", "kind", "reason", "version")


class Before:
    """What a model had done before, to tell what is new."""

    def __init__(self, model):
        self.counts = Counter(model.events_.counts)
        self.n_events = len(model.events_)
        self.n_seen = model.n_samples_seen_

    def news(self, model):
        """Return the actions since then with their counts, and the notable events."""
        events = model.events_.to_records()[self.n_events :]
        return {
            "alarms": sum(event["state"] == "drift" for event in events),
            "actions": self._actions(model),
            "events": [{name: event[name] for name in _SHOWN} for event in events],
        }

    def code(self, model):
        """Return the exit code that the actions since then ask for."""
        actions = self._actions(model)
        return next((code for action, code in _CODES.items() if action in actions), 0)

    def _actions(self, model):
        return dict(Counter(model.events_.counts) - self.counts)


def served(job):
    """Return the mean loss of the predictions that were served and whose labels came.

    It is that of the ledger, of errors or residuals, whatever the model is judged by, and says so.
    """
    score = job.ledger.score_["all"]
    limits = {name: _finite(getattr(score, name)) for name in ("loss", "low", "high")}
    return {"loss_of": _LOSSES[job.settings["task"]], "n": score.n_resolved} | limits


def _finite(value):
    return float(value) if np.isfinite(value) else None


def learn(rows, job, path):
    """Predict and remember rows, learn those with labels, and look at the others.

    Nothing is written.

    Parameters
    ----------
    rows : NewRows
        The rows.
    job : Job
        What learns.
    path : str
        The file, for what is said of it.

    Returns
    -------
    score : dict or None
        What the model was worth on the rows with labels, before it learned them.
    """
    try:
        return _learned(rows, job)
    except refusals(is_own=True) as error:  # the model may be the user's own
        raise CommandError(f"{path}: {as_sentence(error)}") from error


def _learned(rows, job):
    names, is_new = remembered(rows, job, is_wanted=None if rows.ids else rows.is_known)
    score = None
    if len(rows.labels):
        if rows.ids:
            names = [rows.ids[place] for place in np.flatnonzero(rows.is_known)]
        X, y, params = job.ledger.resolve(names, rows.labels)
        if len(y):
            score = score_now(job, X, y)
            job.model.partial_fit(X, y, **params)
    if rows.features is not None:
        watch(rows.features[is_new], job, some_lack_labels=not rows.is_known[is_new].all())
    return score


def remembered(rows, job, is_wanted=None):
    """Predict rows that are not held yet, and remember them until their labels come.

    Parameters
    ----------
    rows : NewRows
        The rows.
    job : Job
        What predicts.
    is_wanted : ndarray of bool, default=None
        Which rows are to be remembered; None is all.

    Returns
    -------
    names : array-like
        What they are found by.
    is_new : ndarray of bool
        Which rows came for the first time.
    """
    is_new = np.ones(len(rows), dtype=bool)
    if rows.features is None:
        return [], is_new
    if rows.ids:
        is_new = ~np.isin(job.ledger.status(rows.ids), ["pending", "resolved"])
    else:  # nobody asks for them later
        job.ledger.max_pending = len(rows)
    chosen = is_new if is_wanted is None else is_new & is_wanted
    ids = [rows.ids[place] for place in np.flatnonzero(chosen)] if rows.ids else None
    return job.ledger.predict(rows.features[chosen], ids=ids)[0], is_new


def watch(X, job, *, some_lack_labels):
    """Show rows, as they come, to the triggers that need no labels.

    Once there were rows without labels, all come this way, and those with labels are not shown to
    these triggers again.
    """
    job.content["observes"] |= some_lack_labels
    if job.content["observes"]:
        job.model.observe(X)
