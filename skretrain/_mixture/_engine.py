"""What a mixture has learned, and the one way in which it changes: it knows members, no API."""

from collections import deque
from functools import partial
from itertools import compress
from typing import Any, NamedTuple

import numpy as np

from ..exceptions import UpdateFailedWarning
from ..utils._containers import concat_rows, copy_rows
from ..utils._labels import is_flat, spread, union_of_labels, unseen_labels
from ..utils._plain import Plain
from ..utils._sklearn_api import predict_of, predict_proba_of
from ..utils._warn import warn_user
from ._gains import Closeness, RightAnswers
from ._recalibration import EVERY, Recalibration, is_turn

_MAX_HISTORY = 10_000
# A member without weight has its turn with every tenth batch: it may have become the best.
_LONGEST_WAIT = 10
# Under a budget, members below this weight are not asked: together they could hardly change a mean.
_LEAST_WEIGHT = 0.02
# Predictions may leave the range of the remembered targets by this part of it.
_MARGIN = 0.5


class Mix(NamedTuple):
    """What ``predict`` reads: replaced as a whole, in one assignment."""

    weights: np.ndarray  # of each member, 0 for who is not asked
    servings: tuple  # of each member, None for who is blank
    classes: np.ndarray | None
    limits: tuple | None  # between which a regressor predicts
    recalibration: Recalibration | None  # of the probabilities of a classifier

    def proba(self, X):
        """Return the weighted mean of the class probabilities, recalibrated."""
        return self.recalibration.applied(self.votes(X))

    def votes(self, X):
        """Return the weighted mean of the class probabilities."""
        asked = self._asked()
        votes = [self._votes(self.servings[n], X) for n in asked]
        return weighted_mean(votes, self.weights[asked])

    def _votes(self, serving, X):
        model, X = serving.model, serving.readable(X)
        if hasattr(model, "predict_proba"):
            votes = serving.spread(predict_proba_of(model, X), 0.0)
        else:
            votes = (np.asarray(predict_of(model, X))[:, None] == serving.classes).astype(
                np.float64
            )
        return spread(votes, serving.classes, self.classes, 0.0)

    def values(self, X):
        """Return the weighted mean of the predictions of regressors."""
        asked = self._asked()
        predicted = [
            predict_of(self.servings[n].model, self.servings[n].readable(X)) for n in asked
        ]
        return self.mean_of(predicted, self.weights[asked])

    def mean_of(self, predicted, weights):
        """Return the weighted mean of predictions, none of them beyond the limits."""
        predicted = [np.clip(np.ravel(values), *self.limits) for values in predicted]
        return weighted_mean(predicted, weights)

    def _asked(self):
        return np.flatnonzero(self.weights)


def weighted_mean(outputs, weights):
    """Return the weighted mean over the first axis; what is not a number has no weight."""
    outputs = np.stack(outputs)
    missing = np.isnan(outputs)
    if not missing.any():
        return np.tensordot(weights, outputs, 1)
    weights = weights.reshape(-1, *[1] * (outputs.ndim - 1)) * ~missing
    with np.errstate(invalid="ignore"):  # where nobody has an answer, the mean has none either
        return (weights * np.where(missing, 0.0, outputs)).sum(axis=0) / weights.sum(axis=0)


class Turns(Plain):
    """Whose turn it is to learn, where not everybody may with every batch.

    A batch earns a member `budget` times the number of members times its weight, but not more than
    one turn. Whoever has earned a whole turn learns, from all batches since the last one. With
    every batch somebody learns, and everybody at least with every tenth. A budget of None or 1 is
    no limit: everybody learns with every batch.
    """

    def __init__(self, n_members, budget):
        self.budget = budget
        self.limited = budget is not None and budget < 1
        self.credit = np.arange(n_members) / n_members  # so that they do not learn all at once
        self.waited = np.zeros(n_members, dtype=np.int64)

    def due(self, weights):
        """Return a mask of who learns from the coming batch; nothing changes."""
        if not self.limited:
            return np.ones(len(weights), dtype=bool)
        credit = self._credit_after(weights)
        due = (credit >= 1) | (self.waited + 1 >= _LONGEST_WAIT)
        due[np.argmax(credit)] = True
        return due

    def take(self, weights, due):
        """Count the turns that were taken."""
        if self.limited:
            credit = self._credit_after(weights)
            self.credit = np.where(due, np.maximum(credit - 1, 0), credit)
            self.waited = np.where(due, 0, self.waited + 1)

    def _credit_after(self, weights):
        return self.credit + np.minimum(1, self.budget * len(weights) * weights)


class Batch(NamedTuple):
    """A batch in the form in which members take it."""

    X: Any
    y: np.ndarray
    params: dict  # of the call, before any routing
    weight_names: tuple = ("sample_weight",)  # under which members take the weight of a row

    def after(self, others):
        """Return the rows of other batches, followed by those of this one."""
        if not others:
            return self
        parts = [*others, self]
        names = set().union(*(part.params for part in parts))
        params = {name: np.concatenate([part._column(name) for part in parts]) for name in names}
        X, y = concat_rows([p.X for p in parts]), np.concatenate([p.y for p in parts])
        return self._replace(X=X, y=y, params=params)

    def _column(self, name):
        """Return one kind of metadata; as in the memory, a missing ``sample_weight`` is 1."""
        if name in self.weight_names and name not in self.params:
            return np.ones(len(self.y))
        return self.params[name]

    def copied(self):
        """Return a batch that no later write of the caller reaches."""
        params = {name: np.array(values) for name, values in self.params.items()}
        return self._replace(X=copy_rows(self.X), y=np.array(self.y), params=params)

    @property
    def weight(self):
        """How much each row counts."""
        given = [self.params[name] for name in self.weight_names if name in self.params]
        return np.asarray(given[0], dtype=np.float64) if given else np.ones(len(self.y))


class Tested(NamedTuple):
    """A member's predictions of a batch, and what it takes to let it learn; nothing changed yet."""

    member: Any
    examination: Any
    note: str | None = None  # why it does without the batches that waited for its turn

    def learn(self):
        """Let the member learn, and return what it raised: the others learn all the same."""
        try:
            self.member._learn(self.examination)
        except Exception as error:
            return error
        return None


class MixEngine(Plain):
    """The members of a mixture, their weights, and the one way in which all of it changes.

    Parameters
    ----------
    names : list of str
        Of the members.
    members : list of BaseRetrainer
        Blank clones that belong to the mixture.
    shares : FixedShare
        Their weights.
    turns : Turns
        Who learns when.
    is_classifier : bool
        Else it is a regressor.
    semi_supervised : bool, default=False
        Whether -1 says that a row has no label.
    """

    n_before = 0  # of what was saved before it was counted

    def __init__(self, names, members, shares, turns, *, is_classifier, semi_supervised=False):
        self.names = names
        self.members = members
        self.shares = shares
        self.turns = turns
        self.is_classifier = is_classifier
        self.semi_supervised = semi_supervised
        self.waiting = [[] for _ in members]  # batches that each has still to learn from
        self.classes = None  # declared, seen or fitted
        self.param_names = None  # of the metadata of the last batch
        self.gain = RightAnswers() if is_classifier else Closeness()
        self.recalibration = Recalibration() if is_classifier else None
        self.n_seen = 0
        self.n_tested = 0  # batches
        self.history = deque(maxlen=_MAX_HISTORY)
        self.mix = None
        self.n_before = 0  # versions that members had gone through when the first mix came

    @property
    def version(self):
        """How many mixes have served, this one included; other weights make no other mix."""
        return _n_versions(self.mix.servings) - self.n_before

    def fit(self, batch, params_of, each, watched):
        """Fit every member on the same rows; ``watched(name, number, member)`` is around it."""

        def fit_one(number):
            params, member = params_of(number, batch.params), self.members[number]
            with watched(f"fit {self.names[number]}", number, member):
                member.fit(batch.X, batch.y, **params)

        each(fit_one, range(len(self.members)))
        self.gain.take_in(*_evidence(batch, self._counts(batch)))
        self._count(batch, self._labels_of(batch, None))
        self._serve()

    def step(self, batch, classes, params_of, each):
        """Test the members on a batch, weigh them by the outcome, and let those due learn.

        Everything that may be wrong with the input raises before anything changes.

        Parameters
        ----------
        batch : Batch
            The newest rows.
        classes : array-like or None
            Labels that the caller announces.
        params_of : callable
            ``params_of(number, params)`` routes metadata to a member.
        each : callable
            ``each(call, items)`` returns the list of ``call(item)``, in parallel or not.
        """
        labels = self._labels_of(batch, classes)
        due = self._due(batch, labels)
        numbers = range(len(self.members))
        tested = each(lambda n: self._test(n, due[n], batch, classes, params_of), numbers)
        waited = [list(waiting) for waiting in self.waiting]
        seen = [member.__dict__.get("_cycle") and member.n_samples_seen_ for member in self.members]
        n_seen = self.n_seen
        books = [(one, dict(one.__dict__)) for one in (self, self.gain, self.shares, self.turns)]
        try:
            self._weigh(batch, due, [test.examination.batch.y_pred for test in tested])
            self._count(batch, labels)
            self._let_wait(batch, due)
            failures = each(Tested.learn, [tested[n] for n in np.flatnonzero(due)])
        except BaseException:
            if self.n_seen == n_seen:  # nobody has learned: the batch may be sent again
                for one, before in books:
                    one.__dict__.update(before)
            else:
                self._serve()
                self._keep_waiting(batch, waited, seen)
            raise
        self._serve()
        failures = [failure for failure in failures if failure is not None]
        if failures:
            self._keep_waiting(batch, waited, seen)
            raise failures[0]
        for test in tested:  # last, because a filter may turn the warning into an error
            if test.note:
                warn_user(test.note, UpdateFailedWarning)

    def _keep_waiting(self, batch, waited, seen):
        """After an error: who has not seen the batch, nor those before it, has it to come."""
        for n, member in enumerate(self.members):
            has_seen = member.__dict__.get("_cycle") and member.n_samples_seen_
            if has_seen == seen[n]:
                self.waiting[n] = [*waited[n], batch.copied()]

    def observe(self, X):
        """Show rows without labels to the members that serve; all are examined before any sees."""
        ready = [member for member in self.members if member._snapshot is not None]
        examined = [member._examine_unlabelled(X) for member in ready]
        errors = []
        for member, rows in zip(ready, examined, strict=True):
            try:
                member._observe(rows)
            except Exception as error:  # the others see the rows all the same
                errors.append(error)
        if errors:
            raise errors[0]

    # -- whose turn it is ----------------------------------------------------------------------

    def _due(self, batch, labels):
        """Return a mask of who learns now: everybody, where the batch brings something new."""
        usual = self.param_names == set(batch.params)
        fitted = all(member.__sklearn_is_fitted__() for member in self.members)
        if usual and fitted and not (len(labels) and len(unseen_labels(labels, self.classes))):
            return self.turns.due(self.shares.weights)
        return np.ones(len(self.members), dtype=bool)

    def _let_wait(self, batch, due):
        kept = None if due.all() else batch.copied()
        for waiting, learns in zip(self.waiting, due, strict=True):
            if learns:
                waiting.clear()
            else:
                waiting.append(kept)

    # -- testing and weighing ------------------------------------------------------------------

    def _test(self, number, is_due, batch, classes, params_of):
        """Let a member predict the batch, after those that it has still to learn from."""
        member, waiting = self.members[number], self.waiting[number]

        def examine(rows):
            params = params_of(number, rows.params)
            return Tested(member, member._examine(rows.X, rows.y, classes, params))

        if not is_due or not waiting:
            return examine(batch)
        try:
            return examine(batch.after(waiting))
        except MemoryError:
            raise  # the batch may be sent again
        except Exception as error:
            # Each of them was accepted as it came. If the newest is, too, they do not go together,
            # and nobody can take back those that waited: the member does without them.
            note = (
                f"{self.names[number]!r} cannot learn from batches that waited for its turn; the "
                f"batches are dropped: {type(error).__name__}: {error}"
            )
            return examine(batch)._replace(note=note)

    def _weigh(self, batch, due, tested):
        """Reward the members for what they would have predicted, and count the turns."""
        before, counted = self.shares.weights, self._counts(batch)
        y, weight = _evidence(batch, counted)
        if self.mix is not None and len(y):
            told = [None if y_pred is None else y_pred[-len(batch.y) :] for y_pred in tested]
            if self.is_classifier and is_turn(self.n_tested):
                self._recalibrate(batch.X, told, y, weight, counted)
            self.n_tested += 1
            self._reward(told, y, weight, counted)
        self.gain.take_in(y, weight)
        self.turns.take(before, due)

    def _reward(self, told, y, weight, counted):
        answered = np.array([y_pred is not None for y_pred in told])
        if not answered.any():
            return
        trust = self.shares.weights[answered]
        mean_of = partial(self.mix.mean_of, weights=trust / trust.sum())
        newest = [y_pred[counted] for y_pred in told if y_pred is not None]
        counts = weight * self.gain.counting(y)
        lost = self.gain.losses(y, newest, mean_of)
        found = [1 - np.average(rows, weights=counts) for rows in lost]
        # Whoever cannot answer is neither rewarded nor punished.
        gains = np.full(len(answered), np.average(found, weights=trust))
        gains[answered] = found
        self.shares.update(gains, len(y))

    def _recalibrate(self, X, told, y, weight, counted):
        """Let the probabilities follow what came of those that were served."""
        if any(told[n] is None for n in np.flatnonzero(self.mix.weights)):
            return  # who cannot read the rows has no probabilities for them
        try:
            votes, classes = self.mix.votes(X)[counted], self.mix.classes
        except MemoryError:
            raise
        except Exception:  # nobody is to stop learning for that; who asks for them will be told
            return
        known = np.isin(y, classes) & np.isfinite(votes).all(axis=1)
        places, weight = np.searchsorted(classes, y[known]), EVERY * weight[known]
        self.recalibration = self.recalibration.after(votes[known], places, weight)

    # -- service -------------------------------------------------------------------------------

    def _labels_of(self, batch, announced):
        """Return the labels of the rows that count, and those that the caller announces."""
        if not self.is_classifier:
            return ()
        labels = np.unique(batch.y[self._counts(batch)])
        if announced is None or not is_flat(announced):
            return labels
        return union_of_labels(labels, announced)

    def _counts(self, batch):
        """Return which rows are evidence: those with a weight and a label."""
        counts = batch.weight != 0
        return counts & (batch.y != -1) if self.semi_supervised else counts

    def _count(self, batch, labels):
        self.param_names = set(batch.params)
        if self.is_classifier:
            self.classes = union_of_labels(self.classes, labels)
        self.n_seen += len(batch.y)  # from here on, the batch is not to be sent again

    def _serve(self):
        """Put the present models and weights into service."""
        servings = [member._snapshot for member in self.members]  # some may be blank yet
        ready = np.array([serving is not None for serving in servings])
        if not ready.any():
            return
        weights = np.where(ready, self.shares.weights, 0.0)
        weights /= weights.sum()
        weights.setflags(write=False)  # it is handed out, and part of the history
        self.history.append((self.n_seen, weights))
        if self.is_classifier:
            for serving in compress(servings, ready):
                self.classes = union_of_labels(self.classes, serving.classes)
        limits = None if self.is_classifier else self._limits(servings)
        if self.turns.limited:
            weights = np.where(weights >= min(_LEAST_WEIGHT, weights.max()), weights, 0.0)
            weights /= weights.sum()
        if self.mix is None:
            self.n_before = _n_versions(servings) - 1
        self.mix = Mix(weights, tuple(servings), self.classes, limits, self.recalibration)

    def _limits(self, servings):
        """Return the range of the targets that those who serve remember, somewhat widened."""
        pairs = zip(self.members, servings, strict=True)
        remembered = [member.buffer_.y for member, serving in pairs if serving is not None]
        least = min(y.min() for y in remembered)
        most = max(y.max() for y in remembered)
        margin = _MARGIN * (float(most) - float(least))
        return float(least) - margin, float(most) + margin


def _n_versions(servings):
    """Return how many models have come into service, of all members together."""
    return sum(serving.version for serving in servings if serving is not None)


def _evidence(batch, counted):
    """Return the targets that are evidence, and as how many rows each counts, 1 in the mean."""
    y, weight = batch.y[counted], batch.weight[counted]
    if not len(y):
        return y, weight
    weight = weight / weight.max()  # or the sum may overflow
    return y, weight / weight.mean()
