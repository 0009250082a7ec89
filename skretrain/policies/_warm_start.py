"""Go on learning from where the serving model stands."""

from collections.abc import Mapping

from ..buffers._base import part_of
from ..compose import Effort
from ..utils._losses import loss_per_row
from ..utils._params import check_flag, check_integer, check_number, refuse
from ._base import (
    BasePolicy,
    Candidate,
    refit_on_memory,
    with_all_classes,
    with_replay,
)


class WarmStart(BasePolicy):
    """Continue a copy of the serving model on the new rows.

    How depends on the base, or on the last step of a pipeline; see
    :func:`skretrain.compose.explain_plan`. With its own ``partial_fit`` it learns the batch.
    Forests and bagging rotate: the oldest members go, new ones grow on the rows of the present
    concept. Boosters add rounds up to a cap. Solvers with ``warm_start`` begin at the present
    coefficients; they get all rows of the present concept, because a solver that runs to
    convergence on the newest batch alone would forget everything else.

    Whether the model can follow is checked before anything is fitted: where it cannot (a new class,
    say, that it has no room for), a blank clone is refitted on all remembered rows instead, and
    the event says why.

    Parameters
    ----------
    n_passes : int, default=1
        How often ``partial_fit`` goes over the rows.
    steps : dict of {str: {"freeze", "preserve", "update", "refit"}} or None, default=None
        What becomes of the steps of a pipeline, where it is not to be what
        :func:`skretrain.compose.explain_plan` tells; keys are paths or patterns such as
        ``"prep__cat*"``.
    rate : float, default=0.1
        Members that an ensemble replaces, or rounds that a booster adds, per continuation, as a
        share of its ``n_estimators``; more than 0, at most 1.
    reheat : bool, default=False
        Whether the step size goes back to its initial value when an alarm is answered (SGD family
        and multi-layer perceptrons): a schedule that has cooled down adapts to nothing.
    guard : bool, default=True
        Whether a continued booster, and after an alarm a rotated forest, must beat a fresh fit
        before it serves, see Notes.

    Notes
    -----
    Continued boosting often fails under drift: the old trees remain, and the new ones spend
    themselves on undoing them. An alarm says the same of the trees that a rotation keeps. With
    `guard` the continuation and a fresh fit, on the same rows and
    as many remembered ones, are both made without the newest half of the batch and compared on it,
    by log loss, absolute error or novelty; whichever is better is fitted on all of the rows and
    proposed.

    Examples
    --------
    >>> from sklearn.linear_model import SGDClassifier
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.policies import WarmStart
    >>> X, y, _ = make_drifting_classification(1000, drift="stationary", random_state=0)
    >>> model = DriftAwareRetrainer(
    ...     SGDClassifier(random_state=0),
    ...     detector=None,
    ...     update=WarmStart(n_passes=2),
    ...     batch_size=100,
    ... ).fit(X, y)
    >>> model.events_.counts["updated"]
    9
    """

    continues = True

    def __init__(self, n_passes=1, *, steps=None, rate=0.1, reheat=False, guard=True):
        self.n_passes = n_passes
        self.steps = steps
        self.rate = rate
        self.reheat = reheat
        self.guard = guard

    def check(self, learner):
        """Raise for a parameter, or a base, that this policy cannot work with.

        Parameters
        ----------
        learner : Learner
            One that cannot be continued is refused.

        Raises
        ------
        ValueError
            Naming the parameter and the way out.
        """
        check_integer(self, "n_passes", least=1)
        if not isinstance(self.steps, Mapping | None):
            refuse(self, "steps", "a dict of {step: action}, or None")
        share = "the share of an ensemble that one continuation replaces or adds"
        check_number(self, "rate", above=0, most=1, what=share)
        for name in ("reheat", "guard"):
            check_flag(self, name)
        why_not = learner.plan(self.steps).why_not
        if why_not:
            raise ValueError(
                f"The base cannot continue: {why_not}. Use the policy 'full_refit' or "
                "'replay_mix', update=None, or wrap the estimator in ReplayPartialFit, which gives "
                "any estimator a partial_fit."
            )

    def propose(self, context):
        """Return a continuation of the serving model.

        Parameters
        ----------
        context : RetrainContext
            The serving model, the newest rows, the memory and the means to fit.

        Returns
        -------
        candidate : Candidate
            A fresh fit where the model cannot follow or a guarded continuation did worse: its note
            says why.
        """
        learner, effort = context.learner, self._effort(context)
        if learner.incremental and not context.alarm:
            window = context.batch
        else:
            window = context.window(since=context.since)
        rows = with_all_classes(window, context) if learner.needs_all_classes else window
        refusal = learner.refusal(context.champion, rows, effort=effort, steps=self.steps)
        if refusal:
            return refit_on_memory(context, refusal)
        reason, n_compared = "", 0
        if self._must_prove_itself(context):
            reason, n_compared = self._compared(context, window, effort)
        if reason:
            rows = with_all_classes(with_replay(window, context, 1.0), context)
            model = learner.fresh(rows, context.number)
            return Candidate(
                model, "replay_mix", len(rows.index), note=reason, n_rows_compared=n_compared
            )
        model = learner.continued(context.champion, rows, effort=effort, steps=self.steps)
        passes = self.n_passes if learner.incremental else 1
        n_fitted = passes * len(rows.index)
        return Candidate(
            model, "warm_start", n_fitted, from_scratch=False, n_rows_compared=n_compared
        )

    def _must_prove_itself(self, context):
        when = context.learner.guarded if self.guard else "never"
        return when == "always" or (when == "alarm" and context.alarm)

    def _effort(self, context):
        return Effort(self.n_passes, bool(self.reheat and context.alarm), self.rate)

    def _compared(self, context, window, effort):
        """Return why a fresh fit is better than the continuation, if it is, and the rows spent.

        The newest half of the batch is the part of the rows that the serving model has not learned.
        """
        learner = context.learner
        n_held = (len(context.batch.index) + 1) // 2
        past, held = part_of(window, slice(-n_held)), part_of(context.batch, slice(-n_held, None))
        if not len(past.index):
            return "the rows are too few to compare a continuation with a fresh fit", 0
        began = held.index[0]  # memory may hold these rows already: nobody may learn them yet
        mixed = with_all_classes(with_replay(past, context, 1.0), context, began)
        if learner.needs_all_classes:
            past = with_all_classes(past, context, began)
        refusal = learner.refusal(context.champion, past, effort=effort, steps=self.steps)
        if refusal:
            return refusal, 0
        continued = learner.continued(context.champion, past, effort=effort, steps=self.steps)
        fresh = learner.fresh(mixed, context.number)
        old, new = (loss_per_row(model, held.X, held.y).mean() for model in (continued, fresh))
        reason = ""
        if new < old:
            losses = f"a fresh fit lost {new:.3g} per row, the continued {old:.3g}"
            reason = f"on {n_held} held-out rows {losses}"
        return reason, len(past.index) + len(mixed.index)
