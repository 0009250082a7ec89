"""Plots of what a retrainer did; matplotlib is imported when one is drawn."""

from ._timeline import DriftTimelineDisplay

__all__ = ["DriftTimelineDisplay"]
