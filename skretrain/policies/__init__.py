"""How to retrain: from the serving model, new rows and memory to a candidate."""

from ._base import BasePolicy, Candidate, RetrainContext
from ._distilling_refit import DistillingRefit
from ._full_refit import FullRefit
from ._keep_or_refit import KeepOrRefit
from ._replay_mix import ReplayMix
from ._warm_start import WarmStart

__all__ = [
    "BasePolicy",
    "Candidate",
    "DistillingRefit",
    "FullRefit",
    "KeepOrRefit",
    "ReplayMix",
    "RetrainContext",
    "WarmStart",
]
