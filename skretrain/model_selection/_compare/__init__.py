"""Which retraining policy would have paid on a history? Specs, runs, measure, comparison."""

from ._compare_policies import compare_policies, compared
from ._comparison import PolicyComparison
from ._default_policies import default_policies
from ._live import PolicyRun
from ._lockstep import StreamResult
from ._on_batches import compared_on_batches
from ._recommendation import Recommendation
from ._rolling import RollingChoice
from ._runs import n_updates
from ._specs import specs_of

__all__ = [
    "PolicyComparison",
    "PolicyRun",
    "Recommendation",
    "RollingChoice",
    "StreamResult",
    "compare_policies",
    "compared",
    "compared_on_batches",
    "default_policies",
    "n_updates",
    "specs_of",
]
