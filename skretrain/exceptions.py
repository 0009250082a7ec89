"""The warnings of skretrain.

::

    UserWarning
    └── SkretrainWarning
        ├── UpdateFailedWarning     an update raised; the serving model is as before
        ├── RetrainFailedWarning    a policy raised; the alarm stays pending and is tried again
        └── ClassesGrewWarning      outputs change their shape, because a third class appeared

Errors are scikit-learn's and Python's own (``ValueError``, ``NotFittedError``, ``AttributeError``):
code that already handles those needs nothing new.
"""

__all__ = [
    "ClassesGrewWarning",
    "RetrainFailedWarning",
    "SkretrainWarning",
    "UpdateFailedWarning",
]


class SkretrainWarning(UserWarning):
    """Base class of the warnings that skretrain gives."""


class UpdateFailedWarning(SkretrainWarning):
    """An update with a batch raised; the batch was not remembered and the model is as before."""


class RetrainFailedWarning(SkretrainWarning):
    """A retrain raised; the serving model is as before and the retrain is tried again later."""


class ClassesGrewWarning(SkretrainWarning):
    """A third class appeared, so that ``decision_function`` is two-dimensional from now on."""
