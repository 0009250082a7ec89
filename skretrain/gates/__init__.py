"""Whether to serve a candidate: champion against challenger."""

from ._always_promote import AlwaysPromote
from ._base import BaseGate, Trial, Verdict
from ._paired_gate import PairedGate

__all__ = ["AlwaysPromote", "BaseGate", "PairedGate", "Trial", "Verdict"]
