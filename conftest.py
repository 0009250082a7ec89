"""Settings of every test and doctest."""

import os

from hypothesis import settings

# Doctests draw, too; no window may open. Set before anything imports matplotlib.
os.environ.setdefault("MPLBACKEND", "Agg")

# The time of one example says nothing on a shared machine under coverage.
settings.register_profile("skretrain", deadline=None)
settings.load_profile("skretrain")
