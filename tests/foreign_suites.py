"""Run the tests that other libraries ship, with our classes put in where theirs are.

``python tests/foreign_suites.py`` prints a table, and every failure with its reason; it ends with
code 1 if a failure has none. Names of suites as arguments run these alone.
"""

import argparse
import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from importlib import metadata, util
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.cluster import MiniBatchKMeans
from sklearn.ensemble import IsolationForest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier, SGDRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skretrain import DriftAwareRetrainer, MixtureRetrainer, ReplayPartialFit

WRAPPERS = (DriftAwareRetrainer, ReplayPartialFit)


class Suite(NamedTuple):
    """Tests of another library, and what becomes of them here."""

    package: str  # the distribution
    files: tuple  # modules
    put_in: object = None  # puts our classes in, before the modules are collected
    keep: object = None  # tells which tests have our classes in them; None is all


def mixture(*bases):
    """Return a mixture with a member for each base."""
    members = [(f"m{number}", DriftAwareRetrainer(base)) for number, base in enumerate(bases)]
    return MixtureRetrainer(members)


def has_ours(item):
    """Tell whether a test has an estimator of ours among its parameters."""
    params = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return any(type(value).__module__.partition(".")[0] == "skretrain" for value in params)


# -- what is put in --------------------------------------------------------------------------------


def put_in_meta_estimators():
    """Every method is there exactly where the base has it, and text goes through to the base."""
    theirs = importlib.import_module("sklearn.tests.test_metaestimators")
    theirs.DELEGATING_METAESTIMATORS[:] = [
        theirs.DelegatorData(wrapper.__name__, wrapper) for wrapper in WRAPPERS
    ]
    text = [make_pipeline(TfidfVectorizer(), kind()) for kind in (LogisticRegression, Ridge)]
    theirs.DATA_VALIDATION_META_ESTIMATORS[:] = [
        *(wrapper(base) for wrapper in WRAPPERS for base in text),
        *(mixture(base) for base in text),
    ]


def put_in_routing():
    """Metadata reaches the base as it requests it."""
    theirs = importlib.import_module("sklearn.tests.test_metaestimators_metadata_routing")
    theirs.METAESTIMATORS[:] = [
        {
            "metaestimator": wrapper,
            "estimator_name": "estimator",
            "estimator": kind,
            "X": theirs.X,
            "y": theirs.y,
            "estimator_routing_methods": ["fit", "partial_fit"],
            "method_mapping": {"partial_fit": ["partial_fit", "fit"]},
        }
        for wrapper in WRAPPERS
        for kind in ("classifier", "regressor")
    ]
    theirs.METAESTIMATOR_IDS[:] = [
        f"{one['metaestimator'].__name__}-{one['estimator']}" for one in theirs.METAESTIMATORS
    ]


class Mean(RegressorMixin, BaseEstimator):
    """Learns next to nothing."""

    def fit(self, X, y, sample_weight=None):
        self.mean_ = np.average(y, weights=sample_weight)
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)


class MaxIterEstimator(DriftAwareRetrainer):
    """A retrainer in the place of an estimator with iterations: each is a batch."""

    def __init__(self, max_iter=20, computation_intensity=0.001):
        super().__init__(Mean(), detector=None, update="full_refit")
        self.max_iter, self.computation_intensity = max_iter, computation_intensity

    def fit(self, X=None, y=None, sample_weight=None):
        X = np.zeros((self.max_iter, 1)) if X is None else np.asarray(X)
        y = np.arange(len(X)) if y is None else y
        self.batch_size = -(-len(X) // self.max_iter)
        return super().fit(X, y, sample_weight=sample_weight)


def put_in_callbacks():
    """What is inside scikit-learn's meta-estimators is a retrainer."""
    importlib.import_module("sklearn.callback.tests._utils").MaxIterEstimator = MaxIterEstimator


def put_in_common():
    """scikit-learn's tests of each of its estimators."""
    bases = (
        *(GaussianNB(), LogisticRegression(), DecisionTreeClassifier(), Ridge(), SGDRegressor()),
        *(IsolationForest(n_estimators=10), StandardScaler(), MiniBatchKMeans(3, n_init=1)),
        make_pipeline(StandardScaler(), SGDClassifier()),
    )
    ours = [wrapper(base) for wrapper in WRAPPERS for base in bases]
    ours += [mixture(GaussianNB(), DecisionTreeClassifier()), mixture(Ridge())]

    def tested(type_filter=None):
        return [one for one in ours if type_filter is None or hasattr(one, "transform")]

    theirs = importlib.import_module("sklearn.utils._test_common.instance_generator")
    theirs._tested_estimators = tested


def put_in_samplers():
    """The classifiers inside imbalanced-learn's pipelines and ensembles are retrainers."""
    names = ("LogisticRegression", "SVC", "DecisionTreeClassifier", "KNeighborsClassifier")
    for module in SUITES["imbalanced-learn"].files:
        theirs = importlib.import_module(module)
        for name in names:
            if hasattr(theirs, name):
                setattr(theirs, name, wrapping(getattr(theirs, name)))


def wrapping(kind):
    """Return what makes a retrainer around a base of this kind."""

    def make(*args, **params):
        return DriftAwareRetrainer(kind(*args, **params))

    return make


def put_in_nets():
    """skorch's nets are inside retrainers."""
    skorch = importlib.import_module("skorch")
    classifiers, regressors = map(importlib.import_module, SUITES["skorch"].files)
    for theirs, kind in (
        (classifiers.TestNeuralNet, skorch.NeuralNetClassifier),
        (classifiers.TestNeuralNetBinaryClassifier, skorch.NeuralNetBinaryClassifier),
        (regressors.TestNeuralNetRegressor, skorch.NeuralNetRegressor),
    ):
        theirs.net_cls = handing_out(wrapping(kind))


def handing_out(value):
    """Return a fixture of pytest, as a method."""

    @pytest.fixture(scope="module")
    def net_cls(self):
        return value

    return net_cls


CALLBACKS = ("callback_context", "callback_support", "pickle", "progressbar", "scoring_monitor")
SUITES = {
    "meta-estimators": Suite(
        "scikit-learn", ("sklearn.tests.test_metaestimators",), put_in_meta_estimators
    ),
    "routing": Suite(
        "scikit-learn",
        ("sklearn.tests.test_metaestimators_metadata_routing",),
        put_in_routing,
        lambda item: "metaestimator" in getattr(item, "fixturenames", ()),
    ),
    "callbacks": Suite(
        "scikit-learn",
        tuple(f"sklearn.callback.tests.test_{name}" for name in CALLBACKS),
        put_in_callbacks,
    ),
    "common": Suite("scikit-learn", ("sklearn.tests.test_common",), put_in_common, has_ours),
    "imbalanced-learn": Suite(
        "imbalanced-learn",
        ("imblearn.tests.test_pipeline", "imblearn.ensemble.tests.test_bagging"),
        put_in_samplers,
    ),
    "skorch": Suite(
        "skorch", ("skorch.tests.test_classifier", "skorch.tests.test_regressor"), put_in_nets
    ),
    "river": Suite("river", ("river.drift.test_drift_detectors",)),
}

# Why tests fail, by a pattern of their names.
REASONS = {
    "meta-estimators": {
        "delegation": "the base says neither that it is a classifier, a regressor nor a "
        "transformer: a retrainer refuses a target that it cannot make sense of",
    },
    "callbacks": {
        "logged_values|score_after_fit|scoring_monitor_no_callback": "the test knows the names of "
        "the steps, and scores each on all rows; a step of a retrainer is a batch, with its rows",
    },
    "common": {
        "check_sample_weight_equivalence": "the base fails it, too: its steps, or its draws, "
        "depend on the number of rows",
        "test_check_param_validation": "the test reads the private _parameter_constraints of "
        "scikit-learn's own estimators",
    },
    "imbalanced-learn": {
        "pipeline_init|gridsearch": "the test sets a parameter of the base by its name, which is "
        "estimator__C in a retrainer",
        "test_estimator$": "the test asks for the class of the base",
        "estimators_samples": "the test reads an attribute of the base, which is in estimator_",
    },
    "skorch": {
        r"test_(fit|clone|score|with_calib\w+|grid_search\w+)$|predict_predict_proba\[": "the "
        "test sets a parameter of the net by its name, estimator__max_epochs in a retrainer",
        "takes_(no_)?log|high_learning|not_init|learns|history_default|with_bceloss": "the test "
        "reads what only a net has: initialize, history, threshold",
        "pass_empty|not_fitted|module_output_2d": "the test compares a message that names the net",
        "tensordataset|with_dataset|classes_could_not": "a data set instead of rows and targets, "
        "which a retrainer could not cut into batches",
        "pass_classes_explicitly": "the classes of the net never occur among the targets",
        "predict_predict_proba$|dimension_mismatch|target_2d": "a column of targets is made flat, "
        "and so are predictions",
    },
}


# -- running ---------------------------------------------------------------------------------------


class Listener:
    """A plugin of pytest: keeps the tests with our classes, and what became of each."""

    def __init__(self, keep):
        self.keep, self.outcomes = keep, {}

    def pytest_collection_modifyitems(self, items):
        items[:] = [item for item in items if self.keep is None or self.keep(item)]

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.outcome != "passed":
            crash = getattr(report.longrepr, "reprcrash", None)
            outcome = "xfailed" if hasattr(report, "wasxfail") else report.outcome
            name = re.sub(r"^.*::", "", report.nodeid.partition("[")[0])
            name += report.nodeid[report.nodeid.find("[") :] if "[" in report.nodeid else ""
            self.outcomes[report.nodeid] = (outcome, name, crash.message if crash else "")


def run_here(name, path):
    """Run a suite in this process, and write the outcomes."""
    suite = SUITES[name]
    if suite.put_in is not None:
        suite.put_in()
    listener = Listener(suite.keep)
    files = [util.find_spec(module).origin for module in suite.files]
    options = ["-q", "-p", "no:cacheprovider", "-c", os.devnull, "-W", "ignore", "--tb=line"]
    # Our own conftest.py is above a virtual environment in the repository.
    options.append(f"--confcutdir={Path(pytest.__file__).parents[1]}")
    pytest.main([*options, *files], plugins=[listener])
    Path(path).write_text(json.dumps(list(listener.outcomes.values())))


def run(name):
    """Run a suite in a process of its own; None if its tests are not installed."""
    if not all(map(is_installed, SUITES[name].files)):
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "outcomes.json"
        # Imported under its name, so that what is put in reaches the processes of joblib.
        call = f"import foreign_suites; foreign_suites.run_here({name!r}, {str(path)!r})"
        places = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, places))}
        command = [sys.executable, "-c", call]
        subprocess.run(command, env=environment, capture_output=True, check=True)
        return json.loads(path.read_text())


def is_installed(module):
    """Tell whether there is such a module."""
    try:
        return util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def reason_of(name, test):
    """Return why a test of a suite fails; empty if nobody knows."""
    known = REASONS.get(name, {}).items()
    return next((why for pattern, why in known if re.search(pattern, test)), "")


def report(names):
    """Run suites and print what became of their tests; return whether all failures are known."""
    print(f"{'suite':16} {'version':24} {'run':>5} {'passed':>6} {'failed':>6} {'skipped':>7}")
    failures = []
    for name in names:
        suite, outcomes = SUITES[name], run(name)
        try:
            version = f"{suite.package} {metadata.version(suite.package)}"
        except metadata.PackageNotFoundError:
            version = f"{suite.package}, not installed"
        if outcomes is None:
            print(f"{name:16} {version:24} its tests are not installed with it")
            continue
        count = Counter(outcome for outcome, _, _ in outcomes)
        skipped = count["skipped"] + count["xfailed"]
        numbers = f"{len(outcomes) - skipped:5} {count['passed']:6} {count['failed']:6} {skipped:7}"
        print(f"{name:16} {version:24} {numbers}", flush=True)
        failures += [(name, test, why) for outcome, test, why in outcomes if outcome == "failed"]
    for name, test, message in failures:
        why = reason_of(name, test) or f"UNKNOWN: {message.strip()[:300]}"
        print(f"\n{name}: {test}\n    {why}")
    return all(reason_of(name, test) for name, test, _ in failures)


def main():
    """Run the suites that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="suite", help=f"of {', '.join(SUITES)}")
    names = parser.parse_args().suites or list(SUITES)
    return 0 if report(names) else 1


if __name__ == "__main__":
    sys.exit(main())
