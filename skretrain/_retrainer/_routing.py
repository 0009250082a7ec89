"""Which metadata goes to which method of the base."""

from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping

from ..utils._sklearn_api import routing_enabled


def router_of(retrainer):
    """Return how metadata is routed to the base of a retrainer.

    Parameters
    ----------
    retrainer : BaseRetrainer
        Fitted or not.

    Returns
    -------
    router : MetadataRouter
        It does not refer to the retrainer.
    """
    mapping = MethodMapping().add(caller="fit", callee="fit")
    mapping.add(caller="partial_fit", callee="fit").add(caller="score", callee="score")
    if hasattr(retrainer.estimator, "partial_fit"):
        mapping.add(caller="partial_fit", callee="partial_fit")
        if retrainer.batch_size is not None:
            mapping.add(caller="fit", callee="partial_fit")
    router = MetadataRouter(owner=type(retrainer).__name__)
    return router.add(estimator=retrainer.estimator, method_mapping=mapping)


class Route:
    """Picks what of the metadata goes to a method of the base; it pickles without the retrainer.

    Parameters
    ----------
    router : MetadataRouter
        That of the retrainer.
    """

    def __init__(self, router):
        self.router = router

    def __call__(self, method, params):
        if not routing_enabled():
            return params
        routed = self.router.route_params(caller="partial_fit", params=params)
        return routed["estimator"][method]
