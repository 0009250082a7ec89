"""Learn from new rows mixed with remembered ones."""

from ..compose import Effort
from ..compose._structure import predictor_of
from ..compose._update import weight_taken
from ..utils._params import check_choice, check_integer, check_number, is_flag, refuse
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

    Rehearsal teaches again what was true when the rows came. As an ``update``, it therefore draws
    only rows of the present concept once an alarm has located a change, unless `across_drifts`. As
    the ``policy`` that answers an alarm, it is chosen to mix the two concepts, and always does.

    On a base with ``partial_fit`` a copy of the serving model continues on the mix; on any other, a
    blank clone is fitted on it. A class that such a mix lacks is topped up as in
    :class:`FullRefit`.

    Parameters
    ----------
    ratio : float, default=1.0
        Remembered rows per new row, 0 or more. Over any stretch of a stream that is learned batch
        by batch, it holds to within one row, however small the batches. Fewer are used, and each
        of them once, where there are fewer to draw from.
    n_passes : int, default=1
        How often ``partial_fit`` goes over the mix.
    weighting : {"inverse", "relative"} or None, default=None
        Whether a remembered row counts as often as rows of the stream stand behind it: one over the
        probability with which the buffer kept it (``buffer.sampling_weights``) and it was drawn
        [2]_. It undoes `balance` and `decay` of a buffer. ``"inverse"``: just so; a weighted sum
        over the mix estimates the sum over all rows seen without bias (over those in the window,
        for a buffer of the newest rows; over those of the present concept, where only these are
        drawn), for a base that is fitted anew on the mix. ``"relative"``: divided by their mean, so
        that the replayed rows together weigh as they are many, for a base that goes on by
        ``partial_fit`` and has learned the stream once. Rows that are added because a class was
        missing count once. None: each row counts once.
    across_drifts : bool or None, default=None
        Whether an ``update`` may replay rows from before the latest located change, because
        concepts recur. None is what the buffer says: no, except for a
        :class:`~skretrain.buffers.StratifiedReservoir` by seasons.

    References
    ----------
    .. [1] A. Robins, "Catastrophic forgetting, rehearsal and pseudorehearsal", Connection Science
       7(2), 1995.
    .. [2] D. G. Horvitz and D. J. Thompson, "A generalization of sampling without replacement from
       a finite universe", Journal of the American Statistical Association 47(260), 1952.

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

    def __init__(self, ratio=1.0, *, n_passes=1, weighting=None, across_drifts=None):
        self.ratio = ratio
        self.n_passes = n_passes
        self.weighting = weighting
        self.across_drifts = across_drifts

    def check(self, learner):
        """Raise for a parameter that this policy cannot work with.

        Parameters
        ----------
        learner : Learner
            A base that cannot go on is fitted afresh on the mix. With `weighting`, it must take
            ``sample_weight``.

        Raises
        ------
        ValueError
            Naming the parameter and the way out.
        """
        check_replay(self, learner)
        if self.across_drifts is not None and not is_flag(self.across_drifts):
            refuse(self, "across_drifts", "True, False, or None for what the buffer says")

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
        new, since = context.batch, None if self._reaches_back(context) else context.since
        if context.alarm:
            new, since = context.window(since=context.since), None
        learner = context.learner
        rows = with_replay(new, context, self.ratio, since=since, weighting=self.weighting)
        if not learner.incremental:
            rows = with_all_classes(rows, context)
            return Candidate(learner.fresh(rows, context.number), "replay_mix", len(rows.index))
        refusal = learner.refusal(context.champion, rows)
        if refusal:
            return refit_on_memory(context, refusal, weighting=self.weighting)
        model = learner.continued(context.champion, rows, effort=Effort(self.n_passes))
        n_fitted = self.n_passes * len(rows.index)
        return Candidate(model, "replay_mix", n_fitted, from_scratch=False)

    def _reaches_back(self, context):
        if self.across_drifts is None:
            return context.memory.concepts_recur
        return self.across_drifts


# More rows per new row than any memory holds; a larger ratio would overflow.
_MOST = 1e9


def check_replay(owner, learner):
    """Raise ValueError unless the base can be replayed to in the way that `owner` says."""
    check_number(owner, "ratio", least=0, most=_MOST, what="the remembered rows per new row")
    check_integer(owner, "n_passes", least=1)
    check_choice(owner, "weighting", (None, "inverse", "relative"))
    methods = ("fit", "partial_fit") if learner.method == "partial_fit" else ("fit",)
    if owner.weighting is not None and not weight_taken(learner.estimator, methods):
        name = type(predictor_of(learner.estimator)[0]).__name__
        refuse(owner, "weighting", f"None, because {name} does not take sample_weight")
