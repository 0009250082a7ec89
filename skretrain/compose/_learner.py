"""Fit a base estimator or continue a fitted one, and never touch the model that serves."""

import numpy as np
from sklearn.frozen import FrozenEstimator

from ..buffers._base import part_of
from ..exceptions import SkretrainWarning
from ..utils._callbacks import fit_heard
from ..utils._clone import cloned, cloned_apart
from ..utils._containers import writable
from ..utils._plain import Plain
from ..utils._sklearn_api import is_semi_supervised
from ..utils._warn import warn_user
from ._plan import make_plan
from ._prepare import fill_seeds, hold_over, prepared
from ._samplers import is_sampler, why_left_alone
from ._structure import is_composed, leaves_of, predictor_of
from ._update import copied, refusal, start, starts_at_once, update, weight_in, weight_taken
from .adapters._base import Effort
from .adapters._registry import adapter_of, family_of
from .adapters._river import hint


class Learner(Plain):
    """Make models of one base estimator and continue them; the only place that calls its ``fit``.

    A learner is a value: nothing that it does changes it, or the models that it is given. It
    pickles, and fits the same models in another process.

    Parameters
    ----------
    estimator : estimator
        The base; it is cloned, never fitted.
    random_state : int or None
        Where an int, the parameters ``random_state`` that are None in a clone are filled from it
        and the number of the fit; where None, nothing is changed.
    route : callable or None, default=None
        ``route(method, params)`` returns what of the per-row metadata goes to that method of the
        base; None passes all of it.

    Attributes
    ----------
    method : str or None
        How a fitted model can be continued, in a word: ``"partial_fit"``, ``"rotation"``, ...
    why_not : str
        Why it cannot; empty if it can.
    incremental : bool
        Whether the newest batch alone teaches the model; else all rows of the present concept do.
    starts_at_once : bool
        Whether the very first rows can go through ``partial_fit``.
    needs_all_classes : bool
        Whether rows to continue on must show every class that the model knows.
    freezes : bool
        Whether a continuation leaves fitted steps as they are, which only a refit renews.
    semi_supervised : bool
        Whether the label -1 says that a row has no label.
    guarded : {"never", "alarm", "always"}
        When a continuation must prove itself against a fresh fit.

    Raises
    ------
    TypeError
        If `estimator` is no scikit-learn estimator.
    ValueError
        If it is frozen.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import SGDClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skretrain.buffers import Rows
    >>> from skretrain.compose import Learner
    >>> learner = Learner(make_pipeline(StandardScaler(), SGDClassifier()), random_state=0)
    >>> X, y = np.arange(8.0).reshape(-1, 1), np.array([0, 0, 0, 1, 0, 1, 1, 1])
    >>> rows = Rows(X, y, {}, np.arange(8))
    >>> model = learner.fresh(rows, 0)
    >>> learner.method, learner.continued(model, rows) is model
    ('partial_fit', False)
    >>> list(learner.weighted(rows, np.ones(8)).params)
    ['sgdclassifier__sample_weight']
    """

    def __init__(self, estimator, *, random_state=None, route=None):
        if isinstance(estimator, FrozenEstimator):
            raise ValueError(
                "estimator=FrozenEstimator(...) cannot be retrained: fitting it changes nothing, "
                "and its partial_fit would change a model that all its clones share. Pass the "
                "estimator inside."
            )
        way_out = hint(estimator)
        if way_out:
            raise TypeError(f"estimator={estimator!r} is not a scikit-learn estimator: {way_out}")
        self.estimator = cloned_apart(estimator)
        self.random_state = random_state
        self.route = route
        self._tally = self._prior = None
        self._plans = {}
        self.why_not = self.plan().why_not
        predictor, _ = predictor_of(self.estimator)
        self._adapter = None if self.why_not else adapter_of(predictor)[0]
        self._family = family_of(predictor) or self._adapter
        self._is_leaf = not is_composed(self.estimator)
        self.method = None if self._adapter is None else self._adapter.method
        self.incremental = self._adapter is not None and self._adapter.incremental
        self.needs_all_classes = self._adapter is not None and self._adapter.needs_all_classes
        self.freezes = any(
            (step.on_update, step.on_refit) == ("freeze", "refit") for step in self.plan().steps
        )
        self.semi_supervised = is_semi_supervised(predictor)
        self.guarded = "never" if self._adapter is None else self._adapter.guarded
        self.starts_at_once = self.incremental and starts_at_once(self.estimator)

    def plan(self, steps=None):
        """Return what becomes of each step.

        Parameters
        ----------
        steps : dict or None, default=None
            Overrides, as in :func:`explain_plan`.

        Returns
        -------
        plan : Plan
            The same for every model of this base.
        """
        key = repr(steps)  # the order of patterns counts; junk is left to make_plan
        if key not in self._plans:
            self._plans[key] = make_plan(self.estimator, steps)
        return self._plans[key]

    def tallied(self, tally):
        """Return a copy which tells a list of the fits that it makes from scratch.

        Parameters
        ----------
        tally : list of int
            Gets the number of rows of each.

        Returns
        -------
        learner : Learner
            This one keeps silent.
        """
        learner = self._branched()
        learner._tally = tally
        return learner

    def blank(self, number):
        """Return an unfitted clone.

        Parameters
        ----------
        number : int
            Number of the fit, from which its seeds are drawn.

        Returns
        -------
        model : estimator
            Seeded, if the learner is.
        """
        model = cloned(self.estimator)
        if self.random_state is not None:
            fill_seeds(model, self.random_state, number)
        return hold_over(prepared(model), self._prior)

    def fresh(self, rows, number):
        """Return a new model fitted on rows.

        Parameters
        ----------
        rows : Rows
            What it learns.
        number : int
            Number of the fit, from which its seeds are drawn.

        Returns
        -------
        model : estimator
            Fitted.

        Raises
        ------
        ValueError
            If the model has no room for some labels, and this is the first fit, number 0, or the
            others are of a single class.

        Warns
        -----
        SkretrainWarning
            If a later one has no room for them, or a sampler leaves the rows as they are.
        """
        model, params = self.blank(number), self._routed("fit", rows)
        X, y = self._handed(rows)
        try:
            fit_heard(model, X, y, params)
        except Exception as error:
            labels, reason = self._to_blame(model, X, y)
            if not reason:
                raise
            return self._fresh_without(labels, reason, rows, number, error)
        return self._finished(model, X, rows)

    def _to_blame(self, model, X, y):
        if self._family is None or y is None or y.ndim > 1:
            return (), ""
        return self._family.to_blame(predictor_of(model)[0], model, X, y)

    def _fresh_without(self, labels, reason, rows, number, error):
        """Fit again without some labels; a first fit, or one on a single class, is not made."""
        rest = part_of(rows, np.flatnonzero(~np.isin(rows.y, labels)))
        if not number or len(np.unique(rest.y)) < 2:
            raise ValueError(f"{reason}.") from error
        warn_user(f"{reason}: rows of these are left out of the fit.", SkretrainWarning)
        model = self.fresh(rest, number)
        predictor_of(model)[0]._left_out = f"{reason}: their rows were left out"
        return model

    def note(self, model):
        """Return what a fit from scratch has to say about itself.

        Parameters
        ----------
        model : estimator
            What `fresh` returned.

        Returns
        -------
        note : str
            How many rounds an early stop has kept, which labels were left out, and which sampler
            left its rows as they were; empty if there is nothing to say.
        """
        notes = [why_left_alone(leaf) for leaf in leaves_of(model) if is_sampler(leaf)]
        predictor, _ = predictor_of(model)
        notes.append(getattr(predictor, "_left_out", ""))
        kept = None if self._family is None else self._family.n_kept(predictor)
        if kept is not None:
            notes.append(f"stopped early, {kept} rounds kept")
        return "; ".join(filter(None, notes))

    def started(self, rows, number, classes):
        """Return a new model whose first rows go through its own ``partial_fit``.

        Parameters
        ----------
        rows : Rows
            The first rows.
        number : int
            Number of the fit, from which its seeds are drawn.
        classes : array-like or None
            Class labels to expect; None stands for those of the rows.

        Returns
        -------
        model : estimator
            Fitted.
        """
        model = self.blank(number)
        rows = self.without_zero_weight(rows)
        X, y = self._handed(rows)
        start(model, X, y, self._routed(self._method(), rows), classes)
        return self._finished(model, X, rows)

    def _handed(self, rows):
        if self._family is None or not self._family.needs_writable:
            return rows.X, rows.y
        return writable(rows.X), writable(rows.y)

    def _finished(self, model, X, rows):
        if self._family is not None:
            self._family.after_fit(predictor_of(model)[0], model, X)
        if self._tally is not None:
            self._tally.append(len(rows.index))
        return model

    def continued(self, model, rows, *, effort=None, steps=None, how=None):
        """Return a copy of a model that has gone on learning.

        With ``partial_fit``, ``effort.n_passes`` times over the rows; else as the adapter of its
        family does it. Steps of a pipeline that the plan freezes are shared, not copied.

        Parameters
        ----------
        model : estimator
            Fitted; it stays as it is.
        rows : Rows
            What the copy learns. Rows of weight zero are left out.
        effort : Effort or None, default=None
            How much to change.
        steps : dict or None, default=None
            Overrides of the plan, as in :func:`explain_plan`.
        how : callable or None, default=None
            ``how(predictor, X, y, params)`` changes the copy of the predictor in place, instead of
            what its adapter would do: the rows have passed the steps before it, and `params` is
            what of the metadata its ``fit`` or ``partial_fit`` asks for.

        Returns
        -------
        continued : estimator
            Shares nothing that changes with `model`.
        """
        rows, plan, effort = self.without_zero_weight(rows), self.plan(steps), effort or Effort()
        model_copy = self._copied(model, plan)
        if len(rows.index) == 0:
            return model_copy
        if not self._is_leaf:
            params = self._routed("fit", rows)
            update(model_copy, rows.X, rows.y, params, plan=plan, effort=effort, how=how)
        elif how is not None and plan.on_update("") != "freeze":
            how(model_copy, rows.X, rows.y, self._routed(self._method(), rows))
        elif plan.on_update("") == "update":
            params = self._routed(self._adapter.fit_method, rows)
            self._adapter.update(model_copy, rows.X, rows.y, params, effort)
        elif plan.on_update("") == "refit":
            model_copy.fit(rows.X, rows.y, **self._routed("fit", rows))
        return model_copy

    def _copied(self, model, plan):
        if self._is_leaf and plan.on_update("") == "update" and hasattr(model, "predict"):
            return self._adapter.copied(model)
        return copied(model, plan)

    def refusal(self, model, rows, *, effort=None, steps=None):
        """Return why a model cannot be continued.

        It is asked *before* anything is fitted: several estimators find out in the middle of a fit.

        Parameters
        ----------
        model : estimator
            Fitted.
        rows : Rows
            What it would learn.
        effort : Effort or None, default=None
            How much would be changed.
        steps : dict or None, default=None
            Overrides of the plan.

        Returns
        -------
        reason : str
            Empty if it can.
        """
        plan, effort = self.plan(steps), effort or Effort()
        if plan.why_not:
            return plan.why_not
        if self._is_leaf and plan.on_update("") == "update":  # asked with every batch
            return self._adapter.refusal(model, self.targets_of(rows), effort)
        return refusal(model, self.targets_of(rows), plan=plan, effort=effort)

    def can_grow(self, model, new):
        """Tell whether a continuation can take in new labels.

        Parameters
        ----------
        model : estimator
            Fitted.
        new : ndarray
            Labels that it does not know.

        Returns
        -------
        can_grow : bool
            False where a refit is needed.
        """
        return self._adapter is not None and self._adapter.can_grow(predictor_of(model)[0], new)

    def weight_of(self, rows):
        """Return the ``sample_weight`` that the base gets, under whatever name it came.

        Parameters
        ----------
        rows : Rows
            With their metadata.

        Returns
        -------
        weight : ndarray of shape (n_rows,) or None
            None where there is none.
        """
        return weight_in(self.estimator, rows.params)

    def any_counts(self, rows):
        """Tell whether any of the rows has a weight other than zero.

        Parameters
        ----------
        rows : Rows
            With their metadata.

        Returns
        -------
        any_counts : bool
            True where there are no weights.
        """
        weight = self.weight_of(rows)
        return weight is None or bool(weight.any())

    def weighted(self, rows, weight):
        """Return rows of which each counts so much more.

        Parameters
        ----------
        rows : Rows
            With their metadata.
        weight : array-like of shape (n_rows,)
            By what the ``sample_weight`` of each row is multiplied, under the name by which the
            base takes it: a pipeline names the step, and with metadata routing it may have another.

        Returns
        -------
        rows : Rows
            The same rows.

        Raises
        ------
        ValueError
            If the base takes no weights.
        """
        name = weight_taken(self.estimator)
        if not name:
            predictor, _ = predictor_of(self.estimator)
            raise ValueError(
                f"{type(predictor).__name__} takes no sample_weight, so that rows cannot be "
                "weighted. Choose a base whose fit takes it, or another policy."
            )
        weight = np.asarray(weight, dtype=np.float64) * rows.params.get(name, 1.0)
        return rows._replace(params={**rows.params, name: weight})

    def targets_of(self, rows):
        """Return the targets of the rows that count.

        A label of weight zero is not learned; and -1 is none to a semi-supervised base, but says
        that the row has no label.

        Parameters
        ----------
        rows : Rows
            With their metadata.

        Returns
        -------
        y : ndarray or None
            None where there are no targets.
        """
        if rows.y is None or not (rows.params or self.semi_supervised):
            return rows.y
        uncounted = self.uncounted(rows)
        return rows.y if uncounted is None else rows.y[~uncounted]

    def uncounted(self, rows):
        """Return which rows are neither scored nor bring a label: they may be learned.

        Parameters
        ----------
        rows : Rows
            With their metadata.

        Returns
        -------
        uncounted : ndarray of bool of shape (n_rows,) or None
            Those of weight zero, and those without a label (-1 for a semi-supervised base).
        """
        weight = self.weight_of(rows)
        uncounted = None if weight is None else weight == 0
        if self.semi_supervised and rows.y is not None and rows.y.dtype.kind in "iuf":
            unlabelled = rows.y == -1
            uncounted = unlabelled if uncounted is None else uncounted | unlabelled
        return uncounted

    def without_zero_weight(self, rows):
        """Return the rows that count: ``partial_fit`` would count the others in its schedule.

        Parameters
        ----------
        rows : Rows
            With their metadata.

        Returns
        -------
        rows : Rows
            The very same where all of them count.
        """
        weight = self.weight_of(rows)
        if weight is None or not (weight == 0).any():
            return rows
        return part_of(rows, np.flatnonzero(weight))

    def _method(self):
        """Return the method of the base that the metadata of a continuation is meant for."""
        # A pipeline routes by its fit; what partial_fit of a step requested is looked up there.
        return self._adapter.fit_method if self._is_leaf and self._adapter is not None else "fit"

    def _routed(self, method, rows):
        if not rows.params or self.route is None:
            return rows.params
        return self.route(method, rows.params)
