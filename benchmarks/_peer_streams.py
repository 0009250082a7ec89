"""The streams of the peers benchmark: the real ones, and MOA's generators as river has them."""

from functools import lru_cache

import numpy as np
from _common import Stream, load_stream
from river.datasets import synth

REAL = ("elec2", "spam", "gas_partial", "powersupply", "outdoor", "keystroke", "ozone")
REGRESSION = ("bike", "metro", "aep_load")
REAL_ONES = REAL + REGRESSION
# Those measured at delays other than 100. In outdoor ten rows in a row have one label, which is all
# that a delay of 1 would measure, and keystroke and ozone are too short for a delay of 1,000.
AT_OTHER_DELAYS = ("elec2", "spam", "gas_partial", "powersupply", "bike", "metro")
N_ROWS = 20_000
N_CONCEPTS = 4
GRADUAL_ROWS = 2000
LABEL_NOISE = 0.1

# Rows, features, classes, and what is asked.
WHAT_THEY_ARE = {
    "elec2": (45_312, 8, 2, "half-hours of a power market in Australia: does the price rise?"),
    "spam": (6213, 499, 2, "mail in the order of its arrival, as the words it has: is it spam?"),
    "gas_partial": (6697, 128, 6, "sensors that age over 36 months, not all batches: which gas?"),
    "powersupply": (29_928, 2, 24, "hours of a power supply in Italy: which hour of the day?"),
    "outdoor": (4000, 21, 40, "pictures in sun and shade, ten of a thing in a row: which thing?"),
    "keystroke": (1600, 10, 4, "people typing a password in eight sessions: who?"),
    "ozone": (2534, 72, 2, "days in Houston: one of the 6 % with too much ozone?"),
    "bike": (17_379, 11, None, "hours in Washington: how many bikes were rented?"),
    "metro": (48_204, 9, None, "hours on a motorway near Minneapolis: how many cars?"),
    "aep_load": (40_000, 7, None, "hours of a power grid, with loads of days before: what load?"),
}

# "a" is abrupt, "g" is gradual, "0" is without a change.
GENERATED = {
    "sea_a": "SEA",
    "sea_g": "SEA",
    "agr_a": "Agrawal",
    "agr_g": "Agrawal",
    "led_a": "LED",
    "led_g": "LED",
    "rbf_a": "RandomRBF",
    "rbf_g": "RandomRBFDrift",
    "hyp_a": "Hyperplane",
    "hyp_g": "Hyperplane",
    "sea_0": "SEA",
    "rbf_0": "RandomRBF",
}
CLASSIFICATION = (*REAL, *GENERATED)
STREAMS = (*CLASSIFICATION, *REGRESSION)


@lru_cache(maxsize=2)
def stream_of(name, n_rows=N_ROWS, seed=0):
    """Return a stream as float rows and classes 0, 1, ...; None for a real one that is not there.

    `n_rows` is the length of a generated stream, `seed` says which one it is.
    """
    if name in GENERATED:
        return _generated(name, n_rows, seed)
    stream = load_stream(name)
    if stream is None or name in REGRESSION:
        return stream
    return stream._replace(y=np.unique(stream.y, return_inverse=True)[1])


def is_regression(name):
    return name in REGRESSION


def warm_up_of(stream):
    return min(len(stream.y) // 10, 5000)


def _generated(name, n_rows, stream_seed):
    family, kind = name.split("_")
    changes = np.arange(1, N_CONCEPTS) * n_rows // N_CONCEPTS
    if kind == "0" or name in ("rbf_g", "hyp_g"):  # the last two drift by themselves, all the time
        X, y = _rows(_concept(family, 0, stream_seed, drifting=kind == "g"), n_rows)
        return Stream(name, X, y)
    width = GRADUAL_ROWS if kind == "g" else 0
    concepts = _concept_of_each_row(n_rows, changes, width, stream_seed)
    if family == "hyp":
        X, y = _rows(_concept(family, 0, stream_seed), n_rows)
        return Stream(name, _mirrored(X, concepts, stream_seed), y, changes)
    parts = [
        _rows(_concept(family, c, stream_seed), int(np.sum(concepts == c)))
        for c in range(N_CONCEPTS)
    ]
    X, y = np.empty((n_rows, parts[0][0].shape[1])), np.empty(n_rows, dtype=int)
    for concept, (rows, labels) in enumerate(parts):
        X[concepts == concept], y[concepts == concept] = rows, labels
    return Stream(name, X, y, changes)


def _concept_of_each_row(n_rows, changes, width, stream_seed):
    """Return which concept each row is of; over `width` rows the new one takes over by a sigmoid.

    It is the mixing of MOA's ConceptDriftStream.
    """
    rng, rows = np.random.default_rng(stream_seed), np.arange(n_rows)
    concepts = np.zeros(n_rows, dtype=int)
    for number, change in enumerate(changes, start=1):
        share = (rows >= change) if width == 0 else 1 / (1 + np.exp(-4 * (rows - change) / width))
        concepts[rng.random(n_rows) < share] = number
    return concepts


def _concept(family, number, stream_seed, drifting=False):
    """Return a generator of one concept."""
    seed = 10 + number + 100 * stream_seed
    if family == "sea":
        return synth.SEA(variant=number, noise=LABEL_NOISE, seed=seed)
    if family == "agr":  # four functions of about balanced classes; noise in the features, as MOA
        function = (0, 2, 5, 3)[number]
        return synth.Agrawal(classification_function=function, perturbation=0.05, seed=seed)
    if family == "led":  # other relevant features trade places with irrelevant ones
        return synth.LEDDrift(
            seed=seed,
            noise_percentage=LABEL_NOISE,
            irrelevant_features=True,
            n_drift_features=(0, 3, 5, 7)[number],
        )
    if family == "rbf":
        options = {"seed_model": seed, "seed_sample": seed, "n_classes": 4}
        if drifting:
            return synth.RandomRBFDrift(change_speed=0.001, **options)
        return synth.RandomRBF(**options)
    drift = {"n_drift_features": 10, "mag_change": 0.001} if drifting else {}
    return synth.Hyperplane(seed=seed, noise_percentage=LABEL_NOISE, **drift)


def _mirrored(X, concepts, stream_seed):
    """Return the rows with half of the features mirrored, in every concept other ones.

    The first concept is as it came. Mirroring a feature flips the sign of its weight.
    """
    flips = np.random.default_rng(stream_seed).random((N_CONCEPTS, X.shape[1])) < 0.5
    flips[0] = False
    return np.where(flips[concepts], 1 - X, X)


def _rows(generator, n_rows):
    pairs = list(generator.take(n_rows))
    X = np.array([list(x.values()) for x, _ in pairs], dtype=np.float64)
    return X, np.array([y for _, y in pairs], dtype=int)
