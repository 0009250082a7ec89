"""Retraining policies on real and generated streams: score and cost side by side.

Batches of 100 rows in the order of time, labels 100 rows late. The first min(10 %, 5,000) rows are
the first fit and are not scored. kappa is Cohen's. "fits" are fits from scratch, the first one
included; "rows fitted" counts a row as often as it was gone through; CPU seconds are those of
learning and predicting.

- never: the first fit, and no other unless a new class appears.
- periodic: a refit on all remembered rows (at most 10,000) every 500 rows.
- window: a refit on the last 2,000 rows every 500 rows.
- default: ``DriftAwareRetrainer(estimator)``, which keeps the model unless a refit is shown to be
  better; since drift: the same with ``policy="full_refit"``.
- warm start: every batch continues the model; not for the pipeline and the forest, which cannot be.
- replay mix: ``ReplayPartialFit(estimator)``.
- oracle: told the true drift rows; a refit on the rows since then at every batch.
- no change: the last label known is the prediction.

LogisticRegression stands in a pipeline behind a StandardScaler; SGDClassifier gets rows scaled by
the means and variances of the first fit.
"""

import time
import warnings

import numpy as np
from _common import (
    Stream,
    load_stream,
    parse_args,
    table,
    use_one_thread,
    verdict,
    write_report,
)
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import cohen_kappa_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skretrain import DriftAwareRetrainer, ReplayPartialFit
from skretrain.datasets import make_drifting_classification
from skretrain.drift import BaseTrigger, Periodic, Signal
from skretrain.model_selection import prequential_validate
from skretrain.policies import FullRefit

BATCH = DELAY = 100
LOGISTIC = "LogisticRegression"
SGD = "SGDClassifier"
FOREST = "RandomForest(30)"
BASES = {
    LOGISTIC: make_pipeline(StandardScaler(), LogisticRegression(max_iter=200)),
    SGD: SGDClassifier(random_state=0),
    FOREST: RandomForestClassifier(30, random_state=0),
}
N_SEEDS = 12
CONCEPT_ROWS = 4000
GAP_TARGET = 0.95
STATIONARY_TARGET = 0.6  # points of accuracy


class TrueDrifts(BaseTrigger):
    """Ring at every batch and name the true beginning of the present concept."""

    needs = frozenset()

    def __init__(self, drift_rows):
        self.drift_rows = drift_rows

    def reset(self):
        return self

    def update(self, batch):
        past = [row for row in self.drift_rows if row <= batch.start]
        return Signal("drift", max(past, default=0))


def policies_for(base, drift_rows=None):
    """Return the estimators to compare, by name."""
    once = FullRefit(grow=False)
    found = {
        "never": DriftAwareRetrainer(base, detector=None, update=None, policy=once),
        "periodic": _refitting(base, Periodic(500), "all"),
        "window": _refitting(base, Periodic(500), 2000),
        "default": DriftAwareRetrainer(base),
        "since drift": DriftAwareRetrainer(base, policy="full_refit"),
    }
    if hasattr(base, "partial_fit"):
        found["warm start"] = DriftAwareRetrainer(
            base, detector=None, update="warm_start", policy=once
        )
    found["replay mix"] = ReplayPartialFit(base)
    if drift_rows is not None:
        found["oracle"] = _refitting(base, TrueDrifts(drift_rows.tolist()), "since_drift")
    return found


def _refitting(base, trigger, window):
    policy = FullRefit(window, grow=False)
    return DriftAwareRetrainer(base, detector=trigger, update=None, policy=policy)


def warm_up_of(stream):
    return min(len(stream.y) // 10, 5000)


def evaluate(estimator, stream, initial_size=None):
    """Return the prequential result of one estimator on one stream."""
    return prequential_validate(
        estimator,
        stream.X,
        stream.y,
        scoring="accuracy",
        batch_size=BATCH,
        initial_size=warm_up_of(stream) if initial_size is None else initial_size,
        label_delay=DELAY,
    )


def scaled(stream, initial_size):
    """Return the stream as a scaler fitted on its first rows sees it."""
    scaler = StandardScaler().fit(stream.X[:initial_size])
    return stream._replace(X=scaler.transform(stream.X))


def numbers_of(result):
    """Return kappa, fits, updates, rows fitted and CPU seconds."""
    return np.array(
        [
            cohen_kappa_score(result.y_true, result.y_pred),
            result.n_fits,
            result.events.counts["updated"],
            result.rows_fitted,
            result.fit_seconds + result.predict_seconds,
        ]
    )


def no_change(stream):
    """Return the kappa of the last label known when a batch is predicted."""
    start = warm_up_of(stream)
    rows = np.arange(start, len(stream.y))
    first = rows - (rows - start) % BATCH
    last_known = np.maximum(first - DELAY, start) - 1
    return cohen_kappa_score(stream.y[rows], stream.y[last_known])


def compare(bases, streams):
    """Return the lines of a table: means over the streams, for each base and policy."""
    lines = []
    for name in bases:
        found = {}
        for stream in streams:
            given = scaled(stream, warm_up_of(stream)) if name == SGD else stream
            for policy, estimator in policies_for(BASES[name], stream.drift_rows).items():
                found.setdefault(policy, []).append(numbers_of(evaluate(estimator, given)))
        lines += [_line(name, policy, np.mean(runs, axis=0)) for policy, runs in found.items()]
    lines.append(["", "no change", f"{np.mean([no_change(s) for s in streams]):.3f}", *[""] * 4])
    return lines


def _line(base, policy, numbers):
    kappa, fits, updates, rows, seconds = numbers
    return [base, policy, f"{kappa:.3f}", *_rounded(fits, updates, rows), f"{seconds:.2f}"]


def _rounded(*counts):
    return [f"{count:,.0f}" for count in counts]


def real_streams(quick):
    """Yield the real streams that are at hand."""
    for name in ("elec2", "spam", "gas_partial"):
        stream = load_stream(name)
        if stream is not None:
            yield Stream(name, stream.X[:2000], stream.y[:2000]) if quick else stream


def abrupt(seed):
    """Return a stream of three concepts of 4,000 rows each."""
    drift_rows = [CONCEPT_ROWS, 2 * CONCEPT_ROWS]
    return _generated("abrupt", 3 * CONCEPT_ROWS, seed, drift_rows=drift_rows)


def _generated(drift, n_samples, seed, **params):
    X, y, rows = make_drifting_classification(n_samples, drift=drift, random_state=seed, **params)
    return Stream(f"{drift} (generated)", X, y, rows)


def gap_closed(seed, initial_size):
    """Return how much of the gap from never to oracle the default closes, and its fits."""
    stream, base = abrupt(seed), BASES[LOGISTIC]
    policies = policies_for(base, stream.drift_rows)
    results = {
        name: evaluate(policies[name], stream, initial_size)
        for name in ("never", "default", "oracle")
    }
    score = {name: result.score for name, result in results.items()}
    share = (score["default"] - score["never"]) / (score["oracle"] - score["never"])
    return share, results["default"].n_fits, score["default"], score["oracle"]


def check_gap(n_seeds):
    """Return the table of the first target."""
    lines = []
    for label, initial_size in (
        ("first fit on 1,200 rows", 1200),
        ("first fit on 500 rows: the drift at row 4,000 begins with a growth refit", 500),
    ):
        runs = np.array([gap_closed(seed, initial_size) for seed in range(n_seeds)])
        shares, fits, default, oracle = runs.T
        lines.append(
            [
                label,
                f"{shares.mean():.3f}",
                f"{shares.min():.3f}",
                f"{fits.mean():.1f}",
                f"{default.mean():.4f}",
                f"{oracle.mean():.4f}",
                verdict(shares.mean() >= GAP_TARGET) + " / " + verdict(shares.min() >= GAP_TARGET),
            ]
        )
    header = [
        "",
        "mean share",
        "worst",
        "fits",
        "accuracy",
        "oracle's",
        f"mean / worst >= {GAP_TARGET}",
    ]
    return table(header, lines)


def stationary_loss(base, seed, n_rows, n_test):
    """Return the points of accuracy that the default lacks at the end, and the other's accuracy."""
    whole = _generated("stationary", n_rows + n_test, seed)
    stream = Stream("", whole.X[:n_rows], whole.y[:n_rows])
    X_test, y_test = whole.X[n_rows:], whole.y[n_rows:]
    ended = evaluate(DriftAwareRetrainer(base), stream, n_rows // 20).estimator
    full = clone(base).fit(stream.X, stream.y).score(X_test, y_test)
    return 100 * (full - ended.score(X_test, y_test)), full, ended.n_refits_


def check_stationary(n_seeds):
    """Return the table of the second target."""
    lines = []
    bases = {
        LOGISTIC: BASES[LOGISTIC],
        "HistGradientBoosting": HistGradientBoostingClassifier(random_state=0),
        SGD: BASES[SGD],
    }
    for name, base in bases.items():
        runs = np.array([stationary_loss(base, seed, 10_000, 20_000) for seed in range(n_seeds)])
        points, full, refits = runs.T
        met = verdict(points.mean() <= STATIONARY_TARGET)
        lines.append(
            [
                name,
                f"{full.mean():.4f}",
                f"{points.mean():.2f}",
                f"{points.max():.2f}",
                f"{refits.mean():.1f}",
                met + " / " + verdict(points.max() <= STATIONARY_TARGET),
            ]
        )
    header = ["base", "accuracy of a fit on everything", "points lacking, mean", "worst", "refits"]
    return table([*header, f"mean / worst <= {STATIONARY_TARGET}"], lines)


def report(quick):
    """Yield the parts of the page."""
    yield __doc__
    header = ["base", "policy", "kappa", "fits", "updates", "rows fitted", "CPU s"]
    n_seeds = 2 if quick else N_SEEDS
    for stream in real_streams(quick):
        bases = (LOGISTIC, SGD) if quick else tuple(BASES)
        yield _section(stream.name, stream, table(header, compare(bases, [stream])))
    streams = [abrupt(seed) for seed in range(n_seeds)]
    title = f"abrupt (generated), mean of {n_seeds} seeds"
    yield _section(title, streams[0], table(header, compare((LOGISTIC, SGD), streams)))
    for drift in ("gradual", "recurring", "virtual", "stationary"):
        stream = _generated(drift, 4000 if quick else 12_000, 0)
        lines = compare((LOGISTIC, SGD), [stream])
        yield _section(stream.name, stream, table(header, lines))
    yield f"## Share of the gap from never to the oracle closed, {n_seeds} abrupt streams"
    yield check_gap(n_seeds)
    yield f"## Without drift, after 10,000 rows, first fit on 500, {n_seeds // 2} seeds"
    yield check_stationary(n_seeds // 2)


def _section(title, stream, content):
    rows, features = stream.X.shape
    return f"## {title}\n\n{rows:,} rows, {features} features.\n\n{content}"


def main():
    args = parse_args("Retraining policies: score and cost side by side.", "policies.md")
    use_one_thread()
    warnings.simplefilter("ignore", ConvergenceWarning)
    begin = time.perf_counter()
    parts = list(report(args.quick))
    minutes = (time.perf_counter() - begin) / 60
    parts.append(f"The run took {minutes:.1f} minutes.")
    write_report(args.out, "Policies", parts)


if __name__ == "__main__":
    main()
