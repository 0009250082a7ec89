"""Should the model be retrained now? Evidence, candidates, verdict, and the advice in words."""

from ._advice import Advice
from ._advise import advise

__all__ = ["Advice", "advise"]
