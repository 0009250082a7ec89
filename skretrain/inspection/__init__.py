"""Plots of what a retrainer did; matplotlib is imported when one is drawn."""

from ._distribution import DistributionDisplay
from ._feature_drift import FeatureDriftDisplay
from ._forgetting import ForgettingDisplay
from ._mixture import MixtureDisplay
from ._per_class import PerClassDisplay
from ._policy_comparison import PolicyComparisonDisplay
from ._policy_pareto import PolicyParetoDisplay
from ._regret import RegretDisplay
from ._rolling_choice import RollingChoiceDisplay
from ._segments import SegmentsDisplay
from ._slices import SliceDisplay
from ._timeline import DriftTimelineDisplay

__all__ = [
    "DistributionDisplay",
    "DriftTimelineDisplay",
    "FeatureDriftDisplay",
    "ForgettingDisplay",
    "MixtureDisplay",
    "PerClassDisplay",
    "PolicyComparisonDisplay",
    "PolicyParetoDisplay",
    "RegretDisplay",
    "RollingChoiceDisplay",
    "SegmentsDisplay",
    "SliceDisplay",
]
