"""The warnings of skretrain.

::

    UserWarning
    └── SkretrainWarning
        ├── UpdateFailedWarning       an update raised; the serving model is as before
        ├── RetrainFailedWarning      a policy raised; the alarm stays pending and is tried again
        ├── CheckpointVersionWarning  a file was written by other versions of the packages
        ├── ClassesGrewWarning        outputs change their shape, because a third class appeared
        ├── ConstantModelWarning      the first model is a constant, because its rows are too few
        ├── ForgettingWarning         what was learned costs more than tolerated on the anchor
        └── MovingInputWarning        a transformer moves under a model that stays as it is

Errors are scikit-learn's and Python's own (``ValueError``, ``NotFittedError``, ``AttributeError``):
code that already handles those needs nothing new.
"""

__all__ = [
    "CheckpointVersionWarning",
    "ClassesGrewWarning",
    "ConstantModelWarning",
    "ForgettingWarning",
    "MovingInputWarning",
    "RetrainFailedWarning",
    "SkretrainWarning",
    "UpdateFailedWarning",
]


class SkretrainWarning(UserWarning):
    """Base class of the warnings that skretrain gives.

    Examples
    --------
    One filter for all of them:

    >>> import warnings
    >>> from skretrain.exceptions import SkretrainWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", SkretrainWarning)
    """


class UpdateFailedWarning(SkretrainWarning):
    """An update with a batch raised; the batch was not remembered and the model is as before.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skretrain import DriftAwareRetrainer
    >>> class Fragile(GaussianNB):
    ...     def partial_fit(self, X, y, classes=None):
    ...         raise RuntimeError("out of memory")
    >>> X, y = np.arange(8.0).reshape(-1, 1), np.arange(8) % 2
    >>> model = DriftAwareRetrainer(Fragile(), detector=None).fit(X, y)
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     model = model.partial_fit(X, y)
    >>> caught[0].category.__name__, len(model.buffer_)
    ('UpdateFailedWarning', 8)
    """


class RetrainFailedWarning(SkretrainWarning):
    """A retrain raised; the serving model is as before and the retrain is tried again later.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.policies import BasePolicy
    >>> from skretrain.utils.estimator_checks import ScriptedDetector
    >>> class Broken(BasePolicy):
    ...     def propose(self, context):
    ...         raise RuntimeError("no space left")
    >>> X, y = np.arange(8.0).reshape(-1, 1), np.arange(8) % 2
    >>> model = DriftAwareRetrainer(GaussianNB(), detector=ScriptedDetector([8]), policy=Broken())
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     model = model.fit(X, y).partial_fit(X, y)
    >>> caught[0].category.__name__, model.events_[-1].action
    ('RetrainFailedWarning', 'failed')
    """


class CheckpointVersionWarning(SkretrainWarning):
    """A checkpoint was written with another version of skretrain, or of what a model is made of.

    It is read as it is. Pickles and state belong to the version of scikit-learn that wrote them, so
    that what the model predicts may differ; compare, or fit anew.

    Examples
    --------
    Where that must not happen unseen:

    >>> import warnings
    >>> from skretrain.exceptions import CheckpointVersionWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", CheckpointVersionWarning)
    """


class ClassesGrewWarning(SkretrainWarning):
    """A third class appeared, so that ``decision_function`` is two-dimensional from now on.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain import DriftAwareRetrainer
    >>> X, y = np.arange(9.0).reshape(-1, 1), np.arange(9) // 3
    >>> model = DriftAwareRetrainer(LogisticRegression(), detector=None).fit(X[:6], y[:6])
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     model = model.partial_fit(X, y)
    >>> caught[0].category.__name__, model.decision_function(X).shape
    ('ClassesGrewWarning', (9, 3))
    """


class ConstantModelWarning(SkretrainWarning):
    """The first model of a stream has one output for all rows, because these are too few.

    It serves until the first retrain. A larger ``initial_size`` avoids it.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from sklearn.ensemble import HistGradientBoostingRegressor
    >>> from skretrain import DriftAwareRetrainer
    >>> X = np.arange(24.0).reshape(-1, 1)
    >>> model = DriftAwareRetrainer(HistGradientBoostingRegressor(), initial_size=24)
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     model = model.partial_fit(X, X.ravel())
    >>> caught[0].category.__name__, model.events_[0].reason
    ('ConstantModelWarning', 'first fit; the output is the same for all 24 rows')
    """


class ForgettingWarning(SkretrainWarning):
    """An update or a retrain made the model worse on the rows that its buffer withholds.

    It is given where the mean loss on them rises by more than ``anchor_tolerance`` of the buffer.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from sklearn.linear_model import SGDClassifier
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.buffers import SlidingWindow
    >>> X, y = np.random.default_rng(0).normal(size=(400, 2)), np.arange(400) % 2
    >>> X[:, 0] += 4 * y
    >>> buffer = SlidingWindow(anchor=20, anchor_tolerance=0.1)
    >>> model = DriftAwareRetrainer(SGDClassifier(random_state=0), detector=None, buffer=buffer)
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     model = model.fit(X, y).partial_fit(X, 1 - y)
    >>> caught[0].category.__name__
    'ForgettingWarning'
    """


class MovingInputWarning(SkretrainWarning):
    """A plan moves a transformer while the model behind it stays as it is.

    Examples
    --------
    >>> import warnings
    >>> from sklearn.linear_model import SGDClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skretrain.compose import explain_plan
    >>> pipeline = make_pipeline(StandardScaler(), SGDClassifier())
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     plan = explain_plan(
    ...         pipeline, {"standardscaler": "update", "sgdclassifier": "freeze"}
    ...     )
    >>> caught[0].category.__name__
    'MovingInputWarning'
    """
