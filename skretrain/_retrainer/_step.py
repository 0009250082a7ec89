"""An update: what a model makes of one more batch."""

from dataclasses import replace

from ..utils._plain import Plain
from ._jobs import proposed


class Step(Plain):
    """Let models learn a batch in the way of the retrainer's ``update``, and count what it took.

    Parameters
    ----------
    state : State
        What the retrainer has learned.
    """

    def __init__(self, state):
        self.state = state
        self.tally = []  # of the fits from scratch within an update
        self.learner = state.parts.learner.tallied(self.tally)

    def __call__(self, rows, champion, memory=None):
        """Return the candidate that the update makes of a model and a batch.

        Parameters
        ----------
        rows : Rows
            The batch.
        champion : estimator
            It stays as it is.
        memory : Memory or None, default=None
            What was remembered before the batch; None is what is remembered now.
        """
        context = self.state.context(rows, champion, self.learner)
        if memory is not None:
            context = replace(context, memory=memory)
        try:
            candidate = proposed(self.state.parts.update, context)
        finally:
            self.state.log.n_fits += len(self.tally)
            self.tally.clear()
        self.state.log.count(candidate)
        return candidate
