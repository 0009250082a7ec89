"""Samplers in pipelines, as of imbalanced-learn: steps that change rows and targets of a fit."""

from ..exceptions import SkretrainWarning
from ..utils._sklearn_api import InvalidParameterError
from ..utils._warn import warn_user
from ._structure import is_composed, is_word
from .adapters._mended import Mended, mended


def is_sampler(part):
    """Tell whether a step resamples the rows of a fit, and lets all others pass as they are."""
    if is_word(part) or isinstance(part, type) or is_composed(part):
        return False
    return hasattr(part, "fit_resample") and not hasattr(part, "predict")


def samplers_of(pipeline):
    """Return the names of the steps of a pipeline that resample the rows for those after them."""
    return [name for name, step in pipeline.steps[:-1] if is_sampler(step)]


def prepared_sampler(sampler):
    """Let an unfitted sampler leave the rows of a fit as they are where it cannot resample them."""
    return mended(sampler, _LeavesAlone)


def why_left_alone(sampler):
    """Return why a fitted sampler has left its rows as they were; empty if it has not."""
    return vars(sampler).get("_why_left_alone", "")


class _LeavesAlone(Mended):
    """Before a sampler: rows of which it cannot make others stay as they are.

    Those that look for neighbours of each row of a class need several.
    """

    mends = "fit_resample"

    def fitted_around(self, fit, X, y, params):
        self._why_left_alone = ""
        try:
            return fit(X, y, **params)
        except InvalidParameterError:
            raise
        except ValueError as error:
            name = type(self).__name__
            self._why_left_alone = f"{name} left the rows as they are: {error}"
            warn_user(f"{self._why_left_alone}.", SkretrainWarning)
            return X, y
