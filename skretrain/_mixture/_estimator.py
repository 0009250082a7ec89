"""MixtureRetrainer: several retrainers serve at once, weighted by what they got right lately."""

from functools import partial

from sklearn.base import MetaEstimatorMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import validate_data

from .._retrainer._border import checked_classes, checked_params, has_other_columns, queried
from .._retrainer._estimator import seed_of
from ..compose import Learner
from ..utils._callbacks import (
    CallbackSupportMixin,
    Progress,
    Told,
    check_callbacks,
    is_heard,
    with_callbacks,
)
from ..utils._clone import ClonedByContent, cloned
from ..utils._containers import as_container, n_rows
from ..utils._fixed_share import FixedShare
from ..utils._hooks import Telling
from ..utils._params import check_n_jobs, check_number
from ..utils._restoring import Restoring
from ..utils._signature import fit_with_weight_if
from ..utils._sklearn_api import BaseComposition, parallel_block
from ._engine import Batch, MixEngine, Turns
from ._learned import LearnedAttributes, as_fitted
from ._members import (
    all_have,
    all_take_weights,
    as_member,
    check_member,
    checked_target,
    each_of,
    names_and_members,
    picker,
    tags_of,
    task_of_members,
    weight_names,
)


class MixtureRetrainer(
    LearnedAttributes, ClonedByContent, MetaEstimatorMixin, CallbackSupportMixin, BaseComposition
):
    r"""Let several retrainers serve at once, weighted by what they got right lately.

    Which rows a model should be fitted on, and how often, is a property of the stream, and may
    change with it. A mixture has members that answer differently. It predicts the weighted mean of
    what they predict. After each batch, weights follow the outcomes, by exponential weights with
    forgetting and a fixed share [1]_, so that the mixture does about as well as the best member
    does at the time, whichever that is.

    Parameters
    ----------
    estimators : list of (str, estimator) tuples
        Names and members: :class:`DriftAwareRetrainer` or :class:`ReplayPartialFit`, all of them
        classifiers or all of them regressors. They are cloned.
    forgetting : float, default=0.9
        How much of the past of the weights is kept per 100 rows, in (0, 1].
    share : float, default=0.05
        The part of its weight that each member gives up per 100 rows, to be divided equally, in
        [0, 1). With batches of 100 rows no weight falls below ``share / n_members``, so that every
        member can come back.
    budget : float or None, default=None
        Share of turns, in (0, 1]. Below 1, somebody has a turn with every batch, everybody with
        every tenth, and in between the larger the weight, the more often; whoever has a turn learns
        from all batches since the last one. All are tested on every batch. Learning late costs
        score after a change, and refits that are due come all the same, so that less time is saved
        than turns: compare before you set it. Members that weigh less than 0.02 are not asked for
        predictions. None, as 1: every member learns from every batch.
    n_jobs : int or None, default=None
        Members to run at a time, in threads. The result does not depend on it.
    random_state : int, RandomState instance or None, default=None
        An int seeds each member whose ``random_state`` is None, each differently. None leaves the
        members as they are.

    Attributes
    ----------
    estimators_ : list of estimator
        The members at work.
    named_estimators_ : Bunch
        The same, by name.
    weights_ : ndarray of shape (n_members,)
        Their weights now; 0 for one that does not serve yet.
    weight_history_ : WeightHistory
        ``rows`` and ``weights`` after each of the last 10,000 batches.
    events_ : EventLog
        What the members did, the newest 1,000 notable events of each; the name of the member
        begins the reason.
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
    make_mixture : A mixture with members that do well on most streams.
    skretrain.inspection.MixtureDisplay : The weights over time.

    Notes
    -----
    The gain of a classifier on a batch is the share of rows that it got right; each row counts the
    more, the rarer its class was among the 1,000 rows before. That of a regressor is one minus
    the mean of its absolute residuals, each in units of four times the usual residual of the
    mixture, and at most 1; usual is the median of the last 100, or their mean where the median is
    0. Rows count by their ``sample_weight``. Large batches are taken in by the hundred.
    Without a budget and in batches of 100 rows, let there be :math:`N` members,
    :math:`T` batches, share :math:`s`, forgetting :math:`\varphi` and :math:`\eta = 5`. Then the
    weighted mean of the gains, summed over the batches, is less than that of *any* sequence of
    members with :math:`m` changes by at most

    .. math::
        \frac{1}{\eta} \Bigl( (m + 1) \ln N + m \ln \frac{1}{s}
        + (T - 1 - m) \bigl( \ln \frac{1}{1 - s} + (1 - \varphi) \ln N \bigr) \Bigr)
        + \frac{\eta}{8} \sum_t r_t^2

    whatever the stream does; :math:`r_t \le 1` is the difference between the largest and the
    smallest gain in batch :math:`t`. For :math:`\varphi = 1` this is the bound of fixed share
    [1]_; forgetting [2]_ costs at most :math:`(1 - \varphi) \ln N` more per batch. The prediction,
    by the weighted mean of probabilities, is usually right more often than that.

    Probabilities are recalibrated by their powers from a half to 2, weighted by the likelihood that
    each gave the labels [3]_, once that has paid; the predicted labels stay the same.

    Predictions of numbers are cut at half a range beyond the smallest and the largest remembered
    target before they are averaged, so that a linear model that explodes does little harm.

    References
    ----------
    .. [1] M. Herbster and M. K. Warmuth, "Tracking the best expert", Machine Learning 32, 1998.
    .. [2] A. E. Raftery, M. Karny and P. Ettler, "Online prediction under model uncertainty via
       dynamic model averaging: application to a cold rolling mill", Technometrics 52(1), 2010.
    .. [3] V. Vovk, I. Petej and A. Gammerman, "Protected probabilistic classification", Proceedings
       of Machine Learning Research 152, 2021.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skretrain import DriftAwareRetrainer, MixtureRetrainer
    >>> from skretrain.datasets import make_drifting_classification
    >>> X, y, _ = make_drifting_classification(4000, random_state=0)
    >>> model = MixtureRetrainer(
    ...     [
    ...         ("since drift", DriftAwareRetrainer(LogisticRegression())),
    ...         ("all", DriftAwareRetrainer(GaussianNB(), detector=None)),
    ...     ],
    ...     random_state=0,
    ... )
    >>> model = model.fit(X[:500], y[:500])
    >>> right = 0
    >>> for start in range(500, 4000, 100):
    ...     batch = slice(start, start + 100)
    ...     right += int((model.predict(X[batch]) == y[batch]).sum())
    ...     model = model.partial_fit(X[batch], y[batch])
    >>> right / 3500 > 0.85
    True
    >>> model.weights_.round(2)
    array([0.96, 0.04])
    """

    def __init__(
        self,
        estimators,
        *,
        forgetting=0.9,
        share=0.05,
        budget=None,
        n_jobs=None,
        random_state=None,
    ):
        self.estimators = estimators
        self.forgetting = forgetting
        self.share = share
        self.budget = budget
        self.n_jobs = n_jobs
        self.random_state = random_state

    def get_params(self, deep=True):
        """Return the parameters, and with `deep` the members and theirs, by name.

        Parameters
        ----------
        deep : bool, default=True
            Whether to return those of the members, too.

        Returns
        -------
        params : dict
            Values by name.
        """
        return self._get_params("estimators", deep=deep)

    def set_params(self, **params):
        """Set parameters, members by their names, and parameters of members.

        Parameters
        ----------
        **params : dict
            Such as ``share=0.1``, ``forest=DriftAwareRetrainer(...)``,
            ``forest__buffer__max_rows=500``.

        Returns
        -------
        self : object
            The mixture.
        """
        self._set_params("estimators", **params)
        return self

    # -- learning ------------------------------------------------------------------------------

    @fit_with_weight_if(all_take_weights)
    def fit(self, X, y, **params):
        """Forget everything, then fit every member; all weigh the same.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows in time order.
        y : array-like of shape (n_samples,)
            Targets.
        **params : array-like of shape (n_samples,)
            Per-row metadata, for every member: ``sample_weight`` for its predictor, at the end of a
            pipeline, too. With metadata routing enabled, for those that request it.

        Returns
        -------
        self : object
            Fitted mixture.

        Raises
        ------
        TypeError
            If a member is not a retrainer.
        ValueError
            If a parameter or the input is invalid. What was learned before is then still there.
        """
        with Restoring(self):
            self._fit(X, y, params)
        return self

    @with_callbacks
    def _fit(self, X, y, params):
        engine = self._new_engine()
        batch = self._checked(X, y, params, reset=True)
        progress = Progress(self, "fit", len(engine.members), batch, sequential=False)
        each = partial(each_of, n_jobs=self.n_jobs)
        engine.fit(batch, self._router("fit"), each, progress.member)
        progress.end(partial(as_fitted, engine))
        self._begin(engine)

    def partial_fit(self, X, y=None, classes=None, **params):
        """Test the members on a batch, weigh them by the outcome, then let them learn.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The batch, in time order. An empty one changes nothing.
        y : array-like of shape (n_samples,)
            Targets.
        classes : array-like of shape (n_classes,), default=None
            Class labels to expect, also in later batches. Regressors ignore it.
        **params : array-like of shape (n_samples,)
            Per-row metadata, as in :meth:`fit`.

        Returns
        -------
        self : object
            The mixture.

        Raises
        ------
        TypeError
            If a member is not a retrainer, or takes no such metadata.
        ValueError
            If the input is invalid: then no member learned anything, and no weight changed.
        Exception
            Whatever a member with ``on_error="raise"`` raises, after the others have learned and
            the weights have moved.
        """
        learn = self._partial_fit_with_callbacks if is_heard(self) else self._partial_fit
        with Telling(self):
            learn(X, y, classes, params)
        return self

    def _partial_fit(self, X, y, classes, params):
        X = as_container(X)
        if n_rows(X) == 0:
            return
        if self.__dict__.get("_engine") is None:
            with Restoring(self):
                engine = self._new_engine()
                self._step(engine, X, y, classes, params)
                self._engine = engine
        else:
            self._step(self._engine, X, y, classes, params)

    @with_callbacks
    def _partial_fit_with_callbacks(self, X, y, classes, params):
        progress = Progress(self, "partial_fit", 0, Told(X, y, params))
        self._partial_fit(X, y, classes, params)
        progress.end(lambda: as_fitted(self.__dict__.get("_engine")))

    def observe(self, X):
        """Show rows whose labels are not known to those triggers of the members that need none.

        Nothing is learned, see :meth:`DriftAwareRetrainer.observe`; and weights need labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, in time order. None of them changes nothing.

        Returns
        -------
        self : object
            The mixture.

        Raises
        ------
        NotFittedError
            If no member serves yet.
        ValueError
            If the columns are others than those of ``fit``: then no trigger has seen anything.
        """
        self._mix()
        X = queried(self, X)
        if n_rows(X):
            with Telling(self):
                self._engine.observe(X)
        return self

    def _step(self, engine, X, y, classes, params):
        batch = self._checked(X, y, params, reset=engine.n_seen == 0)
        each = partial(each_of, n_jobs=self.n_jobs)
        engine.step(batch, checked_classes(classes), self._router("partial_fit"), each)

    def _checked(self, X, y, params, *, reset):
        """Return a batch of which the columns, the targets and the lengths are right."""
        X = as_container(X)
        if reset or has_other_columns(self, X):
            validate_data(self, X, reset=reset, skip_check_array=True)
        y = checked_target(y)
        names = weight_names(self._present_members().values())
        return Batch(X, y, checked_params(params, n_rows(X)), names)

    def _new_engine(self):
        self._check_numbers()
        seed, members = seed_of(self), self._members()
        task = task_of_members(members)
        return MixEngine(
            list(members),
            [as_member(cloned(m), seed, number) for number, m in enumerate(members.values())],
            FixedShare(len(members), self.forgetting, self.share),
            Turns(len(members), self.budget),
            is_classifier=task == "classification",
            semi_supervised=all(Learner(m.estimator).semi_supervised for m in members.values()),
        )

    def _members(self):
        """Return the members by name, or raise where they are no retrainers."""
        names, members = names_and_members(self.estimators)
        self._validate_names(names)
        for name, member in zip(names, members, strict=True):
            check_member(name, member, is_mixture=isinstance(member, MixtureRetrainer))
            check_callbacks(self, member)
        return dict(zip(names, members, strict=True))

    def _check_numbers(self):
        check_number(self, "forgetting", above=0, most=1)
        check_number(self, "share", least=0, below=1)
        check_number(self, "budget", above=0, most=1, otherwise=(None,))
        check_n_jobs(self)

    # -- metadata routing ------------------------------------------------------------------------

    def get_metadata_routing(self):
        """Return how metadata is routed to the members.

        Returns
        -------
        routing : MetadataRouter
            ``fit`` to ``fit`` and ``partial_fit`` to ``partial_fit``, for every member; what
            ``score`` requests is the mixture's own.
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        mapping.add(caller="partial_fit", callee="partial_fit")
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(**self._present_members(), method_mapping=mapping)

    def _router(self, method):
        """Return the function that picks the metadata of one member."""
        members = self._present_members() if method == "partial_fit" else self._members()
        return picker(self, method, members)

    # -- predicting --------------------------------------------------------------------------------

    def predict(self, X):
        """Predict by the weighted mean of what the members predict.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,)
            The class with the largest mean probability, or the mean. A classifier without
            ``predict_proba`` votes for the class that it predicts. Nothing is learned.

        Raises
        ------
        NotFittedError
            If no member serves yet.
        """
        mix = self._mix()
        X = queried(self, X)
        return mix.values(X) if mix.classes is None else mix.classes[mix.proba(X).argmax(axis=1)]

    @available_if(all_have("predict_proba"))
    def predict_proba(self, X):
        """Return the weighted mean of the members' class probabilities, recalibrated if that pays.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            One column per class of ``classes_``.

        Raises
        ------
        NotFittedError
            If no member serves yet.
        """
        mix = self._mix()
        return mix.proba(queried(self, X))

    def score(self, X, y, sample_weight=None):
        """Return the accuracy of a classifier, the R2 of a regressor.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts.

        Returns
        -------
        score : float
            Nothing is learned.

        Raises
        ------
        NotFittedError
            If no member serves yet.
        """
        metric = r2_score if self._mix().classes is None else accuracy_score
        return metric(y, self.predict(X), sample_weight=sample_weight)

    # -- what scikit-learn asks --------------------------------------------------------------------

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        try:
            members = [m.__sklearn_tags__() for m in names_and_members(self.estimators)[1]]
        except (AttributeError, TypeError, ValueError):
            return tags  # parameters are judged when they are used
        return tags_of(members, tags)

    def _sk_visual_block_(self):
        return parallel_block(*names_and_members(self.estimators))
