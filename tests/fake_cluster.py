"""A cluster of dask in this process, of which all that travels is pickled."""

import pickle


class Done:
    """A future whose work was done when it was made."""

    def __init__(self, made):
        self.made = made

    def result(self):
        return self.made


class Actor:
    """An object at a worker: what goes there and what comes back is pickled."""

    def __init__(self, client, held):
        self.client, self.held = client, held

    def call(self, method, *args):
        if method == self.client.dies_at:
            raise self.client.error
        args = pickle.loads(pickle.dumps(args))
        return Done(pickle.loads(pickle.dumps(self.held.call(method, *args))))


class FakeClient:
    """What is asked of a dask client, in this process."""

    def __init__(self, n_workers=3):
        self.n_workers, self.dies_at, self.error = n_workers, None, OSError("gone")

    def nthreads(self):
        return {f"tcp://{number}": 1 for number in range(self.n_workers)}

    def submit(self, kind, *args, workers, actor, pure):
        assert (actor, pure) == (True, False)
        assert workers[0] in self.nthreads()
        return Done(Actor(self, kind(*pickle.loads(pickle.dumps(args)))))
