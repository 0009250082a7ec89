"""On a cluster of dask's processes everything is as in one process, also where a worker dies."""

import os
import signal
import time

import joblib
import numpy as np
import pytest
from dying import DiesOnce
from helpers import assert_same_outputs, feed, fingerprint, stream
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer, MixtureRetrainer, ReplayPartialFit
from skretrain.model_selection import RetrainMatrix, compare_policies

# A worker that is killed, or is slow to end, is what these tests are about: dask says so in its
# log, and leaves its sockets to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

X, Y = stream(600, drift=300)
# Joblib sends larger arrays apart from the work, and to one worker, with which they are lost. These
# rows are on all of them by `scatter`; their labels and the indices of the splits are no larger
# than 1,000 bytes.
FEW_X, FEW_Y = stream(120, drift=60)


@pytest.fixture
def on_dask(dask_client):
    """Let joblib send its work to the cluster, once it has all workers."""
    dask_client.wait_for_workers(2)
    with joblib.parallel_backend("dask", client=dask_client, scatter=[FEW_X]):
        yield dask_client


def searched(base):
    retrainer = DriftAwareRetrainer(base, batch_size=10, initial_size=20, random_state=0)
    grid = {"policy": ["full_refit", "keep_or_refit"], "estimator__var_smoothing": [1e-9, 1e-2]}
    search = GridSearchCV(retrainer, grid, cv=TimeSeriesSplit(2), n_jobs=2, error_score="raise")
    return search.fit(FEW_X, FEW_Y)


def assert_same_search(one, other):
    for name in ("mean_test_score", "split0_test_score", "rank_test_score"):
        np.testing.assert_array_equal(one.cv_results_[name], other.cv_results_[name])
    assert one.best_params_ == other.best_params_
    assert_same_outputs(one.best_estimator_, other.best_estimator_, X)


def test_a_search_finds_the_same(on_dask):
    found = searched(GaussianNB())
    with joblib.parallel_backend("sequential"):
        assert_same_search(found, searched(GaussianNB()))


def compared():
    policies = {
        "never": [],
        "refitted": [(2, "all"), (4, 300)],
        "updated": ReplayPartialFit(GaussianNB()),
        "alarms": DriftAwareRetrainer(GaussianNB(), update=None),
    }
    return compare_policies(
        GaussianNB(), X, Y, policies, prices=[1, 100], seeds=2, n_jobs=2, random_state=0
    )


def test_policies_compare_the_same(on_dask):
    found = compared()
    with joblib.parallel_backend("sequential"):
        expected = compared()
    for one, other in zip(*(c.to_frame().to_dict("records") for c in (found, expected))):
        one.pop("cpu_seconds"), other.pop("cpu_seconds")
        assert one == other


def filled(base):
    matrix = RetrainMatrix(base, chunk=100, windows=[200, "all"], n_jobs=2, random_state=0)
    return matrix.fit(X, Y)


def test_a_matrix_of_refits_is_the_same(on_dask):
    base = RandomForestClassifier(3, max_depth=3)
    found = filled(base)
    with joblib.parallel_backend("sequential"):
        np.testing.assert_array_equal(found.losses_, filled(base).losses_)


def test_a_mixture_is_the_same(on_dask):
    """Its members share memory, so that they run in threads of the process that asks."""
    members = [
        ("drift", DriftAwareRetrainer(GaussianNB())),
        ("all", ReplayPartialFit(GaussianNB())),
    ]
    mixture = MixtureRetrainer(members, n_jobs=2, random_state=0)
    found = feed(clone(mixture).fit(X[:200], Y[:200]), X, Y, 100, start=200)
    with joblib.parallel_backend("sequential"):
        expected = feed(clone(mixture).fit(X[:200], Y[:200]), X, Y, 100, start=200)
    assert_same_outputs(found, expected, X)
    np.testing.assert_array_equal(found.weights_, expected.weights_)


def test_a_retrainer_comes_back_from_a_worker_as_it_went(on_dask):
    model = DriftAwareRetrainer(GaussianNB(), random_state=0).fit(X[:200], Y[:200])
    future = on_dask.submit(feed, model, X, Y, 100, start=200, pure=False)
    away = future.result()
    assert_same_outputs(away, feed(model, X, Y, 100, start=200), X)
    assert fingerprint(away.predict(X)) == fingerprint(model.predict(X))


# -- workers that die ------------------------------------------------------------------------------


@pytest.mark.parametrize("run", [searched, filled], ids=["search", "matrix"])
def test_a_worker_killed_in_the_middle_of_a_fit_changes_nothing(on_dask, tmp_path, run):
    """Its work is done again by another."""
    base = DiesOnce(str(tmp_path / "died"), os.getpid())
    found = run(base)
    assert (tmp_path / "died").exists()
    with joblib.parallel_backend("sequential"):
        expected = run(GaussianNB())
    if run is filled:
        np.testing.assert_array_equal(found.losses_, expected.losses_)
    else:
        assert_same_search(found, expected)


def test_work_goes_on_after_all_workers_were_killed(on_dask):
    """Others take their place, and know nothing yet."""
    before = on_dask.run(os.getpid)
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    while before.keys() & on_dask.scheduler_info()["workers"].keys():
        time.sleep(0.05)
    on_dask.wait_for_workers(2)
    found = filled(GaussianNB())
    with joblib.parallel_backend("sequential"):
        np.testing.assert_array_equal(found.losses_, filled(GaussianNB()).losses_)
