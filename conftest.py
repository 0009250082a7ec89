"""Settings of every test and doctest."""

import gc
import importlib
import os
import pkgutil
import sys
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["soft_dependencies"]

CASES = pytest.StashKey()

# Doctests draw, too; no window may open. Set before anything imports matplotlib.
os.environ.setdefault("MPLBACKEND", "Agg")

# Keras takes its backend from here when it is imported; tests have torch.
os.environ.setdefault("KERAS_BACKEND", "torch")

# On a busy machine, threads that wait for each other make k-means a hundred times slower. Native
# libraries read this when they are loaded.
for library in ("OMP", "OPENBLAS"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

# The time of an example says nothing on a shared machine under coverage.
UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# Without the slow tests, examples are few, and the same in each run; else they are many and new.
settings.register_profile("all", UNTIMED)
settings.register_profile("fast", UNTIMED, max_examples=20, derandomize=True)


def pytest_configure(config):
    """Choose how many examples hypothesis draws."""
    settings.load_profile("fast" if "not slow" in config.option.markexpr else "all")


@pytest.hookimpl(wrapper=True)
def pytest_collection(session):
    """Trace the imports of the package, and of all that tests import besides, nothing.

    Coverage makes them take twice as long, and each worker of xdist imports everything. Nor is
    any of it garbage: to look through it takes a fifth of the time, then and with each test.
    """
    tracer = sys.gettrace()
    if tracer and not session.config.pluginmanager.hasplugin("dsession"):
        package = importlib.import_module("skretrain")
        for module in pkgutil.walk_packages(package.__path__, "skretrain."):
            if not module.name.endswith("__main__"):  # it would run the command
                importlib.import_module(module.name)
    sys.settrace(None)
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()
        sys.settrace(tracer)


def pytest_itemcollected(item):
    """Make the cases of a thinned matrix slow; leave slow tests and doctests out of the coverage.

    It doubles their time.
    """
    if thinned := item.get_closest_marker("thinned"):
        cases = item.parent.stash.setdefault(CASES, Counter())
        if cases[item.originalname] % thinned.args[0]:
            item.add_marker("slow")
        cases[item.originalname] += 1
    if item.get_closest_marker("slow") or not isinstance(item, pytest.Function):
        item.add_marker("no_cover")


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item):
    """Stop all tracing under ``no_cover``; in a worker of xdist, pytest-cov stops one of two."""
    if not item.get_closest_marker("no_cover"):
        return (yield)
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)


def pytest_runtest_teardown():
    """Close what a test or doctest has left open: pyplot warns of more than 20 figures."""
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")
