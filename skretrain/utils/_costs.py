"""Measure what a fit costs: processor seconds, seconds on the clock, threads."""

import os
import threading
import time

from threadpoolctl import ThreadpoolController


class Stopwatch:
    """Context manager that measures its block.

    ``cpu_seconds`` adds up this process (all threads) and its finished children; but in a thread
    that is not the main one only that thread, which cannot tell its own helpers from the work of
    others. ``wall_seconds`` is the clock's. Both are kept because either alone misleads: ten idle
    threads cost no processor time, and one busy neighbour doubles the clock's.
    """

    def __enter__(self):
        self.cpu_seconds = _cpu_seconds()
        self.wall_seconds = time.perf_counter()
        return self

    def __exit__(self, *exc_info):
        self.cpu_seconds = _cpu_seconds() - self.cpu_seconds
        self.wall_seconds = time.perf_counter() - self.wall_seconds


def _cpu_seconds():
    if threading.current_thread() is not threading.main_thread():
        return time.thread_time()
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


_threadpools = None


def thread_counts():
    """Return the threads that each native library may use now, as ``{"openblas": 2, ...}``.

    Finding the libraries takes milliseconds, so it is done once; asking them takes microseconds.
    """
    global _threadpools
    if _threadpools is None:
        _threadpools = ThreadpoolController()
    return {pool["internal_api"]: pool["num_threads"] for pool in _threadpools.info()}
