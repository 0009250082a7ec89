"""Ensembles that go on: rotating forests and continued boosting against refits from scratch.

Batches of 100 rows in the order of time, labels 100 rows late. The first min(10 %, 5,000) rows are
the first fit and are not scored. kappa is Cohen's; CPU seconds are those of the whole run, with
learning, remembering and predicting, in one thread.
"""

import time
import warnings
from functools import partial

import numpy as np
from _common import Stream, load_stream, parse_args, table, use_one_thread, verdict, write_report
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import cohen_kappa_score

from skretrain import DriftAwareRetrainer
from skretrain.buffers import SlidingWindow
from skretrain.drift import Periodic
from skretrain.model_selection import prequential_validate
from skretrain.policies import FullRefit, WarmStart

BATCH = DELAY = 100
REFIT_WINDOW, REFIT_EVERY = 2000, 500
N_TREES, N_DEFAULT_TREES = 30, 100
ROTATION_ROWS, ROWS_PER_TREE, RATE = 5000, 500, 0.1
N_ROUNDS = 30
N_SEEDS = 3
KAPPA_TARGET, CPU_TARGET = 0.01, 0.2
STREAMS = ("elec2", "gas_partial", "powersupply")
MAX_CLASSES = 10  # a booster fits one tree per class and round

ROTATION = f"""
## Rotating forests

A refit is what one writes by hand: a new RandomForestClassifier on the last {REFIT_WINDOW:,} rows
every so many rows, in a plain loop without this library. Rotation replaces the oldest trees of a
forest of {N_TREES} with every batch, {RATE:.0%} of them; the new ones are grown on the rows
remembered, or on a bootstrap from them:

    DriftAwareRetrainer(
        RandomForestClassifier({N_TREES}, max_samples={ROWS_PER_TREE}),
        detector=None,
        update="warm_start",
        buffer=SlidingWindow(max_rows={ROTATION_ROWS}),
    )

Ratios are to the first line, in kappa a difference. Mean of the seeds.
"""

BOOSTING = f"""
## Continued boosting

{N_ROUNDS} rounds in a fit from scratch. "continued" adds a tenth of that with every batch, on the
last {REFIT_WINDOW:,} rows, up to the cap on rounds; there the leaves are estimated anew, or the
model is refitted. "guarded" is the default: with every batch, the continuation must beat a fresh
fit on held-out rows before it serves. "refit" fits from scratch on as many rows every
{REFIT_EVERY} rows. One seed; streams of at most {MAX_CLASSES} classes.
"""


def warm_up_of(stream):
    return min(len(stream.y) // 10, 5000)


def refitted_by_hand(stream, seed, n_trees=N_TREES, every=REFIT_EVERY):
    """Return kappa and CPU seconds of the loop that people write."""
    X, y, first = stream.X, stream.y, warm_up_of(stream)
    began = time.process_time()
    model = RandomForestClassifier(n_trees, random_state=seed).fit(X[:first], y[:first])
    predicted = np.empty_like(y[first:])
    for start in range(first, len(y), BATCH):
        predicted[start - first : start - first + BATCH] = model.predict(X[start : start + BATCH])
        known = start + BATCH - DELAY
        if start > first and (start - first) % every == 0:
            rows = slice(max(0, known - REFIT_WINDOW), known)
            model = RandomForestClassifier(n_trees, random_state=seed).fit(X[rows], y[rows])
    return cohen_kappa_score(y[first:], predicted), time.process_time() - began


def evaluated(estimator, stream):
    """Return kappa, CPU seconds, and how many fits from scratch and updates there were."""
    began = time.process_time()
    result = prequential_validate(
        estimator,
        stream.X,
        stream.y,
        scoring="accuracy",
        batch_size=BATCH,
        initial_size=warm_up_of(stream),
        label_delay=DELAY,
    )
    seconds = time.process_time() - began
    kappa = cohen_kappa_score(result.y_true, result.y_pred)
    return kappa, seconds, result.n_fits, result.events.counts["updated"]


def continued(base, max_rows=REFIT_WINDOW, **options):
    """Return a retrainer that continues its model with every batch and watches for nothing else."""
    return DriftAwareRetrainer(
        base,
        detector=None,
        update=WarmStart(**options),
        policy=FullRefit(grow=False),
        buffer=SlidingWindow(max_rows=max_rows),
    )


def refitted(base):
    """Return a retrainer that refits on the last rows, at fixed intervals."""
    policy = FullRefit(REFIT_WINDOW, grow=False)
    return DriftAwareRetrainer(base, detector=Periodic(REFIT_EVERY), update=None, policy=policy)


def rotated(stream, seed, max_rows=ROTATION_ROWS, per_tree=ROWS_PER_TREE):
    per_tree = None if per_tree is None else min(per_tree, warm_up_of(stream))
    base = RandomForestClassifier(N_TREES, max_samples=per_tree, random_state=seed)
    return evaluated(continued(base, max_rows, rate=RATE), stream)[:2]


def rotation_runs(quick):
    """Return what is compared, by name; the first is what the others are related to."""
    runs = {
        f"refit of {N_TREES} trees every {REFIT_EVERY} rows": refitted_by_hand,
        f"refit of {N_TREES} trees every {BATCH} rows": partial(refitted_by_hand, every=BATCH),
        f"refit of {N_DEFAULT_TREES} trees every {REFIT_EVERY} rows": partial(
            refitted_by_hand, n_trees=N_DEFAULT_TREES
        ),
        ROTATED: rotated,
    }
    for max_rows in () if quick else (300, REFIT_WINDOW):
        runs[_rotation_name(max_rows)] = partial(rotated, max_rows=max_rows, per_tree=None)
    return runs


def _rotation_name(max_rows, per_tree=None):
    drawn = f"{per_tree} of " if per_tree else ""
    return f"rotation, trees grown on {drawn}the last {max_rows:,} rows"


ROTATED = _rotation_name(ROTATION_ROWS, ROWS_PER_TREE)


def rotation_of(stream, n_seeds, quick):
    """Return the table of one stream."""
    found = {
        name: np.mean([run(stream, seed) for seed in range(n_seeds)], axis=0)
        for name, run in rotation_runs(quick).items()
    }
    kappa, seconds = next(iter(found.values()))
    header = ["", "kappa", "CPU s", "kappa, difference", "CPU, ratio"]
    lines = [
        [name, f"{k:.3f}", f"{s:.2f}", f"{k - kappa:+.3f}", f"{s / seconds:.2f}"]
        for name, (k, s) in found.items()
    ]
    return f"### {_describe(stream)}\n\n{table(header, lines)}\n\n{_targets(found)}"


def _targets(found):
    rotation, seconds = found[ROTATED]
    lines = [f"The target, kappa within {KAPPA_TARGET} at {CPU_TARGET} of the CPU time, is"]
    for name, (kappa, cost) in found.items():
        if name.startswith("refit"):
            close, cheap = rotation >= kappa - KAPPA_TARGET, seconds <= CPU_TARGET * cost
            lines.append(f"- against the {name}: kappa {verdict(close)}, time {verdict(cheap)}")
    return f"{lines[0]}\n\n" + "\n".join(lines[1:])


def boosters():
    """Yield the boosters that are installed, by name."""
    options = {"random_state": 0, "n_jobs": 1}
    try:
        from lightgbm import LGBMClassifier
    except ImportError:
        print("LightGBM is skipped: it is not installed.")
    else:
        yield "LightGBM", LGBMClassifier(n_estimators=N_ROUNDS, verbose=-1, **options)
    try:
        from xgboost import XGBClassifier
    except ImportError:
        print("XGBoost is skipped: it is not installed.")
    else:
        yield "XGBoost", XGBClassifier(n_estimators=N_ROUNDS, max_depth=4, **options)


def boosting_of(stream):
    """Return the table of one stream."""
    lines = []
    for name, base in boosters():
        compared = {
            f"refit every {REFIT_EVERY} rows": refitted(base),
            "continued": continued(base, guard=False),
            "guarded": continued(base),
        }
        for policy, estimator in compared.items():
            kappa, seconds, fits, updates = evaluated(estimator, stream)
            lines.append([name, policy, f"{kappa:.3f}", f"{seconds:.2f}", fits, updates])
    header = ["base", "policy", "kappa", "CPU s", "fits", "updates"]
    return f"### {_describe(stream)}\n\n{table(header, lines)}"


def _describe(stream):
    rows, features = stream.X.shape
    n_classes = len(np.unique(stream.y))
    return f"{stream.name}: {rows:,} rows, {features} features, {n_classes} classes"


def streams_at_hand(quick):
    """Return the streams that there are, their classes numbered from 0 as XGBoost needs it."""
    found = [load_stream(name) for name in STREAMS[:1] if quick] or map(load_stream, STREAMS)
    found = [stream for stream in found if stream is not None]
    end = 2000 if quick else None
    return [
        Stream(name, X[:end], np.unique(y[:end], return_inverse=True)[1]) for name, X, y, _ in found
    ]


def report(quick, n_seeds):
    """Yield the parts of the page."""
    yield __doc__
    streams = streams_at_hand(quick)
    yield ROTATION.replace("the seeds", "1 seed" if n_seeds == 1 else f"{n_seeds} seeds")
    yield from (rotation_of(stream, n_seeds, quick) for stream in streams)
    yield BOOSTING
    few = [stream for stream in streams if len(np.unique(stream.y)) <= MAX_CLASSES]
    yield from (boosting_of(stream) for stream in few)


def main():
    args = parse_args("Continued ensembles against refits.", "warm_start.md", _add_seeds)
    use_one_thread()
    warnings.simplefilter("ignore")  # a library's word on every batch would drown the table
    n_seeds = args.seeds or (1 if args.quick else N_SEEDS)
    write_report(args.out, "Warm starts", list(report(args.quick, n_seeds)))


def _add_seeds(parser):
    parser.add_argument("--seeds", type=int, help=f"seeds of the forests, {N_SEEDS} by default")


if __name__ == "__main__":
    main()
