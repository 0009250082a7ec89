"""What becomes of each step of a composed estimator when it goes on learning, and why."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from html import escape
from typing import NamedTuple

from sklearn.compose import TransformedTargetRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion, Pipeline

from ..exceptions import MovingInputWarning
from ..utils._optional import import_optional
from ..utils._plain import Plain
from ..utils._sklearn_api import is_search
from ..utils._warn import warn_user
from ._preserve import why_not_preserved, why_preserved
from ._samplers import samplers_of
from ._structure import (
    is_composed,
    is_word,
    joined_path,
    learns_nothing,
    parts_of,
    predictor_of,
    regressor_of,
)
from .adapters._registry import adapter_of

ACTIONS = ("freeze", "preserve", "update", "refit")
_STILL = ("freeze", "skip")  # what leaves a step as it is


class Step(NamedTuple):
    """One step of a plan.

    Attributes
    ----------
    path : str
        Names from the outside in, joined by ``"__"`` as in ``get_params``; empty for an estimator
        that is not composed.
    estimator : str
        Its class.
    on_update : {"freeze", "preserve", "update", "refit", "skip"}
        What a continuation does to it; a sampler is skipped: the rows pass as they are.
    on_refit : {"freeze", "refit"}
        What a refit does to it.
    why : str
        The reason.
    """

    path: str
    estimator: str
    on_update: str
    on_refit: str
    why: str

    @property
    def moves(self):
        """Whether a continuation changes what it gives to the next step."""
        return self.on_update in ("update", "refit")


class Plan(Plain):
    """What a continuation and a refit do to each step of an estimator.

    Attributes
    ----------
    steps : tuple of Step
        In the order in which rows pass them; the predictor is the last.
    why_not : str
        Why the estimator cannot be continued as planned; empty if it can.
    """

    _COLUMNS = ("step", "estimator", "on update", "on refit", "why")

    def __init__(self, steps, why_not):
        self.steps = tuple(steps)
        self.why_not = why_not
        self._actions = {step.path: step.on_update for step in self.steps}

    def on_update(self, path):
        """Return what a continuation does to the leaf at `path`."""
        return self._actions.get(path, "freeze")

    def changes(self, path):
        """Tell whether a continuation changes anything at or below `path`."""
        return any(
            action not in _STILL and (not path or _is_below(leaf, (path,)))
            for leaf, action in self._actions.items()
        )

    def to_frame(self):
        """Return the table as a pandas DataFrame, one row per step.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pandas = import_optional("pandas", caller="Plan.to_frame", extra="cli")
        return pandas.DataFrame(self._rows(), columns=list(self._COLUMNS))

    def _rows(self):
        return [(step.path or "(itself)", *step[1:]) for step in self.steps]

    def __str__(self):
        rows = [self._COLUMNS, *self._rows()]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, [*widths, 0])) for row in rows
        )

    __repr__ = __str__

    def _repr_html_(self):
        cells = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in self._rows()]
        head = "".join(f"<th>{name}</th>" for name in self._COLUMNS)
        body = "".join(f"<tr>{row}</tr>" for row in cells)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def explain_plan(estimator, steps=None):
    """Tell what a continuation and a refit do to each step of an estimator, and why.

    Transformers are frozen once fitted, because the model behind them has learned their output as
    it is; a linear rescaler right before a linear model or a multi-layer perceptron is updated
    while the model's weights are rewritten, so that no decision moves (in recursive ridge, the rows
    that it has learned); the predictor goes on learning, through its ``partial_fit`` or an adapter.
    `steps` overrides this.

    Parameters
    ----------
    estimator : estimator
        Fitted or not: a Pipeline, ColumnTransformer, FeatureUnion, TransformedTargetRegressor or a
        search such as GridSearchCV, nested to any depth, or any other estimator.
    steps : dict of {str: {"freeze", "preserve", "update", "refit"}} or None, default=None
        Actions by step. Keys are paths such as ``"prep__cat"`` or patterns such as ``"prep__*"``;
        one that names a composed step holds for all below it. Where several match, the last holds.

    Returns
    -------
    plan : Plan
        Prints as a table; ``plan.steps`` holds its rows, ``plan.to_frame()`` is a DataFrame.

    Raises
    ------
    ValueError
        If a key of `steps` matches nothing or an action is impossible.

    Warns
    -----
    MovingInputWarning
        If a transformer would move while what comes after it stays as it is.

    Examples
    --------
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.linear_model import SGDClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skretrain.compose import explain_plan
    >>> pipeline = make_pipeline(StandardScaler(), SGDClassifier())
    >>> for step in explain_plan(pipeline).steps:
    ...     print(step.path, "->", step.on_update)
    standardscaler -> preserve
    sgdclassifier -> update
    >>> explain_plan(make_pipeline(PCA(), SGDClassifier())).steps[0].why
    'the model behind it has learned its output as it is'
    """
    return make_plan(estimator, steps)


def make_plan(estimator, overrides=None):
    """Return the plan of an estimator; the same for each of its clones, fitted or not."""
    return _Planner(overrides).plan(estimator)


class _Planner:
    """Walks an estimator from its first step to its last and writes a step for each leaf."""

    def __init__(self, overrides):
        self.overrides = _checked(overrides)
        self.used = set()
        self.steps = []
        self.fixed = []  # leaves that a continuation leaves as they are, though they have learned
        self.behind = {}  # leaf: the paths of what takes its output
        self.without_model = ""

    def plan(self, estimator):
        self._walk(estimator, "", (), None)
        self._check_used()
        self._warn_of_moving_inputs()
        return Plan(self.steps, self._why_not(estimator))

    def _why_not(self, estimator):
        predictor, path = predictor_of(estimator)
        if self.without_model:
            return self.without_model
        if isinstance(predictor, FrozenEstimator):
            return "a FrozenEstimator is never changed"
        if is_composed(predictor) or learns_nothing(predictor):  # a transformer as a whole
            learns = any(step.on_update not in _STILL for step in self.steps)
            return "" if learns else f"no step of {type(estimator).__name__} can learn on"
        return "" if self._asked(path) else adapter_of(predictor)[1]

    # -- walking -----------------------------------------------------------------------------------

    def _walk(self, part, path, behind, next_model):
        """Plan `part`; the paths `behind` take its output, `next_model` takes it alone."""
        if is_word(part):
            return
        if not is_composed(part):
            self._leaf(part, path, behind, next_model)
        elif isinstance(part, Pipeline):
            self._walk_chain(part, path, behind, next_model)
        elif isinstance(part, TransformedTargetRegressor):
            (_, transformer), (_, regressor) = parts_of(part)
            regressor_path = joined_path(path, "regressor")
            self._walk(transformer, joined_path(path, "transformer"), (regressor_path,), None)
            self._walk(regressor, regressor_path, behind, None)
        else:
            if isinstance(part, FeatureUnion) or getattr(part, "transformer_weights", None):
                next_model = (
                    None  # it does not tell which of its columns are whose, or multiplies them
                )
            if is_search(part) and not part.refit:
                self.without_model = f"{type(part).__name__}(refit=False) keeps no model"
            for name, child in parts_of(part):
                self._walk(child, joined_path(path, name), behind, next_model)

    def _walk_chain(self, pipeline, path, behind, next_model):
        steps = [(name, step) for name, step in pipeline.steps if not is_word(step)]
        samplers = samplers_of(pipeline)
        paths = [joined_path(path, name) for name, _ in steps if name not in samplers]
        for name, step in steps:
            if name in samplers:
                self._sampler(step, joined_path(path, name))
                continue
            position = paths.index(joined_path(path, name))
            rest = paths[position + 1 :]
            if len(rest) == 1:
                taker = self._sole_taker(steps[-1][1], paths[-1])
            else:
                taker = None if rest else next_model
            self._walk(step, paths[position], (*rest, *behind), taker)

    def _sampler(self, part, path):
        why = "a sampler: a refit resamples, the rows of an update pass as they are"
        _refuse(path, self._asked(path), ("freeze",), why)
        self.steps.append(Step(path, type(part).__name__, "skip", "refit", why))
        self.behind[path] = ()

    def _sole_taker(self, part, path):
        """Return the model that a chain's last step hands its rows to, unchanged."""
        if isinstance(part, TransformedTargetRegressor):
            part, path = regressor_of(part), joined_path(path, "regressor")
        if is_composed(part) or adapter_of(part)[0] is None:
            return None
        return None if self._asked(path) == "freeze" else part  # its weights are to stay, too

    def _leaf(self, part, path, behind, next_model):
        asked = self._asked(path)
        if learns_nothing(part):
            _refuse(path, asked, ("freeze", "update", "refit"), "the step has nothing to learn")
            step = ("freeze", "freeze", "has nothing to learn")
        elif isinstance(part, FrozenEstimator):
            step = ("freeze", "freeze", "a FrozenEstimator is never changed")
            _refuse(path, asked, ("freeze",), step[-1])
            self.fixed.append(path)
        elif behind:
            step = self._transformer(part, path, asked, next_model)
        else:
            step = self._predictor(part, path, asked)
        self.steps.append(Step(path, type(part).__name__, *step))
        self.behind[path] = behind

    def _transformer(self, part, path, asked, next_model):
        why_not = why_not_preserved(part, next_model)
        if asked == "preserve":
            _refuse(path, asked, () if why_not else ("preserve",), why_not)
        if asked == "update" and not hasattr(part, "partial_fit"):
            _refuse(path, asked, (), f"{type(part).__name__} has no partial_fit")
        if asked == "freeze" or (asked is None and why_not):
            self.fixed.append(path)
        if asked is not None:
            return asked, "refit", "as asked for"
        if why_not:
            return "freeze", "refit", "the model behind it has learned its output as it is"
        return "preserve", "refit", why_preserved(next_model)

    def _predictor(self, part, path, asked):
        adapter, why_not = adapter_of(part)
        possible = ["freeze", "refit"] if adapter is None else ["freeze", "update", "refit"]
        _refuse(path, asked, possible, why_not or "nothing comes after it")
        if asked == "freeze" or (asked != "refit" and adapter is not None and _keeps(adapter)):
            self.fixed.append(path)
        if asked is not None:
            return asked, "refit", "as asked for"
        if adapter is not None:
            return "update", "refit", f"goes on learning by {adapter.method}"
        if hasattr(part, "transform") and not hasattr(part, "predict"):
            return "freeze", "refit", why_not
        return "refit", "refit", why_not

    # -- overrides ---------------------------------------------------------------------------------

    def _asked(self, path):
        """Return the action that the overrides name for `path`: the last one that matches."""
        names = [path]
        while "__" in names[-1]:
            names.append(names[-1].rpartition("__")[0])
        asked = None
        for pattern, action in self.overrides.items():
            if any(fnmatchcase(name, pattern) for name in names):
                self.used.add(pattern)
                asked = action
        return asked

    def _check_used(self):
        for pattern in self.overrides:
            if pattern not in self.used:
                known = [step.path for step in self.steps]
                raise ValueError(f"steps: {pattern!r} matches none of the steps {known}.")

    def _warn_of_moving_inputs(self):
        for step in self.steps:
            behind = self.behind[step.path]
            fixed = [leaf for leaf in self.fixed if step.moves and _is_below(leaf, behind)]
            if fixed:
                warn_user(
                    f"the step {step.path!r} moves while {', '.join(fixed)} behind it stays as it "
                    "is: its inputs no longer mean what they meant when it was fitted. Freeze the "
                    "step, or let what comes after it learn.",
                    MovingInputWarning,
                )


def _refuse(path, asked, possible, reason):
    if asked is not None and asked not in possible:
        raise ValueError(f"steps={{{path!r}: {asked!r}}} is impossible: {reason}.")


def _keeps(adapter):
    """Tell whether a model continued by this adapter keeps members that saw the old inputs."""
    return not adapter.incremental and adapter.method != "warm_start"


def _is_below(leaf, paths):
    return any(leaf == path or leaf.startswith(f"{path}__") for path in paths)


def _checked(overrides):
    if overrides is None:
        return {}
    if not isinstance(overrides, Mapping):
        raise ValueError(f"steps={overrides!r} must be a dict of step: action, or None.")
    for pattern, action in overrides.items():
        if action not in ACTIONS:
            raise ValueError(
                f"steps={{{pattern!r}: {action!r}}}: the action must be one of {list(ACTIONS)}."
            )
    return dict(overrides)
