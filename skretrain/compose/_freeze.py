"""Parts of a model that stay as they are: through a continuation, and through a refit."""

from fnmatch import fnmatchcase

from ._structure import predictor_of
from .adapters._base import is_among
from .adapters._registry import adapter_of


def split_freeze(estimator, plan, freeze):
    """Return what patterns hold fixed: steps of a pipeline, and parts of its predictor.

    Parameters
    ----------
    estimator : estimator
        Fitted or not.
    plan : Plan
        Of the estimator.
    freeze : sequence of str
        Patterns of steps, by path, and of parts of the predictor, by name or with its path before.

    Returns
    -------
    steps : dict of {str: "freeze"}
        Overrides of the plan.
    parts : tuple of str
        Patterns for ``Effort.freeze``.

    Raises
    ------
    ValueError
        If a pattern matches nothing, or nothing is left to learn.
    """
    predictor, path = predictor_of(estimator)
    adapter, _ = adapter_of(predictor)
    names = [] if adapter is None else adapter.freezable(predictor)
    steps, parts = {}, []
    for pattern in freeze:
        paths = [step.path for step in plan.steps if step.path and _is_at(step.path, pattern)]
        inside = pattern.removeprefix(f"{path}__") if path else pattern
        if not paths and names is not None and not any(is_among(n, [inside]) for n in names):
            raise ValueError(_nothing(pattern, predictor, path, plan, names))
        steps.update(dict.fromkeys(paths, "freeze"))
        parts += [] if paths else [inside]
    everything = names and not adapter.learns_beside and all(is_among(n, parts) for n in names)
    if path in steps or everything:
        raise ValueError(
            f"freeze={list(freeze)} leaves nothing of {type(predictor).__name__} to learn."
        )
    if parts:  # a rescaler that moves would rewrite the weights behind it
        moved = [step.path for step in plan.steps if step.on_update == "preserve"]
        steps.update(dict.fromkeys(moved, "freeze"))
    return steps, tuple(parts)


def _is_at(path, pattern):
    """Tell whether a pattern matches a step, or what the step is inside of."""
    words = path.split("__")
    return any(fnmatchcase("__".join(words[:n]), pattern) for n in range(1, len(words) + 1))


def _nothing(pattern, predictor, path, plan, names):
    known = [step.path for step in plan.steps if step.path != path]
    known += names
    name = type(predictor).__name__
    if not known:
        return f"freeze: {name} has no parts that can stay as they are while the rest learns."
    reason = "" if names else f"; {name} itself has no part that can be held fixed"
    return f"freeze: {pattern!r} matches none of {known}{reason}."


def holding(learner, champion, freeze=()):
    """Return a learner whose fits from scratch keep the fixed parts of a fitted model.

    Parameters
    ----------
    learner : Learner
        It stays as it is.
    champion : estimator or None
        The fitted model; None has nothing to keep.
    freeze : tuple of str, default=()
        Patterns of parts of its predictor, beside those that it does not train by itself.

    Returns
    -------
    learner : Learner
        A copy.
    """
    learner = learner._branched()  # asked with every batch, and copy() takes four times as long
    learner._prior = None if champion is None else (champion, freeze)
    return learner
