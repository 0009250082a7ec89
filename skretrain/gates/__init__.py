"""Whether to serve a candidate: champion against challenger."""

from ._always_promote import AlwaysPromote
from ._base import BaseGate, Trial, Verdict

__all__ = ["AlwaysPromote", "BaseGate", "Trial", "Verdict"]
