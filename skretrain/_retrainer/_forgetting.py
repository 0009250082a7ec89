"""What an update or a retrain costs on the rows that the buffer withholds from learning."""

import numpy as np

from ..buffers._base import part_of


def anchor_losses(state, before, n_new):
    """Return what the model that serves loses on the anchor, beside the one before it.

    Parameters
    ----------
    state : State
        What the retrainer has learned.
    before : Serving
        The version before a change.
    n_new : int
        Rows of the newest batch, which are left out: they are no part of the past.

    Returns
    -------
    evidence : dict
        ``anchor_loss_before`` and ``anchor_loss``; ``anchor_rows``, how many of its rows
        count, and ``anchor_stale``, how many of these came before the last located change. Empty
        without an anchor, or while none of its rows counts.
    """
    rows = state.parts.buffer.anchor_
    rows = part_of(rows, slice(int(rows.index.searchsorted(state.log.n_seen - n_new))))
    if not len(rows.index):
        return {}
    uncounted = state.parts.learner.uncounted(rows)
    pair = [
        state.scorer.losses(one.model, one.readable(rows.X), rows.y, uncounted)[1]
        for one in (before, state.serving)
    ]
    counts = np.ones(len(rows.index), dtype=bool) if uncounted is None else ~uncounted
    if any(loss is None for loss in pair) or not counts.any():
        return {}  # there is a model that does not say how unusual a row is, or nothing to score
    was, now = (float(loss[counts].mean()) for loss in pair)
    return {
        "anchor_loss_before": was,
        "anchor_loss": now,
        "anchor_rows": int(counts.sum()),
        "anchor_stale": int((rows.index[counts] < state.concept.start).sum()),
    }


def about_forgetting(evidence, tolerance, row):
    """Return what to tell of a change that costs the anchor more than is tolerated, or nothing."""
    if tolerance is None or not evidence:
        return ""
    was, now = evidence["anchor_loss_before"], evidence["anchor_loss"]
    if not now - was > tolerance:
        return ""
    return (
        f"What was learned by row {row} costs on the anchor: the mean loss on "
        f"{evidence['anchor_rows']} rows that were never learned rose from {was:.3g} to {now:.3g}, "
        f"more than anchor_tolerance={tolerance!r}. {evidence['anchor_stale']} of them came before "
        "the last located change."
    )
