"""Executors that a test controls."""

from concurrent.futures import Executor, Future


class Inline(Executor):
    """Run each job at once, in the thread that submits it."""

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class ByHand(Executor):
    """Run a job when the test says so."""

    def __init__(self):
        self.waiting = []
        self.futures = []
        self.is_shut_down = False

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        self.waiting.append((future, fn, args, kwargs))
        self.futures.append(future)
        return future

    def run(self):
        """Run the oldest job that waits."""
        future, fn, args, kwargs = self.waiting.pop(0)
        if future.set_running_or_notify_cancel():
            future.set_result(fn(*args, **kwargs))

    def end_with(self, error):
        """Let the oldest job that waits end with an error of the executor."""
        self.waiting.pop(0)[0].set_exception(error)

    def shutdown(self, wait=True, *, cancel_futures=False):
        self.is_shut_down = True
