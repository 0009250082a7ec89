"""Learn from new rows mixed with remembered ones."""

from ..compose import Effort
from ..utils._params import check_integer, check_number
from ._base import (
    BasePolicy,
    Candidate,
    refit_on_memory,
    with_all_classes,
    with_replay,
)


class ReplayMix(BasePolicy):
    """Learn from the new rows together with a sample of the remembered ones.

    New rows are the newest batch, or, when an alarm is answered, all rows since the located change.
    To each of them come `ratio` older rows, drawn without replacement from the memory: rehearsal
    against forgetting [1]_. A new row is never replayed in its own step.

    On a base with ``partial_fit`` a copy of the serving model continues on the mix; on any other, a
    blank clone is fitted on it. A class that such a mix lacks is topped up as in
    :class:`FullRefit`.

    Parameters
    ----------
    ratio : float, default=1.0
        Remembered rows per new row, 0 or more. Fewer are used while the memory holds fewer.
    n_passes : int, default=1
        How often ``partial_fit`` goes over the mix.

    References
    ----------
    .. [1] A. Robins, "Catastrophic forgetting, rehearsal and pseudorehearsal", Connection Science
       7(2), 1995.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.policies import ReplayMix
    >>> X, y, _ = make_drifting_classification(400, drift="stationary", random_state=0)
    >>> model = DriftAwareRetrainer(
    ...     GaussianNB(), detector=None, update=ReplayMix(ratio=0.5), batch_size=100
    ... )
    >>> model.fit(X, y).events_.totals["rows_fitted"]
    550
    """

    continues = True

    def __init__(self, ratio=1.0, *, n_passes=1):
        self.ratio = ratio
        self.n_passes = n_passes

    def check(self, learner):
        """Raise for a parameter that this policy cannot work with.

        Parameters
        ----------
        learner : Learner
            Any will do: a base that cannot go on is fitted afresh on the mix.

        Raises
        ------
        ValueError
            Naming the parameter and the way out.
        """
        check_replay(self)

    def propose(self, context):
        """Return a model that has learned the new rows, and remembered ones beside them.

        Parameters
        ----------
        context : RetrainContext
            The serving model, the newest rows, the memory and the means to fit.

        Returns
        -------
        candidate : Candidate
            A continuation of the serving model where the base has ``partial_fit``, else a fresh
            fit.
        """
        new = context.window(since=context.since) if context.alarm else context.batch
        rows = with_replay(new, context, self.ratio)
        learner = context.learner
        if not learner.incremental:
            rows = with_all_classes(rows, context)
            return Candidate(learner.fresh(rows, context.number), "replay_mix", len(rows.index))
        refusal = learner.refusal(context.champion, rows)
        if refusal:
            return refit_on_memory(context, refusal)
        model = learner.continued(context.champion, rows, effort=Effort(self.n_passes))
        n_fitted = self.n_passes * len(rows.index)
        return Candidate(model, "replay_mix", n_fitted, from_scratch=False)


def check_replay(owner):
    """Raise ValueError unless the `ratio` and the `n_passes` of `owner` can be used."""
    check_number(owner, "ratio", least=0, what="the remembered rows per new row")
    check_integer(owner, "n_passes", least=1)
