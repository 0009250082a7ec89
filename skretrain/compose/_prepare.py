"""What is done to an unfitted estimator before a fit from scratch, at any depth."""

from sklearn.frozen import FrozenEstimator

from ._samplers import is_sampler, prepared_sampler
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
