"""Which metadata goes to which method of the base."""

from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping

from ..utils._clone import cloned
from ..utils._plain import Plain
from ..utils._sklearn_api import routing_enabled

# What is asked of the serving model is what its own method requests.
_ASKED = (
    "score",
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "transform",
    "inverse_transform",
)


def router_of(owner, estimator, *, streams_in_fit):
    """Return how metadata is routed to the base of a retrainer.

    Parameters
    ----------
    owner : object
        The retrainer, or the name of its class.
    estimator : estimator
        The base.
    streams_in_fit : bool
        Whether ``fit`` sends rows through ``partial_fit``.

    Returns
    -------
    router : MetadataRouter
        For its ``fit``, ``partial_fit`` and ``score``.
    """
    mapping = MethodMapping().add(caller="fit", callee="fit")
    for method in _ASKED:
        mapping.add(caller=method, callee=method)
    if hasattr(estimator, "partial_fit"):  # first: an error names what was called
        mapping.add(caller="partial_fit", callee="partial_fit")
        if streams_in_fit:
            mapping.add(caller="fit", callee="partial_fit")
    mapping.add(caller="partial_fit", callee="fit")
    return MetadataRouter(owner=owner).add(estimator=estimator, method_mapping=mapping)


class Route(Plain):
    """Picks what of the metadata goes to a method of the base; it pickles without the retrainer.

    Parameters
    ----------
    owner : str
        Name of the retrainer's class, for messages.
    estimator : estimator
        The base; it is cloned.
    """

    def __init__(self, owner, estimator):
        self.owner = owner
        self.estimator = cloned(estimator)

    def __call__(self, method, params):
        if not routing_enabled():
            return params
        # Not made in advance: of some estimators, scikit-learn 1.7 to 1.9 cannot make a router. And
        # of this method alone: what others request does not matter where nobody calls them.
        mapping = MethodMapping().add(caller="fit", callee=method)
        router = MetadataRouter(owner=self.owner)
        router.add(estimator=self.estimator, method_mapping=mapping)
        return router.route_params(caller="fit", params=params)["estimator"][method]
