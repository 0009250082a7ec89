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
            self.estimator.__dict__.clear()
            self.estimator.__dict__.update(self.before)
