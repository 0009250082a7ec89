"""Go on learning from where the serving model stands."""

from ._base import BasePolicy, Candidate, check_positive_integer, refit_on_memory


class WarmStart(BasePolicy):
    """Continue a copy of the serving model on the new rows.

    The base's own ``partial_fit`` is used where it has one. Else its own ``warm_start``: then the
    rows of the present concept are fitted, beginning at the present coefficients, because a solver
    that runs to convergence on the newest batch alone would forget everything else.

    Whether the model can follow is checked before anything is fitted: where it cannot (a new class,
    say), a blank clone is refitted on all remembered rows instead, and the event says why.

    Parameters
    ----------
    n_passes : int, default=1
        How often ``partial_fit`` goes over the rows.
    reheat : bool, default=False
        Whether the step size goes back to its initial value when an alarm is answered (SGD family
        and multi-layer perceptrons): a schedule that has cooled down adapts to nothing.

    Examples
    --------
    >>> from sklearn.linear_model import SGDClassifier
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.policies import WarmStart
    >>> X, y, _ = make_drifting_classification(1000, drift="stationary", random_state=0)
    >>> model = DriftAwareRetrainer(
    ...     SGDClassifier(random_state=0), update=WarmStart(n_passes=2), batch_size=100
    ... ).fit(X, y)
    >>> model.events_.counts["updated"]
    9
    """

    continues = True

    def __init__(self, n_passes=1, *, reheat=False):
        self.n_passes = n_passes
        self.reheat = reheat

    def check(self, learner):
        check_positive_integer(self, "n_passes")
        if learner.means is None:
            raise ValueError(
                f"The base cannot continue: {learner.why_not}. Use the policy 'full_refit' or "
                f"'replay_mix', "
                "update=None, or wrap the estimator in ReplayPartialFit, which gives any "
                "estimator a "
                "partial_fit."
            )

    def propose(self, context):
        learner = context.learner
        if learner.means == "partial_fit" and not context.alarm:
            rows = context.batch
        else:
            rows = context.window(since=context.since)
        refusal = learner.refusal(context.champion, rows, context.classes)
        if refusal:
            return refit_on_memory(context, refusal)
        model = learner.continued(
            context.champion, rows, n_passes=self.n_passes, reheat=self.reheat and context.alarm
        )
        passes = self.n_passes if learner.means == "partial_fit" else 1
        return Candidate(model, "warm_start", passes * len(rows.index))
