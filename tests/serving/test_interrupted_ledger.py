"""A call of PendingLabels that is interrupted at any line was made as a whole or not at all."""

import pickle
from itertools import count, product

import numpy as np
import pandas as pd
import pytest
from helpers import representatives
from interrupting import Lines
from sklearn.base import BaseEstimator, ClassifierMixin

from skretrain.serving import PendingLabels

pytestmark = pytest.mark.no_cover  # lines are traced

N = 32


class Sign(ClassifierMixin, BaseEstimator):
    """Predict whether the first cell is positive; learns nothing."""

    def predict(self, X):
        return (np.asarray(X)[:, 0] > 0).astype(int)


ROWS = np.random.default_rng(0).normal(size=(N, 2))
LABELS = np.random.default_rng(1).integers(2, size=N)
NAMES = [f"row {k}" for k in range(N)]


def predict(ledger, start, stop, own_ids):
    """Predict arrays under the ledger's numbers, or frames under ids of one's own."""
    rows = ROWS[start:stop]
    if own_ids:
        return ledger.predict(pd.DataFrame(rows, columns=["a", "b"]), ids=NAMES[start:stop])
    return ledger.predict(rows)


def names(numbers, own_ids):
    return [NAMES[k] for k in numbers] if own_ids else list(numbers)


def resolve(ledger, numbers, own_ids, labels=LABELS):
    numbers = list(numbers)
    return ledger.resolve(names(numbers, own_ids), labels[numbers], weighted=True)


def begun(own_ids):
    """Return a ledger that is full, has resolved rows, dropped some and gave up others."""
    ledger = PendingLabels(Sign(), max_pending=8)
    for start in (0, 6, 12):
        ledger.expire(5)
        predict(ledger, start, start + 6, own_ids)
        resolve(ledger, range(start, start + 3), own_ids)
    return ledger


CALLS = {
    # Drops the oldest and forgets resolved ones; more than may wait at once.
    "predict": lambda ledger, own_ids: predict(ledger, 18, 27, own_ids),
    # New, the same again, corrected, and one of two labels.
    "resolve": lambda ledger, own_ids: resolve(
        ledger, [16, 12, 17, 16, 13], own_ids, np.where(np.arange(N) == 13, 1 - LABELS, LABELS)
    ),
    "expire": lambda ledger, own_ids: ledger.expire(3),
}


def told(ledger, own_ids):
    """Return all that a ledger tells."""
    delays, events = ledger.delays_, ledger.events_
    status = ledger.status(names(range(N), own_ids)).tolist()
    waiting, shares = ledger.pending_ids_.tolist(), delays.shares.tolist()
    books = (ledger, len(ledger), ledger.score_, ledger.arrivals_, delays.ages.tolist(), shares)
    return repr((status, waiting, *books, list(events), events.counts, events.totals))


def rest(ledger, own_ids):
    """Go on, and return what comes out."""
    held = np.flatnonzero(ledger.status(names(range(N), own_ids)) == "resolved")
    out = [resolve(ledger, held, own_ids, 1 - LABELS)]
    predict(ledger, 27, 32, own_ids)
    out.append(ledger.resolve(ledger.pending_ids_, LABELS[: len(ledger)]))
    return [np.asarray(part).tolist() for X, y, _ in out for part in (X, y)]


@pytest.mark.parametrize(
    ("name", "own_ids"),
    representatives(
        product(CALLS, [False, True]),
        fast=[("predict", False), ("resolve", True), ("expire", False)],
    ),
)
def test_wherever_an_interrupt_comes_the_books_are_those_before_or_those_after(name, own_ids):
    """And after the call is made again, if nothing of it was done, nobody sees a difference."""
    call, whole = CALLS[name], pickle.dumps(begun(own_ids))
    before, twin = pickle.loads(whole), pickle.loads(whole)
    call(twin, own_ids)
    at_first, at_last = told(before, own_ids), told(twin, own_ids)
    assert at_first != at_last
    end = (rest(twin, own_ids), told(twin, own_ids))
    n_done = 0
    for line in count(step=5 if own_ids else 1):  # frames take their time
        ledger, lines = pickle.loads(whole), Lines(line)
        try:
            with lines.watched():
                call(ledger, own_ids)
        except KeyboardInterrupt:
            now = told(ledger, own_ids)
            assert now in (at_first, at_last), lines.where
        else:
            break  # all lines were tried
        n_done += now == at_last
        if now == at_first:
            call(ledger, own_ids)
        if line % 5 == 0:
            assert (rest(ledger, own_ids), told(ledger, own_ids)) == end, lines.where
    assert line > 200
    assert 0 < n_done < line
