"""What the documentation's doctests leave out."""

from pathlib import Path

DOCS = Path(__file__).parent

# Sphinx settings; a service, and scripts, that tests start.
collect_ignore = ["conf.py", "examples", "gallery"]

# Each fits for seconds what tests fit smaller: `make test-pages` runs them.
LONG_PAGES = (
    "user_guide/forgetting/replay.rst",
    "user_guide/labels/selecting.rst",
    "user_guide/labels/slices.rst",
    "user_guide/mixture.rst",
    "user_guide/production/daily_job.rst",
    "user_guide/production/fleets.rst",
    "user_guide/replay_history.rst",
    "user_guide/should_i_retrain.rst",
)


def pytest_itemcollected(item):
    """Make the doctests of long pages slow."""
    if item.path.relative_to(DOCS).as_posix() in LONG_PAGES:
        item.add_marker("slow")
