"""Outlier detectors and clusterers follow a stream without targets."""

import numpy as np
import pytest
from helpers import ScriptedTrigger, batches
from sklearn.base import is_outlier_detector
from sklearn.cluster import Birch, KMeans, MiniBatchKMeans
from sklearn.covariance import EllipticEnvelope
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import SGDOneClassSVM
from sklearn.neighbors import LocalOutlierFactor
from sklearn.svm import OneClassSVM

from skretrain import DriftAwareRetrainer, ReplayPartialFit

N, MOVE, SIZE = 1200, 600, 50
# Where the clusters are, or the normal rows, before and after the move.
OLD, NEW = np.array([[0.0, 0.0], [8.0, 0.0]]), np.array([[0.0, 30.0], [8.0, 30.0]])


def moving(normal_only, seed=0):
    """Return rows around two centres, or around the first alone, that move at row MOVE."""
    rng = np.random.default_rng(seed)
    which = np.zeros(N, dtype=int) if normal_only else rng.integers(2, size=N)
    centers = np.where(np.arange(N)[:, None] < MOVE, OLD[which], NEW[which])
    return centers + rng.normal(size=(N, 2))


DETECTORS = {
    "isolation forest": IsolationForest(n_estimators=20, random_state=0),
    "one-class SGD": SGDOneClassSVM(nu=0.05, random_state=0),
    "one-class SVM": OneClassSVM(nu=0.05, gamma=0.1),
    "local outlier factor": LocalOutlierFactor(novelty=True),
    "elliptic envelope": EllipticEnvelope(random_state=0, support_fraction=0.9),
}
CLUSTERERS = {
    "mini-batch k-means": MiniBatchKMeans(2, random_state=0, n_init=3),
    "k-means": KMeans(2, random_state=0, n_init=3),
    "BIRCH": Birch(threshold=2.0, n_clusters=2),
}
ALL = DETECTORS | CLUSTERERS
# One-class SGD has a line for a border: what lies beyond the normal rows is normal to it.
BOUNDED = [name for name in DETECTORS if name != "one-class SGD"]
POLICIES = ["full_refit", "replay_mix", "warm_start"]
