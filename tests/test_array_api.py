"""Tensors as rows and targets, with scikit-learn's dispatch to other array libraries."""

import os
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.no_cover
pytest.importorskip("torch", reason="the tensors are torch's")

# SCIPY_ARRAY_API has to be set before scipy is imported: hence a process of its own.
LEARN = textwrap.dedent(
    """
    import numpy as np, sklearn, torch
    from sklearn.linear_model import LinearRegression
    from sklearn.naive_bayes import GaussianNB
    from skretrain import DriftAwareRetrainer, MixtureRetrainer, ReplayPartialFit

    X = np.random.default_rng(0).normal(size=(200, 3))

    def wrapped(base):
        one, other = DriftAwareRetrainer(base, batch_size=50), ReplayPartialFit(base)
        return one, other, MixtureRetrainer([("one", one), ("other", other)])

    def predicted(model, X, y):
        model.fit(X[:100], y[:100]).partial_fit(X[100:], y[100:])
        return np.asarray(model.predict(X))

    for base, y in ((GaussianNB(), (X[:, 0] > 0).astype(int)), (LinearRegression(), X[:, 1] + 1)):
        for model in wrapped(base):
            expected = predicted(model, X, y)
            for rows in (X, torch.tensor(X)):
                with sklearn.config_context(array_api_dispatch=True):
                    found = predicted(model, rows, torch.tensor(y))
                np.testing.assert_allclose(found, expected)
    """
)


def test_tensors_are_learned_with_array_api_dispatch():
    """Rows and targets, by every kind of retrainer: the same as from arrays."""
    environment = os.environ | {"SCIPY_ARRAY_API": "1"}
    command = [sys.executable, "-c", LEARN]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
