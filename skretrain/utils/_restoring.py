"""All or nothing: what a block that raises has changed is taken back."""


class Restoring:
    """Leave an object as it was, attribute by attribute, if the block raises."""

    def __init__(self, estimator):
        self.estimator = estimator
        self.before = dict(estimator.__dict__)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None:
            # Never without an attribute that was there: another thread may predict meanwhile.
            attributes = self.estimator.__dict__
            attributes.update(self.before)
            for name in attributes.keys() - self.before.keys():
                del attributes[name]
