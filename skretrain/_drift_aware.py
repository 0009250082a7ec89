"""DriftAwareRetrainer: keep any estimator fresh."""

from sklearn.base import clone

from ._retrainer._estimator import BaseRetrainer
from .drift._resolve import resolve_trigger
from .gates import AlwaysPromote, BaseGate
from .policies import FullRefit, Revive, WarmStart
from .policies._resolve import resolve_policy
from .utils._losses import task_of
from .utils._params import check_choice, check_flag, check_integer, refuse


class DriftAwareRetrainer(BaseRetrainer):
    """Wrap an estimator so that it stays fresh on a stream that drifts.

    Four parts decide: *when* to retrain (`detector`), *on which rows* (`buffer`), *how* (`policy`
    after an alarm, `update` on every other batch) and *whether* to serve the result (`gate`). One
    class serves classifiers, regressors, outlier detectors and clusterers: type, tags and methods
    are the base's.

    Each call of ``partial_fit`` tests, then learns: the serving model predicts the batch, the
    losses go to the trigger, the rows to the memory; without an alarm a copy of the model is
    updated, on an alarm the policy builds a challenger, which serves once the gate promotes it.
    ``predict`` changes nothing.

    Parameters
    ----------
    estimator : estimator
        The base: a scikit-learn classifier, regressor, outlier detector, clusterer or pipeline. It
        is cloned, never fitted itself.
    detector : {"adwin"}, river detector, BaseTrigger, list of them, or None, default="adwin"
        When to retrain. A river detector is used blank, whatever it saw before; its parameters are
        set with ``detector__delta=...``. In a list, any may ring. None switches detection off; a
        model that learns each batch is then left alone.
    policy : {"keep_or_refit", "full_refit", "warm_start", "replay_mix"} or BasePolicy, \
            default="keep_or_refit"
        How to answer an alarm. The default refits only where that is shown to be better than to
        keep the model, see :class:`~skretrain.policies.KeepOrRefit`; ``"full_refit"`` always
        refits, on the rows since the change, and is what a base without targets gets.
    update : {"auto", "full_refit", "warm_start", "replay_mix"}, BasePolicy or None, default="auto"
        What to do with every other batch. ``"auto"``: ``"warm_start"`` where the newest batch alone
        teaches the base (it, or the last step of a pipeline, has a usable ``partial_fit``), else
        None, nothing.
    buffer : BaseBuffer or None, default=None
        Which rows to remember. None is ``SlidingWindow(max_rows=10_000)``.
    gate : BaseGate or None, default=None
        Whether to serve a challenger. None is ``AlwaysPromote()``.
    batch_size : int or None, default=None
        None: ``fit`` fits once, on all rows. An int: ``fit`` fits on the first `initial_size` rows
        and sends the rest through ``partial_fit``, in time order, in batches of this size.
    initial_size : int or None, default=None
        Rows of the first fit. None is one batch. It is extended until two classes are there. Where
        they are so few that the first model is a constant, a ConstantModelWarning says so: trees
        that ask for 20 rows in a leaf learn nothing from 24.
    new_classes : {"grow", "raise"}, default="grow"
        What to do with a label that was never seen: learn it, refitting if the model cannot take it
        in, or raise ValueError.
    dry_run : bool, default=False
        Log what would be done as ``suggested``; the serving model never changes.
    on_error : {"warn", "raise"}, default="warn"
        What to do when an update or a policy raises. Either way the serving model is as before; a
        failed retrain is tried again after 1, 2, 4, ... batches. The first fit always raises.
    random_state : int, RandomState instance or None, default=None
        An int fills every nested ``random_state`` that is None, anew for each fit, and seeds
        sampling and row order: same seed, stream and batches give the same model bit for bit. None
        leaves the base as it is and draws from a fixed stream of numbers elsewhere.

    Attributes
    ----------
    estimator_ : estimator
        The serving model.
    challenger_ : estimator or None
        The candidate that waits for the gate.
    detector_ : BaseTrigger or None
        The trigger at work. Under ``"adwin"``, where some class has less than 5 % of the rows of
        the first fit, it is an :class:`~skretrain.drift.AtLeast` whose second trigger watches the
        rare classes.
    buffer_ : BaseBuffer
        The remembered rows.
    events_ : EventLog
        Every alarm, retrain, rejection, rollback and failure, with ``to_frame`` and ``to_json``;
        the routine as ``events_.counts``.
    n_samples_seen_ : int
        Rows seen since ``fit``.
    n_alarms_ : int
        Alarms so far.
    n_refits_ : int
        Retrains that were promoted, the first fit not counted.
    classes_ : ndarray of shape (n_classes,)
        Class labels declared, seen or fitted. Only for classifiers.
    n_features_in_ : int
        Number of features of the first call.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, if all of them were strings.

    See Also
    --------
    ReplayPartialFit : ``partial_fit`` with rehearsal for any estimator, without detection.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.datasets import make_drifting_classification
    >>> X, y, drift_rows = make_drifting_classification(4000, random_state=0)
    >>> drift_rows
    array([2000])
    >>> model = DriftAwareRetrainer(LogisticRegression(), random_state=0).fit(X[:500], y[:500])
    >>> right = 0
    >>> for start in range(500, 4000, 100):
    ...     batch = slice(start, start + 100)
    ...     right += int((model.predict(X[batch]) == y[batch]).sum())
    ...     model = model.partial_fit(X[batch], y[batch])
    >>> model.n_alarms_
    1
    >>> model.events_[-1].reason
    'growth; nothing is better by 0.4 standard errors: loss per row on 633 held-out rows: ...'
    """

    def __init__(
        self,
        estimator,
        *,
        detector="adwin",
        policy="keep_or_refit",
        update="auto",
        buffer=None,
        gate=None,
        batch_size=None,
        initial_size=None,
        new_classes="grow",
        dry_run=False,
        on_error="warn",
        random_state=None,
    ):
        self.estimator = estimator
        self.detector = detector
        self.policy = policy
        self.update = update
        self.buffer = buffer
        self.gate = gate
        self.batch_size = batch_size
        self.initial_size = initial_size
        self.new_classes = new_classes
        self.dry_run = dry_run
        self.on_error = on_error
        self.random_state = random_state

    @property
    def _is_watched_by_default(self):
        return isinstance(self.detector, str)

    def _make_parts(self, learner, seed):
        check_choice(self, "on_error", ("warn", "raise"))
        check_flag(self, "dry_run")
        for parameter in ("batch_size", "initial_size"):
            check_integer(self, parameter, least=1, what="a number of rows", otherwise=(None,))
        return (
            resolve_trigger(self.detector, random_state=seed, owner=self),
            self._resolve_policy(learner),
            self._resolve_update(learner),
            self._resolve_gate(),
        )

    def _resolve_policy(self, learner):
        default = isinstance(self.policy, str) and self.policy == "keep_or_refit"
        if default and task_of(self.estimator) == "unsupervised":
            return FullRefit()  # without targets, nothing tells which model is better
        return resolve_policy(self.policy, "policy", learner, owner=self)

    def _resolve_update(self, learner):
        if self.update is None:
            return None
        if isinstance(self.update, str) and self.update == "auto":
            return WarmStart() if learner.incremental else None
        if isinstance(self.update, Revive):
            raise ValueError(
                f"DriftAwareRetrainer(update={self.update!r}): earlier models come back at an "
                "alarm, and no alarm reaches an update. Pass it as policy, and leave update='auto'."
            )
        return resolve_policy(self.update, "update", learner, owner=self)

    def _resolve_gate(self):
        if self.gate is None:
            return AlwaysPromote()
        if not isinstance(self.gate, BaseGate):
            refuse(self, "gate", "an object of skretrain.gates, such as AlwaysPromote(), or None")
        return clone(self.gate)
