"""The model that serves, as an estimator of its own library: nothing of skretrain is left in it."""

import io
import pickle
from copy import copy
from types import BuiltinFunctionType, FunctionType

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

from .._mixture import MixtureRetrainer
from .._mixture._make import plain_step
from .._retrainer._estimator import BaseRetrainer
from ..compose import IncrementalPipeline
from ..linear_model import RecursiveRidgeClassifier, RecursiveRidgeRegressor
from ..utils._sklearn_api import is_search
from ._plain import (
    plain_mended,
    plain_mixture,
    plain_ridge_classifier,
    plain_ridge_regressor,
    plain_serving,
    unfitted_mixture,
)
from ._segments import SegmentedRetrainer

_PACKAGE = __name__.partition(".")[0]
_SHARED = (type, FunctionType, BuiltinFunctionType, np.ufunc)  # nothing learns into them


def export(model):
    """Return the model that serves, as a plain estimator that needs no skretrain.

    It is an independent copy, which predicts what `model` predicts now and never changes by itself:
    for a service that has scikit-learn alone, or for a converter to ONNX.

    Parameters
    ----------
    model : estimator
        A fitted :class:`~skretrain.DriftAwareRetrainer`, :class:`~skretrain.ReplayPartialFit`,
        :class:`~skretrain.MixtureRetrainer` or recursive ridge; or a fitted estimator of
        scikit-learn that holds one, such as a pipeline, a search, a calibration or a tuned
        threshold.

    Returns
    -------
    plain : estimator
        Of a retrainer, the serving model, a copy of the class of its base. Of a search, the model
        that it has found. Of a mixture, a ``VotingClassifier`` or a ``StackingRegressor`` of its
        members. Of recursive ridge, ``Ridge``, or a pipeline of three linear steps.

    Raises
    ------
    NotFittedError
        If `model` does not serve yet.
    TypeError
        If it is no such model, or holds an object of skretrain for which there is no plain one.
    ValueError
        If it is a search that has kept no model.

    See Also
    --------
    skretrain.serving.PendingLabels : Serving with labels that come later.

    Notes
    -----
    Outputs are equal bit for bit where the serving model is of scikit-learn or of another library,
    and up to rounding where sums are taken in another order: in mixtures and recursive ridge.
    There are three things that a plain model does not do:

    - A class that the retrainer has seen, and the model has not learned yet, has a column of zeros
      in the retrainer's ``predict_proba`` and none in that of the plain one: ``classes_`` names the
      columns. In a mixture it has one.
    - A data frame must have the columns of those that were learned. Only the types of categorical
      columns are brought over, by a first step ``levels``; a level that was never learned is
      missing then.
    - A member of a mixture that answers NaN is not left out of the mean.

    Examples
    --------
    >>> from sklearn.linear_model import SGDClassifier
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.serving import export
    >>> X, y, _ = make_drifting_classification(1000, random_state=0)
    >>> model = DriftAwareRetrainer(SGDClassifier(random_state=0), batch_size=100).fit(X, y)
    >>> plain = export(model)
    >>> plain
    SGDClassifier(random_state=0)
    >>> bool((plain.predict(X) == model.predict(X)).all())
    True
    """
    if not hasattr(model, "get_params") or isinstance(model, type):
        raise TypeError(
            f"export(model={model!r}): pass a fitted retrainer, a mixture, or a scikit-learn "
            "estimator that holds one. Of an object around a model, pass the model."
        )
    check_is_fitted(model)
    exporting = _Exporting(model)
    plain = exporting.plain(model)
    if not exporting.found:
        raise TypeError(
            f"export(model={model!r}): nothing in it is of skretrain: it is plain already, so that "
            "it can be pickled or converted as it is."
        )
    return plain


_OF_FLEET = (
    "export: a SegmentedRetrainer has no counterpart without skretrain. Export what serves each "
    "segment, {key: export(model.retrainer_of(key)) for key in model.segments_}, and "
    "export(model.pooled_); model.status()[key].weight is how much the first counts beside the "
    "second."
)


class _Exporting:
    """One copy of a model by way of pickle, in which every object of ours is replaced.

    Pickle reaches all that a model holds, at any depth, whatever the library. It copies neither
    classes nor functions, so that those which have no name in a module do no harm.
    """

    def __init__(self, model):
        self.name = type(model).__name__
        self.found = 0

    def plain(self, value):
        """Return the plain counterpart of a value, a copy."""
        replaced = self._replaced(value)
        return self._copied(value) if replaced is None else replaced

    def _copied(self, value):
        """Return a copy of an object that is not ours, plain all the way down."""
        kept, numbers = [], {}

        def persistent_id(part):
            if part is value:
                return None
            known = numbers.get(id(part))
            if known is None:
                replaced = self._replaced(part)
                if replaced is None:
                    return None
                known = numbers[id(part)] = len(kept)
                kept.append((replaced, part))  # the original, too, so that its id stays its own
            return known

        buffer = io.BytesIO()
        pickler = pickle.Pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL)
        pickler.persistent_id = persistent_id
        pickler.dump(value)
        buffer.seek(0)
        unpickler = pickle.Unpickler(buffer)
        unpickler.persistent_load = lambda number: kept[number][0]
        return unpickler.load()

    def _replaced(self, part):
        """Return what takes the place of a part, or None where it is copied."""
        if isinstance(part, _SHARED):
            return self._named(part)
        if isinstance(part, SegmentedRetrainer):
            raise TypeError(_OF_FLEET)
        for kind, plain_of in _PLAIN.items():
            if isinstance(part, kind):
                self.found += 1
                return plain_of(part, self.plain)
        if hasattr(type(part), "of_its_library"):
            self.found += 1
            return plain_mended(part, self.plain)
        if is_search(part) and hasattr(part, "cv_results_"):
            return self._best_of(part)
        return plain_step(part) if isinstance(part, FunctionTransformer) else None

    def _best_of(self, search):
        if not hasattr(search, "best_estimator_"):
            raise ValueError(
                f"export: {type(search).__name__}(refit={search.refit!r}) has kept no model. Let "
                "it refit the best one."
            )
        return self.plain(search.best_estimator_)

    def _named(self, part):
        """Return a class or a function that can be found without skretrain."""
        if str(part.__module__).partition(".")[0] == _PACKAGE:
            raise TypeError(
                f"export: {self.name} holds {part.__module__}.{part.__name__}, which has no "
                "counterpart without skretrain. Leave it out of the model, or export the estimator "
                "inside."
            )
        return part


def _plain_retrainer(retrainer, plain):
    """Return what serves, or the base of a retrainer that is nothing but a parameter."""
    serving = retrainer._snapshot
    return plain(retrainer.estimator) if serving is None else plain_serving(serving, plain)


def _plain_mixture(mixture, plain):
    make = plain_mixture if mixture.__sklearn_is_fitted__() else unfitted_mixture
    return make(mixture, plain)


def _plain_pipeline(pipeline, plain):
    other = copy(pipeline)
    other.__class__ = Pipeline
    return plain(other)


# By the class of an object of ours, what returns its plain counterpart; the second argument is the
# function that does it for whatever it holds.
_PLAIN = {
    BaseRetrainer: _plain_retrainer,
    MixtureRetrainer: _plain_mixture,
    RecursiveRidgeClassifier: plain_ridge_classifier,
    RecursiveRidgeRegressor: plain_ridge_regressor,
    IncrementalPipeline: _plain_pipeline,
}
