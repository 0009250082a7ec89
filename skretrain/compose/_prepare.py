"""What is done to an unfitted estimator before a fit from scratch, at any depth."""

import numpy as np
from sklearn.frozen import FrozenEstimator

from ._samplers import is_sampler, prepared_sampler
from ._structure import predictor_of
from .adapters._mended import own_class
from .adapters._registry import family_of


def prepared(model):
    """Let each estimator in an unfitted one, at any depth, be prepared by its family."""
    parts = {"": model, **model.get_params()}
    for path, part in parts.items():
        if is_sampler(part):
            prepared_sampler(part)
            continue
        family = None if isinstance(part, type) else family_of(part)
        # What is inside a frozen one is fitted, and shared.
        if family is None or isinstance(parts.get(path.rpartition("__")[0]), FrozenEstimator):
            continue
        ready = family.prepared(part)
        if not path:
            return ready
        if ready is not part:
            model.set_params(**{path: ready})
    return model


def hold_over(model, prior):
    """Let the fit of an unfitted model begin with the fixed parts of a fitted one, in place.

    Parameters
    ----------
    model : estimator
        What `prepared` returned.
    prior : tuple of (estimator, tuple of str) or None
        The fitted model, and patterns of parts to hold fixed beside those that it does not train.

    Returns
    -------
    model : estimator
        The one given.
    """
    if prior is not None:
        fitted, freeze = prior
        (predictor, _), (before, _) = predictor_of(model), predictor_of(fitted)
        family = family_of(predictor)
        if family is not None and own_class(predictor) is own_class(before):
            family.hold_over(predictor, before, freeze)
    return model


def fill_seeds(model, random_state, number):
    """Fill every nested ``random_state`` that is None from a seed and a number, in place."""
    names = [
        name
        for name, value in sorted(model.get_params().items())
        if value is None and name.split("__")[-1] == "random_state"
    ]
    if names:
        seeds = np.random.SeedSequence([random_state, number]).generate_state(len(names))
        model.set_params(**{name: int(seed >> 1) for name, seed in zip(names, seeds, strict=True)})
