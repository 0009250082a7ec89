"""When to retrain: triggers watch the stream and raise alarms."""

from ._at_least import AtLeast
from ._base import BaseTrigger, FitRecord, ScoredBatch, Signal
from ._calibrate import Calibration, calibrate
from ._domain_drift import DomainDrift
from ._error_drift import ErrorDrift
from ._feature_drift import FeatureDrift
from ._periodic import Periodic
from ._prediction_drift import PredictionDrift
from ._refit_debt import RefitDebt
from ._risk_monitor import RiskMonitor
from ._slice_drift import SliceDrift

__all__ = [
    "AtLeast",
    "BaseTrigger",
    "Calibration",
    "DomainDrift",
    "ErrorDrift",
    "FeatureDrift",
    "FitRecord",
    "Periodic",
    "PredictionDrift",
    "RefitDebt",
    "RiskMonitor",
    "ScoredBatch",
    "Signal",
    "SliceDrift",
    "calibrate",
]
