"""When to retrain: triggers watch the stream and raise alarms."""

from ._base import BaseTrigger, FitRecord, ScoredBatch, Signal
from ._error_drift import ErrorDrift
from ._periodic import Periodic

__all__ = ["BaseTrigger", "ErrorDrift", "FitRecord", "Periodic", "ScoredBatch", "Signal"]
