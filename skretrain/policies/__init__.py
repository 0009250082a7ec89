"""How to retrain: from the serving model, new rows and memory to a candidate."""

from ._anchored_update import AnchoredUpdate
from ._base import BasePolicy, Candidate, RetrainContext, Served
from ._distilling_refit import DistillingRefit
from ._fine_tune import FineTune
from ._full_refit import FullRefit
from ._keep_or_refit import KeepOrRefit
from ._replay_mix import ReplayMix
from ._revive import Revive
from ._warm_start import WarmStart

__all__ = [
    "AnchoredUpdate",
    "BasePolicy",
    "Candidate",
    "DistillingRefit",
    "FineTune",
    "FullRefit",
    "KeepOrRefit",
    "ReplayMix",
    "RetrainContext",
    "Revive",
    "Served",
    "WarmStart",
]
