"""Retrains on a dask cluster of processes, a worker that is killed included."""

import pytest
from dying import KillsItsWorker
from helpers import Rings, assert_same_outputs, batches, events, stream
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer
from skretrain.exceptions import RetrainFailedWarning
from skretrain.policies import FullRefit
from skretrain.serving import BackgroundRetrainer

dask = pytest.importorskip("dask", reason="it is in the extra `integration`")
distributed = pytest.importorskip("distributed", reason="it is in the extra `integration`")

X, Y = stream(600, drift=300)


@pytest.fixture(scope="module")
def client():
    """A client of a cluster with one worker, which is started anew when it dies."""
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(1, threads_per_worker=1, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def ringing(policy):
    model = DriftAwareRetrainer(GaussianNB(), detector=Rings([310]), policy=policy, update=None)
    return model.fit(X[:300], Y[:300])


def feed(service, start, stop):
    for batch in batches(stop, 50, start):
        service.partial_fit(X[batch], Y[batch])


def fed_and_waited(service, start, stop):
    """Whatever thread takes the outcome, its warning is given before this returns."""
    feed(service, start, stop)
    return service.wait()


def test_a_retrain_on_a_cluster_gives_the_same_bits_as_in_line(client):
    here, there = ringing(FullRefit(grow=False)), ringing(FullRefit(grow=False))
    with BackgroundRetrainer(there, client.get_executor()) as service:
        feed(service, 300, 350)
        assert service.wait()
        feed(service, 350, 600)
    feed(here, 300, 600)
    assert there.n_refits_ == 1
    assert_same_outputs(here, there, X)


def test_a_worker_that_is_killed_costs_one_event_and_the_cluster_goes_on(client, tmp_path):
    model = ringing(KillsItsWorker(str(tmp_path / "died")))
    with BackgroundRetrainer(model, client.get_executor()) as service:
        with pytest.warns(RetrainFailedWarning, match="KilledWorker"):
            assert fed_and_waited(service, 300, 350)
        feed(service, 350, 400)
        assert service.wait()
    assert events(model, "action")[1:] == [("failed",), ("retrained",)]
    assert_same_outputs(model.estimator_, GaussianNB().fit(X[:400], Y[:400]), X)
