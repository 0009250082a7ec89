"""Does the default do harm? Its loss beside that of simple answers, on many streams and bases.

Batches of 100 rows in the order of time (24 hours for the forecaster), labels one batch late. The
first min(10 %, 5,000) rows are the first fit and are not scored. Real streams are cut after 10,000
rows. A loss is the share of wrong predictions, or the mean absolute error.

- never: the first fit, and no other unless a new class appears.
- window: a refit on the last 2,000 rows every 500 rows.
- all: a refit on all remembered rows (at most 10,000) every 500 rows.
- default: ``DriftAwareRetrainer(estimator)``.

"over never" and "over the best" are the loss of the default over that of never, and over the least
of the three others. Linear models and SGD stand behind a StandardScaler. Boosting is left out on
streams of more than ten classes, where a refit has hundreds of trees.

The forecaster predicts every second value of elec2's nswdemand from those of 24 hours ago and
earlier, the hour and the weekday; its first fit has 13,000 rows, and its loss is in thousandths.

In "arriving", documents of twelve topics are hashed, and the topics arrive one by one. In "fraud",
1.3 % of the rows are positive, 350 rows make a day, and on day 90 the frauds become others.
"""

import json
import time
import warnings
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from _common import Stream, load_stream, parse_args, table, use_one_thread, verdict, write_report
from bench_policies import policies_for
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.base import clone
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skretrain import DriftAwareRetrainer
from skretrain.datasets import make_drifting_classification
from skretrain.model_selection import prequential_validate

N_ROWS = 10_000
N_SEEDS = 3
CLASSIFICATION = ("elec2", "spam", "gas_partial", "powersupply", "outdoor", "keystroke", "ozone")
REGRESSION = ("bike", "metro", "aep_load")
GENERATED = ("abrupt", "gradual", "recurring", "virtual", "stationary")
POLICIES = ("never", "window", "all", "default")
NAMES_THERE = {"all": "periodic", "simple": "since drift"}
RANDOM = ("RandomForest", "SGD")
BOOSTING, MOST_CLASSES = ("HistGradientBoosting", "LightGBM"), 10
WORST_OVER_NEVER, OVER_BEST, SHARE_NEAR_BEST = 1.02, 1.10, 0.90
CHANGE = 90 * 350


def bases_for(is_regression, seed=0):
    """Return the bases by name; those that draw are seeded."""
    linear = Ridge() if is_regression else LogisticRegression(max_iter=200)
    forest = RandomForestRegressor if is_regression else RandomForestClassifier
    histogram = HistGradientBoostingRegressor if is_regression else HistGradientBoostingClassifier
    lightgbm = LGBMRegressor if is_regression else LGBMClassifier
    found = {
        type(linear).__name__: make_pipeline(StandardScaler(), linear),
        "RandomForest": forest(20, random_state=seed),
        "HistGradientBoosting": histogram(max_iter=20, random_state=0),
        "LightGBM": lightgbm(n_estimators=30, n_jobs=1, verbose=-1, random_state=0),
    }
    if not is_regression:
        found["SGD"] = make_pipeline(StandardScaler(), SGDClassifier(random_state=seed))
    return found


def retrainer_of(policy, base):
    """Return one of the retrainers to compare, as on the page of the policies."""
    return policies_for(base)[NAMES_THERE.get(policy, policy)]


@lru_cache(maxsize=2)
def stream_of(name, seed):
    """Return a stream and the rows of its first fit and of a batch; None if it is not there."""
    if name in GENERATED:
        X, y, _ = make_drifting_classification(8000, drift=name, random_state=seed)
        return Stream(name, X, y), 800, 100
    if name == "forecaster":
        stream = forecaster()
        return stream and (stream, 13_000, 24)
    stream = load_stream(name)
    if stream is None:
        return None
    stream = Stream(name, stream.X[:N_ROWS], stream.y[:N_ROWS])
    return stream, min(len(stream.y) // 10, 5000), 100


def forecaster():
    """Return the hourly demand of elec2 with what is known a day before, or None."""
    stream = load_stream("elec2")
    if stream is None:
        return None
    demand = 1000 * stream.X[::2, _DEMAND]
    hours, lags = np.arange(len(demand)), (24, 25, 26, 36, 48, 72, 96, 120, 144, 168)
    X = np.column_stack([np.roll(demand, lag) for lag in lags] + [hours % 24, hours // 24 % 7])
    return Stream("forecaster", X[max(lags) :], demand[max(lags) :])


_DEMAND = 4  # the column nswdemand


class Run(NamedTuple):
    """What one run came to; of each retrain, the row and the CPU seconds."""

    loss: float
    seconds: float
    n_alarms: int
    n_refits: int
    retrains: list


def run(name, base_name, policy, seed):
    """Return the Run of a policy on a stream."""
    use_one_thread()
    warnings.simplefilter("ignore", ConvergenceWarning)
    stream, first, size = stream_of(name, seed)
    is_regression = stream.y.dtype.kind == "f"
    base = bases_for(is_regression, seed)[base_name]
    if name == "forecaster":
        base.set_params(n_estimators=150)
    began = time.process_time()
    found = prequential_validate(
        retrainer_of(policy, base),
        stream.X,
        stream.y,
        batch_size=size,
        initial_size=first,
        label_delay=size,
    )
    seconds = time.process_time() - began
    wrong = found.y_true - found.y_pred if is_regression else found.y_true != found.y_pred
    ended = found.estimator
    retrains = [
        (event.row, event.cpu_seconds)
        for event in found.events
        if "comparison" in event.evidence or (event.action == "retrained" and event.version > 1)
    ]
    loss = float(np.abs(wrong).mean())
    return Run(loss, seconds, ended.n_alarms_, ended.n_refits_, retrains)


def cells(quick):
    """Yield the name of the stream, that of the base and the seed of every cell."""
    if quick:
        yield "abrupt", "LogisticRegression", 0
        return
    for name in (*CLASSIFICATION, *REGRESSION, *GENERATED):
        if stream_of(name, 0) is None:
            continue
        stream = stream_of(name, 0)[0]
        is_regression = stream.y.dtype.kind == "f"
        for base in bases_for(is_regression):
            if is_regression or base not in BOOSTING or len(np.unique(stream.y)) <= MOST_CLASSES:
                is_random = name in GENERATED or base in RANDOM
                yield from ((name, base, seed) for seed in range(N_SEEDS if is_random else 1))
    if stream_of("forecaster", 0) is not None:
        yield "forecaster", "LightGBM", 0


def measured(quick, path):
    """Return the runs of all cells and policies, one per seed, read from a file where they are."""
    stored = json.loads(path.read_text()) if path is not None and path.exists() else {}
    found = {}
    for name, base, seed in cells(quick):
        for policy in (*POLICIES, "simple"):
            key = f"{name}/{base}/{seed}/{policy}"
            if key not in stored:
                stored[key] = run(name, base, policy, seed)
                print(f"{key}: {stored[key][0]:.4g} in {stored[key][1]:.1f} CPU s", flush=True)
                if path is not None:
                    path.write_text(json.dumps(stored))
            found.setdefault((name, base), {}).setdefault(policy, []).append(Run(*stored[key]))
    return found


def mean(runs, field):
    """Return the mean of a number over the seeds."""
    return float(np.mean([getattr(run, field) for run in runs]))


def ratios(found, policy="default"):
    """Return, of each cell, the loss over that of never and over the best of the others."""
    losses = {cell: {p: mean(runs, "loss") for p, runs in of.items()} for cell, of in found.items()}
    over = {}
    for cell, of in losses.items():
        best = min(of[simple] for simple in ("never", "window", "all"))
        over[cell] = of[policy] / of["never"], of[policy] / best
    return over


def check_ratios(found):
    """Yield the table of all cells and that of the first target."""
    over, lines = ratios(found), []
    for (name, base), of in found.items():
        losses = [f"{mean(of[policy], 'loss'):.4g}" for policy in POLICIES]
        seconds = [f"{mean(of[policy], 'seconds'):.1f}" for policy in ("all", "default")]
        counts = [f"{mean(of['default'], field):.0f}" for field in ("n_alarms", "n_refits")]
        lines.append(
            [
                name,
                base,
                *losses,
                *(f"{ratio:.3f}" for ratio in over[name, base]),
                *seconds,
                *counts,
            ]
        )
    header = ["stream", "base", *POLICIES, "over never", "over the best"]
    yield table([*header, "CPU s, all", "default", "alarms", "refits"], lines)
    yield "## 1. Never worse than never, and near the best of the simple answers"
    header = ["", "worst over never", "cell", "near the best", "worst over the best", "cell", "met"]
    yield table(header, [_target_line(found, policy) for policy in ("default", "simple")])
    yield (
        f"The targets: at most {WORST_OVER_NEVER} times the loss of never, and at most {OVER_BEST} "
        f"times that of the best in {SHARE_NEAR_BEST:.0%} of the cells. The second line is "
        '``policy="full_refit"``: a refit on the rows since the change at each alarm.'
    )


def where_it_loses(found):
    """Return the cells in which the default loses more than one of the others, worst first."""
    texts = []
    for other in ("never", "window", "all", "simple"):
        over = {
            cell: mean(of["default"], "loss") / mean(of[other], "loss")
            for cell, of in found.items()
        }
        worse = sorted((cell for cell in over if over[cell] > 1.02), key=over.get, reverse=True)
        listed = "; ".join(f"{', '.join(cell)} {over[cell]:.2f}" for cell in worse) or "none"
        name = '``policy="full_refit"``' if other == "simple" else other
        share = f"{len(worse)} of {len(found)} cells"
        texts.append(f"More than 1.02 times the loss of {name}, {share}: {listed}.")
    return "\n\n".join(texts)


def _target_line(found, policy):
    over = ratios(found, policy)
    never, best = (max(over, key=lambda cell: over[cell][k]) for k in (0, 1))
    near = np.mean([ratio <= OVER_BEST for _, ratio in over.values()])
    met = over[never][0] <= WORST_OVER_NEVER, near >= SHARE_NEAR_BEST
    return [
        f"``policy={'keep_or_refit' if policy == 'default' else 'full_refit'!r}``",
        f"{over[never][0]:.3f}",
        ", ".join(never),
        f"{near:.0%} of {len(over)}",
        f"{over[best][1]:.3f}",
        ", ".join(best),
        " / ".join(map(verdict, met)),
    ]


def worst_seeds(found):
    """Return where a single seed is worse than the mean of its cell, over never."""
    worst = {}
    for cell, of in found.items():
        pairs = zip(of["default"], of["never"], strict=True)
        worst[cell] = max(one.loss / other.loss for one, other in pairs)
    listed = [f"{', '.join(cell)} {worst[cell]:.2f}" for cell in worst if worst[cell] > 1.02]
    return (
        f"Single seeds with more than 1.02 times the loss of never: {'; '.join(listed) or 'none'}."
    )


def check_price(found):
    """Return how many times the CPU of a refit on all remembered rows a retrain takes."""
    times = {cell: _times(of) for cell, of in found.items()}
    times = {cell: ratio for cell, ratio in times.items() if ratio is not None}
    worst = max(times, key=times.get)
    return (
        'CPU seconds of a retrain of the default, over those of a refit of "all" at the same row '
        f"(between two of them, on the line): median {np.median(list(times.values())):.2f}, worst "
        f"{times[worst]:.2f} ({', '.join(worst)}), target at most 4: {verdict(times[worst] <= 4)}."
    )


def _times(of):
    """Return the ratio of a cell, or None where nothing was retrained."""
    spent, one_refit = 0.0, 0.0
    for default, whole in zip(of["default"], of["all"], strict=True):
        if default.retrains and whole.retrains:
            rows, seconds = np.transpose(default.retrains)
            spent += seconds.sum()
            one_refit += np.interp(rows, *np.transpose(whole.retrains)).sum()
    return spent / one_refit if one_refit else None


# -- topics that arrive, frauds that change


def arriving(seed, n_topics=12, n_each=600):
    """Return documents of topics that arrive one by one, hashed, and their topics."""
    rng = np.random.default_rng(seed)
    words = np.array([f"w{number}" for number in range(3000)])
    chances = rng.dirichlet(np.full(len(words), 0.05), size=n_topics)
    topics = np.concatenate([rng.integers(0, k + 2, n_each) for k in range(n_topics - 1)])
    documents = [" ".join(rng.choice(words, 12, p=chances[topic])) for topic in topics]
    return HashingVectorizer(n_features=2**12).transform(documents), topics


def check_arriving(seeds):
    """Return the table of the streams whose labels arrive one by one."""
    lines = []
    for name in ("plain updating", "default", "simple"):
        scores = []
        for seed in seeds:
            X, y = arriving(seed)
            base = SGDClassifier(loss="log_loss", random_state=seed)
            if name == "plain updating":
                retrainer = DriftAwareRetrainer(base, detector=None)
            else:
                retrainer = retrainer_of(name, base)
            found = prequential_validate(
                retrainer, X, y, batch_size=100, initial_size=500, label_delay=100
            )
            known = _known_for(y[500:], 100)
            right = found.y_true == found.y_pred
            scores.append([right.mean(), right[known].mean(), found.estimator.n_alarms_])
        accuracy, later, alarms = np.mean(scores, axis=0)
        met = verdict(later >= 0.985) if name == "default" else ""
        lines.append([name, f"{accuracy:.4f}", f"{later:.4f}", f"{alarms:.1f}", met])
    header = ["", "accuracy", "of topics known for 100 rows", "alarms", ">= 0.985"]
    return table(header, lines)


def _known_for(y, n_rows):
    """Return which rows come after that many of their class."""
    seen, known = {}, np.zeros(len(y), dtype=bool)
    for row, label in enumerate(y.tolist()):
        known[row] = seen.get(label, 0) >= n_rows
        seen[label] = seen.get(label, 0) + 1
    return known


def frauds(seed, n_rows, *, changed):
    """Return rows of which 1.3 % are frauds, of the first kind or of the second."""
    rng = np.random.default_rng((seed, changed, n_rows))
    y = (rng.random(n_rows) < 0.013).astype(int)
    X = rng.normal(size=(n_rows, 12))
    columns = slice(4, 8) if changed else slice(0, 4)
    X[y == 1, columns] += 1.5
    return X, y


def check_frauds(seeds):
    """Return the table of the streams whose frauds change on day 90."""
    lines = []
    for name, base in bases_for(False).items():
        if name not in ("LogisticRegression", "HistGradientBoosting"):
            continue
        rows = [_fraud_numbers(base, seed) for seed in seeds]
        delays, aps, best, never = map(np.array, zip(*rows, strict=True))
        rang = np.isfinite(delays)
        share = (aps / best).mean()
        lines.append(
            [
                name,
                f"{rang.sum()} of {len(rows)}",
                f"{np.max(delays[rang], initial=0):,.0f}",
                f"{never.mean():.3f}",
                f"{aps.mean():.3f}",
                f"{best.mean():.3f}",
                verdict(rang.all() and delays.max() <= 15_000) + " / " + verdict(share >= 0.9),
            ]
        )
    header = [
        "base",
        "found",
        "longest delay, rows",
        "AP, never",
        "AP, default",
        "AP, told the day",
    ]
    return table([*header, "15,000 rows / 0.9 of the AP"], lines)


def _fraud_numbers(base, seed):
    parts = frauds(seed, CHANGE, changed=False), frauds(seed, CHANGE, changed=True)
    X, y = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    first = 30 * 350
    model = DriftAwareRetrainer(base).fit(X[:first], y[:first])
    for start in range(first, len(y), 350):
        model.partial_fit(X[start : start + 350], y[start : start + 350])
    alarms = [e.row for e in model.events_ if e.reason.startswith("alarm") and e.row > CHANGE]
    X_test, y_test = frauds(seed, 50_001, changed=True)
    told, never = clone(base).fit(*parts[1]), clone(base).fit(X[:first], y[:first])
    found = [
        average_precision_score(y_test, fitted.predict_proba(X_test)[:, 1])
        for fitted in (model, told, never)
    ]
    return (min(alarms, default=np.inf) - CHANGE, *found)


def report(quick, path):
    """Yield the parts of the page."""
    yield __doc__
    found = measured(quick, path)
    yield f"## Losses, mean of {N_SEEDS} seeds where the stream or the base is drawn"
    yield from check_ratios(found)
    yield "### Where it loses"
    yield where_it_loses(found)
    yield worst_seeds(found)
    seeds = range(1 if quick else N_SEEDS)
    yield f"## 2. Topics that arrive one by one, {len(seeds)} seeds"
    yield check_arriving(seeds)
    if not quick:
        yield f"## 3. Frauds that change, {len(seeds)} seeds"
        yield check_frauds(seeds)
    yield "## 4. What a retrain costs, all comparisons included"
    yield check_price(found)


def add_arguments(parser):
    parser.add_argument("--cells", type=Path, metavar="FILE", help="keep what is done, in JSON")


def main():
    args = parse_args("Does the default do harm?", "harm.md", add_arguments)
    use_one_thread()
    warnings.simplefilter("ignore", ConvergenceWarning)
    write_report(args.out, "Harm", list(report(args.quick, args.cells)))


if __name__ == "__main__":
    main()
