"""On which rows to retrain: bounded memories of the stream."""

from ._base import BaseBuffer, Rows
from ._memory import Memory
from ._reservoir import Reservoir
from ._sliding_window import SlidingWindow
from ._stratified_reservoir import StratifiedReservoir

__all__ = ["BaseBuffer", "Memory", "Reservoir", "Rows", "SlidingWindow", "StratifiedReservoir"]
