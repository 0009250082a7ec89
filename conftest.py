"""Settings of every test and doctest."""

import os

from hypothesis import settings

# Doctests draw, too; no window may open. Set before anything imports matplotlib.
os.environ.setdefault("MPLBACKEND", "Agg")

# On a busy machine, threads that wait for each other make k-means a hundred times slower. Native
# libraries read this when they are loaded.
for library in ("OMP", "OPENBLAS"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

# The time of one example says nothing on a shared machine under coverage.
settings.register_profile("skretrain", deadline=None)
settings.load_profile("skretrain")
