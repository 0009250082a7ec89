"""Learn new rows while the old coefficients hold on."""

from glob import escape

import numpy as np
from sklearn.base import is_classifier, is_regressor

from ..buffers._base import joined, part_of
from ..compose._growth import grow_for
from ..compose._structure import predictor_of
from ..compose.adapters._base import flat_classes
from ..utils._labels import unseen_labels
from ..utils._losses import loss_per_row
from ..utils._params import check_choice, check_number
from ._anchors import Averaged, Refilled, Solved, is_recursive
from ._base import BasePolicy, Candidate, refit_on_memory, with_all_classes
from ._likelihoods import has_likelihood, is_solved

_METRICS = ("auto", "identity", "fisher", "full")
# Bases of all estimators of scikit-learn whose decisions are made of coefficients alone.
_LINEAR = ("LinearModel", "LinearClassifierMixin", "BaseSGD", "_GeneralizedLinearRegressor")
_WITH_COEFFICIENTS = frozenset((*_LINEAR, "BaseMultilayerPerceptron"))
# The newest of the new rows are held out: a third; fewer than ten show nothing.
_SHARE_HELD, _LEAST_HELD = 1 / 3, 10
_FEW = 60  # of the newest rows, where the new ones are too few to compare on
# From a hundredth of the new rows, which holds next to nothing, to all remembered ones.
_WEAKEST, _N_STRENGTHS = 0.01, 7
_CAUTION = 0.5  # standard errors of the difference within which more strength costs nothing
_MOST_OLD = 1000  # rows that the information is taken from; a mean needs no more
_LEAST_OLD = 100  # with fewer, what they happen not to show would be held by next to nothing


class AnchoredUpdate(BasePolicy):
    r"""Learn new rows while each coefficient is pulled to where it was.

    What is minimised is the loss :math:`\ell` of the new rows and, instead of the base's own
    penalty of squared coefficients :math:`c`, one of their squared distance from the old ones
    :math:`\theta^0` [1]_ [2]_:

    .. math::

        \sum_i w_i \, \ell(y_i, x_i; \theta)
        + \frac12 \sum_j (s \, m_j + c_j) (\theta_j - \theta^0_j)^2

    where s is `strength`, in rows, and :math:`m_j` the weights of `metric`. The intercept is held
    like the coefficient of a column of ones; the base's own :math:`c` leaves it out. A new class
    has no old coefficients: those that it begins with are held by the base's own :math:`c` alone.
    There is one anchor, the serving model: earlier ones are in it [3]_.

    Parameters
    ----------
    strength : "auto" or float, default="auto"
        As how many rows the old model counts, above 0. ``"auto"`` finds out from held-out rows,
        see Notes.
    metric : {"auto", "identity", "fisher", "full"}, default="auto"
        How coefficients are weighed. ``"identity"``: all alike, 1. ``"fisher"``: by the diagonal of
        the Fisher information of an old row, the mean over remembered rows of the squared gradient
        of each, over the targets that the model expects. ``"full"``: by all of it, products of two
        coefficients, too. ``"auto"`` is ``"fisher"`` for a base that tells how likely a target is,
        with 100 remembered rows or more from before the new ones, else ``"identity"``.

    Notes
    -----
    How the coefficients are found depends on the base, or on the last step of a pipeline:

    - `Ridge`, `LinearRegression` and `RidgeClassifier` have a closed form. `LogisticRegression`,
      `PoissonRegressor`, `GammaRegressor` and `TweedieRegressor` are solved by L-BFGS, to
      convergence. With ``metric="full"`` and a `strength` of all old rows, at most 1,000, the ridge
      is that of old and new rows together.
    - :class:`~skretrain.linear_model.RecursiveRidgeRegressor`, and its classifier, has all products
      of the rows that it has learned: these count as `strength` rows, if they are as many, and the
      new ones are learned beside them. `metric` says nothing there.
    - Any other linear model of scikit-learn, and its multi-layer perceptrons, is continued, or
      fitted on the new rows where it cannot be; then each coefficient goes the share
      :math:`n \, \tilde m_j / (n \, \tilde m_j + s \, m_j)` of the way that this has taken it,
      with n new rows and their own weights :math:`\tilde m`: for ``"identity"``,
      :math:`n / (n + s)`. ``"fisher"`` is for `SGDClassifier` with ``loss="log_loss"`` and for
      `SGDRegressor` with ``loss="squared_error"``.

    New rows are the batch, or, where an alarm is answered, all rows since the located change. In a
    pipeline, steps before the model go on as in :class:`WarmStart`. With ``metric="fisher"`` or
    ``"full"``, and no old rows remembered, the information is that of the new ones, which needs no
    targets. An exact model, or one that is solved for, must not learn a row twice: rows that the
    serving model has learned, as by an ``update``, are none of the new ones; do not use it beside a
    replay.

    A batch in which classes are missing teaches that there are none of them. A classifier that is
    solved for, or fitted, therefore learns remembered rows of those classes again: a tenth as many
    as the batch has, shared among them, but five of each at least. What is forgotten is then less,
    not nothing: on the digits 0 to 4, the accuracy of a logistic regression goes from 1.00 to 0.85
    with ten batches of 50 rows of 5 to 9 alone, and to 0.00 without. Where more has to be kept, or
    no rows are remembered, take a larger `strength`, or use :class:`ReplayMix`.

    ``strength="auto"`` holds out the newest third of the new rows, learns the others at seven
    strengths, from a hundredth of their number to the number of remembered rows, and judges all
    on the rows held out. Of those that are worse than the best one by no more than half a standard
    error of the difference, the strongest is taken: what the present does not need is not
    forgotten. With fewer than 30 new rows nothing can be compared, and the remembered rows of the
    present concept are the strength. ``evidence["anchor"]`` of the event tells what was taken, and
    the losses.

    References
    ----------
    .. [1] X. Li, Y. Grandvalet and F. Davoine, "Explicit inductive bias for transfer learning with
       convolutional networks", ICML 2018 (L2-SP).
    .. [2] J. Kirkpatrick et al., "Overcoming catastrophic forgetting in neural networks", PNAS
       114(13), 2017 (elastic weight consolidation).
    .. [3] F. Huszár, "Note on the quadratic penalties in elastic weight consolidation", PNAS
       115(11), 2018.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.policies import AnchoredUpdate
    >>> X, y, _ = make_drifting_classification(1000, drift="stationary", random_state=0)
    >>> model = DriftAwareRetrainer(
    ...     LogisticRegression(), detector=None, update=AnchoredUpdate(), batch_size=100
    ... ).fit(X, y)
    >>> model.events_.counts["updated"]
    9
    """

    continues = True

    def __init__(self, strength="auto", *, metric="auto"):
        self.strength = strength
        self.metric = metric

    def check(self, learner):
        """Raise for a parameter, or a base, that this policy cannot work with.

        Parameters
        ----------
        learner : Learner
            One whose base has no coefficients is refused.

        Raises
        ------
        ValueError
            Naming the parameter and the way out.
        """
        check_number(self, "strength", above=0, what="a number of rows", otherwise=("auto",))
        check_choice(self, "metric", _METRICS)
        base, _ = predictor_of(learner.estimator)
        if not _has_coefficients(base):
            raise ValueError(
                f"AnchoredUpdate pulls coefficients, and {type(base).__name__} has none that it "
                "knows: use it with a linear classifier or regressor of scikit-learn, a "
                "multi-layer perceptron or recursive ridge, or use ReplayMix, which takes any base."
            )
        self._check_metric(base)

    def _check_metric(self, base):
        likely = has_likelihood(base) or is_recursive(base)
        if self.metric == "fisher" and not likely:
            why = "does not say how likely a target is, so that there is no Fisher information"
        elif self.metric == "full" and not (is_solved(base) or is_recursive(base)):
            why = "is not solved for, but continued"
        else:
            return
        others = "metric='auto' or 'identity'" if not likely else "metric='fisher' or 'identity'"
        raise ValueError(
            f"AnchoredUpdate(metric={self.metric!r}): {type(base).__name__} as it is set {why}. "
            f"Use {others}."
        )

    def propose(self, context):
        """Return a copy of the serving model that has learned the new rows, held by the old.

        Parameters
        ----------
        context : RetrainContext
            The serving model, the newest rows, the memory and the means to fit.

        Returns
        -------
        candidate : Candidate
            A fresh fit on all remembered rows where the coefficients would be others, for a new
            class, say: its note tells why. The model is kept where no new row counts, or an exact
            one has learned them all.
        """
        work = _Work(context)
        new = work.unlearned(
            context.window(since=context.since) if context.alarm else context.batch
        )
        if not len(new.index):
            return Candidate.kept(note="the model has learned all rows")
        new = context.learner.without_zero_weight(new)
        if not len(new.index):
            return Candidate.kept(note="no new row has a weight")
        work.weigh_by(self.metric, new)
        refusal = work.refusal(new)
        if refusal:
            return refit_on_memory(context, refusal)
        strength, evidence, n_compared = self.strength, None, 0
        if strength == "auto":
            strength, evidence, n_compared = work.chosen(new)
        model = work.anchored(new)
        model.pull(strength)
        return Candidate(
            model.estimator,
            "anchored_update",
            model.n_rows,
            from_scratch=False,
            n_rows_compared=n_compared,
            evidence=evidence,
        )


def _has_coefficients(base):
    if not (is_classifier(base) or is_regressor(base)):
        return False
    names = {kind.__name__ for kind in type(base).__mro__ if kind.__module__.startswith("sklearn.")}
    return is_recursive(base) or not names.isdisjoint(_WITH_COEFFICIENTS)


class _Work:
    """What is done for one retrain."""

    def __init__(self, context):
        self.context, self.learner = context, context.learner
        self.base, _ = predictor_of(context.champion)
        self.is_exact = is_solved(self.base) or is_recursive(self.base)

    def unlearned(self, rows):
        """Return the rows but those that an exact model has learned, which would count twice."""
        first = self.context.unseen_from
        if first is None or not self.is_exact:
            return rows
        return part_of(rows, slice(int(rows.index.searchsorted(first)), None))

    def weigh_by(self, metric, new):
        """Take a metric; "auto" goes by the base, and by how many old rows tell of it."""
        if metric == "auto":
            likely = has_likelihood(self.base) and len(self._spread(new).index) >= _LEAST_OLD
            metric = "fisher" if likely else "identity"
        self.metric = metric

    def refusal(self, new, before=None):
        """Return why the coefficients cannot be those of a model that has learned the rows."""
        rows = self._learned(new, before)
        if self.is_exact:
            return self._new_labels(rows)
        if self.learner.method is not None:
            return self.learner.refusal(self.context.champion, rows)
        return self._new_labels(new) or self._missing_labels(rows)

    def _new_labels(self, rows):
        known, y = self._labels(rows)
        new = unseen_labels(y, known)
        if not len(new) or self.learner.can_grow(self.context.champion, new):
            return ""
        return f"the model cannot take in new classes {new.tolist()}"

    def _missing_labels(self, rows):
        known, y = self._labels(rows)
        missing = np.setdiff1d(known, y)
        if not len(missing):
            return ""
        return f"a fit on new rows has other coefficients; they lack {missing.tolist()}"

    def _labels(self, rows):
        """Return the labels that the model knows, and those of the rows; numbers are none."""
        y = self.learner.targets_of(rows)
        known = flat_classes(self.base, y)
        return (np.empty(0), np.empty(0)) if known is None else (known, y)

    def _learned(self, new, before=None):
        """Return the rows that are learned: those that are fitted need some of every class.

        So do those that are solved for: of a class that no row has, all scores go down.
        """
        if is_recursive(self.base) or (self.learner.incremental and not is_solved(self.base)):
            return new
        return with_all_classes(new, self.context, before)

    def anchored(self, new, before=None):
        """Return a copy of the serving model that can be pulled."""
        return _Anchored(self, self._learned(new, before), self._older(new))

    def _older(self, new):
        """Return the old rows that the information is taken from, or None where none is."""
        if self.metric == "identity" or is_recursive(self.base):
            return None
        older = self._spread(new)
        return older if len(older.index) else None

    def _spread(self, new):
        """Return remembered rows from before the new ones, spread evenly."""
        past = self.context.past(new.index[0])
        positions = np.linspace(0, len(past) - 1, min(len(past), _MOST_OLD)).round().astype(int)
        return self.learner.without_zero_weight(past.take(positions))

    def chosen(self, new):
        """Return the strength that serves best, with the evidence and the rows that it took."""
        rows = self._compared(new)
        learned, held = _cut(rows)
        if learned is None:
            return self._known_rows(new), None, 0
        before = held.index[0]
        if self.refusal(learned, before):
            return self._known_rows(new), None, 0
        model = self.anchored(learned, before)
        strengths = _ladder(len(learned.index), len(self.context.past(rows.index[0])))
        losses = []
        for strength in strengths:
            model.pull(strength)
            losses.append(loss_per_row(model.estimator, held.X, held.y))
        chosen = float(strengths[_strongest(np.array(losses))])
        evidence = {
            "strength": self._for_fewer(chosen, len(new.index), len(rows.index)),
            "n_held": len(held.index),
            "losses": {
                f"{strength:.4g}": float(loss.mean())
                for strength, loss in zip(strengths, losses, strict=True)
            },
        }
        n_fits = len(strengths) if model.fits else 1
        return evidence["strength"], {"anchor": evidence}, n_fits * model.n_rows

    def _compared(self, new):
        """Return the rows to compare strengths on."""
        if len(new.index) >= _LEAST_HELD / _SHARE_HELD:
            return new
        return self.learner.without_zero_weight(self.context.window(latest=_FEW))

    def _for_fewer(self, strength, n_new, n_rows):
        """Return the strength for new rows that are fewer than those it was found on.

        The model has learned the others: they are old rows now. A pass of ``partial_fit`` over new
        rows is a step from there that need not be held by them.
        """
        if self.is_exact or not self.learner.incremental:
            return strength + n_rows - n_new
        return strength * n_new / n_rows

    def _known_rows(self, new):
        """Return how many rows of the present concept are remembered, one at least."""
        index = self.context.memory.index
        first, stop = index.searchsorted([self.context.since, new.index[0]])
        return float(max(stop - first, 1))


def _cut(rows):
    """Return the rows to learn and the newest, held out; None where these would be too few."""
    n_held = int(len(rows.index) * _SHARE_HELD)
    if n_held < _LEAST_HELD:
        return None, None
    return part_of(rows, slice(-n_held)), part_of(rows, slice(-n_held, None))


def _ladder(n_new, n_old):
    return np.geomspace(_WEAKEST * n_new, max(n_new, n_old), _N_STRENGTHS)


def _strongest(losses):
    """Return the last of the strengths that is as good as the best one, but for chance."""
    differences = losses - losses[losses.mean(axis=1).argmin()]
    errors = differences.std(axis=1, ddof=1) / np.sqrt(losses.shape[1])
    return int(np.flatnonzero(differences.mean(axis=1) <= _CAUTION * errors)[-1])


class _Anchored:
    """A copy of the serving model whose coefficients go between old and new ones.

    Parameters
    ----------
    work : _Work
        The context, and the metric.
    rows : Rows
        To learn.
    older : Rows or None
        What the information is taken from.
    """

    def __init__(self, work, rows, older):
        learner, self.metric = work.learner, work.metric
        self.n_rows, self.n_old = len(rows.index), 0 if older is None else len(older.index)
        # In the units, and with the classes, of now; it has learned nothing.
        moved = learner.continued(work.context.champion, rows, how=_grown)
        self.old, _ = predictor_of(moved)
        self.free = _new_columns(work.base, self.old)
        still = {escape(step.path): "freeze" for step in learner.plan().steps[:-1]}
        start = moved
        if not work.is_exact:
            start = learner.continued(moved, rows, steps=still)
        every = rows if older is None else joined(older, rows)
        self.estimator = learner.continued(start, every, steps=still, how=self._take)
        self.pull, self.fits = self._solver.pull, self._solver.fits

    def _take(self, predictor, X, y, params):
        details = X, y, params, self.n_old, self.metric, self.free
        if is_recursive(predictor):
            self._solver = Refilled(predictor, X, y, params)
        elif is_solved(predictor):
            self._solver = Solved(predictor, *details)
        else:
            self._solver = Averaged(predictor, self.old, *details)


def _grown(predictor, X, y, params):
    grow_for(predictor, y)


def _new_columns(before, after):
    """Return the places of the classes that a model has taken in."""
    labels, known = getattr(after, "classes_", None), getattr(before, "classes_", None)
    if not isinstance(labels, np.ndarray) or len(labels) == len(known):
        return np.empty(0, dtype=int)
    return np.flatnonzero(~np.isin(labels, known))
