"""A retrainer for each of thousands of segments: what a day costs, and what is reported.

Each segment gets 20 rows with 8 features a day, which `SegmentedRetrainer` over
``DriftAwareRetrainer(SGDClassifier())`` predicts and learns in one call, as an array. Memory holds
the last 500 rows of a segment. The concept of each segment is its own; it stays, but for one
segment in a hundred, where it turns around at half of the days, and for all of them in the last
tenth of the days, where the labels of a third of the rows are wrong.

The bare loops group the rows in the same way, and have a model of the same kind for each segment:
one predicts and updates it by ``partial_fit``; one predicts and fits it anew on the remembered
rows, once a day. Seconds are of the processor.
"""

import pickle
import time
from collections import deque
from importlib.util import find_spec

import numpy as np
from _common import parse_args, table, use_one_thread, verdict, write_report
from sklearn.linear_model import SGDClassifier

from skretrain import DriftAwareRetrainer
from skretrain.buffers import SlidingWindow
from skretrain.serving import DistributedSegments, SegmentedRetrainer

PER_DAY, N_FEATURES, ROWS = 20, 8, 500
MOST_RATIO, MOST_KILOBYTES, LEAST_SPEEDUP = 1.5, 20, 1.7
BUDGET = 0.05


class Stream:
    """Days of a fleet, made from a seed.

    Parameters
    ----------
    n_segments, n_days : int
        Segments, and days.
    changes : bool
        Whether concepts change.
    """

    def __init__(self, n_segments, n_days, *, changes=True):
        self.n_segments, self.n_days, self.changes = n_segments, n_days, changes
        self.coef = np.random.default_rng(0).normal(size=(n_segments, N_FEATURES))
        self.moved = np.arange(n_segments) % 100 == 0
        self.half, self.end = n_days // 2, n_days - max(n_days // 10, 1)

    def day(self, number):
        """Return the rows of a day, the segment first, and labels."""
        rng = np.random.default_rng([number, 1])
        segment = rng.permutation(np.repeat(np.arange(self.n_segments), PER_DAY))
        X = rng.normal(size=(len(segment), N_FEATURES))
        value = (X * self.coef[segment]).sum(axis=1)
        if self.changes and number >= self.half:
            value = np.where(self.moved[segment], -value, value)
        y = value > 0
        wrong = rng.random(len(y)) < (1 / 3 if self.changes and number >= self.end else 0.05)
        return np.column_stack([segment, X]), (y ^ wrong).astype(int)

    def days(self):
        """Yield the days, from 0."""
        return map(self.day, range(self.n_days))


def base():
    return SGDClassifier(random_state=0)


def fleet(**params):
    retrainer = DriftAwareRetrainer(base(), buffer=SlidingWindow(max_rows=ROWS))
    return SegmentedRetrainer(retrainer, by=0, **params)


# -- a day -----------------------------------------------------------------------------------------


def ours(stream, **params):
    """Return the fleet after all days, the errors it made and the seconds of each day."""
    model, seconds, errors = fleet(**params), [], 0
    for number, (X, y) in enumerate(stream.days()):
        start = time.process_time()
        if number:
            errors += int((model.predict(X) != y).sum())
        model.partial_fit(X, y)
        seconds.append(time.process_time() - start)
    return model, errors, np.array(seconds)


def bare(stream, *, refits):
    """Return the errors and the seconds of each day of the loop by hand."""
    models, memory, seconds, errors = {}, {}, [], 0
    for X, y in stream.days():
        start = time.process_time()
        order = np.argsort(X[:, 0], kind="stable")
        names, begins = np.unique(X[order, 0], return_index=True)
        for name, part in zip(names.tolist(), np.split(order, begins[1:]), strict=True):
            rows, labels = X[part, 1:], y[part]
            if name in models:
                errors += int((models[name].predict(rows) != labels).sum())
            else:
                models[name], memory[name] = base(), deque(maxlen=ROWS // PER_DAY)
            if not refits:
                models[name].partial_fit(rows, labels, classes=[0, 1])
                continue
            memory[name].append((rows, labels))
            models[name].fit(*map(np.concatenate, zip(*memory[name], strict=True)))
        seconds.append(time.process_time() - start)
    return errors, np.array(seconds)


def days_section(stream):
    """Return the fleet, and the section on what a day costs."""
    model, errors, seconds = ours(stream)
    _, budget_errors, budgeted = ours(stream, growth_budget=BUDGET)
    _, alone_errors, alone = ours(stream, fallback=None)
    loops = {
        "predict, `partial_fit`": bare(stream, refits=False),
        f"predict, fit on the last {ROWS} rows": bare(stream, refits=True),
    }
    lines = [
        ["a fleet", seconds, errors],
        [f"with `growth_budget={BUDGET}`", budgeted, budget_errors],
        ["with `fallback=None`", alone, alone_errors],
        *([f"by hand: {name}", both[1], both[0]] for name, both in loops.items()),
    ]
    n_rows = stream.n_segments * PER_DAY * (stream.n_days - 1)
    per_segment = 1e3 / stream.n_segments
    rows = [
        [
            name,
            f"{s.mean():.2f}",
            f"{per_segment * s.mean():.2f}",
            f"{s[1:].max():.2f}",
            f"{wrong / n_rows:.4f}",
        ]
        for name, s, wrong in lines
    ]
    header = ["", "seconds a day", "ms a segment and day", "dearest day, seconds", "error rate"]
    ratios = [seconds.sum() / both[1].sum() for both in loops.values()]
    told = "; ".join(
        f"over that by hand, {name}: {ratio:.2f} ({verdict(ratio <= MOST_RATIO)})"
        for name, ratio in zip(loops, ratios, strict=True)
    )
    return model, [
        f"## A day of {stream.n_segments:,} segments, {stream.n_days} days",
        table(header, rows),
        f"A day of the fleet, target {MOST_RATIO}: {told}.",
    ]


# -- what they hold --------------------------------------------------------------------------------


def memory_section(model):
    """Return the section on the room that an idle segment takes."""
    names = model.segments_[:: max(len(model.segments_) // 100, 1)]
    kilobytes, rows = [], []
    for name in names:
        retrainer = model.retrainer_of(name)
        kilobytes.append(len(pickle.dumps(retrainer, pickle.HIGHEST_PROTOCOL)) / 1024)
        rows.append(len(retrainer.buffer_) * 8 * (N_FEATURES + 1) / 1024)
    over = np.mean(kilobytes) - np.mean(rows)
    return [
        "## An idle segment",
        f"In wait, in memory or in the file, a segment takes {np.mean(kilobytes):.1f} KB, of which "
        f"{np.mean(rows):.1f} are the rows and targets that it remembers; {over:.1f} beside them, "
        f"target {MOST_KILOBYTES}: {verdict(over <= MOST_KILOBYTES)}.",
    ]


# -- what is reported ------------------------------------------------------------------------------


def alarms_section(model, stream):
    """Return the section on alarms, of the fleet that changed and of one that does not."""
    still, _, _ = ours(Stream(stream.n_segments, stream.n_days, changes=False))
    rows = []
    for name, one, known in (("changes", model, stream.moved), ("stationary", still, None)):
        log = [event for event in one.events_ if event.action in ("drifted", "common")]
        last = stream.end + 1 if known is not None else stream.n_days + 1
        drifted = [event for event in log if event.action == "drifted" and event.batch < last]
        common = [event for event in log if event.action == "common"]
        true = [e for e in drifted if known is not None and known[int(e.segment)]]
        true = [event for event in true if event.batch > stream.half]
        delays = [event.batch - stream.half for event in true]
        own = {e.segment for e in one.events_ if e.state == "drift" and e.action == "retrained"}
        rows.append(
            [
                name,
                f"{len({e.segment for e in true})} of {0 if known is None else int(known.sum())}",
                f"{np.median(delays):.0f}" if delays else "",
                len({event.segment for event in drifted} - {event.segment for event in true}),
                ", ".join(str(event.batch - 1) for event in common) or "none",
                len(own - {None}),
            ]
        )
    header = ["", "reported, of those that turned", "days until then, median"]
    header += ["others reported", "days of common alarms", "retrained after an alarm of their own"]
    return [
        "## What is reported",
        f"Those that turn do so on day {stream.half}, and all segments become worse on day "
        f"{stream.end}; reports of segments are counted up to there.",
        table(header, rows),
    ]


# -- many processes --------------------------------------------------------------------------------


def dask_section(n_segments, n_days):
    """Return the section on segments at the workers of a cluster, of one process and of two."""
    if find_spec("distributed") is None:
        return ["## On two processes", "Not measured: dask is not installed here."]
    from distributed import Client, LocalCluster

    stream, seconds = Stream(n_segments, n_days), []
    for n_workers in (1, 2):
        options = {"n_workers": n_workers, "threads_per_worker": 1, "dashboard_address": None}
        with LocalCluster(**options) as cluster, Client(cluster) as client:
            client.run(use_one_thread)
            model = fleet().partial_fit(*stream.day(0))
            away, spent = DistributedSegments(model, client), 0.0
            for number in range(1, n_days):
                X, y = stream.day(number)
                begin = time.perf_counter()
                away.predict(X)
                away.partial_fit(X, y)
                spent += time.perf_counter() - begin
            seconds.append(spent)
    speedup = seconds[0] / seconds[1]
    return [
        "## On two processes",
        f"{n_segments:,} segments at the workers of dask's `LocalCluster`, {n_days} days, beside "
        f"whatever else the machine did: {seconds[0]:.1f} seconds of wall time with one process, "
        f"{seconds[1]:.1f} with two: {speedup:.2f} times as fast, target {LEAST_SPEEDUP}: "
        f"{verdict(speedup >= LEAST_SPEEDUP)}.",
    ]


# -- how it grows ----------------------------------------------------------------------------------


def growth_section(sizes, n_days):
    """Return the section on the cost by the number of segments."""
    rows = []
    for size in sizes:
        _, _, seconds = ours(Stream(size, n_days))
        rows.append([f"{size:,}", f"{seconds[1:].mean():.2f}"])
        rows[-1].append(f"{1e3 * seconds[1:].mean() / size:.2f}")
    header = ["segments", "seconds a day", "ms a segment and day"]
    return [f"## As segments grow, {n_days} days", table(header, rows)]


def add_arguments(parser):
    parser.add_argument("--segments", type=int, default=5000)
    parser.add_argument("--days", type=int, default=365)


def main():
    args = parse_args(__doc__.splitlines()[0], "fleet.md", add_arguments)
    use_one_thread()
    n_segments, n_days = (60, 20) if args.quick else (args.segments, args.days)
    stream = Stream(n_segments, n_days)
    model, days = days_section(stream)
    sizes = (20, 60) if args.quick else (100, 1000, 5000)
    parts = [
        __doc__,
        *days,
        *memory_section(model),
        *alarms_section(model, stream),
        *dask_section(*((40, 3) if args.quick else (1000, 20))),
        *growth_section(sizes, 5 if args.quick else 10),
    ]
    write_report(args.out, "A fleet of retrainers", parts)


if __name__ == "__main__":
    main()
