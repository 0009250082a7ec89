"""The members of a mixture: what they must be, and what they are together."""

from dataclasses import replace

import numpy as np
from joblib import effective_n_jobs
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import column_or_1d, has_fit_parameter

from .._retrainer._border import check_values
from .._retrainer._estimator import BaseRetrainer
from ..compose._update import weight_name
from ..utils._losses import task_of
from ..utils._sklearn_api import routing_enabled

_MAX_EVENTS = 1_000  # of a member: one that retrains by schedule has one with every batch


def names_and_members(estimators):
    """Return the names and the members of a list of pairs."""
    if not isinstance(estimators, (list, tuple)) or not len(estimators):
        raise ValueError(
            f"MixtureRetrainer(estimators={estimators!r}): estimators must be a list of (name, "
            "retrainer) pairs, one at least."
        )
    pairs = [pair for pair in estimators if isinstance(pair, (list, tuple)) and len(pair) == 2]
    pairs = [pair for pair in pairs if isinstance(pair[0], str)]
    if len(pairs) < len(estimators):
        raise ValueError(
            f"MixtureRetrainer(estimators={estimators!r}): each must be a pair of a name, a str, "
            "and a retrainer."
        )
    names, members = zip(*pairs, strict=True)
    return list(names), list(members)


def as_member(member, seed, number):
    """Make a retrainer a member: with a short log, and a seed of its own if it has none."""
    member._max_events = _MAX_EVENTS
    if seed is not None and member.get_params(deep=False)["random_state"] is None:
        drawn = np.random.SeedSequence([seed, number]).generate_state(1)[0]
        member.set_params(random_state=int(drawn >> 1))
    return member


def check_member(name, member, *, is_mixture):
    """Raise TypeError where a member is no retrainer of its own."""
    if is_mixture:
        raise TypeError(
            f"MixtureRetrainer(estimators=...): {name!r} is a mixture. List its members "
            "among those of the other."
        )
    if not isinstance(member, BaseRetrainer):
        raise TypeError(
            f"MixtureRetrainer(estimators=...): {name!r} is {member!r}, which is no "
            "retrainer. Wrap it in DriftAwareRetrainer or ReplayPartialFit."
        )


def task_of_members(members):
    """Return what all members do, or raise ValueError where they cannot be weighed together."""
    tasks = {name: task_of(member) for name, member in members.items()}
    if len(set(tasks.values())) > 1:
        raise ValueError(
            f"MixtureRetrainer(estimators=...): members must be of one kind, got {tasks}."
        )
    task = next(iter(tasks.values()))
    if task == "unsupervised":
        raise ValueError(
            "MixtureRetrainer weighs its members by targets: they must be classifiers or "
            f"regressors, got {list(members.values())!r}."
        )
    return task


def tags_of(members, tags):
    """Return the tags of a mixture, made from those of its members."""
    first = members[0]
    tags.estimator_type = first.estimator_type
    tags.regressor_tags = first.regressor_tags
    tags.target_tags.required = True
    tags.non_deterministic = any(member.non_deterministic for member in members)
    for name in ("two_d_array", "sparse", "allow_nan", "string", "categorical"):
        takes = all(getattr(member.input_tags, name) for member in members)
        setattr(tags.input_tags, name, takes)
    for part in ("input_tags", "target_tags"):
        demands = any(getattr(member, part).positive_only for member in members)
        getattr(tags, part).positive_only = demands
    kinds = [member.classifier_tags for member in members if member.classifier_tags]
    if kinds:
        takes = all(kind.multi_class for kind in kinds)
        tags.classifier_tags = replace(kinds[0], multi_class=takes, multi_label=False)
    return tags


def checked_target(y):
    """Return the targets as a flat array, or raise ValueError for what is wrong with them."""
    if y is None:
        raise ValueError(
            "This MixtureRetrainer estimator requires y to be passed, but the target y is None."
        )
    y = np.asarray(column_or_1d(y, warn=True))  # with array API dispatch, it may be a tensor
    check_values(y)
    return y


def each_of(call, items, n_jobs):
    """Call a function with each item, in threads where there are several jobs."""
    items = list(items)
    if len(items) < 2 or effective_n_jobs(n_jobs) == 1:
        return [call(item) for item in items]
    return Parallel(n_jobs=n_jobs, require="sharedmem")(delayed(call)(item) for item in items)


def picker(mixture, method, members):
    """Return the function that picks, of the metadata of a call, what the member k gets."""
    if not routing_enabled():
        bases = [member.estimator for member in members.values()]
        return lambda number, params: _with_own_weight(bases[number], params)
    names = list(members)

    def params_of(number, params):
        if not params:
            return {}
        return process_routing(mixture, method, **params)[names[number]][method]

    return params_of


def _with_own_weight(base, params):
    """Return metadata with ``sample_weight`` by the name under which the predictor takes it.

    The steps of the members differ, so that no name with a step in it would suit all of them.
    """
    if "sample_weight" not in params:
        return params
    name = weight_name(base)
    if name in params:
        return params
    return {name if key == "sample_weight" else key: values for key, values in params.items()}


def weight_names(members):
    """Return the names under which the bases take the weight of a row, the usual one last."""
    names = {weight_name(member.estimator) for member in members} - {False, "sample_weight"}
    return (*sorted(names), "sample_weight")


def all_have(method):
    """Make a method available where every member has it."""

    def check(self):
        for member in self._present_members().values():
            getattr(member, method)
        return True

    return check


def all_take_weights(mixture):
    """Tell whether every member takes the ``sample_weight`` of rows."""
    try:
        members = names_and_members(mixture.estimators)[1]
    except ValueError:
        return False  # parameters are judged when they are used
    return all(has_fit_parameter(member, "sample_weight") for member in members)
