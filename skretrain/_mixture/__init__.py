"""Several retrainers serve at once, weighted by what they got right lately."""

from ._estimator import MixtureRetrainer
from ._learned import WeightHistory
from ._make import make_mixture

__all__ = ["MixtureRetrainer", "WeightHistory", "make_mixture"]
