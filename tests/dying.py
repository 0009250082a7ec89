"""A base that ends its process in the middle of a fit, once: workers import it from here."""

import os
import signal
from pathlib import Path

from sklearn.naive_bayes import GaussianNB


class DiesOnce(GaussianNB):
    """A naive Bayes classifier; the first fit that finds no file of that name is the last one.

    Only a process other than `safe`, which runs the test, is ended.
    """

    def __init__(self, file=None, safe=None, var_smoothing=1e-9):
        super().__init__(var_smoothing=var_smoothing)
        self.file = file
        self.safe = safe

    def fit(self, X, y, sample_weight=None):
        if self.file is not None and os.getpid() != self.safe and not Path(self.file).exists():
            Path(self.file).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().fit(X, y, sample_weight)
