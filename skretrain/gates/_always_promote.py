"""Serve every challenger that makes sense."""

import numpy as np

from ..utils._sklearn_api import predict_of, predict_proba_of
from ._base import BaseGate, Verdict

_TOO_FAR = 10.0


class AlwaysPromote(BaseGate):
    """Promote every challenger at once, unless its output is nonsense.

    Rejected are outputs on the newest batch that are not finite and, in regression, predictions
    farther outside the range of remembered targets than 10 times that range: what a linear model
    does after one outlier, or when a feature that used to be constant starts to vary.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.dummy import DummyRegressor
    >>> from skretrain.gates import AlwaysPromote, Trial
    >>> X, y = np.zeros((2, 1)), np.array([0.0, 1.0])
    >>> champion = DummyRegressor().fit(X, y)
    >>> challenger = DummyRegressor(strategy="constant", constant=1e6).fit(X, y)
    >>> trial = Trial(champion, challenger, X, y, unseen=False, age=0, y_range=(0.0, 1.0))
    >>> AlwaysPromote().judge(trial).decision
    'reject'
    """

    needs_trial = False

    def judge(self, trial):
        """Promote the challenger, unless what it says of the rows cannot be meant.

        Parameters
        ----------
        trial : Trial
            The challenger, rows, and the range of the remembered targets.

        Returns
        -------
        verdict : Verdict
            Reject where an output is not finite, or a prediction far beyond the range.
        """
        output = _numeric_output(trial.challenger, trial.X)
        if output is None:
            return Verdict("promote")
        if not np.isfinite(output).all():
            return Verdict("reject", "the challenger's output is not finite")
        if trial.y_range is None:
            return Verdict("promote")
        low, high = trial.y_range
        # A target that never varied has no range; its own size, or 1, is the next best scale.
        slack = _TOO_FAR * ((high - low) or max(abs(low), abs(high)) or 1.0)
        if output.min() < low - slack or output.max() > high + slack:
            return Verdict(
                "reject",
                f"the challenger predicts {output.min():.3g} to {output.max():.3g}, more than "
                f"{_TOO_FAR:g} times the range of remembered targets ({low:.3g} to {high:.3g}) "
                f"beyond it",
                {"lowest": float(output.min()), "highest": float(output.max())},
            )
        return Verdict("promote")


def _numeric_output(model, X):
    """Return the most telling numbers of the model for `X`, or None if it gives labels only."""
    responses = (
        ("predict_proba", predict_proba_of),
        ("decision_function", lambda model, X: model.decision_function(X)),
        ("predict", predict_of),
    )
    for method, output_of in responses:
        if hasattr(model, method):
            output = output_of(model, X)
            # Probabilities of several outputs come as a list with one array for each.
            output = np.hstack(output) if isinstance(output, list) else np.asarray(output)
            return output if output.dtype.kind == "f" else None
    return None
