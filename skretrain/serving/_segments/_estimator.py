"""SegmentedRetrainer: one retrainer per value of a column, thousands of them."""

from sklearn.utils.validation import check_is_fitted

from ...utils._containers import as_container, n_rows
from ...utils._hooks import pass_on
from ...utils._params import refuse
from .._table import Table
from ._base import BaseSegmented, forget_what_changed
from ._fleet import SegmentStatus
from ._keys import key_of
from ._predicting import PredictingMixin


class SegmentedRetrainer(PredictingMixin, BaseSegmented):
    r"""One retrainer for each value of a column: per shop, machine, customer or country.

    Batches hold rows of many segments. They are sorted once, and each segment's retrainer learns
    its rows: it is, bit for bit, what a clone of `retrainer` would be that was given the rows of
    this segment alone. Nothing else has to be known of the segments: a new one gets a clone when
    its first row comes.

    Beside them a *pooled* retrainer learns all rows. It serves a segment until that has `min_rows`
    of its own. From then on both count: probabilities, or the predictions of a regressor, are mixed
    by the share of 0, 1/4, 1/2, 3/4 or 1 that would have lost least on the rows of the segment,
    before any of the two had learned them, where the last 200 count most [1]_. Where nothing can be
    mixed, labels or scores of outliers, the better of the two serves.

    Parameters
    ----------
    retrainer : DriftAwareRetrainer or ReplayPartialFit
        What each segment gets a clone of; it is never fitted itself. If it has a ``random_state``,
        each segment has a seed of its own, made of that and of its name.
    by : str or int
        The column that tells the segments, by its name or number: text, whole numbers or bools,
        without gaps and of one type in all batches; in an array of floats, smaller than 2**53. No
        model sees it.
    min_rows : int, default=50
        Rows of its own before the model of a segment counts. In ``fit``, segments with so many are
        fitted, others begin as with ``partial_fit``; so do those with one class, if the base
        refuses that.
    fallback : {"pooled"} or None, default="pooled"
        What serves where the model of a segment does not. None: nothing does, which is an error,
        and no row is learned twice.
    growth_budget : int, float or None, default=None
        How many segments, or which share of all of them, may refit because their rows have grown,
        in one batch: those who wait longest first. Others go on as they are until it is their
        turn. Alarms never wait. None is no limit, and what makes segments be as they would be
        alone.
    alpha : float, default=0.05
        Level of the alarms over segments, in (0, 1): see Notes.
    max_loaded : int or None, default=None
        How many retrainers of segments stay in memory; those used last do. None is all of them.
    path : str, path-like or None, default=None
        A file for the state. It has the state of all after each ``fit``, ``partial_fit``,
        ``observe``, ``merge`` and ``retire``, in one step: a process that is killed leaves the
        state before, and the same call by another one, with an object made in the same way, goes on
        as if nothing had happened. Clones have the same file, and ``fit`` forgets what is in it:
        set it to None in what is cross-validated. None keeps all in memory.

    Attributes
    ----------
    segments_ : list
        Those with a retrainer of their own, in the order in which they were opened.
    pooled_ : retrainer or None
        What learns all rows.
    events_ : EventLog
        The notable events of all retrainers, with `segment` (None: the pooled one) and `batch`, and
        those over segments: ``opened``, ``drifted``, ``common``, ``merged``, ``retired``. The
        newest 10,000; ``events_.to_frame()`` is a pandas DataFrame.
    classes_ : ndarray of shape (n_classes,)
        Class labels of all segments.
    n_samples_seen_ : int
        Rows seen since ``fit``.
    n_batches_ : int
        Batches seen since ``fit``, which is the first.

    See Also
    --------
    skretrain.drift.SliceDrift : One model, and a trigger that watches slices of its rows.
    skretrain.inspection.SegmentsDisplay : Which segments drift, on a map over time.

    Notes
    -----
    *Retrains* inside a segment are decided by its own trigger, which knows nothing of the others. A
    thousand triggers ring every day, be it by chance, so what is *reported* is decided again. Each
    segment has evidence that its expected loss has risen, by betting on each possible date against
    each possible level [2]_: nothing is set aside as a reference, so that a rise is seen from the
    second batch on, and the day counts on which the model failed although it was mended on the
    next. (Losses that are not in [0, 1] count as above or below the median of its first 50, and
    their 90 % quantile.) An event ``drifted`` names a segment that is found by the procedure of
    Benjamini and Hochberg for e-values [3]_: of all that are found in a batch, the expected share
    of false ones is at most `alpha`, however the segments depend on each other, and however many
    there are or open later. False is the report of a segment whose losses have not risen: at each
    date there is a fixed level that the expected loss of a row, given all before it, is not below
    until then and not above since. A model that becomes better brings no evidence, and a
    rise by less than 0.01 hardly any.

    Losses that depend on each other in time break that: after a run of errors, the expected loss
    has risen. So evidence counts for less where batches of a segment, of 20 rows or taken together
    until they have as many, have been further apart than those of independent losses are (those of
    all segments, while it has few): as many losses less count as by that factor, as in
    quasi-likelihood. What is said above of independent losses holds
    with that factor, too.

    That holds for each batch, not for all of them together: reports add up over a long time. An
    episode is over, and the segment can be reported again, when its losses have been shown to be
    below the middle of what they were before and after, at level `alpha`, or when another model
    serves: then all begins anew.

    An event ``common`` says that many have risen together, a tenth of the segments under test and
    three at least: a promotion week, a broken feed. Where so many are found in one batch, it stands
    for all of them, and none is named by an event of its own; :meth:`status` says of which an
    episode is open. Many may also rise a little, or one after the other: for :math:`n` segments and
    :math:`k` of them, the mean of the :math:`n - k + 1` smallest capitals is itself that of a fair
    game if fewer than :math:`k` have risen [4]_; the dates are weighted such that the probability
    of *ever* saying so falsely is at most `alpha`, and once more that for each time that the
    average segment has begun anew. A segment whose model was replaced in an episode counts here for
    seven batches more.

    A *failure* of one segment, its base raises, stops no other: it is an event. With
    ``on_error="raise"`` of the retrainer, it is raised once all have learned; else it is a warning.

    *State*. With a `path`, the file is the state, and a pickle holds no more than the path, which
    is seen from the folder that is current. What another object, in whatever process, has written
    is read before anything else; of two that learn at once, one raises ValueError or OSError, has
    changed nothing, and can be called again. `retrainer` and `fallback` count from ``fit`` on
    (where a file was begun with others, a UserWarning says so), and `by` cannot change before;
    `min_rows`, `growth_budget`, `alpha` and `max_loaded` count at once. What is in memory cannot go
    on in a file before the next ``fit``, nor the other way round. Without a `path`, a pass that is
    interrupted, by Ctrl-C say, leaves some segments that have learned their rows and others that
    have not.

    References
    ----------
    .. [1] A. P. Dawid (1984). "Present position and potential developments: some personal views.
       Statistical theory: the prequential approach". Journal of the Royal Statistical Society A
       147(2), 278-292.
    .. [2] L. Wasserman, A. Ramdas and S. Balakrishnan (2020). "Universal inference". Proceedings of
       the National Academy of Sciences 117(29), 16880-16890.
    .. [3] R. Wang and A. Ramdas (2022). "False discovery rate control with e-values". Journal of
       the Royal Statistical Society B 84(3), 822-852.
    .. [4] V. Vovk and R. Wang (2021). "E-values: Calibration, combination and applications". The
       Annals of Statistics 49(3), 1736-1754.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import SGDClassifier
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.serving import SegmentedRetrainer
    >>> rng = np.random.default_rng(0)
    >>> shop = np.repeat(np.arange(20), 30)
    >>> def day(moved=()):
    ...     X = rng.normal(size=(600, 3))
    ...     sign = np.where(np.isin(shop, moved), -1, 1)
    ...     return np.column_stack([shop, X]), (sign * X[:, 0] > 0).astype(int)
    >>> base = DriftAwareRetrainer(SGDClassifier(random_state=0))
    >>> model = SegmentedRetrainer(base, by=0).fit(*day())
    >>> for _ in range(20):
    ...     model = model.partial_fit(*day())
    >>> for _ in range(5):
    ...     model = model.partial_fit(*day(moved=[3, 4]))
    >>> sorted(event.segment for event in model.events_ if event.action == "drifted")
    [3, 4]
    >>> X_new, y_new = day(moved=[3, 4])
    >>> model.score(X_new, y_new) > 0.9
    True
    """

    def __init__(
        self,
        retrainer,
        *,
        by,
        min_rows=50,
        fallback="pooled",
        growth_budget=None,
        alpha=0.05,
        max_loaded=None,
        path=None,
    ):
        self.retrainer = retrainer
        self.by = by
        self.min_rows = min_rows
        self.fallback = fallback
        self.growth_budget = growth_budget
        self.alpha = alpha
        self.max_loaded = max_loaded
        self.path = path

    # -- learning ------------------------------------------------------------------------------

    def fit(self, X, y=None, **params):
        """Forget everything, then learn.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of all segments, in time order: an array, a sparse matrix or a data frame.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets; None for outlier detectors and clusterers.
        **params : array-like of shape (n_samples,)
            Per-row metadata such as ``sample_weight``.

        Returns
        -------
        self : object
            Fitted.

        Raises
        ------
        ValueError
            If a parameter or the input is invalid. What was learned before is then still there.
        Exception
            What the base raises on all rows; with ``on_error="raise"``, also what a segment does.
        """
        forget_what_changed(self)
        before = self._event_logs()
        with self._passing() as done:
            fleet = self._new_fleet()
            fleet.shard.shelf.clear()
            errors = fleet.fit(self._batch(fleet, as_container(X), y, None, params, reset=True))
            done(fleet)
        pass_on(before, {"": fleet.log})
        self._complain(errors)
        return self

    def partial_fit(self, X, y=None, classes=None, **params):
        """Test each segment on its rows of a batch, then let it learn them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of any segments, in time order. An empty batch changes nothing.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets; None for outlier detectors and clusterers.
        classes : array-like of shape (n_classes,), default=None
            Class labels to expect, in each segment. Regressors ignore it.
        **params : array-like of shape (n_samples,)
            Per-row metadata, as in :meth:`fit`.

        Returns
        -------
        self : object
            The same.

        Raises
        ------
        ValueError
            If the input is invalid: then nothing was counted, shown to a trigger or remembered.
        Exception
            Whatever a segment with ``on_error="raise"`` raises, after the others have learned.
        """
        X = as_container(X)
        if not n_rows(X):
            return self
        known = self._present()
        with self._passing() as done:
            fleet = self._new_fleet() if known is None else known
            errors = fleet.learn(self._batch(fleet, X, y, classes, params, reset=known is None))
            done(fleet)
        self._complain(errors)
        return self

    def observe(self, X):
        """Show rows whose labels are not known to the triggers that need none.

        Each segment is shown its rows, as ``observe`` of its retrainer does it, and the pooled
        retrainer all of them. Nothing is learned: an alarm makes a retrain of that segment due at
        its next batch with labels, and is an event, ``labels_wanted``. A segment that is new, or
        has no model yet, is not shown its rows: there is nothing to watch. It is opened by rows
        that can be learned.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of any segments, in time order. None of them changes nothing.

        Returns
        -------
        self : object
            The same. `n_batches_` and `n_samples_seen_` count rows with labels.

        Raises
        ------
        NotFittedError
            If no model serves yet.
        ValueError
            If the columns are others than those of ``fit``, or the pooled model cannot read the
            rows: then no trigger has seen any.
        Exception
            Whatever a trigger raises, with ``on_error="raise"``, after the others have seen theirs.
        """
        check_is_fitted(self)
        fleet, X = self._present(), as_container(X)
        if not n_rows(X):
            return self
        with self._passing() as done:
            errors = fleet.observe(self._batch(fleet, X, None, None, {}, reset=False))
            done(fleet)
        self._complain(errors, "seen their rows")
        return self

    def merge(self, segments, into):
        """Let the rows of several segments go to one retrainer from now on.

        Parameters
        ----------
        segments : list of (str, int or bool)
            Segments that end.
        into : str, int or bool
            The segment that takes their rows over. If there is one of this name, it goes on, with
            what it knows; else it begins with the rows that the others remember.

        Returns
        -------
        self : object
            The same.

        Raises
        ------
        ValueError
            If there is no such segment, or `into` cannot name one.
        Exception
            What the base raises, if a new one cannot begin with the rows: then nothing has changed.
        """
        fleet = self._begun()
        if isinstance(segments, str) or not hasattr(segments, "__iter__"):
            refuse("SegmentedRetrainer.merge", "segments", "a list of segments", segments)
        into_key = key_of(into)
        if into_key is None:
            refuse("SegmentedRetrainer.merge", "into", "the name of a segment", into)
        if into_key in fleet.aliases:
            what = f"the name of a segment; that one was merged into {fleet.aliases[into_key]!r}"
            refuse("SegmentedRetrainer.merge", "into", what, into)
        keys = dict.fromkeys(self._segment("merge", "segments", one) for one in segments)
        keys = [key for key in keys if key != into_key]
        if not keys:
            refuse("SegmentedRetrainer.merge", "segments", "others than `into`", segments)
        with self._passing() as done:
            errors = fleet.merge(keys, into_key)
            done(fleet)
        self._complain(errors)
        return self

    def retire(self, segment):
        """Give up the retrainer of a segment; the pooled one serves its rows again.

        If rows of it come to be learned, it begins anew.

        Parameters
        ----------
        segment : str, int or bool
            The segment.

        Returns
        -------
        self : object
            The same.

        Raises
        ------
        ValueError
            If there is no such segment.
        """
        fleet = self._begun()
        key = self._segment("retire", "segment", segment)
        with self._passing() as done:
            fleet.retire(key)
            done(fleet)
        return self

    # -- what there is to know -----------------------------------------------------------------

    def status(self):
        """Return where each segment stands.

        Returns
        -------
        status : dict of segment to SegmentStatus
            `n_rows`, the `weight` of its own model, its `version`, `n_alarms`, `n_refits`, whether
            it `is_drifting` and `waits_to_grow`, the `first_batch` and `last_batch` with rows of
            it, and whether it `is_loaded`. ``status().to_frame()`` is a pandas DataFrame.
        """
        fleet = self._begun()
        found = {key: fleet.status(key, book) for key, book in list(fleet.shard.books.items())}
        return Table("segment", found, SegmentStatus)

    def retrainer_of(self, segment):
        """Return the retrainer of a segment, to be read: what it learns elsewhere may be lost.

        Parameters
        ----------
        segment : str, int or bool
            The segment.

        Returns
        -------
        retrainer : retrainer
            With its `buffer_`, its `estimator_`, and of its `events_` the newest 10: those of all
            are in the `events_` of the fleet.

        Raises
        ------
        ValueError
            If there is no such segment.
        """
        fleet = self._begun()
        return fleet.shard.shelf.get(self._segment("retrainer_of", "segment", segment))
