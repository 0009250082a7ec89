"""The checks that every retrainer must pass, and a detector that rings when it is told to."""

import functools
import inspect
import pickle
import re
import warnings
from numbers import Integral
from typing import NamedTuple

import joblib
import numpy as np
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import has_fit_parameter

from ..buffers import SlidingWindow
from ..compose import Learner
from ..drift import BaseTrigger, Signal
from ..exceptions import ClassesGrewWarning
from ..policies import FullRefit
from ._optional import import_optional
from ._sklearn_api import routing_enabled

__all__ = ["ScriptedDetector", "check_retrainer", "parametrize_with_retrainer_checks"]


class ScriptedDetector(BaseTrigger):
    """Ring at given rows of the stream, and write down everything that one is told.

    A test double: with it, the drift branch of a retrainer runs when a test wants it to, and a test
    of a part of one's own can look at what the part was shown. The two lists grow with the stream.

    Parameters
    ----------
    rows : array-like of int, default=()
        Stream rows, counted from 0, at which a change is announced. The alarm is raised on the
        batch that contains the row.

    Attributes
    ----------
    updates_ : list of tuple of int
        ``(start, n_rows)`` of every batch shown.
    fits_ : list of tuple
        ``(row, answered)`` of every promoted fit: the rows seen by then, an int, and whether it
        answered an alarm, a bool.

    See Also
    --------
    skretrain.drift.Periodic : Ring by the row count, in production.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.utils.estimator_checks import ScriptedDetector
    >>> X, y, _ = make_drifting_classification(500, random_state=0)
    >>> detector = ScriptedDetector(rows=[250])
    >>> model = DriftAwareRetrainer(
    ...     GaussianNB(), detector=detector, policy="full_refit", batch_size=100
    ... ).fit(X, y)
    >>> model.events_[-1].since
    250
    >>> model.detector_.updates_
    [(100, 100), (200, 100), (300, 100), (400, 100)]
    >>> model.detector_.fits_
    [(100, False), (300, True), (400, False)]
    """

    needs = frozenset()

    def __init__(self, rows=()):
        self.rows = rows

    def reset(self):
        """Check the rows and forget what was written down.

        Returns
        -------
        self : ScriptedDetector
            This detector, blank.

        Raises
        ------
        ValueError
            If `rows` holds anything else than integers of at least 0.
        """
        if not all(isinstance(row, Integral) and row >= 0 for row in self.rows):
            raise ValueError(
                f"ScriptedDetector(rows={self.rows!r}): rows must be integers of at least 0, the "
                "stream rows at which to ring."
            )
        self.updates_ = []
        self.fits_ = []
        return self

    def update(self, batch):
        """Write a batch down, and ring if it contains a row of the script.

        Parameters
        ----------
        batch : ScoredBatch
            Only its place in the stream is looked at.

        Returns
        -------
        signal : Signal
            A drift since the first scripted row in the batch, else stable.
        """
        if not hasattr(self, "updates_"):
            self.reset()
        self.updates_.append((batch.start, batch.n_rows))
        reached = [int(r) for r in self.rows if 0 <= r - batch.start < batch.n_rows]
        return Signal("drift", since=min(reached)) if reached else Signal("stable")

    def after_fit(self, fit, reference, answered):
        """Write a fit down; the script goes on.

        Parameters
        ----------
        fit : FitRecord
            What was fitted.
        reference : ScoredBatch or None
            Ignored.
        answered : bool
            Whether the fit answered an alarm.
        """
        if not hasattr(self, "fits_"):
            self.reset()
        self.fits_.append((fit.row, answered))


def check_retrainer(retrainer):
    """Run all checks of this module that apply to a retrainer, and raise at the first failure.

    scikit-learn's ``check_estimator`` never sends an alarm, never calls ``partial_fit`` with
    ``classes`` and never looks at the memory. These checks do; run both. Which of them apply is
    decided by the tags of the retrainer and the methods of its base; a mixture is checked as a
    whole, so that those of one detector or one memory do not apply. The retrainer itself is not
    touched: the checks work on clones, seeded where ``random_state`` is None, they or their members
    with ``on_error="raise"`` and ``dry_run=False``.

    Parameters
    ----------
    retrainer : estimator
        An unfitted ``DriftAwareRetrainer``, ``ReplayPartialFit`` or ``MixtureRetrainer``, or an
        instance of a subclass, around any base that takes dense two-dimensional input and at most
        one target.

    Raises
    ------
    AssertionError
        If a property does not hold. Other errors come from the retrainer. Either carries a note
        that names the check.
    TypeError
        If `retrainer` is a class.
    ValueError
        If the base takes an input, or a target, that the checks cannot make.

    See Also
    --------
    parametrize_with_retrainer_checks : The same, one pytest test per check.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skretrain import ReplayPartialFit
    >>> from skretrain.utils.estimator_checks import check_retrainer
    >>> check_retrainer(ReplayPartialFit(GaussianNB(), ratio=2.0)) is None
    True
    """
    for _, check in _checks_of(retrainer):
        try:
            check(retrainer)
        except Exception as error:
            error.add_note(f"skretrain: {check.func.__name__} failed for {_one_line(retrainer)}.")
            raise


def parametrize_with_retrainer_checks(retrainers):
    """Return a pytest decorator that makes one test of each check of each retrainer.

    Parameters
    ----------
    retrainers : list of estimator
        As for :func:`check_retrainer`.

    Returns
    -------
    decorator : pytest.MarkDecorator
        ``pytest.mark.parametrize("retrainer, check", ...)``; the test calls ``check(retrainer)``.

    Raises
    ------
    ImportError
        If pytest is not installed.
    TypeError
        If one of `retrainers` is a class.
    ValueError
        If a base takes an input, or a target, that the checks cannot make.

    See Also
    --------
    check_retrainer : The same in one call, without pytest.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skretrain import ReplayPartialFit
    >>> from skretrain.utils.estimator_checks import parametrize_with_retrainer_checks
    >>> @parametrize_with_retrainer_checks([ReplayPartialFit(GaussianNB())])
    ... def test_retrainer(retrainer, check):
    ...     check(retrainer)
    >>> parameters = test_retrainer.pytestmark[0].args[1]
    >>> parameters[0].id
    'ReplayPartialFit(estimator=GaussianNB())-check_constructor_arguments_stay'
    """
    pytest = import_optional("pytest", caller="parametrize_with_retrainer_checks", extra="test")
    parameters = [
        pytest.param(retrainer, check, id=f"{_one_line(retrainer)}-{check.func.__name__}")
        for one in retrainers
        for retrainer, check in _checks_of(one)
    ]
    return pytest.mark.parametrize("retrainer, check", parameters)


def _checks_of(retrainer):
    """Yield the retrainer with each check that applies, ready to be called with it."""
    if isinstance(retrainer, type):
        raise TypeError(
            f"The checks take an instance, got the class {retrainer.__name__}. Pass for example "
            f"{retrainer.__name__}(LogisticRegression())."
        )
    tags = get_tags(retrainer)
    if not tags.input_tags.two_d_array or not tags.target_tags.single_output:
        raise ValueError(
            f"{_one_line(retrainer)} cannot be checked: the checks make dense two-dimensional "
            "input with at most one target. Check it around another base of the same kind."
        )
    for check, applies in _CHECKS:
        if applies(retrainer):
            yield retrainer, functools.partial(check, type(retrainer).__name__)


def _one_line(retrainer):
    return re.sub(r"\s+", "", repr(retrainer))


# -- when a check applies --------------------------------------------------------------------------


def _always(retrainer):
    return True


def _takes_classes(retrainer):
    return is_classifier(retrainer)


def _takes_three_classes(retrainer):
    return is_classifier(retrainer) and get_tags(retrainer).classifier_tags.multi_class


def _takes_no_classes(retrainer):
    return not is_classifier(retrainer)


def _is_reproducible(retrainer):
    return not get_tags(retrainer).non_deterministic


def _has_detector(retrainer):
    return "detector" in retrainer.get_params(deep=False)


def _wraps_one(retrainer):
    return "estimator" in retrainer.get_params(deep=False)


def _takes_weights(retrainer):
    """With routing enabled, it is for the caller to say whether the base requests weights."""
    return not routing_enabled() and all(
        has_fit_parameter(base, "sample_weight")
        and (
            not hasattr(base, "partial_fit")
            or "sample_weight" in inspect.signature(base.partial_fit).parameters
        )
        for base in _bases(retrainer)
    )


def _reproduces_weights(retrainer):
    return _wraps_one(retrainer) and _takes_weights(retrainer) and _is_reproducible(retrainer)


_CHECKS = []


def _check(applies=_always):
    """Register a check, to be run where `applies` says so.

    Silenced are the warnings of a base that has few rows, or a class declared and not yet seen.
    """

    def register(check):
        @functools.wraps(check)
        def quiet(name, retrainer):
            with warnings.catch_warnings(), np.errstate(divide="ignore"):
                warnings.simplefilter("ignore", ConvergenceWarning)
                check(name, retrainer)

        _CHECKS.append((quiet, applies))
        return quiet

    return register


# -- what the checks are made of -------------------------------------------------------------------

_N_FIRST = 100  # rows of the first fit
_N_ROWS = 200
_BATCH = 20
_ALARM_ROW = 130


class _Stream(NamedTuple):
    X: np.ndarray
    y: np.ndarray | None

    def rows(self, start, stop):
        return self.X[start:stop], None if self.y is None else self.y[start:stop]

    @property
    def first(self):
        return self.rows(0, _N_FIRST)


def _stream(retrainer, labels=(0, 1)):
    """Return rows that the base can learn from; a classifier gets these labels."""
    tags = get_tags(retrainer)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(_N_ROWS, 3))
    signal = X @ [2.0, -1.0, 0.5] + 0.3 * rng.normal(size=_N_ROWS)
    if tags.input_tags.positive_only:
        X = np.abs(X)
    if is_classifier(retrainer):
        borders = np.quantile(signal, np.linspace(0, 1, len(labels) + 1)[1:-1])
        return _Stream(X, np.asarray(labels)[np.searchsorted(borders, signal)])
    if is_regressor(retrainer):
        return _Stream(X, np.exp(signal / 4) if tags.target_tags.positive_only else signal)
    return _Stream(X, None)


def _members(retrainer):
    """Return the constructor arguments of a mixture that are retrainers; else the one there is."""
    if _wraps_one(retrainer):
        return [retrainer]
    return [member for _, member in retrainer.estimators]


def _bases(retrainer):
    return [member.estimator for member in _members(retrainer)]


def _learners(retrainer):
    """Return what learned: the members of a mixture at work; else the retrainer itself."""
    return [retrainer] if _wraps_one(retrainer) else retrainer.estimators_


def _model_name(retrainer):
    """Return the name of the attribute that holds what was learned."""
    return "estimator_" if _wraps_one(retrainer) else "estimators_"


def _has_model(retrainer):
    return hasattr(retrainer, _model_name(retrainer))


def _prepared(retrainer, **params):
    """Return a seeded clone that learns and raises, each member with the `params` that it has."""
    params = {"on_error": "raise", "dry_run": False, **params}
    prepared = clone(retrainer)
    for member in _members(prepared):
        known = member.get_params(deep=False)
        member.set_params(**{k: v for k, v in params.items() if k in known})
    if prepared.random_state is None:
        prepared.set_params(random_state=0)
    return prepared


def _ringing(retrainer, rows=(_ALARM_ROW,), **params):
    """Return a prepared clone with an alarm at these rows that is answered by a new model."""
    ringing = _prepared(retrainer, detector=ScriptedDetector(rows), gate=None, **params)
    for member in _members(ringing):
        policy = getattr(member, "policy", None)
        if policy == "keep_or_refit" or getattr(policy, "compares", False):
            member.set_params(policy=FullRefit())  # instead of one that may keep the model
    return ringing


def _streamed(retrainer, stream, start=_N_FIRST, size=_BATCH):
    for row in range(start, len(stream.X), size):
        retrainer.partial_fit(*stream.rows(row, row + size))
    return retrainer


def _outputs(model, X):
    """Return what every method that predicts says of these rows."""
    methods = ("predict", "predict_proba", "predict_log_proba", "decision_function")
    methods = [m for m in (*methods, "score_samples", "transform") if hasattr(model, m)]
    return {method: np.asarray(getattr(model, method)(X)) for method in methods}


def _story(retrainer):
    """Return the events without the times they took."""
    measured = {"cpu_seconds", "wall_seconds", "threads"}
    return [
        {key: value for key, value in event.items() if key not in measured}
        for event in retrainer.events_.to_records()
    ]


def _state(retrainer):
    """Return a hash for each piece of learned state, and one for all that there is."""
    names = ["n_samples_seen_", "n_features_in_", _model_name(retrainer)]
    if _wraps_one(retrainer):
        names += ["buffer_", "detector_", "n_alarms_"]
    else:
        names += ["weights_"]
    state = {name: joblib.hash(getattr(retrainer, name)) for name in names}
    state["events_"] = retrainer.events_.to_json()
    state["__dict__"] = joblib.hash(vars(retrainer))
    return state


def _require(condition, message):
    # Not an assert: Python with -O would skip it.
    if not condition:
        raise AssertionError(message)


def _require_state(retrainer, before, message):
    after = _state(retrainer)
    changed = [name for name, value in before.items() if after[name] != value]
    _require(not changed, f"{message}; changed: {', '.join(changed)}")


def _require_equal(actual, expected, message):
    """Compare outputs bit for bit."""
    for method, values in expected.items():
        np.testing.assert_array_equal(actual[method], values, f"{message} ({method})")


def _require_close(actual, expected, message):
    for method, values in expected.items():
        if values.dtype.kind == "f":
            np.testing.assert_allclose(
                actual[method], values, rtol=1e-6, atol=1e-6, err_msg=f"{message} ({method})"
            )
        else:
            np.testing.assert_array_equal(actual[method], values, f"{message} ({method})")


def _require_error(kind, message, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except kind:
        return
    raise AssertionError(message)


class _Fault(Exception):
    """Raised on purpose."""


def _faulty(estimator):
    """Return a clone whose ``fit`` and ``partial_fit`` fail."""

    def fail(self, X, y=None, **params):
        raise _Fault("this fit fails on purpose")

    faulty = clone(estimator)
    if isinstance(faulty, Pipeline):  # whose partial_fit, if any, goes from step to step
        faulty.steps[-1] = (faulty.steps[-1][0], _faulty(faulty.steps[-1][1]))
        return faulty
    methods = {name: fail for name in ("fit", "partial_fit") if hasattr(faulty, name)}
    faulty.__class__ = type(type(faulty).__name__, (type(faulty),), methods)
    return faulty


def _made_faulty(retrainer):
    """Give a retrainer, or a member of a mixture, a base that fails; return member and old base."""
    members = _members(retrainer)[::-1]
    # A policy that rotates trees refuses a forest with a fit of its own before that can fail.
    plain = (member for member in members if Learner(member.estimator).method != "rotation")
    member = next(plain, members[0])
    base = member.estimator
    member.set_params(estimator=_faulty(base))
    return member, base


class _LossRecorder(BaseTrigger):
    """Keep the losses of every batch, and never ring."""

    def reset(self):
        self.losses_ = []
        return self

    def update(self, batch):
        self.losses_.append(batch.loss)
        return Signal("stable")


# -- parameters, clones, repeated fits -------------------------------------------------------------


@_check()
def check_constructor_arguments_stay(name, retrainer):
    """Neither ``fit`` nor ``partial_fit`` nor a retrain changes a constructor argument."""
    stream = _stream(retrainer)
    for prepared in (_prepared(retrainer), _ringing(retrainer)):
        before = joblib.hash(prepared.get_params())
        prepared.fit(*stream.first)
        _require(before == joblib.hash(prepared.get_params()), f"{name}: fit changed a parameter")
        _streamed(prepared, stream)
        _require(
            before == joblib.hash(prepared.get_params()), f"{name}: partial_fit changed a parameter"
        )


@_check(_has_detector)
def check_detector_is_used_blank(name, retrainer):
    """A detector that was used before gives the run of a fresh one, and is not used itself."""
    stream = _stream(retrainer)
    fresh = _streamed(_ringing(retrainer).fit(*stream.first), stream)
    used = _ringing(retrainer)
    used.set_params(detector=fresh.detector_)
    before = list(fresh.detector_.updates_)
    _streamed(used.fit(*stream.first), stream)
    _require(
        used.detector_ is not fresh.detector_ and fresh.detector_.updates_ == before,
        f"{name}: the detector of the constructor must be copied, not used",
    )
    _require(used.detector_.updates_ == before, f"{name}: detector_ must start blank")
    _require(_story(used) == _story(fresh), f"{name}: a used detector gave another run")


@_check(_is_reproducible)
def check_clone_forgets(name, retrainer):
    """A clone of a fitted retrainer is not fitted, and its run is that of a new object."""
    stream = _stream(retrainer)
    fitted = _streamed(_prepared(retrainer).fit(*stream.first), stream)
    copied = clone(fitted)
    _require(not _has_model(copied), f"{name}: a clone must not have {_model_name(retrainer)}")
    _streamed(copied.fit(*stream.first), stream)
    message = f"{name}: the run of a clone differs"
    _require(_story(copied) == _story(fitted), message)
    _require_equal(_outputs(copied, stream.X), _outputs(fitted, stream.X), message)


@_check(_is_reproducible)
def check_second_fit_forgets(name, retrainer):
    """``fit`` forgets everything: the same stream gives the same run, bit for bit."""
    stream = _stream(retrainer)
    for fitted in (_prepared(retrainer), _ringing(retrainer)):
        _streamed(fitted.fit(*stream.first), stream)
        story, outputs = _story(fitted), _outputs(fitted, stream.X)
        _streamed(fitted.fit(*stream.first), stream)
        message = f"{name}: the second fit on the same object differs from the first"
        _require(_story(fitted) == story, message)
        _require_equal(_outputs(fitted, stream.X), outputs, message)


@_check(_is_reproducible)
def check_pickle_continues(name, retrainer):
    """Pickled after any batch and restored, a retrainer has the same future."""
    stream = _stream(retrainer)
    for original in (_prepared(retrainer), _ringing(retrainer)):
        original.fit(*stream.first)
        saved = {}
        for row in range(_N_FIRST, _N_ROWS, _BATCH):
            saved[row] = pickle.dumps(original)
            original.partial_fit(*stream.rows(row, row + _BATCH))
        expected, story = _outputs(original, stream.X), _story(original)
        for row, bytes_ in saved.items():
            restored = _streamed(pickle.loads(bytes_), stream, start=row)
            message = f"{name}: pickled at row {row}, it continues in another way"
            _require(_story(restored) == story, message)
            _require_equal(_outputs(restored, stream.X), expected, message)


# -- failures --------------------------------------------------------------------------------------


@_check()
def check_failed_first_fit_leaves_nothing(name, retrainer):
    """After a first fit that failed there is no model, and ``predict`` says so."""
    stream = _stream(retrainer)
    for method in ("fit", "partial_fit"):
        failing = _prepared(retrainer, initial_size=None)
        _made_faulty(failing)
        learn = getattr(failing, method)
        _require_error(
            _Fault, f"{name}: {method} must raise what the base raises", learn, *stream.first
        )
        _require(
            not _has_model(failing),
            f"{name}: {_model_name(failing)} must be absent after a {method} that failed",
        )
        _require_error(
            (NotFittedError, AttributeError),
            f"{name}: predict must raise NotFittedError after a {method} that failed",
            lambda failing=failing: failing.predict(stream.X),
        )


@_check()
def check_failed_second_fit_changes_nothing(name, retrainer):
    """A second ``fit`` that fails leaves all that was learned as it was."""
    stream = _stream(retrainer)
    fitted = _streamed(_prepared(retrainer).fit(*stream.first), stream)
    before = _state(fitted)
    member, base = _made_faulty(fitted)
    X, y = stream.first
    _require_error(_Fault, f"{name}: fit must raise what the base raises", fitted.fit, X[:, :2], y)
    member.set_params(estimator=base)
    _require_state(fitted, before, f"{name}: a fit that fails must leave the old state")


@_check()
def check_bad_input_is_refused(name, retrainer):
    """Input that cannot be learned from raises ValueError, and nothing of it stays."""
    stream = _stream(retrainer)
    fitted = _streamed(_ringing(retrainer).fit(*stream.first), stream)
    before = _state(fitted)
    bare = [clone(base).fit(*stream.first) for base in _bases(retrainer)]
    for what, X, y, methods in _bad_inputs(retrainer, bare, stream):
        for method in methods:
            _require_error(
                ValueError,
                f"{name}: {method} must raise ValueError for {what}",
                getattr(fitted, method),
                X,
                y,
            )
            _require_state(fitted, before, f"{name}: {what} must leave no trace in {method}")


def _bad_inputs(retrainer, bare, stream):
    """Yield what is wrong, X, y, and the methods that must refuse them.

    What a bare base takes, for instance NaN in X, a retrainer need not refuse: in a mixture with a
    budget, not everybody looks at every batch.
    """
    X, y = stream.rows(0, _BATCH)
    both = ("partial_fit", "fit")
    with_nan = X.copy()
    with_nan[3, 1] = np.nan
    for what, bad in (("X with a feature less", X[:, 1:]), ("X with NaN", with_nan)):
        if not any(_accepts(model, bad) for model in bare):
            yield what, bad, y, ("partial_fit",)
    if y is None:
        return
    yield "y of another length", X, y[1:], both
    yield "y=None", X, None, both
    several = get_tags(retrainer).target_tags.multi_output
    yield "y with two columns", X, np.column_stack([y, y]), both[:1] if several else both
    with_nan = y.astype(float)
    with_nan[3] = np.nan
    yield "y with NaN", X, with_nan, both


def _accepts(model, X):
    try:
        _outputs(model, X)
    except ValueError:
        return False
    return True


# -- predicting ------------------------------------------------------------------------------------


@_check()
def check_predict_changes_nothing(name, retrainer):
    """Predicting and scoring leave every attribute as it was."""
    stream = _stream(retrainer)
    fitted = _streamed(_ringing(retrainer).fit(*stream.first), stream)
    before = _state(fitted)
    _outputs(fitted, stream.X)
    if hasattr(fitted, "score"):
        fitted.score(*stream)
    _require_state(fitted, before, f"{name}: predicting must change nothing")


@_check()
def check_predict_ignores_batch_size(name, retrainer):
    """Row by row, the predictions are the same as all at once."""
    stream = _stream(retrainer)
    fitted = _streamed(_prepared(retrainer).fit(*stream.first), stream)
    X = stream.X[:_BATCH]
    by_row = [_outputs(fitted, X[row : row + 1]) for row in range(len(X))]
    by_row = {method: np.concatenate([row[method] for row in by_row]) for method in by_row[0]}
    _require_close(
        by_row, _outputs(fitted, X), f"{name}: predictions must not depend on the batch size"
    )


# -- the stream ------------------------------------------------------------------------------------


@_check()
def check_partial_fit_starts_blank_objects(name, retrainer):
    """``partial_fit`` works on an object that was never fitted, and sees every row once."""
    stream = _stream(retrainer)
    blank = _streamed(
        _prepared(retrainer, initial_size=None, buffer=None), stream, start=0, size=50
    )
    _require(_has_model(blank), f"{name}: {_model_name(blank)} must exist after {_N_ROWS} rows")
    _outputs(blank, stream.X)
    _require_counted(name, blank, stream, 0, 4)


@_check()
def check_every_row_counts_once(name, retrainer):
    """One batch is one event, and its rows are counted, shown and remembered once, in order.

    Members of a mixture with a budget learn from several batches as from one, and may be some
    batches behind.
    """
    stream = _stream(retrainer)
    fitted = _ringing(retrainer, buffer=None).fit(*stream.first)
    n_events = _n_events(fitted)
    _streamed(fitted, stream)
    _require_counted(name, fitted, stream, n_events, (_N_ROWS - _N_FIRST) // _BATCH)


@_check()
def check_one_row_at_a_time(name, retrainer):
    """Batches of one row are learned as well."""
    stream = _stream(retrainer)
    stream = _Stream(*stream.rows(0, _N_FIRST + _BATCH))
    fitted = _ringing(retrainer, rows=(_N_FIRST + 5,), buffer=None).fit(*stream.first)
    n_events = _n_events(fitted)
    _streamed(fitted, stream, size=1)
    _require_counted(name, fitted, stream, n_events, _BATCH)


def _require_counted(name, retrainer, stream, n_events, n_batches):
    n_rows, in_turns = len(stream.X), getattr(retrainer, "budget", None) is not None
    seen = retrainer.n_samples_seen_
    _require(seen == n_rows, f"{name}: n_samples_seen_ is {seen} after {n_rows} rows")
    for learner in _learners(retrainer):
        index = learner.buffer_.index
        if in_turns:
            n_rows = min(len(index), seen)
        _require(
            np.array_equal(index, np.arange(n_rows)),
            f"{name}: the default buffer_ must remember the rows 0 to {n_rows - 1}, got {index}",
        )
        shown = getattr(getattr(learner, "detector_", None), "updates_", [])
        rows = [row for start, n in shown for row in range(start, start + n)]
        _require(
            rows == list(range(n_rows - len(rows), n_rows)),
            f"{name}: the detector must see every batch once and in order, got {shown}",
        )
    n_new, most = _n_events(retrainer) - n_events, n_batches * len(_learners(retrainer))
    _require(
        n_batches <= n_new <= most if in_turns else n_new == most,
        f"{name}: {n_batches} batches made {n_new} events",
    )


def _n_events(retrainer):
    return sum(retrainer.events_.counts.values())


@_check()
def check_empty_batch_changes_nothing(name, retrainer):
    """A batch without rows leaves every attribute as it was."""
    stream = _stream(retrainer)
    fitted = _ringing(retrainer).fit(*stream.first)
    before = _state(fitted)
    fitted.partial_fit(*stream.rows(0, 0))
    _require_state(fitted, before, f"{name}: an empty batch must change nothing")


@_check(_has_detector)
def check_loss_precedes_learning(name, retrainer):
    """The detector gets the loss of the model as it was before it learned from the batch."""
    stream = _stream(retrainer)
    fitted = _prepared(retrainer, detector=_LossRecorder(), batch_size=None).fit(*stream.first)
    for row in range(_N_FIRST, _N_ROWS, _BATCH):
        X, y = stream.rows(row, row + _BATCH)
        expected = _loss(fitted, X, y)
        fitted.partial_fit(X, y)
        np.testing.assert_array_equal(
            fitted.detector_.losses_[-1],
            expected,
            f"{name}: losses must come from the model before it learned from the batch",
        )


def _loss(retrainer, X, y):
    if y is None:
        if hasattr(retrainer, "score_samples"):
            return -retrainer.score_samples(X)
        has_centres = hasattr(retrainer.estimator_, "cluster_centers_")
        return retrainer.transform(X).min(axis=1) if has_centres else None
    predicted = retrainer.predict(X)
    return (predicted != y).astype(float) if is_classifier(retrainer) else np.abs(y - predicted)


@_check(_has_detector)
def check_alarm_is_answered(name, retrainer):
    """An alarm is counted, logged where the detector located it, and answered by a new model."""
    stream = _stream(retrainer)
    fitted = _ringing(retrainer, batch_size=None).fit(*stream.first)
    row = _ALARM_ROW - _ALARM_ROW % _BATCH
    _streamed(fitted, _Stream(*stream.rows(0, row)))
    n_refits, replaced = fitted.n_refits_, fitted.estimator_
    fitted.partial_fit(*stream.rows(row, row + _BATCH))
    _require(fitted.n_alarms_ == 1, f"{name}: one alarm gave n_alarms_={fitted.n_alarms_}")
    event = fitted.events_[-1]
    told = (event.state, event.action, event.since)
    _require(
        told == ("drift", "retrained", _ALARM_ROW),
        f"{name}: an alarm that locates row {_ALARM_ROW} made the event {told}",
    )
    _require(
        fitted.n_refits_ == n_refits + 1 and fitted.estimator_ is not replaced,
        f"{name}: the alarm must be answered by one new model",
    )
    _require(
        fitted.detector_.fits_[-1:] == [(row + _BATCH, True)],
        f"{name}: the detector must hear that its alarm was answered",
    )
    _streamed(fitted, stream, start=row + _BATCH)
    _require(fitted.n_alarms_ == 1, f"{name}: later batches repeat the alarm")


@_check()
def check_replaced_models_stay(name, retrainer):
    """A model that served keeps its predictions, whatever its successors learn."""
    stream = _stream(retrainer)
    fitted = _ringing(retrainer).fit(*stream.first)
    served = []
    for row in range(_N_FIRST, _N_ROWS, _BATCH):
        models = [learner.estimator_ for learner in _learners(fitted)]
        served += [(model, _outputs(model, stream.X)) for model in models]
        fitted.partial_fit(*stream.rows(row, row + _BATCH))
    for model, outputs in served:
        _require_equal(
            _outputs(model, stream.X),
            outputs,
            f"{name}: learning changed a model that had served before",
        )


# -- classes ---------------------------------------------------------------------------------------


@_check(_takes_no_classes)
def check_classes_are_ignored(name, retrainer):
    """Without classes to predict, ``partial_fit`` takes ``classes`` and ignores it."""
    stream = _stream(retrainer)
    fitted = _prepared(retrainer).fit(*stream.first)
    fitted.partial_fit(*stream.rows(_N_FIRST, _N_FIRST + _BATCH), classes=[0, 1])
    _require(not hasattr(fitted, "classes_"), f"{name}: classes_ must not exist")


@_check(_takes_three_classes)
def check_declared_classes_count(name, retrainer):
    """A class that was declared has its column; where the model lacks it, its probability is 0."""
    stream, labels = _stream(retrainer, labels=(0, 2)), np.array([0, 1, 2])
    fitted = _prepared(retrainer).fit(*stream.first)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ClassesGrewWarning)
        fitted.partial_fit(*stream.rows(_N_FIRST, _N_FIRST + _BATCH), classes=labels[::-1])
    _require(
        np.array_equal(fitted.classes_, labels),
        f"{name}: classes_ must contain a class as soon as it is declared, "
        f"got {fitted.classes_.tolist()}",
    )
    _require_columns(name, fitted, stream.X)


@_check(_takes_classes)
def check_batches_may_lack_classes(name, retrainer):
    """Batches of a single class are learned, and no class is forgotten."""
    stream = _stream(retrainer)
    fitted = _ringing(retrainer).fit(*stream.first)
    for label in (0, 1):
        of_label = np.flatnonzero(stream.y == label)
        of_label = of_label[of_label >= _N_FIRST][:_BATCH]
        fitted.partial_fit(stream.X[of_label], stream.y[of_label])
        _require(
            np.array_equal(fitted.classes_, [0, 1]),
            f"{name}: after a batch of class {label}, classes_ is {fitted.classes_.tolist()}",
        )
        _require_columns(name, fitted, stream.X)


@_check(_takes_three_classes)
def check_new_class_grows(name, retrainer):
    """With ``new_classes="grow"`` a new label is learned; ``classes_`` and columns stay sorted."""
    stream = _stream(retrainer, labels=(0, 1, 2))
    known, new = np.flatnonzero(stream.y != 1), np.flatnonzero(stream.y == 1)[:_BATCH]
    fitted = _prepared(retrainer, new_classes="grow", gate=None)
    fitted.fit(stream.X[known], stream.y[known])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ClassesGrewWarning)
        fitted.partial_fit(stream.X[new], stream.y[new])
    known = [("estimator_", learner.estimator_.classes_) for learner in _learners(fitted)]
    for of, classes in [("classes_", fitted.classes_), *known]:
        _require(
            np.array_equal(classes, [0, 1, 2]),
            f"{name}: {of} must know the new class 1, got {classes.tolist()}",
        )
    _require_columns(name, fitted, stream.X)


@_check(_takes_three_classes)
def check_new_class_is_refused(name, retrainer):
    """With ``new_classes="raise"`` a new label raises ValueError and leaves no trace."""
    stream = _stream(retrainer, labels=(0, 1, 2))
    known, new = np.flatnonzero(stream.y != 1), np.flatnonzero(stream.y == 1)[:_BATCH]
    fitted = _prepared(retrainer, new_classes="raise").fit(stream.X[known], stream.y[known])
    before = _state(fitted)
    _require_error(
        ValueError,
        f"{name}: new_classes='raise' must raise ValueError for a new label",
        fitted.partial_fit,
        stream.X[new],
        stream.y[new],
    )
    _require_state(fitted, before, f"{name}: a label that is refused must leave no trace")


def _require_columns(name, retrainer, X):
    """Every column belongs to the class of its place, as the models themselves have it."""
    models, classes = [one.estimator_ for one in _learners(retrainer)], retrainer.classes_
    places = [np.searchsorted(classes, model.classes_) for model in models]
    absent = np.setdiff1d(np.arange(len(classes)), np.concatenate(places))
    outputs = _outputs(retrainer, X)
    if "predict_proba" in outputs:
        proba = outputs["predict_proba"]
        _require(
            proba.shape == (len(X), len(classes)) and np.allclose(proba.sum(axis=1), 1),
            f"{name}: predict_proba must have a column per class, and its rows must add up to 1",
        )
        message = f"{name}: columns of predict_proba must follow classes_"
        _require(not proba[:, absent].any(), message)
        if _wraps_one(retrainer):
            of_model = models[0].predict_proba(X)
            _require(np.array_equal(proba[:, places[0]], of_model), message)
        else:
            of_largest = classes[proba.argmax(axis=1)]
            _require(np.array_equal(of_largest, outputs["predict"]), message)
    decision = outputs.get("decision_function")
    if decision is not None and len(classes) > 2 and decision.shape == (len(X), len(classes)):
        _require(
            np.array_equal(classes[decision.argmax(axis=1)], outputs["predict"]),
            f"{name}: columns of decision_function must follow classes_",
        )


@_check(_takes_classes)
def check_label_kinds(name, retrainer):
    """Strings, objects, booleans, floats and unsorted integers are labels like 0 and 1."""
    stream = _stream(retrainer)
    plain = _labelled_run(retrainer, stream, np.array([0, 1])).predict(stream.X)
    kinds = (["yes", "no"], [True, False], [7, -3], [2.0, 1.0], np.array(["b", "a"], dtype=object))
    for labels in map(np.asarray, kinds):
        fitted, in_order = _labelled_run(retrainer, stream, labels), np.sort(labels)
        _require(
            np.array_equal(fitted.classes_, in_order),
            f"{name}: labels {labels.tolist()} gave classes_ {fitted.classes_.tolist()}",
        )
        predicted = fitted.predict(stream.X)
        _require(
            {type(label) for label in predicted.tolist()} == {type(labels.tolist()[0])}
            and np.isin(predicted, labels).all(),
            f"{name}: labels {labels.tolist()} gave predictions {np.unique(predicted).tolist()}",
        )
        if _is_reproducible(retrainer):
            np.testing.assert_array_equal(
                predicted, in_order[plain], f"{name}: {labels.tolist()} are learned unlike 0 and 1"
            )


def _labelled_run(retrainer, stream, labels):
    """Start with a batch of one class, the other being declared, and go on with an alarm."""
    y = np.sort(labels)[stream.y]
    one_class = np.flatnonzero(stream.y == 0)[:_BATCH]
    fitted = _ringing(retrainer, initial_size=None)
    fitted.partial_fit(stream.X[one_class], y[one_class], classes=labels)
    return _streamed(fitted, _Stream(stream.X, y), start=0, size=_N_FIRST)


# -- weights and memory ----------------------------------------------------------------------------


@_check(_takes_weights)
def check_zero_weight_batch_changes_no_model(name, retrainer):
    """Rows of weight zero are counted and remembered, but neither scored nor learned."""
    stream = _stream(retrainer)
    fitted = _prepared(retrainer, detector=_LossRecorder(), buffer=None).fit(*stream.first)
    before = _models_and_weights(fitted)
    fitted.partial_fit(*stream.rows(_N_FIRST, _N_FIRST + _BATCH), sample_weight=np.zeros(_BATCH))
    _require(
        _models_and_weights(fitted) == before,
        f"{name}: a batch of weight zero must not change the model",
    )
    for learner in _learners(fitted):
        _require(
            fitted.n_samples_seen_ == _N_FIRST + _BATCH
            and learner.buffer_.index[-1] == _N_FIRST + _BATCH - 1,
            f"{name}: rows of weight zero must be counted and remembered",
        )
        for losses in getattr(getattr(learner, "detector_", None), "losses_", [])[-1:]:
            _require(
                losses is None or np.isnan(losses).all(),
                f"{name}: rows of weight zero must not be scored",
            )


def _models_and_weights(retrainer):
    models = [learner.estimator_ for learner in _learners(retrainer)]
    return joblib.hash((models, getattr(retrainer, "weights_", None)))


@_check(_reproduces_weights)
def check_weight_equals_repetition(name, retrainer):
    """Where the base treats an integer weight as repetition, so does its retrainer.

    Both in ``fit`` and in the retrain that answers an alarm after ``partial_fit``.
    """
    stream = _stream(retrainer)
    weight = np.random.default_rng(1).integers(0, 4, size=_N_ROWS)
    for start, stop in ((0, _N_FIRST), (_N_FIRST, _N_ROWS)):
        if not _repetition_holds(retrainer, stream.rows(start, stop), weight[start:stop]):
            return
    whole = {"batch_size": None, "initial_size": None, "buffer": None}
    weighted, repeated = (
        _ringing(
            retrainer, rows=(row,), update=None, policy=FullRefit(min_rows=1, grow=False), **whole
        )
        for row in (_N_FIRST, weight[:_N_FIRST].sum())
    )
    for part, method in ((slice(0, _N_FIRST), "fit"), (slice(_N_FIRST, None), "partial_fit")):
        if method == "partial_fit" and not _has_detector(retrainer):
            return  # without an alarm there is no refit to compare
        X, y = stream.rows(part.start, part.stop)
        getattr(weighted, method)(X, y, sample_weight=weight[part])
        getattr(repeated, method)(*_repeated((X, y), weight[part]))
        _require_close(
            _outputs(weighted, stream.X),
            _outputs(repeated, stream.X),
            f"{name}: after {method}, weights must have the effect of repeated rows",
        )


def _repeated(rows, weight):
    return tuple(None if part is None else np.repeat(part, weight, axis=0) for part in rows)


def _repetition_holds(retrainer, rows, weight):
    """Tell whether the bare base gives the same predictions for weights and repeated rows."""
    base = clone(retrainer.estimator)
    if "random_state" in base.get_params(deep=False):
        base.set_params(random_state=0)
    X, y = rows
    try:
        weighted = _outputs(clone(base).fit(X, y, sample_weight=weight), X)
        _require_close(_outputs(base.fit(*_repeated(rows, weight)), X), weighted, "")
    except (AssertionError, ValueError):
        return False
    return True


@_check(_wraps_one)
def check_memory_is_bounded(name, retrainer):
    """The memory never holds more than ``max_rows`` rows, whatever the batches are."""
    stream = _stream(retrainer)
    fitted = _prepared(retrainer, buffer=_small_buffer(retrainer), initial_size=None)
    fitted.fit(*stream.first)
    for start, stop in ((0, 1), (1, 25), (25, _N_ROWS - _N_FIRST)):
        fitted.partial_fit(*stream.rows(_N_FIRST + start, _N_FIRST + stop))
        n_rows, most = len(fitted.buffer_), fitted.buffer_.max_rows
        _require(0 < n_rows <= most, f"{name}: buffer_ holds {n_rows} rows, max_rows is {most}")


def _small_buffer(retrainer):
    buffer = SlidingWindow() if retrainer.buffer is None else clone(retrainer.buffer)
    return buffer.set_params(max_rows=50)


@_check(_wraps_one)
def check_memory_is_aligned(name, retrainer):
    """Each remembered row has its own target and metadata."""
    stream = _stream(retrainer)
    weight = np.random.default_rng(1).uniform(0.5, 1.5, size=_N_ROWS)
    fitted = _ringing(retrainer, buffer=_small_buffer(retrainer), initial_size=None)
    for start, stop in ((0, _N_FIRST), (_N_FIRST, _ALARM_ROW), (_ALARM_ROW, _N_ROWS)):
        learn = fitted.fit if start == 0 else fitted.partial_fit
        params = {"sample_weight": weight[start:stop]} if _takes_weights(retrainer) else {}
        learn(*stream.rows(start, stop), **params)
        rows = fitted.buffer_.latest()
        kept = {"X": rows.X, "y": rows.y, **rows.params}
        for part, given in {"X": stream.X, "y": stream.y, "sample_weight": weight}.items():
            if kept.get(part) is not None:
                np.testing.assert_array_equal(
                    kept[part], given[rows.index], f"{name}: buffer_ lost the order of {part}"
                )
        _require(
            kept.keys() >= {"X", "y", *params} and (kept["y"] is None) == (stream.y is None),
            f"{name}: buffer_ must keep the targets and {sorted(params)}",
        )
