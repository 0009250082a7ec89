"""Parts that kill their process in the middle of their work, once; workers import them."""

import os
import signal
from pathlib import Path

from sklearn.naive_bayes import GaussianNB

from skretrain.policies import BasePolicy, FullRefit


def die_once(file):
    """Kill this process if it is the first that asks with this file.

    To look for the file and then to write it would kill two processes that look at once.
    """
    try:
        Path(file).touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


class DiesOnce(GaussianNB):
    """A naive Bayes classifier; the first fit that finds no file of that name is the last one.

    Only a process other than `safe`, which runs the test, is ended.
    """

    def __init__(self, file=None, safe=None, var_smoothing=1e-9):
        super().__init__(var_smoothing=var_smoothing)
        self.file = file
        self.safe = safe

    def fit(self, X, y, sample_weight=None):
        if self.file is not None and os.getpid() != self.safe:
            die_once(self.file)
        return super().fit(X, y, sample_weight)


class KillsItsWorker(BasePolicy):
    """Kill the process in which it is asked for the first time; then refit on all rows."""

    def __init__(self, witness):
        self.witness = witness

    def propose(self, context):
        die_once(self.witness)
        return FullRefit("all").propose(context)
