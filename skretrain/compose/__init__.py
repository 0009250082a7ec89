"""Go on learning through pipelines: plans for each step, and adapters for each family."""

from ._learner import Learner
from ._partial_fit import partial_fit
from ._pipeline import IncrementalPipeline, make_incremental_pipeline
from ._plan import explain_plan
from .adapters._base import BaseAdapter, Effort
from .adapters._registry import register_adapter

__all__ = [
    "BaseAdapter",
    "Effort",
    "IncrementalPipeline",
    "Learner",
    "explain_plan",
    "make_incremental_pipeline",
    "partial_fit",
    "register_adapter",
]
