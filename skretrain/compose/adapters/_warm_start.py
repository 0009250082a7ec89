"""Solvers that begin at the present coefficients: linear models, perceptrons by L-BFGS."""

from ...utils._sklearn_api import NEWTON_CHOLESKY_FORGETS
from .._growth import can_grow, grow_for
from ._base import BaseAdapter, set_for_now
from ._partial_fit import other_outputs, sklearn_names

# Where scikit-learn's warm_start is not a continuation: class, parameters, reason.
_EMPTY_PROMISES = (
    ("LogisticRegression", {"solver": "liblinear"}, "its solver 'liblinear' ignores warm_start"),
    (
        "GaussianProcessClassifier",
        {},
        "every fit begins with the kernel as given; warm_start keeps only where Newton's method "
        "begins, and that for the same rows",
    ),
    (
        "HuberRegressor",
        {"fit_intercept": False},
        "warm_start fits an intercept in spite of fit_intercept=False and drops it",
    ),
    *(
        (
            "LogisticRegression",
            {"solver": solver},
            f"before scikit-learn 1.8, warm_start with the solver {solver!r} ends elsewhere than a "
            "fresh fit where there are three classes or more",
        )
        for solver in ("newton-cholesky",)
        if NEWTON_CHOLESKY_FORGETS
    ),
    *(
        (
            "BaseMultilayerPerceptron",
            {"early_stopping": True, "solver": solver},
            "with early_stopping=True, warm_start holds the epochs without progress of earlier "
            "fits, and their best score, against the next one, which stops at once",
        )
        for solver in ("adam", "sgd")
    ),
)


class WarmStartAdapter(BaseAdapter):
    """Call ``fit`` with ``warm_start=True``: a solver goes on from the present coefficients.

    It runs to convergence on the rows it is given, so that these have to be all of the present
    concept.
    """

    needs_all_classes = True

    def why_not(self, estimator):
        names = sklearn_names(type(estimator))
        for name, params, reason in _EMPTY_PROMISES:
            if name in names and all(getattr(estimator, p) == v for p, v in params.items()):
                return f"{type(estimator).__name__} cannot be continued: {reason}"
        return ""

    def refusal(self, model, y, effort):
        return other_outputs(model, y) or super().refusal(model, y, effort)

    def can_grow(self, model, new):
        return can_grow(model, new)

    def update(self, model, X, y, params, effort):
        grow_for(model, y)
        with set_for_now(model, warm_start=True):
            model.fit(X, y, **params)
