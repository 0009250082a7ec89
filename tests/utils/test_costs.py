"""Processor time and time on the clock, and who may use how many threads."""

import subprocess
import sys
import time

import pytest
from threadpoolctl import threadpool_limits

from skretrain.utils import _costs
from skretrain.utils._costs import Stopwatch, thread_counts


def spin(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_the_libraries_are_looked_for_once(monkeypatch):
    monkeypatch.setattr(_costs, "_threadpools", None)
    counts, found = thread_counts(), _costs._threadpools
    assert thread_counts() == counts
    assert _costs._threadpools is found


def test_work_counts_as_processor_time():
    with Stopwatch() as cost:
        spin(0.1)
    assert cost.cpu_seconds >= 0.1
    assert cost.wall_seconds >= 0.09


def test_sleep_counts_on_the_clock_only():
    with Stopwatch() as cost:
        time.sleep(0.2)
    assert cost.wall_seconds >= 0.19
    assert cost.cpu_seconds < 0.15


@pytest.mark.no_cover
def test_children_are_counted_when_they_have_finished():
    """``n_jobs`` of an estimator may be processes."""
    work = "import time\nwhile time.process_time() < 0.3: pass"
    with Stopwatch() as cost:
        subprocess.run([sys.executable, "-c", work], check=True)
    assert cost.cpu_seconds >= 0.25


def test_the_time_is_taken_although_the_block_raises():
    watch, before = Stopwatch(), time.perf_counter()
    with pytest.raises(RuntimeError), watch:
        raise RuntimeError
    assert 0 < watch.wall_seconds <= time.perf_counter() - before


def test_threads_are_those_allowed_now():
    """Trap 35: asked anew each time; never changed."""
    import sklearn  # noqa: F401  # brings OpenMP

    with threadpool_limits(1):
        assert set(thread_counts().values()) == {1}
    with threadpool_limits(2):
        assert 2 in thread_counts().values()
