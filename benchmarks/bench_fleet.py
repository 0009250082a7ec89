"""A fleet: what a day of many segments costs beside bare fits, in one process and on two.

Two baselines stand beside the fleet, both of rows that are grouped already: the base's own
``partial_fit`` of each segment and day, and a bare refit of each segment on the rows that it
remembers. The target of 1.5 is held against each, and the report says so. The stream is stationary
at first, so that every alarm is false; then a twentieth of the segments moves.
"""

import pickle
import time
from collections import deque

import numpy as np
from _common import parse_args, table, use_one_thread, verdict, write_report
from sklearn.linear_model import SGDClassifier

from skretrain import DriftAwareRetrainer
from skretrain.serving import DistributedSegments, SegmentedRetrainer

MOST_RATIO, MOST_KB, LEAST_SPEEDUP = 1.5, 20, 1.7
N_ROWS, N_FEATURES, KEPT = 20, 5, 1000


def base():
    return SGDClassifier(loss="log_loss", random_state=0)


def fleet(**params):
    return SegmentedRetrainer(DriftAwareRetrainer(base()), by=0, **params)


def day(number, n_segments, moved=0):
    """Return the rows of a day, segment after segment, with the segment in the first column."""
    rng = np.random.default_rng(number)
    segment = np.repeat(np.arange(n_segments), N_ROWS)
    X = rng.normal(size=(len(segment), N_FEATURES))
    sign = np.where(segment < moved, -1, 1)
    y = (sign * (X[:, 0] + X[:, 1]) + rng.normal(size=len(X)) > 0).astype(int)
    return np.column_stack([segment, X]), y


def seconds(call, *args):
    begin = time.process_time()
    call(*args)
    return time.process_time() - begin


def bare_updates(models, X, y):
    for model, part in zip(models, parts(len(models)), strict=True):
        model.partial_fit(X[part, 1:], y[part], classes=[0, 1])


def bare_refits(memories, X, y):
    for memory, part in zip(memories, parts(len(memories)), strict=True):
        memory.append((X[part, 1:], y[part]))
        base().fit(*(np.concatenate(rows) for rows in zip(*memory, strict=True)))


def parts(n_segments):
    return [slice(k * N_ROWS, (k + 1) * N_ROWS) for k in range(n_segments)]


def measured(n_segments, n_days, **params):
    """Return CPU seconds per day of the fleet, of updates and of refits, and the fleet."""
    model, spent = fleet(**params), []
    models = [base() for _ in range(n_segments)]
    memories = [deque(maxlen=KEPT // N_ROWS) for _ in range(n_segments)]
    moves = 2 * n_days // 3
    for number in range(n_days):
        X, y = day(number, n_segments, moved=n_segments // 20 if number >= moves else 0)
        spent.append(
            (
                seconds(model.partial_fit, X, y),
                seconds(bare_updates, models, X, y),
                seconds(bare_refits, memories, X, y) if number % 10 == 9 else np.nan,
            )
        )
    return np.array(spent), model, moves + 1


def shown_costs(spent):
    ours, updates, refits = np.nanmean(spent[1:], axis=0)
    peak = np.max(spent[1:, 0])
    lines = [
        ["the fleet", f"{ours:.3f}", ""],
        ["its dearest day", f"{peak:.3f}", ""],
        ["bare `partial_fit` of each segment", f"{updates:.3f}", f"{ours / updates:.2f}"],
        ["bare refit of each on what it remembers", f"{refits:.3f}", f"{ours / refits:.2f}"],
    ]
    told = verdict(ours <= MOST_RATIO * refits)
    against = verdict(ours <= MOST_RATIO * updates)
    return [
        table(["CPU seconds per day", "seconds", "fleet over it"], lines),
        f"Fleet over bare `partial_fit` <= {MOST_RATIO}: {against}; over bare refits: {told}. "
        f"Refits are timed every tenth day, on at most {KEPT} rows per segment.",
    ]


def shown_memory(model):
    """What the pickle of a segment's retrainer holds beside its rows."""
    beside = []
    for key in model.segments_[:50]:
        retrainer = model.retrainer_of(key)
        rows = retrainer.buffer_.latest()
        beside.append(len(pickle.dumps(retrainer)) - rows.X.nbytes - rows.y.nbytes)
    size = np.mean(beside) / 1024
    met = verdict(size <= MOST_KB)
    return f"An idle segment in bytes, beside its rows: {size:.1f} KB; <= {MOST_KB}: {met}."


def shown_alarms(model, begin, n_segments):
    moved = set(range(n_segments // 20))
    drifted = [event for event in model.events_ if event.action == "drifted"]
    common = sum(event.action == "common" for event in model.events_)
    false = [e for e in drifted if e.segment not in moved or e.batch < begin]
    delays = [e.batch - begin for e in drifted if e.segment in moved and e.batch >= begin]
    delay = f"{np.median(delays):.0f} days" if delays else "none"
    return (
        f"Reported: {len(delays)} of {len(moved)} that moved, median delay {delay}; "
        f"{len(false)} false; {common} common alarms, of which none is true."
    )


def speedup(n_segments, n_days):
    """Return wall seconds per day with one worker process and with two."""
    from dask.distributed import Client, LocalCluster

    spent = []
    for n_workers in (1, 2):
        options = {"threads_per_worker": 1, "dashboard_address": None}
        with LocalCluster(n_workers=n_workers, **options) as cluster, Client(cluster) as client:
            client.wait_for_workers(n_workers)
            model = fleet().partial_fit(*day(0, n_segments))
            away, begin = DistributedSegments(model, client), time.perf_counter()
            for number in range(1, n_days + 1):
                away.partial_fit(*day(number, n_segments))
            spent.append((time.perf_counter() - begin) / n_days)
    return spent


def shown_speedup(n_segments, n_days):
    try:
        one, two = speedup(n_segments, n_days)
    except ImportError:
        return "dask is not installed: the cluster of two processes is not measured."
    return (
        f"On a dask cluster, wall seconds per day: {one:.3f} with one process, {two:.3f} with two, "
        f"{one / two:.2f} times as fast; >= {LEAST_SPEEDUP}: {verdict(one / two >= LEAST_SPEEDUP)}."
    )


def add_arguments(parser):
    parser.add_argument("--segments", type=int, default=5000)
    parser.add_argument("--days", type=int, default=365)


def main():
    args = parse_args(__doc__, "fleet.md", add_arguments)
    use_one_thread()
    n_segments, n_days = (60, 30) if args.quick else (args.segments, args.days)
    spent, model, begin = measured(n_segments, n_days)
    budgeted, _, _ = measured(n_segments, n_days, growth_budget=0.05)
    report = [
        f"{n_segments} segments, {n_days} days, {N_ROWS} rows of {N_FEATURES} features each a day.",
        *shown_costs(spent),
        f"With `growth_budget=0.05`, the dearest day takes {budgeted[1:, 0].max():.3f} seconds.",
        shown_memory(model),
        shown_alarms(model, begin, n_segments),
        shown_speedup(n_segments, min(n_days, 10)),
    ]
    write_report(args.out, "A fleet of segments", report)


if __name__ == "__main__":
    main()
