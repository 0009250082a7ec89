"""ReplayPartialFit: a partial_fit with rehearsal for any estimator."""

from ._retrainer._estimator import BaseRetrainer
from .gates import AlwaysPromote
from .policies import FullRefit, ReplayMix
from .policies._replay_mix import check_replay
from .policies._resolve import resolve_policy


class ReplayPartialFit(BaseRetrainer):
    """Give any estimator a ``partial_fit`` that does not forget.

    Each batch is learned together with a sample of remembered rows. A base that has a
    ``partial_fit`` continues on the mix; any other is fitted anew on it. There is no drift
    detection: it assumes that what the remembered rows show is still true. Where it may not be, use
    ``DriftAwareRetrainer(estimator, update="replay_mix")``, which leaves out the rows from before a
    change.

    Parameters
    ----------
    estimator : estimator
        The base: a scikit-learn classifier, regressor, outlier detector, clusterer or pipeline. It
        is cloned, never fitted itself.
    buffer : BaseBuffer or None, default=None
        Which rows to remember. None is ``SlidingWindow(max_rows=10_000)``: recent rows, the safe
        choice while concepts drift. ``Reservoir`` suits recurring concepts and rare classes,
        ``StratifiedReservoir`` seasons.
    ratio : float, default=1.0
        Remembered rows per new row, 0 or more, to within one row over any stretch of the stream.
    n_passes : int, default=1
        How often ``partial_fit`` goes over the mix.
    weighting : {"inverse", "relative"} or None, default=None
        Whether a remembered row counts as often as rows of the stream stand behind it, see
        :class:`~skretrain.policies.ReplayMix`; the base must take ``sample_weight``.
    new_classes : {"grow", "raise"}, default="grow"
        What to do with a label that was never seen: learn it, refitting on all remembered rows if
        the model cannot take it in, or raise ValueError.
    random_state : int, RandomState instance or None, default=None
        As in :class:`DriftAwareRetrainer`.

    Attributes
    ----------
    estimator_ : estimator
        The serving model.
    buffer_ : BaseBuffer
        The remembered rows.
    events_ : EventLog
        Refits and failures; the routine as ``events_.counts``.
    n_samples_seen_ : int
        Rows seen since ``fit``.
    classes_ : ndarray of shape (n_classes,)
        Class labels declared, seen or fitted. Only for classifiers.
    n_features_in_ : int
        Number of features of the first call.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, if all of them were strings.

    See Also
    --------
    DriftAwareRetrainer : Detection, located refits and a gate.
    skretrain.policies.ReplayMix : The same rehearsal as a policy.

    Examples
    --------
    A model that learns class after class forgets the first ones; one that rehearses does not:

    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import SGDClassifier
    >>> from skretrain import ReplayPartialFit
    >>> X, y = load_digits(return_X_y=True)
    >>> order = np.argsort(y, kind="stable")
    >>> bare = SGDClassifier(random_state=0)
    >>> replay = ReplayPartialFit(SGDClassifier(random_state=0), ratio=5.0, random_state=0)
    >>> for batch in np.array_split(order, 36):
    ...     bare = bare.partial_fit(X[batch], y[batch], classes=np.arange(10))
    ...     replay = replay.partial_fit(X[batch], y[batch], classes=np.arange(10))
    >>> bool(replay.score(X, y) > bare.score(X, y) + 0.3)
    True
    """

    def __init__(
        self,
        estimator,
        *,
        buffer=None,
        ratio=1.0,
        n_passes=1,
        weighting=None,
        new_classes="grow",
        random_state=None,
    ):
        self.estimator = estimator
        self.buffer = buffer
        self.ratio = ratio
        self.n_passes = n_passes
        self.weighting = weighting
        self.new_classes = new_classes
        self.random_state = random_state

    def _make_parts(self, learner, seed):
        check_replay(self, learner)
        mix = ReplayMix(self.ratio, n_passes=self.n_passes, weighting=self.weighting)
        update = resolve_policy(mix, "update", learner)
        return None, FullRefit("all", grow=False), update, AlwaysPromote()
