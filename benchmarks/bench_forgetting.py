"""What protects from forgetting, and what does it cost? Every method on the same streams.

Batches of 100 rows in the order of time are predicted and then learned; the first 500 rows are the
first fit. Real streams are cut after 5,000 rows. The base is SGD with log loss behind a
StandardScaler, and for fine-tuning a perceptron of 32 units.

- present: the share of right predictions, each made before its label was known.
- anchor: the share of right predictions, at the end, on rows that nobody has learned: of the
  generated streams 300 of every concept or class that has come, of the real ones every twentieth
  row, which is taken out of the stream. Where concepts contradict each other, no model can be right
  on all of them, and the anchor of the old ones is no aim.
- flips: of each 500 rows, the share that the model of 500 rows before has right and that of now
  has wrong; the mean.
- rows: how many are remembered at the end; buffers of replay have room for 5 % of the stream.

"recurring" has three concepts that come again and again, 800 rows each; "classes" has eight, of 500
rows each: two together, then one after the other; in "gradual" one concept fades into another; in
"flip" all labels are turned round half way.
"""

import time
import warnings
from typing import NamedTuple

import numpy as np
from _common import load_stream, parse_args, table, use_one_thread, verdict, write_report
from joblib import Parallel, delayed
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skretrain import DriftAwareRetrainer, ReplayPartialFit
from skretrain.buffers import Reservoir, SlidingWindow
from skretrain.drift import Periodic
from skretrain.metrics import negative_flip_rate
from skretrain.policies import AnchoredUpdate, DistillingRefit, FineTune, FullRefit, Revive

FIRST, BATCH, EVERY = 500, 100, 500
N_ROWS, N_SEEDS = 5000, 5
GENERATED = ("recurring", "classes", "gradual", "flip")
REAL = ("elec2", "gas_partial", "spam", "powersupply", "outdoor")


class Data(NamedTuple):
    """A stream, and rows that nobody learns."""

    X: np.ndarray
    y: np.ndarray
    X_anchor: np.ndarray
    y_anchor: np.ndarray


class Found(NamedTuple):
    """What one run came to."""

    present: float
    anchor: float
    flips: float
    seconds: float
    n_rows: int
    n_fits: int
    right: np.ndarray  # of each row after the first fit


# -- the streams


def data_of(name, seed):
    """Return a stream; None if it is not there."""
    if name in GENERATED:
        return generated(name, np.random.default_rng(seed))
    stream = load_stream(name)
    if stream is None:
        return None
    X, y = stream.X[:N_ROWS], stream.y[:N_ROWS]
    withheld = np.arange(len(y)) % 20 == 19
    return Data(X[~withheld], y[~withheld], X[withheld], y[withheld])


def generated(name, rng, n_rounds=4):
    """Return a stream of rows that are drawn anew from each concept, and an anchor of them all."""
    if name == "classes":
        places = rng.normal(scale=2.0, size=(8, 10))
        order = np.r_[rng.permutation(np.repeat([0, 1], 500)), np.repeat(np.arange(2, 8), 500)]
        return _drawn(rng, order, 8, lambda k, X: (X + places[k], np.full(len(X), k)))
    rules = rng.normal(size=(3, 10))
    rules[1] = -rules[0] if name == "flip" else rules[1]
    order = {
        "recurring": np.tile(np.repeat(np.arange(3), 800), n_rounds),
        "gradual": (rng.random(8000) < np.clip(np.arange(8000) / 4000 - 0.5, 0, 1)).astype(int),
        "flip": np.repeat([0, 1], 3000),
    }[name]
    return _drawn(rng, order, order.max() + 1, lambda k, X: (X, _side(rng, X, rules[k])))


def _side(rng, X, rule):
    right = X @ rule > 0
    return np.where(rng.random(len(X)) < 0.05, ~right, right).astype(int)


def _drawn(rng, order, n_concepts, of):
    X, y = np.empty((len(order), 10)), np.empty(len(order), dtype=int)
    anchors = []
    for concept in range(n_concepts):
        here = order == concept
        X[here], y[here] = of(concept, rng.normal(size=(here.sum(), 10)))
        anchors.append(of(concept, rng.normal(size=(300, 10))))
    return Data(X, y, *(np.concatenate(parts) for parts in zip(*anchors, strict=True)))


# -- the methods


def methods_for(data, seed):
    """Return the retrainers by name."""
    base = make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss", random_state=seed))
    net = make_pipeline(
        StandardScaler(), MLPClassifier((32,), learning_rate_init=0.01, random_state=seed)
    )
    room = len(data.y) // 20

    def replay(buffer):
        return ReplayPartialFit(base, buffer=buffer, random_state=seed)

    def drift_aware(policy="keep_or_refit", estimator=base, **options):
        return DriftAwareRetrainer(estimator, policy=policy, random_state=seed, **options)

    def updated(update, estimator=base):
        return drift_aware(estimator=estimator, detector=None, update=update)

    def scheduled(policy):
        return drift_aware(policy, detector=Periodic(EVERY), update=None)

    reservoir = Reservoir(room, random_state=seed)
    return {
        "partial_fit": updated("warm_start"),
        "replay, window": replay(SlidingWindow(room)),
        "replay, reservoir": replay(reservoir),
        "replay, balanced": replay(Reservoir(room, balance=True, random_state=seed)),
        "replay, decaying": replay(Reservoir(room, decay=1 / 1000, random_state=seed)),
        "replay, since drift": drift_aware(update="replay_mix"),
        "distilled, new rows": updated(DistillingRefit(on="new")),
        "anchored": updated(AnchoredUpdate()),
        "refit on all": scheduled(FullRefit("all", grow=False)),
        "distilled refit": scheduled(DistillingRefit(window="all", grow=False)),
        "refit since alarm": drift_aware("full_refit"),
        "keep or refit": drift_aware(),
        "revive": drift_aware(Revive()),
        "net: partial_fit": updated("warm_start", net),
        "net: fine-tuned": updated(FineTune(freeze=["layer0"]), net),
    }


def run(data, retrainer):
    """Return what a method found on a stream."""
    use_one_thread()
    warnings.simplefilter("ignore", ConvergenceWarning)
    classes = np.unique(np.r_[data.y, data.y_anchor])
    began = time.process_time()
    model = retrainer.partial_fit(data.X[:FIRST], data.y[:FIRST], classes=classes)
    right, flips, ahead = [], [], None
    paused = 0.0
    for start in range(FIRST, len(data.y), BATCH):
        if start % EVERY == 0:
            asked = time.process_time()
            ahead = _compared(model, data, start, ahead, flips)
            paused += time.process_time() - asked
        rows = slice(start, start + BATCH)
        right.append(model.predict(data.X[rows]) == data.y[rows])
        model.partial_fit(data.X[rows], data.y[rows])
    seconds = time.process_time() - began - paused
    right = np.concatenate(right)
    return Found(
        right.mean(),
        model.score(data.X_anchor, data.y_anchor),
        float(np.mean(flips)),
        seconds,
        len(model.buffer_),
        model.events_.totals["fits"],
        right,
    )


def _compared(model, data, start, ahead, flips):
    """Note the negative flips since the last time; return predictions for the next one."""
    now, later = (slice(start + shift, start + shift + EVERY) for shift in (0, EVERY))
    if ahead is not None:
        flips.append(negative_flip_rate(data.y[now], ahead, model.predict(data.X[now])))
    return model.predict(data.X[later]) if later.start < len(data.y) else None


# -- the page

PAIRS = {  # what each protection is compared with: the same without it
    "replay, window": "partial_fit",
    "replay, reservoir": "partial_fit",
    "replay, balanced": "partial_fit",
    "replay, decaying": "partial_fit",
    "replay, since drift": "keep or refit",
    "distilled, new rows": "partial_fit",
    "anchored": "partial_fit",
    "distilled refit": "refit on all",
    "revive": "keep or refit",
    "net: fine-tuned": "net: partial_fit",
}
NOISE = 0.05  # share of the generated labels that are turned round
HARM = 0.01


def measured(quick, n_jobs):
    """Return {stream: {method: [Found, one per seed]}}."""
    cells = [
        (name, seed)
        for name in (("classes",) if quick else (*GENERATED, *REAL))
        for seed in range(N_SEEDS if name in GENERATED and not quick else 1)
    ]
    found = {}
    for (name, _), of in zip(
        cells, Parallel(n_jobs)(delayed(_all)(*c) for c in cells), strict=True
    ):
        for method, one in of.items():
            found.setdefault(name, {}).setdefault(method, []).append(one)
    return found


def _all(name, seed):
    """Return what every method found on a stream, none where the stream is not there."""
    data = data_of(name, seed)
    found = {}
    for method, retrainer in {} if data is None else methods_for(data, seed).items():
        found[method] = run(data, retrainer)
        print(name, seed, method, *(f"{value:.3f}" for value in found[method][:4]), flush=True)
    return found


def mean(runs, field):
    """Return the mean of a number over the seeds."""
    return float(np.mean([getattr(one, field) for one in runs]))


def tables(found):
    """Yield a table per stream."""
    header = ["method", "present", "anchor", "flips", "CPU s", "rows", "fits"]
    for name, of in found.items():
        yield f"### {name}"
        yield table(
            header,
            [
                [
                    method,
                    *(f"{mean(runs, field):.3f}" for field in ("present", "anchor", "flips")),
                    f"{mean(runs, 'seconds'):.2f}",
                    *(f"{mean(runs, field):.0f}" for field in ("n_rows", "n_fits")),
                ]
                for method, runs in of.items()
            ],
        )


def check_recurring(seeds):
    """Say how much less Revive errs than the refit on the rows since an alarm that it spares."""
    excess, fits = {}, {}
    for seed in seeds:
        base = make_pipeline(StandardScaler(), LogisticRegression())
        for name, policy in {"refits": "full_refit", "revives": Revive("full_refit")}.items():
            model = DriftAwareRetrainer(base, policy=policy, random_state=seed)
            one = run(generated("recurring", np.random.default_rng(seed), n_rounds=8), model)
            excess.setdefault(name, []).append(1 - NOISE - one.present)
            fits.setdefault(name, []).append(one.n_fits)
    ratio, share = (np.sum(of["revives"]) / np.sum(of["refits"]) for of in (excess, fits))
    return (
        f"Concepts that come again, logistic regression: errors beyond the {NOISE:.0%} that nobody "
        f'can tell, of `Revive("full_refit")` over those of `FullRefit`: {ratio:.2f} (target 0.6): '
        f"{verdict(ratio <= 0.6)}; fits: {share:.2f} times as many (target 0.25): "
        f"{verdict(share <= 0.25)}. With the base above, which learns every batch and is asked by "
        "`keep_or_refit` as it grows, there is less to gain, as the tables show."
    )


def check_classes(of, n_seeds):
    """Say what replay from 5 % of the rows keeps of a model that had all rows at once."""
    joint = []
    for seed in range(n_seeds):
        data = data_of("classes", seed)
        base = methods_for(data, seed)["partial_fit"].estimator
        joint.append(base.fit(data.X, data.y).score(data.X_anchor, data.y_anchor))
    kept = {m: mean(of[m], "anchor") / np.mean(joint) for m in of if m.startswith("replay")}
    kept["partial_fit"] = mean(of["partial_fit"], "anchor") / np.mean(joint)
    listed = ", ".join(f"{method} {share:.2f}" for method, share in kept.items())
    return (
        f"Classes one after the other: of the score of one fit on all rows ({np.mean(joint):.3f}) "
        f"is kept: {listed} (target 0.9 for replay): "
        f"{verdict(max(kept['replay, reservoir'], kept['replay, balanced']) >= 0.9)}."
    )


def check_distilling(found):
    """Return how many flips a refit is spared by its teacher, and for how much score."""
    lines = []
    for name, of in found.items():
        plain, taught = of["refit on all"], of["distilled refit"]
        if not mean(plain, "flips"):
            continue  # classes that come one by one: nothing that was right turns wrong
        fewer = 1 - mean(taught, "flips") / mean(plain, "flips")
        lost = 1 - mean(taught, "present") / mean(plain, "present")
        met = verdict(fewer >= 0.3 and lost <= 0.02)
        lines.append([name, f"{100 * fewer:.0f} %", f"{100 * lost:.1f} %", met])
    return table(["stream", "fewer negative flips", "score lost", ">= 30 % for <= 2 %"], lines)


def check_harm(found):
    """Return how much a protection costs the present, beside the same without it."""
    lines = []
    for method, other in PAIRS.items():
        changes = {
            n: mean(of[method], "present") - mean(of[other], "present") for n, of in found.items()
        }
        worst = min(changes, key=changes.get)
        line = [method, other, f"{np.mean(list(changes.values())):+.3f}", f"{changes[worst]:+.3f}"]
        lines.append([*line, worst, verdict(changes[worst] >= -HARM)])
    return table(["method", "beside", "mean", "worst", "stream", "at most 0.01 lost"], lines)


def report(quick, n_jobs):
    """Yield the parts of the page."""
    yield __doc__
    found = measured(quick, n_jobs)
    yield "## Every method on every stream"
    yield from tables(found)
    yield "## What it costs the present"
    yield check_harm(found)
    yield "## Targets"
    yield check_recurring(range(1 if quick else N_SEEDS))
    yield check_classes(found["classes"], 1 if quick else N_SEEDS)
    yield "A refit on all rows every 500, with the model before as teacher and without:"
    yield check_distilling(found)


def add_arguments(parser):
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes (1)")


def main():
    args = parse_args("What protects from forgetting?", "forgetting.md", add_arguments)
    write_report(args.out, "What protects from forgetting", report(args.quick, args.jobs))


if __name__ == "__main__":
    main()
