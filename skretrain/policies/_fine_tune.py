"""Go on learning from the serving model, with parts of it held fixed."""

from dataclasses import replace

from ..compose import Effort
from ..compose._freeze import holding, split_freeze
from ..utils._params import check_integer, check_number, refuse
from ._base import BasePolicy, Candidate, refit_on_memory, with_all_classes


class FineTune(BasePolicy):
    """Continue a copy of the serving model, while parts of it stay as they are, bit for bit.

    What few rows teach goes into the rest: what was learned from many, an embedding, a first layer,
    the splits of trees, is not spent on them. The optimiser of a net goes on with what learns, and
    has no step, no momentum and no decay for what does not.

    Parameters
    ----------
    freeze : str or list of str
        Patterns, such as ``"layers.0.*"``, of what stays. Each must match something:

        - a step of a pipeline, by name or path: ``"standardscaler"``, ``"prep__cat*"``. It is
          frozen whatever the plan says;
        - a layer of ``MLPClassifier`` or ``MLPRegressor``, counted from the input on:
          ``"layer0"``, with its intercepts; the last one is the output layer;
        - a parameter or buffer of a skorch net, by its name in ``module_.named_parameters()`` and
          ``module_.named_buffers()``, or a submodule: ``"layers.0.weight"``, ``"layers.0"``;
        - a layer of a Keras model, by name;
        - ``"trees"`` of LightGBM and XGBoost: their splits stay, and the leaves are estimated anew.

        In a pipeline, the path of the last step may stand before a part, or be left out:
        ``"net__layers.0"`` and ``"layers.0"`` both work.
    n_passes : int, default=1
        How often ``partial_fit``, or the ``fit`` of a Keras model, goes over the rows.
    rate : float, default=0.1
        By what share leaves of LightGBM move towards the values estimated on the rows.

    Raises
    ------
    ValueError
        When a fit begins: if the base has no such part, or nothing would be left to learn. Of nets
        of Keras that a function builds, layers are known, and checked, only with the first update.

    See Also
    --------
    WarmStart : Continues all of the model.

    Notes
    -----
    The parts are held by what this policy does. Used as `update` alone, it does not keep another
    policy from refitting everything: the default one does so at an alarm and as the stream grows.
    Give it as `policy`, too, or switch retrains off by ``detector=None``.

    A rescaler that the plan would update together with the model behind it is frozen as well, if
    parts of that model are: it would rewrite their weights.

    Where the model cannot follow, at a new class for which it has no room, say, it is refitted on
    all remembered rows, and the event says why. The fixed parts of a skorch or Keras net are handed
    on to the new one and stay fixed; other bases have no such way, and learn all anew.

    On how far layers transfer, and that those near the input do more than those near the output,
    see [1]_.

    References
    ----------
    .. [1] J. Yosinski, J. Clune, Y. Bengio, H. Lipson, "How transferable are features in deep
       neural networks?", Advances in Neural Information Processing Systems 27, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.neural_network import MLPClassifier
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.policies import FineTune
    >>> X, y, _ = make_drifting_classification(600, random_state=0)
    >>> net = MLPClassifier((8,), batch_size=32, tol=0.01, random_state=0)
    >>> model = DriftAwareRetrainer(net, detector=None, update=FineTune("layer0"))
    >>> first, last = model.fit(X[:400], y[:400]).estimator_.coefs_
    >>> tuned = model.partial_fit(X[400:], y[400:]).estimator_
    >>> np.array_equal(tuned.coefs_[0], first), np.array_equal(tuned.coefs_[1], last)
    (True, False)
    """

    continues = True

    def __init__(self, freeze, *, n_passes=1, rate=0.1):
        self.freeze = freeze
        self.n_passes = n_passes
        self.rate = rate

    def check(self, learner):
        """Raise for a parameter, or a base, that this policy cannot work with.

        Parameters
        ----------
        learner : Learner
            One that cannot be continued, or has no part that `freeze` names, is refused.

        Raises
        ------
        ValueError
            Naming the parameter and the way out.
        """
        check_integer(self, "n_passes", least=1)
        check_number(self, "rate", above=0, most=1, what="the share by which leaves move")
        patterns = self._patterns()
        is_list = isinstance(patterns, list | tuple) and len(patterns) > 0
        if not is_list or not all(isinstance(pattern, str) for pattern in patterns):
            refuse(self, "freeze", "a pattern of names, or a list of such that is not empty")
        if learner.why_not:
            raise ValueError(
                f"The base cannot continue: {learner.why_not}. Use the policy 'full_refit' or "
                "'replay_mix'."
            )
        self._split(learner, learner.estimator)

    def propose(self, context):
        """Return a continuation of the serving model.

        Parameters
        ----------
        context : RetrainContext
            The serving model, the newest rows, the memory and the means to fit.

        Returns
        -------
        candidate : Candidate
            A fresh fit where the model cannot follow: its note says why.
        """
        learner, champion = context.learner, context.champion
        steps, parts = self._split(learner, champion)
        effort = Effort(self.n_passes, rate=self.rate, freeze=parts)
        if learner.incremental and not context.alarm:
            rows = context.batch
        else:
            rows = context.window(since=context.since)
        if learner.needs_all_classes:
            rows = with_all_classes(rows, context)
        refusal = learner.refusal(champion, rows, effort=effort, steps=steps)
        if refusal:
            keeping = replace(context, learner=holding(learner, champion, parts))
            return refit_on_memory(keeping, refusal)
        model = learner.continued(champion, rows, effort=effort, steps=steps)
        n_fitted = (self.n_passes if learner.incremental else 1) * len(rows.index)
        return Candidate(model, "fine_tune", n_fitted, from_scratch=False)

    def _patterns(self):
        return [self.freeze] if isinstance(self.freeze, str) else self.freeze

    def _split(self, learner, model):
        try:
            return split_freeze(model, learner.plan(), self._patterns())
        except ValueError as error:
            raise ValueError(f"{type(self).__name__}: {error}") from None
