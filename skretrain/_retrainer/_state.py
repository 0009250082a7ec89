"""What a retrainer has learned, and the few moves that all parts of its cycle share."""

from dataclasses import replace

import numpy as np

from ..buffers import Memory
from ..buffers._base import has_come, part_of
from ..compose._freeze import holding
from ..drift._rare import rare_labels, watch_rare
from ..policies import RetrainContext, Served
from ..utils._containers import ColumnTypes
from ..utils._costs import thread_counts
from ..utils._plain import Plain
from ..utils._sklearn_api import predict_proba_of
from ._concept import Concept, n_rows_since
from ._forgetting import about_forgetting, anchor_losses
from ._labels import Labels
from ._log import Log, because
from ._scoring import Scorer
from ._service import Previous, Service
from ._trials import Trials

_MOST_NAMED = 5
_N_PAST = 4  # models kept for a trigger that compares with them


class State(Plain):
    """The learned state of a retrainer.

    Parameters
    ----------
    parts : Parts
        Learner, trigger (or None), policy, update (or None), buffer and gate.
    settings : Settings
        What else it was told.
    max_events : int
        Notable events that the log keeps.

    Attributes
    ----------
    cause : Cause or None
        Of a retrain that is due and could not be carried out yet.
    pending : Pending or None
        The job that was handed out.
    late : set of str
        Keys of jobs that are out and whose place others took.
    untaught : dict
        Labels that a refit did not teach its model, and the rows seen by then.
    n_alarms, n_refits : int
        Alarms, and retrains that were promoted.
    forgotten : str
        What to tell of the last change, if it costs too much on the anchor.
    n_observed : int or None
        Rows without labels; None until there are any.
    y_ndim : int or None
        Dimensions of the targets seen.
    dtype : numpy.dtype or None
        Of the rows of the first fit, if they are an array.
    """

    def __init__(self, parts, settings, max_events):
        self.parts = parts
        self.settings = settings
        learner = parts.learner
        needs = frozenset() if parts.trigger is None else parts.trigger.needs
        self.scorer = Scorer(settings.task, needs)
        self.labels = Labels(learner.estimator, settings.task, grow=settings.grow_classes)
        self.service = Service()
        if "past_loss" in needs:
            self.service.n_past = _N_PAST
        is_regression = settings.task == "regression"
        self.trials = Trials(parts.gate, learner, is_regression=is_regression)
        parts.gate.check(learner, parts.buffer)
        self.concept = Concept()
        self.log = Log(self.service, max_events, raise_failures=settings.raise_failures)
        self.cause = None
        self.pending = None
        self.late = set()
        self.untaught = {}
        self.n_alarms = 0
        self.n_refits = 0
        self.forgotten = ""
        self.n_observed = None
        self.y_ndim = None
        self.dtype = None

    @property
    def serving(self):
        """What ``predict`` reads: one snapshot, or None before the first fit."""
        return self.service.serving

    def scored(self, rows, *, start):
        """Return what the serving model makes of rows with labels."""
        uncounted = self.parts.learner.uncounted(rows)
        past = self.service.past
        return self.scorer.labelled(self.serving, rows, uncounted, start=start, past=past)

    def watch_rare(self, rows):
        """Watch the rare classes of the first rows apart, and return the sentence that says so.

        Only if nobody chose the trigger: whoever did has decided what it looks at.
        """
        y = self.parts.learner.targets_of(rows)
        if not self.settings.watches_rare or not self.labels.are_flat(rows.y):
            return ""
        rare = rare_labels(y)
        if not rare:
            return ""
        has_proba = self._gives_proba(rows)
        trigger = watch_rare(self.parts.trigger, rare, has_proba)
        self.parts = self.parts._replace(trigger=trigger)
        self.scorer.needs = trigger.needs
        named = ", ".join(map(str, rare[:_MOST_NAMED])) + ", ..." * (len(rare) > _MOST_NAMED)
        return f"rare classes are watched apart: {named}"

    def _gives_proba(self, rows):
        """Tell whether the serving model gives probabilities: some have the method, and raise."""
        model, few = self.serving.model, part_of(rows, slice(1))
        try:
            return np.shape(predict_proba_of(model, few.X)) == (1, len(model.classes_))
        except Exception:
            return False

    def show_labels(self):
        """Let the serving model show the labels that are known by now.

        Only once the batch that brought them is dealt with: a reader sees the old model with the
        old columns or the new one with the new ones.
        """
        known, serving = self.labels.classes, self.serving
        if serving is not None and known is not None and serving.classes is not known:
            model = serving.model
            self.service.replace(model, self.labels.served_with(model))

    def learnable(self, rows):
        """Return the rows of a batch that may be learned: the buffer withholds the others."""
        if not self.parts.buffer.anchor:
            return rows
        withheld = self.parts.buffer.withheld(rows.index)
        return part_of(rows, np.flatnonzero(~withheld)) if withheld.any() else rows

    def cost_on_anchor(self, before, n_new):
        """Return what the model that serves loses on the rows withheld, beside the one before it.

        Parameters
        ----------
        before : Serving
            The version before the change.
        n_new : int
            Rows of the newest batch. Those of the anchor among them are no part of the past.

        Returns
        -------
        evidence : dict
            For the event; empty where nothing is withheld.
        """
        if not self.parts.buffer.anchor:
            return {}
        what = "the comparison on the anchor"
        evidence = self.log.guarded(what, anchor_losses, self, before, n_new) or {}
        tolerance = self.parts.buffer.anchor_tolerance
        self.forgotten = about_forgetting(evidence, tolerance, self.log.n_seen) or self.forgotten
        return evidence

    def lacked_by(self, model, rows):
        """Return the labels of rows that count, and that a model does not know."""
        return self.labels.lacked_by(model, self.parts.learner.targets_of(rows))

    def context(self, rows, champion, learner, cause=None):
        """Return what a policy may look at."""
        since = None if cause is None else cause.since
        return RetrainContext(
            learner=holding(learner, champion),
            champion=champion,
            batch=self.learnable(rows),
            memory=Memory(self.parts.buffer),
            since=self.concept.start if since is None else since,
            alarm=cause is not None and cause.answers_alarm,
            on_schedule=cause is not None and cause.on_schedule,
            classes=self.labels.classes,
            number=self.log.n_fits,
            seed=(self.settings.seed, self.log.n_seen),
            unseen_from=self._unseen_from,
        )

    @property
    def _unseen_from(self):
        """First stream row that the serving model has not learned."""
        return self.serving.row if self.parts.update is None else self.log.n_seen

    def remember(self, rows):
        """Put a batch into memory, and count its rows."""
        buffer, start = self.parts.buffer, self.log.n_seen
        if not has_come(buffer, start):  # by a call that was interrupted
            self.log.guarded("the buffer", buffer.add, rows.X, rows.y, rows.params, start)
        self._note_types(rows.X)
        self.log.n_seen += len(rows.index)
        self.y_ndim = None if rows.y is None else rows.y.ndim

    def make_good(self, rows, before):
        """After an interrupt: count and remember a batch, unless that is done already.

        Parameters
        ----------
        rows : Rows
            The batch.
        before : int
            Rows seen before it.
        """
        if self.log.n_seen == before:
            self.remember(rows)

    def _note_types(self, X):
        """Let later rows come in the types of these, which the border has aligned."""
        types = self.service.types
        if types is not None:
            self.service.types = types.after(X)
        elif not isinstance(X, np.ndarray):
            self.service.types = ColumnTypes.of([X])

    def check_codes(self, rows):
        """Raise ValueError for levels that the serving model would take for others.

        In a dry run, where it does not learn them and is shown its own, they are told once.
        """
        types = self.service.types if self.settings.dry_run else self.serving.types
        recoded = types.recoded(rows.X) if types is not None and types.coded else ()
        if recoded:
            raise ValueError(
                f"the levels of {recoded} have other codes from now on: they were numbers and are "
                "text, or a new one stands between them."
            )

    def settle(self, verdict, event):
        """Carry out the gate's verdict, if there is one, and record the one event of this call."""
        if verdict is None or verdict.decision == "wait":
            return self.log.add(event)
        challenger = self.trials.withdraw()
        cause = challenger.cause
        action, cost = "rejected", {}
        if verdict.decision == "promote":
            action = "suggested" if self.settings.dry_run else "retrained"
        if action == "retrained":
            before = self.serving
            self._promote(challenger)
            cost = self.cost_on_anchor(before, event.n_rows)
        elif cause.since == self.concept.start:
            self.concept.n_known = challenger.n_known
        failure = event.reason if event.action == "failed" else ""
        event = replace(
            event,
            action=action,
            since=cause.since,
            reason=because(cause.reason, challenger.note, verdict.reason, failure),
            kind=challenger.fit.kind,
            from_scratch=challenger.from_scratch,
            version=self.service.version,
            threads=thread_counts(),
            evidence=verdict.evidence | cost,
        )
        if action == "retrained":
            self.announce(before, event)
        return self.log.add(event)

    def _promote(self, challenger):
        model, cause = challenger.model, challenger.cause
        shown = self.labels.served_with(model)
        before = self.service.promote(model, shown, challenger.types, challenger.fit.row)
        if self.parts.gate.watches:
            self.service.previous = Previous(before, self.concept.start, self.log.n_seen)
            self.log.guarded("the gate", self.parts.gate.begin_watch)
        self.n_refits += 1
        for label in self.labels.lacking(model, cause.labels):
            self.untaught[label] = self.log.n_seen
        start, n_known = cause.since, challenger.n_known
        if not cause.answers_alarm and start < self.concept.start:
            # While it waited, an alarm was answered by keeping the model: it knows nothing since.
            start, n_known = self.concept.start, max(challenger.fit.row - self.concept.start, 0)
        self.concept.begin(start, n_known, answers_alarm=cause.answers_alarm)
        self.tell_trigger(challenger.fit, answered=cause.answers_alarm)
        answered, evidence = cause.answers_alarm, challenger.evidence
        self.tell_policies(challenger.fit.kind, answered=answered, evidence=evidence)

    def announce(self, before, event):
        """Tell the listeners which version serves now, which one did before, and why."""
        for listener in self.service.listeners:
            self.log.guarded("a listener", listener, self.serving, before, event)

    def replace_unwatched(self, model, record, n_known):
        """Promote a model that passed no gate, and return what served before.

        It cannot be compared with that.
        """
        shown = self.labels.served_with(model)
        before = self.service.promote(model, shown, self.service.types, record.row)
        self.service.previous = None
        self.n_refits += 1
        self.concept.n_known = n_known
        self.tell_trigger(record, answered=False)
        self.tell_policies(record.kind, answered=False)
        return before

    def tell_trigger(self, record, *, answered):
        """Let the trigger hear of a fit."""
        trigger = self.parts.trigger
        if trigger is None:
            return

        def tell():
            reference = None
            if trigger.needs_reference:
                rows = self.parts.buffer.since(self.concept.start)
                _, reference = self.scored(rows, start=int(rows.index[0]))
            trigger.after_fit(record, reference, answered)

        self.log.guarded("the trigger", tell)

    def tell_policies(self, kind, *, answered, evidence=None):
        """Let the policies take note of the model that serves, before it learns on."""
        buffer, start = self.parts.buffer, self.concept.start
        served = Served(
            model=self.serving.model,
            kind=kind,
            since=start,
            n_known=self.concept.n_known,
            n_since=n_rows_since(buffer, start, self.log.n_seen),
            unseen_from=self._unseen_from,
            alarm=answered,
            memory=Memory(buffer),
            learner=self.parts.learner,
            evidence=evidence,
        )
        for policy in filter(None, (self.parts.policy, self.parts.update)):
            self.log.guarded("the policy", policy.after_retrain, served)
