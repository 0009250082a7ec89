"""How to retrain: from the serving model, new rows and memory to a candidate."""

from ._base import BasePolicy, Candidate, RetrainContext, Served
from ._full_refit import FullRefit
from ._keep_or_refit import KeepOrRefit
from ._replay_mix import ReplayMix
from ._revive import Revive
from ._warm_start import WarmStart

__all__ = [
    "BasePolicy",
    "Candidate",
    "FullRefit",
    "KeepOrRefit",
    "ReplayMix",
    "RetrainContext",
    "Revive",
    "Served",
    "WarmStart",
]
