"""Both estimators pass scikit-learn's checks and skretrain's own, around every kind of base."""

import re

import pytest
from helpers import failed_by, representatives
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier, SGDRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import check_estimator, estimator_checks_generator
from threadpoolctl import threadpool_limits

from skretrain import DriftAwareRetrainer, ReplayPartialFit
from skretrain.utils.estimator_checks import parametrize_with_retrainer_checks

pytestmark = pytest.mark.no_cover

WRAPPERS = [DriftAwareRetrainer, ReplayPartialFit]
BASES = [
    SGDClassifier(),
    LogisticRegression(),
    GaussianNB(),
    DecisionTreeClassifier(),
    RandomForestClassifier(n_estimators=5),
    HistGradientBoostingClassifier(max_iter=5),
    make_pipeline(StandardScaler(), SGDClassifier()),
    SGDRegressor(),
    Ridge(),
    IsolationForest(n_estimators=10),
]
# One that goes on, one that is refitted, a pipeline, a regressor and an outlier detector.
FAST_KINDS = (SGDClassifier, DecisionTreeClassifier, Pipeline, Ridge, IsolationForest)
RETRAINERS = [wrapper(base) for wrapper in WRAPPERS for base in BASES]
# Each kind in one of the wrappers, which take turns; the slow tests run both around all of them.
FAST = [
    one
    for number, wrapper in enumerate(WRAPPERS)
    for one in RETRAINERS
    if type(one) is wrapper and isinstance(one.estimator, FAST_KINDS[number::2])
]
OTHERS = [one for one in RETRAINERS if one not in FAST]

# Checks that find out only when they run that they have nothing to do.
SKIPPED = {
    "check_array_api_input": "it needs SCIPY_ARRAY_API and another array library",
    "check_classifiers_multilabel_output_format_decision_function": (
        "trees and forests have no decision_function"
    ),
}

# Checks of the base that scikit-learn does not run on a retrainer.
NOT_FOR_A_RETRAINER = {
    "check_array_api_input": "a retrainer remembers numpy arrays",
    "check_array_api_mixed_inputs": "a retrainer remembers numpy arrays",
    "check_array_api_same_namespace": "a retrainer remembers numpy arrays",
    "check_class_weight_balanced_linear_classifier": "class_weight is a parameter of the base",
    "check_class_weight_classifiers": "class_weight is a parameter of the base",
    "check_outlier_contamination": "contamination is a parameter of the base",
    "check_sparsify_coefficients": "coefficients are the base's",
}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Fits of 20 rows gain nothing from threads, and pytest's workers share the cores."""
    with threadpool_limits(limits=1):
        yield


def _one_line(retrainer):
    return "".join(repr(retrainer).split())


@pytest.mark.filterwarnings("ignore")  # scikit-learn's checks warn on purpose, as they do for it
@pytest.mark.parametrize("retrainer", representatives(RETRAINERS, FAST), ids=_one_line)
def test_scikit_learn_finds_no_failure_but_those_of_the_base(retrainer):
    results = check_estimator(retrainer, on_skip=None, on_fail=None)
    names = {
        status: {result["check_name"] for result in results if result["status"] == status}
        for status in ("passed", "failed", "xfail", "skipped")
    }
    bad = [result for result in results if result["status"] not in ("passed", "skipped")]
    assert names["failed"] | names["xfail"] <= failed_by(retrainer.estimator), bad
    assert names["skipped"] <= set(SKIPPED)
    assert len(names["passed"]) >= 40


@pytest.mark.parametrize("retrainer", RETRAINERS, ids=_one_line)
def test_no_check_of_the_base_is_lost_without_a_reason(retrainer):
    # Without the base's tags, 14 checks silently do not run.
    def names(estimator):
        return {check.func.__name__ for _, check in estimator_checks_generator(estimator)}

    assert names(retrainer.estimator) - names(retrainer) <= set(NOT_FOR_A_RETRAINER)


@parametrize_with_retrainer_checks(FAST)
@pytest.mark.thinned(5)
def test_skretrain_finds_no_failure(retrainer, check):
    check(retrainer)


@pytest.mark.slow
@parametrize_with_retrainer_checks(OTHERS)
def test_skretrain_finds_no_failure_around_other_bases(retrainer, check):
    check(retrainer)


JUNK = {
    DriftAwareRetrainer: [
        *("detector", "policy", "update", "buffer", "gate", "batch_size", "initial_size"),
        *("new_classes", "dry_run", "on_error", "random_state"),
    ],
    ReplayPartialFit: [
        "buffer",
        "ratio",
        "n_passes",
        "weighting",
        "new_classes",
        "random_state",
    ],
}


@pytest.mark.parametrize("junk", ["helloworld", -3, object], ids=repr)
@pytest.mark.parametrize(("wrapper", "parameter"), [(w, p) for w in WRAPPERS for p in JUNK[w]])
def test_junk_survives_until_fit_which_names_it(wrapper, parameter, junk):
    X, y = make_classification(40, random_state=0)
    retrainer = wrapper(GaussianNB(), **{parameter: junk})
    assert retrainer.get_params()[parameter] is junk
    assert wrapper(GaussianNB()).set_params(**{parameter: junk}).get_params()[parameter] is junk
    message = f"{parameter}={re.escape(repr(junk))}"
    for method in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match=message):
            getattr(retrainer, method)(X, y)
        assert not hasattr(retrainer, "n_features_in_")
