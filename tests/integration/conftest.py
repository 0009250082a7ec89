"""A cluster of processes for the tests that need one."""

import pytest


@pytest.fixture(scope="session")
def dask_client():
    """A client of two worker processes on this machine, with joblib's backend "dask"."""
    from dask.distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield client
