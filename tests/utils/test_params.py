"""Parameters: junk is refused where it is used, in one form of words, and numbers are numbers."""

import importlib
import inspect
import math
import re
from fractions import Fraction

import numpy as np
import pytest
from helpers import stream
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from test_public_api import API

from skretrain import DriftAwareRetrainer, MixtureRetrainer, ReplayPartialFit
from skretrain.buffers import Reservoir, SlidingWindow, StratifiedReservoir
from skretrain.compose import IncrementalPipeline
from skretrain.drift import (
    AtLeast,
    DomainDrift,
    ErrorDrift,
    FeatureDrift,
    Periodic,
    PredictionDrift,
    RefitDebt,
    RiskMonitor,
    SliceDrift,
)
from skretrain.gates import AlwaysPromote, PairedGate
from skretrain.linear_model import RecursiveRidgeClassifier, RecursiveRidgeRegressor
from skretrain.model_selection import (
    RetrainMatrix,
    compare_policies,
    make_prequential_scorer,
    prequential_validate,
)
from skretrain.policies import (
    AnchoredUpdate,
    DistillingRefit,
    FineTune,
    FullRefit,
    KeepOrRefit,
    ReplayMix,
    Revive,
    WarmStart,
)
from skretrain.serving import ExpectedPerformance, SegmentedRetrainer
from skretrain.utils._params import (
    check_choice,
    check_flag,
    check_integer,
    check_n_jobs,
    check_number,
    is_integer,
    is_number,
)

X, Y = stream(120)

# -- the checks ----------------------------------------------------------------------------------

WHOLE = st.integers(-(2**31), 2**31 - 1)
WIDTHS = st.sampled_from([int, np.int32, np.int64])
FINITE = st.floats(allow_nan=False, allow_infinity=False, width=32)
NO_NUMBERS = st.one_of(
    st.booleans(),
    st.booleans().map(np.bool_),
    st.none(),
    st.text(),
    st.binary(),
    st.complex_numbers(),
    st.lists(st.integers(), max_size=2),
    st.lists(st.integers(), max_size=2).map(np.array),
    st.builds(object),
)
NOT_FINITE = st.sampled_from([math.nan, math.inf, -math.inf, np.float32("nan"), np.float64("inf")])


@given(WHOLE, WHOLE, WHOLE, WIDTHS)
def test_an_integer_is_one_of_any_width_within_the_bounds(value, least, most, kind):
    assert is_integer(kind(value), least=least, most=most) == (least <= value <= most)
    assert is_integer(kind(value))
    assert is_number(kind(value))


@given(FINITE, FINITE, FINITE, st.sampled_from([float, np.float32, np.float64, Fraction]))
def test_a_number_is_one_of_any_kind_within_the_bounds(value, low, high, kind):
    number = kind(value)
    assert is_number(number, least=low, most=high) == (low <= value <= high)
    assert is_number(number, above=low, below=high) == (low < value < high)
    assert not is_integer(number)


@pytest.mark.no_cover
@given(st.one_of(NO_NUMBERS, NOT_FINITE))
def test_nothing_else_is_a_number_and_the_refusal_says_what_is(value):
    """A bool least of all; the message is the same whatever is wrong with the value."""
    assert not is_number(value)
    assert not is_integer(value)
    head = f"thin(every={value!r}): every must be "
    for check, accepted in ((check_number, "a finite number."), (check_integer, "an integer.")):
        with pytest.raises(ValueError, match=re.escape(head + accepted)):
            check("thin", "every", value)


@given(st.one_of(NO_NUMBERS, NOT_FINITE, WHOLE), st.sampled_from([(), (None,), ("all", None)]))
def test_the_other_values_that_are_accepted_are_accepted_only(value, otherwise):
    expected = is_integer(value) or any(
        value is word or (type(value) is str and value == word) for word in otherwise
    )
    if expected:
        check_integer("thin", "every", value, otherwise=otherwise)
    else:
        told = f"an integer{', or ' if otherwise else ''}{' or '.join(map(repr, otherwise))}."
        with pytest.raises(ValueError, match=re.escape(told)):
            check_integer("thin", "every", value, otherwise=otherwise)


class Thin:
    def __init__(self, every):
        self.every = every


@pytest.mark.parametrize(
    ("check", "options", "accepted"),
    [
        (check_integer, {"least": 1}, "an integer of at least 1"),
        (check_integer, {"least": 1, "most": 3}, "an integer of at least 1 and at most 3"),
        (check_integer, {"what": "rows"}, "an integer, rows"),
        (check_integer, {"otherwise": ("all", None)}, "an integer, or 'all' or None"),
        (check_number, {"above": 0}, "a finite number above 0"),
        (check_number, {"most": 0}, "a finite number at most 0"),
        (check_number, {"least": 0, "below": 1}, "a number of at least 0 and below 1"),
        (check_number, {"what": "a share", "otherwise": (None,)}, "a finite number, a share, or"),
        (check_choice, {"choices": ("all", None)}, "one of 'all', None"),
        (check_flag, {}, "True or False"),
    ],
)
def test_the_owner_may_be_an_object_and_the_message_names_its_class(check, options, accepted):
    with pytest.raises(ValueError) as caught:
        check(Thin("junk"), "every", **options)
    assert str(caught.value).startswith(f"Thin(every='junk'): every must be {accepted}")


@pytest.mark.parametrize("value", [None, -1, 1, np.int64(2)])
def test_n_jobs_is_what_joblib_takes(value):
    check_n_jobs("thin", value)


@pytest.mark.parametrize("value", [0, True, 2.0, -7.5, "all"])
def test_n_jobs_is_nothing_else(value):
    message = re.escape(f"thin(n_jobs={value!r}): n_jobs must be an integer other than 0")
    with pytest.raises(ValueError, match=message):
        check_n_jobs("thin", value)


# -- every public constructor ----------------------------------------------------------------------

JUNK = {
    "object": object(),
    "class": int,
    "text": "junk",
    "bytes": b"all",
    "nan": math.nan,
    "infinity": math.inf,
    "negative": -1,
    "zero": 0,
    "fraction": 2.5,
    "many": 10**6,
    "complex": 1j,
    "bool": True,
    "none": None,
    "empty list": [],
    "list": ["junk"],
    "array": np.arange(3),
    "dict": {"junk": "junk"},
}
COUNT = {"many"}
LENGTH = {"many", "zero"}
AMOUNT = {"many", "zero", "fraction"}
FLAG = {"bool"}
NONE = {"none"}
# What the values of JUNK do for which parameter is no junk: each is refused wherever it is not
# named here.
ANCHOR = {"anchor": LENGTH, "anchor_tolerance": AMOUNT | NONE}
RETRAINER = {"new_classes": set(), "buffer": NONE, "random_state": LENGTH | NONE}
FITS = {
    DriftAwareRetrainer: {
        "detector": NONE,
        "policy": set(),
        "update": NONE,
        "gate": NONE,
        "batch_size": COUNT | NONE,
        "initial_size": COUNT | NONE,
        "dry_run": FLAG,
        "on_error": set(),
        **RETRAINER,
    },
    ReplayPartialFit: {"ratio": AMOUNT, "n_passes": COUNT, "weighting": NONE, **RETRAINER},
    MixtureRetrainer: {
        "random_state": LENGTH | NONE,
        "estimators": {"list"},  # set_params of scikit-learn takes it apart
        "forgetting": set(),
        "share": {"zero"},
        "budget": NONE,
        "n_jobs": {"many", "negative"} | NONE,
    },
    FullRefit: {"window": COUNT, "min_rows": COUNT, "grow": FLAG},
    KeepOrRefit: {"windows": NONE, "caution": AMOUNT, "min_rows": COUNT, "grow": FLAG},
    ReplayMix: {
        "ratio": AMOUNT,
        "n_passes": COUNT,
        "weighting": NONE,
        "across_drifts": FLAG | NONE,
    },
    AnchoredUpdate: {"strength": {"many", "fraction"}, "metric": set()},
    DistillingRefit: {
        "alpha": {"zero"},
        "temperature": {"many", "fraction"},
        "on": set(),
        "window": COUNT,
        "max_flips": {"zero"} | NONE,
        "guard": FLAG,
        "min_rows": COUNT,
        "grow": FLAG,
    },
    FineTune: {"freeze": set(), "n_passes": COUNT, "rate": set()},
    Revive: {"then": set(), "pool_size": COUNT, "caution": AMOUNT},
    WarmStart: {
        "n_passes": COUNT,
        "steps": NONE | {"dict"},  # which steps there are is for the plan to say
        "rate": set(),
        "reheat": FLAG,
        "guard": FLAG,
    },
    AtLeast: {"triggers": set(), "k": set()},
    ErrorDrift: {
        "detector": NONE,
        "loss": {"class"},  # a callable
        "rows_of_class": set(JUNK) - {"nan", "empty list", "array", "dict"},  # any label
        "direction": set(),
        "order": set(),
        "cooldown": LENGTH,
        "confidence": NONE,
        "random_state": LENGTH | NONE,
    },
    FeatureDrift: {
        "method": set(),
        "window": COUNT,
        "rows_per_false_alarm": COUNT,
        "min_effect": {"zero"},
    },
    DomainDrift: {"threshold": set(), "window": COUNT, "n_reference": COUNT},
    PredictionDrift: {
        "on": set(),
        "min_effect": {"zero"},
        "alpha": set(),
        "window": COUNT,
        "n_reference": COUNT,
    },
    Periodic: {"every": COUNT, "column": NONE},
    RefitDebt: {
        "price": AMOUNT,
        "threshold": set(),
        "caution": NONE,
        "random_state": LENGTH | NONE,
    },
    SliceDrift: {
        "slices": {"dict"},  # which columns there are is for the rows to say
        "reference_rows": COUNT,
        "tolerance": {"zero"},
        "fdr": set(),
        "max_slices": COUNT,
    },
    RiskMonitor: {"r0": NONE, "tolerance": {"zero"}, "alpha": set(), "restart": FLAG},
    AlwaysPromote: {},
    PairedGate: {
        "alpha": set(),
        "tolerance": {"zero"},
        "min_rows": set(),
        "max_rows": COUNT,
        "criteria": NONE,
        "slices": NONE,  # where no criterion is about one
    },
    SlidingWindow: {"max_rows": COUNT, "max_age": NONE, "column": NONE, **ANCHOR},
    StratifiedReservoir: {
        "max_rows": COUNT,
        "by": {"none", "class"},  # the values in `column`, or what is called
        "column": {"many", "zero", "text"},  # which there are is for the rows to say
        "recent": {"zero"},
        "random_state": LENGTH | NONE | {"empty list", "array"},
        **ANCHOR,
    },
    Reservoir: {
        "max_rows": COUNT,
        "balance": FLAG,
        "decay": NONE,
        **ANCHOR,
        "random_state": LENGTH | NONE | {"empty list", "array"},  # numpy takes several numbers
    },
    IncrementalPipeline: {
        "transform_input": NONE | {"empty list", "list"},
        "memory": NONE | {"text"},
        "verbose": FLAG,
    },
    RecursiveRidgeClassifier: {"alpha": AMOUNT, "forgetting": set(), "fit_intercept": FLAG},
    RecursiveRidgeRegressor: {"alpha": AMOUNT, "forgetting": set(), "fit_intercept": FLAG},
    ExpectedPerformance: {
        "metrics": set(),
        "cost_matrix": NONE,
        "tolerance": {"zero"},
        "alpha": set(),
        "level": set(),
        "max_rows": COUNT,
    },
    SegmentedRetrainer: {
        "by": {"zero"},
        "min_rows": COUNT,
        "fallback": NONE,
        "growth_budget": LENGTH | NONE,
        "alpha": set(),
        "max_loaded": COUNT | NONE,
        "path": NONE | {"text"},  # the name of a file
    },
    RetrainMatrix: {
        "random_state": LENGTH | NONE,
        "chunk": COUNT,
        "windows": set(),
        "initial_size": COUNT | NONE,
        "stride": COUNT,
        "halving": FLAG,
        "loss": NONE | {"class"},
        "n_jobs": {"many", "negative"} | NONE,
    },
}
# Others refuse these: the learner, and scikit-learn where steps are meant.
ELSEWHERE = {
    DriftAwareRetrainer: {"estimator"},
    ReplayPartialFit: {"estimator"},
    IncrementalPipeline: {"steps"},
    RetrainMatrix: {"estimator"},
    SegmentedRetrainer: {"retrainer"},
}
PARAMETERS = [(kind, name) for kind, names in FITS.items() for name in names]


def made(kind):
    """Return an object whose parameters are all right."""
    if kind is MixtureRetrainer:
        return kind([("one", DriftAwareRetrainer(GaussianNB()))])
    if kind is AtLeast:
        return kind([Periodic()])
    if kind is SliceDrift:
        return kind({"first": 0})
    if kind is IncrementalPipeline:
        return kind([("scale", StandardScaler()), ("last", SGDClassifier(random_state=0))])
    if kind is FineTune:
        return kind("standardscaler")
    if kind is StratifiedReservoir:
        return kind(by=None, column=0, anchor=5)
    if kind in (Reservoir, SlidingWindow):
        return kind(anchor=5)  # without one, a tolerance is refused whatever it is
    if kind is SegmentedRetrainer:
        return kind(DriftAwareRetrainer(GaussianNB()), by=0)
    return kind(GaussianNB()) if "estimator" in inspect.signature(kind).parameters else kind()


def use(part):
    """Let a part check its parameters, in the way in which it comes to do so."""
    if isinstance(part, ExpectedPerformance):
        part.fit(Y, np.eye(2)[Y])
    elif isinstance(part, SegmentedRetrainer):
        part.fit(np.column_stack([Y, X]), Y)
    elif hasattr(part, "fit"):
        part.fit(X, Y)
    elif hasattr(part, "propose"):
        base = make_pipeline(StandardScaler(), SGDClassifier(random_state=0))
        DriftAwareRetrainer(base, policy=part).fit(X, Y)
    else:
        part.reset()


def junk_for(kind, name):
    return [value for case, value in JUNK.items() if case not in FITS[kind][name]]


def is_a_kind(value):
    return inspect.isclass(value) and hasattr(value, "get_params") and not inspect.isabstract(value)


def test_the_table_has_every_parameter_of_every_public_class():
    """A new parameter is a row; test doubles and abstract classes are not users' to make."""
    found = {
        getattr(importlib.import_module(module), name)
        for module, names in API.items()
        for name in names
        if not module.startswith("skretrain.utils")
    }
    assert {value for value in found if is_a_kind(value)} == set(FITS)
    for kind, names in FITS.items():
        listed = set(names) | ELSEWHERE.get(kind, set())
        assert listed == set(inspect.signature(kind).parameters), kind


@pytest.mark.parametrize(("kind", "name"), PARAMETERS)
def test_junk_is_taken_by_the_constructor_and_refused_by_class_and_name_when_used(kind, name):
    for value in junk_for(kind, name):
        part = made(kind)
        clone(part.set_params(**{name: value}))  # a clone is a construction, too
        assert part.get_params(deep=False)[name] is value
        with pytest.raises((ValueError, TypeError)) as caught:
            use(part)
        missing = {kind.__name__, name} - set(re.findall(r"\w+", str(caught.value)))
        assert not missing, (value, str(caught.value))


@pytest.mark.parametrize(("kind", "name"), [(k, n) for k, n in PARAMETERS if "bool" in FITS[k][n]])
@pytest.mark.parametrize("value", [False, np.False_, np.True_])
@pytest.mark.no_cover
def test_a_flag_may_be_one_of_numpy(kind, name, value):
    use(made(kind).set_params(**{name: value}))


@pytest.mark.parametrize("name", FITS[IncrementalPipeline])
def test_an_incremental_pipeline_checks_before_each_batch_what_fit_checks(name):
    for value in junk_for(IncrementalPipeline, name):
        pipeline = made(IncrementalPipeline).partial_fit(X[:60], Y[:60])
        with pytest.raises(ValueError, match=f"'{name}' parameter of IncrementalPipeline"):
            pipeline.set_params(**{name: value}).partial_fit(X[60:], Y[60:])


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([("a", StandardScaler()), ("a", SGDClassifier())], "not unique"),
        ([("a__b", StandardScaler()), ("c", SGDClassifier())], "must not contain __"),
        ([("memory", StandardScaler()), ("c", SGDClassifier())], "conflict with constructor"),
        ([("a", GaussianNB()), ("c", SGDClassifier())], "should be transformers"),
        ([("a", StandardScaler), ("c", SGDClassifier())], "instance"),
    ],
)
def test_an_incremental_pipeline_refuses_the_steps_that_a_pipeline_refuses(steps, message):
    with pytest.raises((ValueError, TypeError, AttributeError)):
        Pipeline(steps).fit(X, Y)
    with pytest.raises((ValueError, TypeError), match=message):
        IncrementalPipeline(steps).partial_fit(X, Y)


@pytest.mark.parametrize("item", [object(), "junk", None, 3, Periodic, ["adwin"]])
@pytest.mark.parametrize("place", [0, 1])
def test_at_least_names_the_item_that_is_no_trigger(item, place):
    """By itself, as a detector, and asked for what it needs before anything was checked."""
    triggers = [Periodic()]
    triggers.insert(place, item)
    message = rf"(?s)AtLeast\(triggers=.*\): triggers must be .*; item {place} is none"
    part = AtLeast(triggers)
    for used in (
        part.reset,
        lambda: part.needs,
        DriftAwareRetrainer(GaussianNB(), detector=part).fit,
        DriftAwareRetrainer(GaussianNB(), detector=["adwin", part]).fit,
    ):
        with pytest.raises(ValueError, match=message):
            used(X, Y) if used.__name__ == "fit" else used()


@pytest.mark.parametrize("name", ["batch_size", "label_delay", "fit_latency", "initial_size"])
@pytest.mark.parametrize("value", [-1, 2.5, True, "junk", math.nan])
@pytest.mark.parametrize("function", [prequential_validate, compare_policies])
def test_an_evaluation_names_itself_and_the_size_that_is_none(function, name, value):
    message = re.escape(f"({name}={value!r}): {name} must be an integer")
    with pytest.raises(ValueError, match=message):
        function(GaussianNB(), X, Y, **{name: value})


@pytest.mark.parametrize("seeds", [0, -1, True, 1.5, "12", [], ["a"], [-1], [0.5], [2**32]])
@pytest.mark.parametrize("function", [prequential_validate, compare_policies])
def test_an_evaluation_refuses_seeds_that_are_none(function, seeds):
    """None is evaluated less than was asked for."""
    message = re.escape(f"{function.__name__}(seeds={seeds!r}): seeds must be a number of seeds")
    with pytest.raises(ValueError, match=message):
        function(GaussianNB(), X, Y, seeds=seeds)


@pytest.mark.parametrize(("value", "shown"), [("a", "a"), (-1, "-1"), (np.nan, "nan")])
def test_a_comparison_names_its_random_state_also_where_batches_come(value, shown):
    for rows in ((X, Y), ([(X[:100], Y[:100]), (X[100:], Y[100:])],)):
        with pytest.raises(ValueError, match=rf"random_state='?{shown}'?\): random_state must be"):
            compare_policies(GaussianNB(), *rows, random_state=value)


def test_a_comparison_draws_its_seed_from_a_generator():
    """As all that is random here does."""
    policies = {"never": [], "replay": ReplayPartialFit(GaussianNB())}
    given = np.random.RandomState(0)
    found = compare_policies(GaussianNB(), X, Y, policies, prices=1, random_state=given)
    assert found.seeds == [np.random.RandomState(0).randint(2**31 - 1)]


@pytest.mark.parametrize("function", [prequential_validate, compare_policies])
def test_an_evaluation_refuses_a_number_of_jobs_that_is_none(function):
    message = re.escape(f"{function.__name__}(n_jobs=-7.5): n_jobs must be")
    with pytest.raises(ValueError, match=message):
        function(GaussianNB(), X, Y, seeds=2, n_jobs=-7.5)


def test_a_scorer_names_the_function_that_makes_it():
    with pytest.raises(ValueError, match=r"make_prequential_scorer\(batch_size=0\)"):
        make_prequential_scorer("accuracy", batch_size=0)
