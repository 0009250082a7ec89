"""Which retraining policy would have paid on a history? Specs, runs, measure, comparison."""

from ._compare_policies import compare_policies, compared
from ._comparison import PolicyComparison
from ._default_policies import default_policies
from ._live import PolicyRun
from ._recommendation import Recommendation
from ._rolling import RollingChoice
from ._runs import n_updates
from ._specs import specs_of

__all__ = [
    "PolicyComparison",
    "PolicyRun",
    "Recommendation",
    "RollingChoice",
    "compare_policies",
    "compared",
    "default_policies",
    "n_updates",
    "specs_of",
]
