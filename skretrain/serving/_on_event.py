"""on_event: call a function at each event of a model in service."""

from collections.abc import Mapping
from inspect import iscoroutinefunction

from sklearn.exceptions import NotFittedError

from ..utils._hooks import Hook
from ..utils._params import refuse


def on_event(model, hooks):
    """Call a function at each event of a model in service, or one for each action.

    A hook is called as ``hook(event)``, in the thread that let the model learn, once all that the
    batch led to is done. It may call whatever the model has: read `events_`, predict, save a
    checkpoint, roll back; of the events that it leads to itself it does not hear. What takes long
    belongs on an executor: ``lambda event: executor.submit(mail, event)``.

    A hook that raises changes nothing: neither the model nor the other hooks notice. Each failure
    goes to the logger ``skretrain.hooks`` with its traceback, the first one is a warning, too.

    Parameters
    ----------
    model : retrainer, mixture, fleet, PendingLabels or BackgroundRetrainer
        A retrainer or a mixture that has been fitted, or has seen rows, or what serves one. Of a
        mixture, all members are listened to, and the name of the member begins the reason of the
        event. Events of a fleet, :class:`SegmentedRetrainer` or :class:`DistributedSegments`, have
        the `segment`; of the routine in its segments no hook hears. A ledger has events of its own,
        of labels; those of its model are told to hooks of the model.

    hooks : callable or dict of str to callable
        A callable hears of every event that `events_` keeps, a dict of each event of an action,
        as in ``{"failed": page, "retrained": mail}``; also of routine such as ``"updated"``. An
        alarm is a `state`, not an action: ``event.state == "drift"``.

    Returns
    -------
    attached : object
        With ``remove()``; as a context manager, it removes the hooks at the end of the block.

    Raises
    ------
    NotFittedError
        If the model has no log yet.

    ValueError
        If `model` has no events, or `hooks` is no such thing.

    Warns
    -----
    SkretrainWarning
        If a hook raises, for the first time.

    See Also
    --------
    prometheus_text : Counts of events, for a monitoring system that comes for them.

    Notes
    -----
    Hooks belong to the process: a pickle, a copy, a clone and a checkpoint have none, so that no
    shadow of a model rings, and they are attached anew after a load. They stay when the model is
    fitted again; of the events of ``fit`` itself they do not hear.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.serving import on_event
    >>> X, y, _ = make_drifting_classification(2000, random_state=0)
    >>> model = DriftAwareRetrainer(LogisticRegression()).fit(X[:500], y[:500])
    >>> def mail(event):
    ...     print(f"row {event.row}: version {event.version}, {event.reason[:30]}")
    >>> with on_event(model, {"retrained": mail}):
    ...     for start in range(500, 1300, 100):
    ...         model = model.partial_fit(X[start : start + 100], y[start : start + 100])
    row 1100: version 2, alarm; since_drift is better:
    row 1200: version 3, growth; since_drift is better:
    """
    attached = AttachedHooks(model, logs_of("on_event", model))
    attached.listen(_checked(hooks, attached.actions))
    return attached


class AttachedHooks:
    """Hooks that were attached in one call.

    Parameters
    ----------
    model : object
        What they listen to.
    logs : dict of str to EventLog
        Its logs, by the name of the member.
    """

    def __init__(self, model, logs):
        self.model = model
        self.actions = next(iter(logs.values())).actions
        self._logs = logs
        self._group = []

    def listen(self, hooks):
        """Attach the hooks, a dict of an action, or None, to a callable."""
        for name, log in self._logs.items():
            for action, call in hooks.items():
                log.hear(Hook(call, action, name, self._group))

    def remove(self):
        """Let the hooks hear of nothing more; a second time, nothing happens."""
        for log in logs_of("on_event", self.model).values():
            log.drop(self._group)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.remove()


def logs_of(owner, model):
    """Return the logs of a model or of what serves one, by the name of the member, or raise."""
    if not hasattr(model, "_event_logs"):
        model = getattr(model, "retrainer", model)
    if not hasattr(model, "_event_logs"):
        accepted = (
            "a retrainer, a mixture, a fleet, or a PendingLabels or BackgroundRetrainer of one"
        )
        refuse(owner, "model", accepted, model)
    logs = model._event_logs()
    if not logs:
        raise NotFittedError(
            f"{owner}: this {type(model).__name__} has no events yet. Call fit or partial_fit "
            "before."
        )
    return logs


def _check_called(call):
    """Refuse a coroutine function: to call it runs nothing."""
    if iscoroutinefunction(call) or iscoroutinefunction(type(call).__call__):
        accepted = (
            "called without await: hand a coroutine on, as in "
            "lambda event: asyncio.run_coroutine_threadsafe(mail(event), loop)"
        )
        refuse("on_event", "hooks", accepted, call)


def _checked(hooks, actions):
    """Return the hooks as a dict of an action, or None for all that is kept, to a callable."""
    if callable(hooks):
        _check_called(hooks)
        return {None: hooks}
    if not isinstance(hooks, Mapping) or not hooks or not all(map(callable, hooks.values())):
        refuse("on_event", "hooks", "a callable, or a dict of actions to callables", hooks)
    for call in hooks.values():
        _check_called(call)
    unknown = [action for action in hooks if action not in actions]
    if unknown:
        raise ValueError(
            f"on_event: {', '.join(map(repr, unknown))} among hooks is no action; choose from "
            f"{', '.join(actions)}."
        )
    return dict(hooks)
