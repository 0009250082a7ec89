"""prometheus_text: what a model in service is doing, in the format that Prometheus reads."""

import math
import re
from collections.abc import Mapping, Sequence

from .. import __version__
from .._mixture import MixtureRetrainer
from .._retrainer._estimator import BaseRetrainer
from ..utils._events import ACTIONS, STATES
from ..utils._params import refuse
from ._measures import PerformanceEstimate
from ._pending_labels import PendingLabels, version_of
from ._segments import DistributedSegments, SegmentedRetrainer
from ._segments._fleet import counts_of, drifting_in
from ._served import ALL

# The one list of the metrics: a name that ends in _total is that of a counter, else of a gauge.
METRICS = {
    "model_info": "Always 1; the labels say what serves.",
    "rows_seen_total": "Rows with labels that were seen.",
    "events_total": "What batches and retrains have led to, by action.",
    "alarms_total": "Alarms of the trigger.",
    "fits_total": "Fits from scratch, those of comparisons included.",
    "updates_total": "Models that went on learning from an earlier one.",
    "fit_rows_total": "Rows that fits and updates have taken.",
    "fit_cpu_seconds_total": "Processor time of fits and updates.",
    "fit_wall_seconds_total": "Time of fits and updates by the clock.",
    "serving_version": "Version that serves; 0 before the first fit.",
    "serving_age_rows": "Rows seen since the version that serves was fitted.",
    "trigger_state": "1 for what the trigger said last, 0 for the other states.",
    "retrain_due": "1 while a retrain is due, or being made.",
    "challenger_pending": "1 while a challenger is on trial.",
    "buffer_rows": "Rows in memory.",
    "buffer_capacity_rows": "Rows that the memory holds at most.",
    "member_weight": "Weight of a member of a mixture.",
    "segments": "Segments with a retrainer of their own.",
    "segments_loaded": "Segments whose retrainer, or as much of it as serves, is in memory.",
    "segments_on_fallback": "Segments that no model of their own serves.",
    "segments_waiting": "Segments whose growth refit is held back by the budget.",
    "segments_drifting": "Segments whose alarm is open.",
    "segment_drifting": "1 for a segment whose alarm is open; of many, the first 100.",
    "common_drift": "1 while the losses of many segments have risen together.",
    "predictions_total": "Rows that the ledger has predicted.",
    "pending_labels": "Predictions that wait for a label.",
    "pending_labels_capacity": "Predictions that may wait at most.",
    "labels_resolved_total": "Predictions whose label came.",
    "labels_lost_total": "Predictions that were given up without a label.",
    "label_events_total": "What happened to labels out of turn, by action.",
    "served_loss": "Mean 0/1 error or absolute residual of predictions whose label came.",
    "served_loss_low": "Lower end of the 95 % interval of served_loss.",
    "served_loss_high": "Upper end of the 95 % interval of served_loss.",
    "expected_performance": "Metric estimated without labels.",
    "expected_performance_low": "Lower end of the interval of expected_performance.",
    "expected_performance_high": "Upper end of the interval of expected_performance.",
    "expected_performance_withdrawn": "1 where no estimate is given, as labels refuted it, say.",
}
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
# Labels that samples have of their own.
_OWN_LABELS = {
    *("action", "estimator", "kind", "member", "metric", "scope", "segment", "state", "version")
}
# Each value of a label is a series of its own. From so many of a metric on, the authors of
# Prometheus advise to look for another way.
_MOST_SERIES = 100


def prometheus_text(model, *, estimates=(), prefix="skretrain", labels=None):
    """Return what a model in service is doing, in the text format of Prometheus.

    Serve it under ``/metrics`` with the content type ``text/plain; version=0.0.4``, or write it to
    a file for the textfile collector of the node exporter [1]_. Nothing is changed, and several
    threads may ask while another one lets the model learn.

    Parameters
    ----------
    model : retrainer, mixture, fleet, PendingLabels, BackgroundRetrainer or dict of str to these
        What is in service. Of a ledger, its model is told of, too. A mixture has one sample per
        member, with the label ``member``. A fleet, :class:`SegmentedRetrainer` or
        :class:`DistributedSegments`, has sums over its segments, and samples with the label
        ``segment`` only for those whose alarm is open, at most 100. Several models in one page are
        a dict by their names, which become the label ``model``.

    estimates : sequence of PerformanceEstimate, default=()
        What :meth:`ExpectedPerformance.estimate` returned; of several chunks the last one counts.
        Only with a single model.

    prefix : str, default="skretrain"
        What the names of all metrics begin with, an underscore between.

    labels : dict of str to str, default=None
        Labels for every sample, such as ``{"service": "fraud"}``.

    Returns
    -------
    text : str
        The page. A number that does not exist, as the loss of no predictions, has no sample.

    Raises
    ------
    ValueError
        If `model` or `estimates` are none of these, or a name is not one that Prometheus accepts.

    See Also
    --------
    on_event : Be called at events, instead of asking.

    References
    ----------
    .. [1] Prometheus authors. "Exposition formats", "Metric and label naming",
       "Instrumentation: do not overuse labels". https://prometheus.io/docs/

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.serving import prometheus_text
    >>> X, y, _ = make_drifting_classification(2000, random_state=0)
    >>> model = DriftAwareRetrainer(LogisticRegression(), batch_size=100).fit(X, y)
    >>> page = prometheus_text(model, labels={"service": "fraud"})
    >>> print("".join(line for line in page.splitlines(True) if "alarms" in line), end="")
    # HELP skretrain_alarms_total Alarms of the trigger.
    # TYPE skretrain_alarms_total counter
    skretrain_alarms_total{service="fraud"} 1
    """
    _check_name("prefix", prefix)
    _check_estimates(estimates)
    are_several = isinstance(model, Mapping)
    taken = _OWN_LABELS | ({"model"} if are_several else set())
    page = Page(prefix, _checked_labels({} if labels is None else labels, taken))
    if are_several:
        if len(estimates):
            raise ValueError("prometheus_text: estimates are of a single model, not of a dict.")
        if len(set(map(str, model))) < len(model):
            refuse("prometheus_text", "model", "a dict of names that differ as texts", list(model))
        for name, each in model.items():
            page.tell_of(each, model=str(name))
    else:
        page.tell_of(model)
    page.tell_of_estimates(estimates)
    return str(page)


class Page:
    """Samples by metric, as each metric is to stand in one place.

    Parameters
    ----------
    prefix : str
        Of the names.
    labels : dict of str to str
        Of all samples.
    """

    def __init__(self, prefix, labels):
        self.prefix = prefix
        self.labels = labels
        self.samples = {name: [] for name in METRICS}

    def add(self, name, value, /, **labels):
        """Add a sample, if there is a value."""
        if not math.isnan(value):
            pairs = ",".join(f'{key}="{escaped(text)}"' for key, text in labels.items())
            shown = f"{{{pairs}}}" if pairs else ""
            self.samples[name].append(f"{self.prefix}_{name}{shown} {_number(value)}")

    def tell_of(self, model, /, **labels):
        """Add all that there is to tell of a model, and of what it serves."""
        labels = self.labels | labels
        model = _behind(model)
        if isinstance(model, PendingLabels):
            self._ledger(model, labels)
            model = _behind(model.model)
        elif not isinstance(model, BaseRetrainer | MixtureRetrainer | SegmentedRetrainer):
            accepted = "a retrainer, a mixture, a fleet, a PendingLabels, a BackgroundRetrainer"
            refuse("prometheus_text", "model", f"{accepted}, or a dict", model)
        if isinstance(model, MixtureRetrainer):
            self._mixture(model, labels)
        elif isinstance(model, SegmentedRetrainer):
            self._fleet(model, labels)
        elif isinstance(model, BaseRetrainer):
            self._retrainer(model, labels)
        inner = model.retrainer if isinstance(model, SegmentedRetrainer) else model
        base = getattr(inner, "estimator", inner)
        about = {"kind": type(model).__name__, "estimator": type(base).__name__}
        self.add("model_info", 1, **labels, **about, version=__version__)

    def tell_of_estimates(self, estimates):
        """Add the newest estimate of each metric."""
        for estimate in {estimate.metric: estimate for estimate in estimates}.values():
            labels = self.labels | {"metric": estimate.metric}
            self.add("expected_performance", estimate.value, **labels)
            self.add("expected_performance_low", estimate.low, **labels)
            self.add("expected_performance_high", estimate.high, **labels)
            self.add("expected_performance_withdrawn", bool(estimate.reason), **labels)

    def _mixture(self, model, labels):
        members = getattr(model, "named_estimators_", {})  # none before the first row
        for name, member in members.items():
            self._retrainer(member, labels | {"member": name})
        for name, weight in zip(members, getattr(model, "weights_", ())):
            self.add("member_weight", weight, **labels, member=name)

    def _retrainer(self, model, labels):
        for log in model._event_logs().values():  # none before the first row
            self._log(log, labels)
            self._state(model, labels)

    def _fleet(self, model, labels):
        fleet = model._present()
        if fleet is None:
            return  # before the first row
        log, drifting = fleet.log, drifting_in(fleet)
        # The routine of the retrainers is not counted.
        told = log.actions.keys() - {name for name in ACTIONS if ACTIONS[name].is_routine}
        self._events({action: n for action, n in log.counts.items() if action in told}, labels)
        self._work(log.totals, labels)
        self.add("rows_seen_total", fleet.n_rows, **labels)
        for name, n in counts_of(fleet).items():
            self.add(name, n, **labels)
        self.add("segments_drifting", len(drifting), **labels)
        for segment in drifting[:_MOST_SERIES]:
            self.add("segment_drifting", 1, **labels, segment=str(segment))
        self.add("common_drift", fleet.alarms.common.is_open, **labels)

    def _events(self, counts, labels):
        for action, n in counts.items():
            self.add("events_total", n, **labels, action=action)

    def _log(self, log, labels):
        self._events(log.counts, labels)
        self._work(log.totals, labels)
        now = log.state
        for state in STATES:
            self.add("trigger_state", state == now, **labels, state=state)

    def _work(self, totals, labels):
        self.add("fits_total", totals["fits"], **labels)
        self.add("updates_total", totals["updates"], **labels)
        self.add("fit_rows_total", totals["rows_fitted"], **labels)
        self.add("fit_cpu_seconds_total", totals["cpu_seconds"], **labels)
        self.add("fit_wall_seconds_total", totals["wall_seconds"], **labels)

    def _state(self, model, labels):
        serving, n_seen = model._snapshot, model.n_samples_seen_
        self.add("rows_seen_total", n_seen, **labels)
        self.add("alarms_total", model.n_alarms_, **labels)
        self.add("serving_version", 0 if serving is None else serving.version, **labels)
        if serving is not None:
            self.add("serving_age_rows", max(n_seen - serving.row, 0), **labels)
        self.add("retrain_due", model._retrain_is_due, **labels)
        self.add("challenger_pending", model.challenger_ is not None, **labels)
        self.add("buffer_rows", len(model.buffer_), **labels)
        self.add("buffer_capacity_rows", model.buffer_.max_rows, **labels)

    def _ledger(self, ledger, labels):
        counts = ledger._counts()
        self.add("predictions_total", sum(counts.values()), **labels)
        self.add("pending_labels", counts["pending"], **labels)
        self.add("pending_labels_capacity", ledger.max_pending, **labels)
        self.add("labels_resolved_total", counts["resolved"], **labels)
        self.add("labels_lost_total", counts["lost"], **labels)
        for action, n in ledger.events_.counts.items():
            self.add("label_events_total", n, **labels, action=action)
        scores = ledger.score_
        for scope, version in (("all", ALL), ("serving", version_of(ledger.model))):
            score = scores.get(version)
            if score is not None:
                self.add("served_loss", score.loss, **labels, scope=scope)
                self.add("served_loss_low", score.low, **labels, scope=scope)
                self.add("served_loss_high", score.high, **labels, scope=scope)

    def __str__(self):
        lines = []
        for name, samples in self.samples.items():
            if samples:
                kind = "counter" if name.endswith("_total") else "gauge"
                full = f"{self.prefix}_{name}"
                lines += [f"# HELP {full} {METRICS[name]}", f"# TYPE {full} {kind}", *samples]
        return "".join(f"{line}\n" for line in lines)


def _behind(model):
    """Return what learns behind an object in service: it has logs, or it has what has them."""
    if isinstance(model, DistributedSegments):
        return model._remote
    return model if hasattr(model, "_event_logs") else getattr(model, "retrainer", model)


def _number(value):
    if value in (math.inf, -math.inf):
        return "+Inf" if value > 0 else "-Inf"
    return repr(float(value)).removesuffix(".0")


def escaped(text):
    """Return a text as it stands in a label; what UTF-8 lacks, as its code."""
    text = text.encode(errors="backslashreplace").decode()
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _check_name(parameter, name):
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        accepted = "letters, digits and underscores, and not begin with a digit"
        refuse("prometheus_text", parameter, accepted, name)


def _check_estimates(estimates):
    is_list = isinstance(estimates, Sequence)
    if not is_list or not all(isinstance(one, PerformanceEstimate) for one in estimates):
        accepted = "a list, as ExpectedPerformance.estimate returns it"
        refuse("prometheus_text", "estimates", accepted, estimates)


def _checked_labels(labels, taken):
    if not isinstance(labels, Mapping):
        refuse("prometheus_text", "labels", "a dict of names to texts", labels)
    for name in labels:
        _check_name("labels", name)
        if name.startswith("__") or name in taken:
            others = f"other than {', '.join(sorted(taken))}, and not begin with two underscores"
            refuse("prometheus_text", "labels", others, name)
    return {name: str(text) for name, text in labels.items()}
