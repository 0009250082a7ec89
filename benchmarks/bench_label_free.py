"""What can be told before labels come, and what is it worth?

*Detection.* Streams of 12,000 rows and 10 features; the first 2,000 are learned, and something
happens at row 7,000: "inputs" move along a direction that labels do not depend on, "labels" mean
something else, or both. "stationary" has no change. A model that never changes predicts, batches of
100, and triggers look at them; ErrorDrift sees labels, the others do not. Other libraries compare
chunks of 500 rows with the first 2,000, on two of five seeds. Printed are the median rows until the
first alarm after the change (-: none, in more than half of the seeds) and, in brackets, alarms per
10,000 rows before it; and microseconds of CPU per row. On the real streams, of which nobody knows
where they drift, alarms per 10,000 rows, and CPU with the refits that the policy tries after each.

*Estimated accuracy.* A model predicts rows whose inputs move towards its border, in six steps;
labels mean the same. The error is that of the estimated share of right predictions of 1,000 rows,
in points, the mean over steps and seeds. In "labels flip", a part of the labels is turned round
instead: what an estimate should not survive. The labels of a step come before the next one.

*Labels asked for.* Inputs of two or three classes move four times, or elec2, its first 10,000 rows;
a logistic regression is refitted every 500 rows on the labelled ones among the newest 3,000. Labels
are bought for all rows, or for a share of them, drawn at random or selected. Points of accuracy.

*Retrain or not, with labels two months late*: the game of lfmm. 36 months of 300 rows, a change in
half of the months at most; regret is loss and prices above the best schedule in hindsight, summed
over streams. Its best policy is the one with the smallest sum at that price.
"""

import logging
import time
import warnings

import numpy as np
from _common import load_stream, parse_args, table, use_one_thread, verdict, write_report
from _label_free_peers import CHUNK, DETECTORS, ESTIMATORS, installed, lfmm_game, usable
from sklearn.linear_model import LogisticRegression, Ridge

from skretrain import DriftAwareRetrainer
from skretrain.datasets import make_drifting_classification
from skretrain.drift import DomainDrift, ErrorDrift, FeatureDrift, PredictionDrift
from skretrain.serving import ExpectedPerformance, select_for_labelling

N_ROWS, FIRST, CHANGE, BATCH, N_SEEDS = 12_000, 2000, 7000, 100, 5
N_SEEDS_OF_PEERS = 2  # some of them take a second for a chunk
KINDS = ("stationary", "inputs", "labels", "both")
REAL = ("elec2", "gas_partial", "metro")
TRIGGERS = {
    "ErrorDrift (with labels)": ErrorDrift(),
    "FeatureDrift": FeatureDrift(),
    "FeatureDrift, CUSUM": FeatureDrift("cusum"),
    "DomainDrift": DomainDrift(),
    "PredictionDrift": PredictionDrift(),
}
PRICES = (0.25, 1.0, 4.0)


# -- detection


def changed(kind, seed):
    """Return a stream of which something changes at row 7,000."""
    options = {"random_state": seed, "n_features": 10}
    if kind == "stationary":
        return make_drifting_classification(N_ROWS, drift="stationary", **options)[:2]
    drift = "abrupt" if kind == "labels" else "virtual"
    X, y, _ = make_drifting_classification(N_ROWS, drift=drift, drift_rows=[CHANGE], **options)
    if kind == "both":
        y[CHANGE:] = 1 - y[CHANGE:]
    return X, y


def alarms_of(trigger, X, y):
    """Return the rows of the alarms of a trigger, and CPU seconds."""
    estimator = Ridge() if y.dtype.kind == "f" else LogisticRegression(max_iter=1000)
    model = DriftAwareRetrainer(estimator, detector=trigger, update=None, dry_run=True)
    model.fit(X[:FIRST], y[:FIRST])
    began = time.process_time()
    for start in range(FIRST, len(y), BATCH):
        model.partial_fit(X[start : start + BATCH], y[start : start + BATCH])
    seconds = time.process_time() - began
    return [e.row + e.n_rows for e in model.events_ if e.state == "drift"], seconds


def peer_alarms(make, X, y):
    """Return the ends of the chunks at which another library rings, and CPU seconds."""
    model = LogisticRegression(max_iter=1000).fit(X[:FIRST], y[:FIRST])
    began = time.process_time()
    rings = make(X[:FIRST], model.predict_proba(X[:FIRST]))
    ends = range(FIRST + CHUNK, len(y) + 1, CHUNK)
    chunks = [X[end - CHUNK : end] for end in ends]
    rang = [
        end
        for end, rows in zip(ends, chunks, strict=True)
        if rings(rows, model.predict_proba(rows))
    ]
    return rang, time.process_time() - began


def detection(n_seeds, peers):
    """Return the table of delays, false alarms and cost."""
    ways = {name: lambda X, y, t=t: alarms_of(t, X, y) for name, t in TRIGGERS.items()}
    ways |= {name: lambda X, y, make=make: peer_alarms(make, X, y) for name, make in peers.items()}
    lines = []
    for name, way in ways.items():
        line, seconds = [name], []
        n_runs = min(n_seeds, N_SEEDS_OF_PEERS) if name in peers else n_seeds
        for kind in KINDS:
            delays, early = [], 0
            for seed in range(n_runs):
                rows, cpu = way(*changed(kind, seed))
                late = [row for row in rows if row > CHANGE]
                early += len(rows) - len(late) if kind != "stationary" else len(rows)
                delays.append(late[0] - CHANGE if late else np.inf)
                seconds.append(cpu)
            n_quiet = n_runs * ((N_ROWS if kind == "stationary" else CHANGE) - FIRST)
            rate = f"({1e4 * early / n_quiet:.1f})"
            delay = np.median(delays)
            shown = "-" if np.isinf(delay) else f"{delay:.0f}"
            line.append(rate if kind == "stationary" else f"{shown} {rate}")
        line.append(f"{1e6 * np.mean(seconds) / (N_ROWS - FIRST):.0f}")
        lines.append(line)
        print(*line, flush=True)
    return table(["", *KINDS, "us per row"], lines)


def on_real_streams(n_rows):
    """Return alarms per 10,000 rows on the real streams."""
    streams = [load_stream(name) for name in REAL]
    streams = [s for s in streams if s is not None]
    lines = []
    for name, trigger in TRIGGERS.items():
        line = [name]
        for stream in streams:
            y = stream.y.astype(float) if stream.name == "metro" else stream.y
            X, y = stream.X[:n_rows], y[:n_rows]
            rows, seconds = alarms_of(trigger, X, y)
            n_new = len(y) - FIRST
            line.append(f"{1e4 * len(rows) / n_new:.1f} ({1e6 * seconds / n_new:.0f} us)")
        lines.append(line)
        print(*line, flush=True)
    return table(["", *(s.name for s in streams)], lines)


# -- estimated accuracy

STEPS, STEP = 6, 1000


def shifting(seed, flips):
    """Return a model, a labelled reference and steps of rows that move, or whose labels flip."""
    rng = np.random.default_rng(seed)
    rule = np.r_[2.0, 1.0, -1.0, np.zeros(5)]

    def drawn(n_rows, step=0):
        X = rng.normal(size=(n_rows, 8))
        X[:, 0] += 1.5 - (0.25 * step if not flips else 0)
        y = (rng.random(n_rows) < 1 / (1 + np.exp(-X @ rule))).astype(int)
        turned = rng.random(n_rows) < (0.05 * step if flips else 0)
        return X, np.where(turned, 1 - y, y)

    model = LogisticRegression().fit(*drawn(2000))
    return model, drawn(3000), [drawn(STEP, step) for step in range(1, STEPS + 1)]


def ours_of(with_inputs):
    """Return what estimates the accuracy as ours does, and takes the labels that come."""

    def make(model, reference):
        X, y = reference
        expected = ExpectedPerformance("accuracy")
        shown = {"X": X} if with_inputs else {}
        expected.fit(y, model.predict_proba(X), **shown)

        def estimate(X, y, step):
            proba, shown = model.predict_proba(X), {"X": X} if with_inputs else {}
            told = expected.estimate(proba, **shown)[0].value
            ids = range(step * STEP, (step + 1) * STEP)
            expected.update(ids, proba).resolve(ids, y)
            return told

        return estimate

    return make


def theirs_of(make):
    """Return the same of another library."""

    def made(model, reference):
        X, y = reference
        estimate = make(y, model.predict_proba(X))
        return lambda X, y, step: estimate(model.predict_proba(X))

    return made


def unchanged(model, reference):
    """Say what was true of the reference."""
    score = model.score(*reference)
    return lambda X, y, step: score


def estimates(n_seeds, peers):
    """Return the table of errors of the estimated accuracy, and those where inputs move."""
    ways = {"ExpectedPerformance": ours_of(False), "the same, with X": ours_of(True)}
    ways |= {name: theirs_of(make) for name, make in peers.items()}
    ways["accuracy of the reference"] = unchanged
    lines, moved = [], {}
    for name, make in ways.items():
        line = [name]
        for flips in (False, True):
            errors, withdrawn = [], 0
            for seed in range(n_seeds):
                model, reference, steps = shifting(seed, flips)
                estimate = make(model, reference)
                for step, (X, y) in enumerate(steps):
                    told = estimate(X, y, step)
                    withdrawn += bool(np.isnan(told))
                    errors.append(100 * abs(told - model.score(X, y)))
            worst = np.nanmax(errors)
            line.append(f"{np.nanmean(errors):.2f} (at most {worst:.1f})")
            line.append(f"{withdrawn} of {n_seeds * STEPS}")
            if not flips:
                moved[name] = np.nanmean(errors)
        lines.append(line)
        print(*line, flush=True)
    header = ["", "inputs move", "withdrawn", "labels flip", "withdrawn"]
    return table(header, lines), moved


# -- labels asked for

SHARES = (0.1, 0.2)
MOVING = ("2 classes", "3 classes")


def drawn_of(name, seed):
    """Return a stream of 10,000 rows, None where it is not there."""
    if name == "elec2":
        stream = load_stream(name)
        return None if stream is None else (stream.X[:10_000], stream.y[:10_000])
    options = {"drift": "virtual", "n_drifts": 4, "n_classes": int(name[0])}
    return make_drifting_classification(10_000, random_state=seed, **options)[:2]


def accuracy_with(X, y, chosen, every=500, window=3000):
    """Return the accuracy where `chosen` picks the rows that are labelled."""
    labelled, right = np.arange(every), []
    for start in range(every, len(y), every):
        kept = labelled[labelled >= start - window]
        model = LogisticRegression(max_iter=1000).fit(X[kept], y[kept])
        rows = np.arange(start, min(start + every, len(y)))
        right.append(model.predict(X[rows]) == y[rows])
        labelled = np.r_[labelled, rows[chosen(model, X[rows], X[kept])]]
    return 100 * float(np.concatenate(right).mean())


def labelling(n_seeds):
    """Return the table of accuracies by the share of labels, and what 20 % of them lose."""
    ways = {"all labels": lambda model, X, known: np.arange(len(X))}
    for share in SHARES:
        rng = np.random.default_rng(0)
        ways[f"{share:.0%} at random"] = lambda model, X, known, s=share, rng=rng: np.sort(
            rng.choice(len(X), round(s * len(X)), replace=False)
        )
        ways[f"{share:.0%} selected"] = lambda model, X, known, s=share: select_for_labelling(
            model, X, s, reference=known, random_state=0
        )[0]
    streams = {name: [drawn_of(name, seed) for seed in range(n_seeds)] for name in MOVING}
    streams["elec2"] = [drawn_of("elec2", 0)]
    streams = {name: drawn for name, drawn in streams.items() if None not in drawn}
    found = {
        name: [np.mean([accuracy_with(*one, way) for one in drawn]) for drawn in streams.values()]
        for name, way in ways.items()
    }
    every, few = (np.array(found[way]) for way in ("all labels", f"{SHARES[-1]:.0%} selected"))
    lost = (every - few)[: len(MOVING)].max()
    lines = [[name, *(f"{value:.2f}" for value in values)] for name, values in found.items()]
    return table(["labels", *streams], lines), lost


# -- lfmm's game


def late(kind, seed, n_months=36, per_month=300):
    """Return a stream of lfmm with labels two months late."""
    import pandas as pd
    from lfmm.streams.base import Stream, with_label_delay

    rng = np.random.default_rng(seed)
    month = np.repeat(np.arange(n_months), per_month)
    X = rng.normal(size=(len(month), 6))
    rules = rng.normal(size=(3, 6))
    concept = {
        "abrupt": (month >= 18).astype(int) + (month >= 27),
        "recurring": month // 6 % 2,
        "gradual": (rng.random(len(month)) < (month - 12) / 18).astype(int),
        "stationary": np.zeros(len(month), dtype=int),
    }[kind]
    score = 1.5 * np.einsum("ij,ij->i", X, rules[concept])
    y = (rng.random(len(month)) < 1 / (1 + np.exp(-score))).astype(float)
    days = (np.datetime64("2020-01", "M") + month).astype("datetime64[D]")
    moments = days + np.sort(rng.integers(0, 28, len(month)).reshape(n_months, -1)).ravel()
    moments = moments.astype("datetime64[ns]")
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(6)])
    return with_label_delay(Stream(kind, frame, y, moments, moments), np.timedelta64(60, "D"))


def games(quick):
    """Return the table of regrets, and the ratio to lfmm's best policy at each price."""
    sums, retrains = {}, {}
    kinds = ("abrupt",) if quick else ("abrupt", "recurring", "gradual", "stationary")
    for kind in kinds:
        for price, policy, n_retrains, regret in lfmm_game(late(kind, 0), "2021-01-01", PRICES):
            sums[policy, price] = sums.get((policy, price), 0) + regret
            retrains[policy, price] = retrains.get((policy, price), 0) + n_retrains
        print(kind, flush=True)
    policies = list(dict.fromkeys(policy for policy, _ in sums))
    lines = [
        [policy, *(f"{sums[policy, p]:.3f} ({retrains[policy, p]})" for p in PRICES)]
        for policy in policies
    ]
    ours = policies[-1]
    theirs = [policy for policy in policies if policy not in (ours, "oracle")]
    ratios = {p: sums[ours, p] / min(sums[policy, p] for policy in theirs) for p in PRICES}
    header = ["policy: regret (retrains)", *(f"price {p:g}" for p in PRICES)]
    return table(header, lines), ratios


# -- the page


def report(quick):
    """Yield the parts of the page."""
    yield __doc__
    n_seeds = 1 if quick else N_SEEDS
    peers = {
        n: make for n, (package, make) in DETECTORS.items() if not quick and installed(package)
    }
    yield "## Detection"
    yield detection(n_seeds, peers)
    if not quick:
        yield on_real_streams(20_000)
    yield "## Estimated accuracy"
    peers = {} if quick else usable(ESTIMATORS)
    text, moved = estimates(n_seeds, peers)
    yield text
    error = min(moved["ExpectedPerformance"], moved["the same, with X"])
    yield f"Within 1.5 points where inputs move: {error:.2f}: {verdict(error <= 1.5)}."
    if "NannyML, CBPE" in moved:
        difference = moved["ExpectedPerformance"] - moved["NannyML, CBPE"]
        yield f"No worse than NannyML: {difference:+.2f} points: {verdict(difference <= 0)}."
    yield "## Labels asked for"
    text, lost = labelling(n_seeds)
    yield text
    told = verdict(lost <= 0.5)
    yield f"Where inputs move, 20 % of the labels lose {lost:.2f} points (target 0.5): {told}."
    if not quick and installed("lfmm"):
        yield "## Retrain or not"
        text, ratios = games(quick)
        yield text
        told = ", ".join(f"{ratio:.2f} at {price:g}" for price, ratio in ratios.items())
        yield (
            f"Regret over that of lfmm's best policy at each price: {told} (target 0.7): "
            f"{verdict(max(ratios.values()) <= 0.7)}."
        )


def main():
    args = parse_args("What can be told before labels come?", "label_free.md")
    use_one_thread()
    warnings.simplefilter("ignore")  # of other libraries, on every chunk
    logging.disable(logging.INFO)  # one of them lets every event of a retrainer be printed
    write_report(args.out, "Before labels come", report(args.quick))


if __name__ == "__main__":
    main()
