"""Bets against calibrated probabilities: evidence that labels do not come as often as was said."""

import math

import numpy as np
from scipy.stats import norm

from ..utils._betting import BettingProcess
from ..utils._plain import Plain

# Three quarters wait for a change; the rest moves to where it earns within some thousand rows.
_IDLE = 0.75
_SHARE = 1 / 2000


class Refutation(Plain):
    r"""Tests whether shares are what calibrated probabilities say, up to what may be their error.

    Of each row there are several residuals, what was expected minus what came: of being right, and
    of being of each class. As long as the mean of each, given the past, is within its allowance,
    the evidence reaches `needed` with a probability of at most half of alpha, at any time. The
    other half is that the allowance does not cover the error of the reference.

    Parameters
    ----------
    residuals : ndarray of shape (n_samples, n_residuals)
        Of the reference. Their deviation tells how far the mean of so many rows may be off.
    tolerance : float
        What the mean may be off beyond that.
    alpha : float
        Probability of a refutation where nothing has changed.

    Attributes
    ----------
    allowed : ndarray of shape (n_residuals,)
        How far the means may be off.
    needed : float
        Logarithm of the evidence that refutes.
    """

    def __init__(self, residuals, tolerance, alpha):
        n_rows, n_residuals = residuals.shape
        n_tests = 2 * n_residuals
        errors = residuals.std(axis=0, ddof=1) / math.sqrt(n_rows)
        self.allowed = tolerance + norm.isf(alpha / 2 / n_tests) * errors
        self.needed = math.log(n_tests / (alpha / 2))
        # Values of at least 0: one plus, and one minus, the residual.
        self._tests = [
            [BettingProcess(1 + bound, idle=_IDLE, share=_SHARE) for _ in range(2)]
            for bound in self.allowed
        ]

    def update(self, residuals):
        """Take in residuals of shape (n_samples, n_residuals); return the evidence against each.

        Returns
        -------
        log_evidence : ndarray of shape (n_residuals,)
            The larger of both directions.
        """
        return np.array(
            [
                max(too_much.update(1 + column), too_little.update(1 - column))
                for (too_much, too_little), column in zip(self._tests, residuals.T, strict=True)
            ]
        )
