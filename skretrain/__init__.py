"""Keep any scikit-learn estimator fresh on a stream that drifts."""

from ._drift_aware import DriftAwareRetrainer
from ._mixture import MixtureRetrainer, make_mixture
from ._replay import ReplayPartialFit

__all__ = ["DriftAwareRetrainer", "MixtureRetrainer", "ReplayPartialFit", "make_mixture"]
__version__ = "0.1.0"
