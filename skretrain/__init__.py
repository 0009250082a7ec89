"""Keep any scikit-learn estimator fresh on a stream that drifts."""

from ._drift_aware import DriftAwareRetrainer
from ._replay import ReplayPartialFit

__all__ = ["DriftAwareRetrainer", "ReplayPartialFit"]
__version__ = "0.1.0"
