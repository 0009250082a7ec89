"""Keep the serving model unless a refit is shown to be better: the default answer to an alarm."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.base import is_classifier

from ..buffers import Rows
from ..buffers._base import part_of
from ..utils._containers import writable
from ..utils._labels import unseen_labels
from ..utils._losses import loss_per_row
from ..utils._params import check_flag, check_integer, check_number, is_integer, refuse
from ._base import BasePolicy, Candidate, with_all_classes
from ._full_refit import FullRefit

_DEFAULT = ("since_drift", "between", "all")
_WORDS = (*_DEFAULT, "decayed")
_NO_ROWS = Rows(np.empty((0, 1)), None, {}, np.empty(0, dtype=np.int64))
# Of the rows since the change, the newest are held out: a third of them, a half where these are
# few. Fewer than ten show nothing.
_SHARE_HELD, _FEW_HELD, LEAST_HELD, MOST_HELD = 1 / 3, 20, 10, 1000
# As many that the serving model has not learned are enough to compare on them alone.
_ENOUGH_UNSEEN = 50
# Windows whose lengths differ by less than this share are one window.
_ALIKE = 0.1
# The question is asked again when so many more rows have come, as a share of those there were.
_GROWTH = 0.25
# A smaller gain over a model that learns, as a share of the loss, is rounding: its updates may be
# as good as a fit. (A model that does not learn lacks the rows held out, even where it is level.)
_LEAST_GAIN = 1e-6
# Neighbouring differences that are more alike than this would make any error infinite.
_MOST_CORRELATED = 0.9


class KeepOrRefit(BasePolicy):
    r"""Refit on the best of several windows, if that is shown to be better than to keep the model.

    An alarm says that the model has become worse, not that a model of a few new rows is better.
    The newest rows since the change are held out, a model is fitted without them on each of the
    windows, and all are judged on them, the serving model too. It goes on serving unless the best
    one is better by more than chance explains; the best window is then fitted again, with the rows
    held out. The question is asked again each time the rows since the change are a quarter more;
    once they fill the memory, at every quarter of it. Of a model that an ``update`` keeps learning,
    it is asked at a quarter more however many there are, and before the first alarm only where
    there is a detector: with ``detector=None``, such a model is that of plain updating. Of a sample
    (:class:`~skretrain.buffers.Reservoir`), the rows that it holds are counted.

    Parameters
    ----------
    windows : list or tuple of {"since_drift", "between", "all", "decayed", int}, default=None
        Rows to fit on. ``"since_drift"``: those since the located change. ``"all"``: all remembered
        ones. ``"between"``: as many of the newest as the geometric mean of these two. A number: so
        many of the newest. ``"decayed"``: all, and the weight of a row is halved for each length
        of the rows since the change that it is older; for bases that take ``sample_weight``. None
        is the first three.
    caution : float, default=1.0
        Standard errors by which a refit has to be better when it answers an alarm, at least 0; a
        schedule's (:class:`~skretrain.drift.Periodic`) is none.
    min_rows : int, default=50
        Rows of the shortest window, where there are as many.
    grow : bool, default=True
        Whether to ask again as rows come.

    Notes
    -----
    Held out is the newest third of the rows since the change, at most 1,000, and only rows that the
    serving model has not learned, if there are 50 of them. With fewer than 20 rows since the change
    nothing can be compared: the model is kept, and the question is asked again as rows come.

    Compared is, row by row, the squared shortfall of the probability given to the true class (half
    the Brier score of two classes), else the 0/1 or absolute error. Without targets nothing can be
    compared, and the model is refitted on the rows since the change, as by :class:`FullRefit`.

    With :math:`d_i` the difference of the losses on row i, :math:`s` their standard deviation and
    :math:`r` their autocorrelation at lag 1 (between 0 and 0.9), a refit is better if

    .. math::

        \bar d < -z \, \frac{s}{\sqrt n} \sqrt{\frac{1 + r}{1 - r}}, \qquad
        z = c + \log_{10} \frac{n_\mathrm{all}}{n_\mathrm{window}}

    where c is `caution` on an alarm, and 0 when rows have come: then the evidence is new, and a
    mistake can be mended soon. The second term asks for more proof of a model of few rows; the
    square root is the usual correction of the standard error for errors that come in runs [1]_.

    To keep the model is an answer, too: the event is ``kept``, the trigger begins anew with the
    losses of the kept model as its reference, and the rows since the located change are the present
    concept. A model that is kept learns the batch, where the retrainer has an ``update``. A model
    that lacks a class of the batch cannot be kept. Where every window fails, so does the retrain:
    the model goes on serving, and the question is asked again. A memory of fewer than 20 rows is
    too small to compare on: the model is refitted on it, unless no alarm asks and it has learned
    all rows.

    ``evidence["comparison"]`` of the event has what was taken, the rows held out, and of each model
    the mean loss on them and the rows it was fitted on, with the difference to the serving model
    and its standard error. With ``dry_run=True`` the models are compared as well, and the event,
    ``suggested`` or ``kept``, has the same evidence.

    A retrain takes at most a fit on each window and the one that serves: four times as long as a
    refit on all rows for the default windows, and usually less.

    References
    ----------
    .. [1] H. J. Thiebaux and F. W. Zwiers (1984). "The interpretation and estimation of effective
       sample size". Journal of Climate and Applied Meteorology 23(5), 800-811.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.policies import KeepOrRefit
    >>> X, y, _ = make_drifting_classification(4000, random_state=0)
    >>> model = DriftAwareRetrainer(
    ...     LogisticRegression(), policy=KeepOrRefit(["since_drift", "all"]), batch_size=200
    ... ).fit(X, y)
    >>> [event.reason.split(":")[0] for event in model.events_ if event.reason.startswith("alarm")]
    ['alarm; since_drift is better']
    """

    compares = True

    def __init__(self, windows=None, *, caution=1.0, min_rows=50, grow=True):
        self.windows = windows
        self.caution = caution
        self.min_rows = min_rows
        self.grow = grow

    def check(self, learner):
        """Raise for a parameter, or a base, that this policy cannot work with.

        Parameters
        ----------
        learner : Learner
            One whose base takes no weights is refused where ``windows`` name ``"decayed"``.

        Raises
        ------
        ValueError
            Naming the parameter and the way out.
        """
        check_number(self, "caution", least=0, what="a number of standard errors")
        check_integer(self, "min_rows", least=1, what="a number of rows")
        check_flag(self, "grow")
        given = _DEFAULT if self.windows is None else self.windows
        valid = isinstance(given, (list, tuple)) and all(map(_is_window, given))
        if not valid or len(set(given)) < max(len(given), 1):
            accepted = f"a list of different ones of {list(_WORDS)} or numbers of rows, at least 1"
            refuse(self, "windows", accepted)
        if "decayed" in given:
            learner.weighted(_NO_ROWS, ())

    def is_due(self, n_since, n_fitted, n_full):
        """Tell whether the question is to be asked again: the rows are a quarter more.

        Parameters
        ----------
        n_since : int
            Rows of the present concept so far.
        n_fitted : int
            How many of them there were when it was asked last.
        n_full : int
            Rows the memory can hold; once there are more, a quarter of it has to come. Infinite for
            a model that an update keeps learning.

        Returns
        -------
        due : bool
            Never where ``grow`` is False.
        """
        wanted = _GROWTH * min(n_fitted, n_full)
        return bool(self.grow) and n_since > n_fitted and n_since - n_fitted >= wanted

    def propose(self, context):
        """Return the best of the windows, fitted with the rows held out, or keep the model.

        Parameters
        ----------
        context : RetrainContext
            The serving model, the newest rows, the memory and the means to fit.

        Returns
        -------
        candidate : Candidate
            With the losses of all models as `evidence`, where any were compared.
        """
        rows = context.window()
        if rows.y is None:
            return FullRefit(min_rows=self.min_rows).propose(context)
        held = _held_out(context, rows)
        if held is None:
            if lacks_a_label(context.champion, context.batch, context):
                return FullRefit("all").propose(context)
            is_tiny = context.memory.max_rows < 2 * LEAST_HELD
            if is_tiny and (context.alarm or not _has_learned_all(context)):
                return self._uncompared(context, "the memory is too small to compare")
            return Candidate.kept(note="too few rows with labels since the change to compare on")
        return self._decided(context, rows, Holdout(context.champion, held))

    def _uncompared(self, context, why):
        candidate = FullRefit(min_rows=self.min_rows).propose(context)
        return candidate._replace(note=f"not compared: {why}")

    def _decided(self, context, rows, holdout):
        past = part_of(rows, slice(int(np.searchsorted(rows.index, holdout.began))))
        is_lacking = lacks_a_label(context.champion, context.batch, context)
        champion = None if is_lacking else holdout.judged(context.champion)
        refits, errors = self._refits(context, past, holdout)
        if not refits:
            error = next(iter(errors.values()))
            if champion is not None:
                raise error  # it goes on serving, and the question is asked again
            return self._uncompared(context, f"{type(error).__name__}: {error}")
        best = min(refits, key=lambda refit: refit.losses.mean())
        least = _LEAST_GAIN if _has_learned_all(context) else 0.0
        needed = self._needed(best, context, len(past.index))
        comparison = Comparison(best, champion, needed, least)
        details = {
            "note": comparison.said(refits),
            "n_rows_compared": sum(refit.n_rows for refit in refits),
            "evidence": comparison.evidence(refits, errors),
        }
        if not comparison.is_better:
            return Candidate.kept(**details)
        window = self._window(best.name, context, rows)
        model = context.learner.fresh(window, context.number)
        return Candidate(model, "full_refit", len(window.index), **details)

    def _needed(self, best, context, n_all):
        """Return by how many standard errors the best refit has to be better."""
        caution = self.caution if context.alarm and not context.on_schedule else 0.0
        return caution + max(float(np.log10(n_all / best.n_rows)), 0.0)

    def _refits(self, context, past, holdout):
        """Return the models of all windows, the shortest first, and the errors of those that fail.

        A base may fail on few rows of few classes, and not on more.
        """
        refits, errors, sizes = [], {}, []
        names = _DEFAULT if self.windows is None else self.windows
        for name in sorted(names, key=lambda name: self._size(name, context, past)):
            size = self._size(name, context, past)
            if name != "decayed":
                if any(abs(size - other) < _ALIKE * size for other in sizes):
                    continue
                sizes.append(size)
            try:
                window = self._window(name, context, past, holdout.began)
                losses = holdout.losses_of(context.learner.fresh(window, context.number))
            except Exception as error:
                errors[name] = error
            else:
                refits.append(Judged(name, len(window.index), losses))
        return refits, errors

    def _size(self, name, context, rows):
        n_all = len(rows.index)
        n_since = max(n_all - int(np.searchsorted(rows.index, context.since)), 1)
        sizes = {"since_drift": n_since, "between": round((n_since * n_all) ** 0.5)}
        size = n_all if name in ("all", "decayed") else sizes.get(name, name)
        return min(max(size, self.min_rows), n_all)

    def _window(self, name, context, rows, before=None):
        """Return the rows of a window, some of every class among them, and their weights."""
        size = self._size(name, context, rows)
        window = with_all_classes(part_of(rows, slice(-size, None)), context, before)
        if name != "decayed":
            return window
        half = self._size("since_drift", context, rows)
        age = np.arange(len(window.index))[::-1]
        return context.learner.weighted(window, 0.5 ** (age / half))


def _is_window(name):
    return name in _WORDS if isinstance(name, str) else is_integer(name, least=1)


def _has_learned_all(context):
    """Tell whether the serving model has learned every row before the batch."""
    return context.unseen_from is not None and context.unseen_from >= context.batch.index[0]


def lacks_a_label(model, rows, context):
    """Tell whether rows have a label that a model does not know."""
    known = getattr(model, "classes_", None)
    if context.classes is None or not isinstance(known, np.ndarray):
        return False
    return len(unseen_labels(context.learner.targets_of(rows), known)) > 0


def counted(rows, learner):
    """Return the rows that have a label and a weight."""
    uncounted = learner.uncounted(rows)
    return rows if uncounted is None else part_of(rows, np.flatnonzero(~uncounted))


def _held_out(context, rows):
    """Return the rows to judge on, or None where there are too few that count."""
    recent = part_of(rows, slice(int(np.searchsorted(rows.index, context.since)), None))
    recent = counted(recent, context.learner)
    n_since = len(recent.index)
    n_held = min(int(n_since * _SHARE_HELD), MOST_HELD)
    if n_held < _FEW_HELD:
        n_held = n_since // 2
    return newest_unseen(recent, n_held, context)


def newest_unseen(rows, n, context):
    """Return the newest `n` rows, but those that the serving model has learned if enough are left.

    None is returned where they are too few to show anything.
    """
    first = context.batch.index[0] if context.unseen_from is None else context.unseen_from
    n_unseen = len(rows.index) - int(np.searchsorted(rows.index, first))
    if n_unseen >= _ENOUGH_UNSEEN:
        n = min(n, n_unseen)
    return part_of(rows, slice(-n, None)) if n >= LEAST_HELD else None


class Judged(NamedTuple):
    """A model that was judged: its name, the rows it was fitted on, its losses."""

    name: Any
    n_rows: int
    losses: np.ndarray


class Holdout:
    """The rows held out, and the loss that they are judged by."""

    def __init__(self, model, held):
        # The rows of a memory may not be written to, which torch warns of where a net reads them.
        self.held = held._replace(X=writable(held.X))
        self.began = int(held.index[0])
        has_proba = is_classifier(model) and hasattr(model, "predict_proba")
        self.is_bounded = has_proba and held.y.ndim == 1

    def judged(self, champion):
        """Return how the serving model does, or None where it cannot be judged, and not be kept."""
        try:
            return Judged("keep", 0, self.losses_of(champion))
        except Exception:
            return None

    def losses_of(self, model):
        """Return one loss per row."""
        losses = loss_per_row(model, self.held.X, self.held.y)
        losses = np.where(np.isnan(losses), np.inf, losses)
        # Bounded: one certain mistake in a small leaf would decide everything.
        return (1 - np.exp(-losses)) ** 2 if self.is_bounded else losses


class Comparison:
    """The best refit beside the serving model, which is None where it cannot be kept."""

    def __init__(self, best, champion, needed, least_gain):
        self.best, self.champion, self.needed = best, champion, needed
        self.difference, self.error, self.is_better = None, None, True
        if champion is not None:
            with np.errstate(invalid="ignore", over="ignore"):
                differences = best.losses - champion.losses
                differences[np.isnan(differences)] = 0.0  # both are infinitely wrong
                self.difference = float(differences.mean())
            least, self.error = 0.0, 0.0
            if np.isfinite(differences).all() and np.isfinite(champion.losses).all():
                self.error = standard_error(differences)
                least = max(needed * self.error, least_gain * float(champion.losses.mean()))
            self.is_better = self.difference < -least

    def said(self, refits):
        """Return the result in a sentence."""
        n_held = len(self.best.losses)
        judged = refits if self.champion is None else [self.champion, *refits]
        others = ", ".join(f"{one.name} {one.losses.mean():.3g}" for one in judged)
        if self.is_better:
            verdict = f"{self.best.name} is better"
        else:
            verdict = f"nothing is better by {self.needed:.1f} standard errors"
        return f"{verdict}: loss per row on {n_held} held-out rows: {others}"

    def evidence(self, refits, errors):
        """Return the table of the comparison, fit for JSON."""
        judged = refits if self.champion is None else [self.champion, *refits]
        table = {
            str(one.name): {"loss": float(one.losses.mean()), "rows": one.n_rows}
            for one in judged
            if np.isfinite(one.losses.mean())
        }
        found = {
            "taken": str(self.best.name) if self.is_better else "keep",
            "rows_held_out": len(self.best.losses),
            "standard_errors_needed": self.needed,
            "losses": table,
        }
        if errors:
            found["failed"] = {str(name): repr(error) for name, error in errors.items()}
        if self.difference is not None and np.isfinite(self.difference):
            found |= {"difference": self.difference, "standard_error": self.error}
        return {"comparison": found}


def standard_error(values):
    """Return the standard error of the mean of values in the order of time, which may come in runs.

    Parameters
    ----------
    values : ndarray of shape (n,)
        At least two.

    Returns
    -------
    error : float
        0.0 where all are equal.
    """
    n = len(values)
    centred = values - values.mean()
    scale = np.abs(centred).max()
    if scale == 0:
        return 0.0
    centred /= scale  # squares of large numbers would overflow
    total = float(centred @ centred)
    r = min(max(float(centred[1:] @ centred[:-1]) / total, 0.0), _MOST_CORRELATED)
    return float(scale * np.sqrt(total / (n - 1) / n * (1 + r) / (1 - r)))
