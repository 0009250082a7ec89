"""A retrainer for each of thousands of segments: what a day costs, and what is reported.

Each segment gets 20 rows with 8 features a day, which `SegmentedRetrainer` over
``DriftAwareRetrainer(SGDClassifier())`` predicts and learns, as an array. Memory holds the last 500
rows of a segment. The concept of each segment is its own; it stays, but for one segment in a
hundred, where it turns around at half of the days, and for all of them in the last tenth of the
days, where the labels of a third of the rows are wrong.

The loops by hand group the rows in the same way, and have a model of the same kind for each
segment: one predicts and updates it by ``partial_fit``; one predicts and fits it anew on the
remembered rows, once a day. They run side by side with the fleet, day by day, on a tenth of its
segments; what a segment and day costs is compared. Seconds are of the processor.
"""

import pickle
import time
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from multiprocessing import get_context

import numpy as np
from _common import parse_args, table, use_one_thread, verdict, write_report
from sklearn.linear_model import SGDClassifier

from skretrain import DriftAwareRetrainer
from skretrain.buffers import SlidingWindow
from skretrain.serving import DistributedSegments, SegmentedRetrainer, on_event

PER_DAY, N_FEATURES, ROWS = 20, 8, 500
MOST_RATIO, MOST_KILOBYTES, LEAST_SPEEDUP = 1.5, 20, 1.7
BUDGET, SHARE = 0.05, 10  # by hand, one segment in ten


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


class Ours:
    """A fleet that serves and learns day by day.

    Parameters
    ----------
    params : dict
        Of the SegmentedRetrainer.
    """

    def __init__(self, **params):
        self.model, self.is_first, self.reports = fleet(**params), True, []

    def day(self, X, y):
        """Serve and learn a day, and return how many rows were wrong."""
        errors = 0 if self.is_first else int((self.model.predict(X) != y).sum())
        self.model.partial_fit(X, y)
        if self.is_first:  # the log keeps the newest 10,000 retrains: of a large fleet, some weeks
            on_event(self.model, self.reports.append)
        self.is_first = False
        return errors


class ByHand:
    """A loop without a fleet: see the head of the file.

    Parameters
    ----------
    refits : bool
        Whether a model is fitted anew each day, instead of updated.
    """

    def __init__(self, *, refits):
        self.refits, self.models, self.memory = refits, {}, {}

    def day(self, X, y):
        """Serve and learn a day, and return how many rows were wrong."""
        order, errors = np.argsort(X[:, 0], kind="stable"), 0
        names, begins = np.unique(X[order, 0], return_index=True)
        for name, part in zip(names.tolist(), np.split(order, begins[1:]), strict=True):
            rows, labels = X[part, 1:], y[part]
            if name in self.models:
                errors += int((self.models[name].predict(rows) != labels).sum())
            else:
                self.models[name], self.memory[name] = base(), deque(maxlen=ROWS // PER_DAY)
            self._learn(name, rows, labels)
        return errors

    def _learn(self, name, rows, labels):
        if not self.refits:
            self.models[name].partial_fit(rows, labels, classes=[0, 1])
            return
        self.memory[name].append((rows, labels))
        self.models[name].fit(*map(np.concatenate, zip(*self.memory[name], strict=True)))


class Run:
    """What one of them took, day by day, on the first of the segments.

    Parameters
    ----------
    learner : Ours or ByHand
        Which learns.
    n_segments : int
        How many segments it gets.
    """

    def __init__(self, learner, n_segments):
        self.learner, self.n_segments = learner, n_segments
        self.seconds, self.errors = [], 0

    def day(self, X, y):
        """Go on with a day of all segments."""
        if self.n_segments <= X[:, 0].max():
            mine = X[:, 0] < self.n_segments
            X, y = X[mine], y[mine]
        start = time.process_time()
        self.errors += self.learner.day(X, y)
        self.seconds.append(time.process_time() - start)

    @property
    def milliseconds(self):
        """Of a segment and day, one for each day."""
        return 1e3 * np.array(self.seconds) / self.n_segments

    def told(self, name):
        """Return its line of the table."""
        n_rows = self.n_segments * PER_DAY * (len(self.seconds) - 1)
        ms = self.milliseconds
        late = ms[len(ms) // 2 :].mean()
        return [
            name,
            f"{self.n_segments:,}",
            *(f"{one:.2f}" for one in (ms.mean(), late, ms[1:].max())),
            f"{self.errors / n_rows:.4f}",
        ]


def run(stream, *runs):
    """Let several go through a stream side by side."""
    for number, (X, y) in enumerate(stream.days()):
        for one in runs:
            one.day(X, y)
        if number % 10 == 9:
            print(f"day {number + 1} of {stream.n_days}", flush=True)


def days_section(stream):
    """Return the section on what a day costs."""
    n, share = stream.n_segments, max(stream.n_segments // SHARE, 1)
    ours = Run(Ours(), n)
    updates, refits = (Run(ByHand(refits=refits), share) for refits in (False, True))
    run(stream, ours, updates, refits)
    names = ("predict, `partial_fit`", f"predict, fit on the last {ROWS} rows")
    lines = [
        ours.told("a fleet"),
        updates.told(f"by hand: {names[0]}"),
        refits.told(f"by hand: {names[1]}"),
    ]
    ratios = [ours.milliseconds.mean() / one.milliseconds.mean() for one in (updates, refits)]
    told = "; ".join(
        f"over that by hand, {name}: {ratio:.2f} ({verdict(ratio <= MOST_RATIO)})"
        for name, ratio in zip(names, ratios, strict=True)
    )
    return [
        f"## A day of {n:,} segments, {stream.n_days} days",
        table(_HEADER, lines),
        f"A day of the fleet took {np.mean(ours.seconds):.1f} seconds, the dearest one "
        f"{max(ours.seconds[1:]):.1f}. Target {MOST_RATIO}: {told}.",
    ]


_HEADER = ["", "segments", "ms a segment and day", "in the second half", "on the dearest day"]
_HEADER.append("error rate")


def variants_section(stream):
    """Return the section on fleets with other parameters."""
    params = {"as it is": {}, f"`growth_budget={BUDGET}`": {"growth_budget": BUDGET}}
    params["`fallback=None`"] = {"fallback": None}
    runs = {name: Run(Ours(**given), stream.n_segments) for name, given in params.items()}
    run(stream, *runs.values())
    return [
        f"## {stream.n_days} days of {stream.n_segments:,} segments",
        table(_HEADER, [one.told(name) for name, one in runs.items()]),
    ]


# -- what they hold --------------------------------------------------------------------------------


def memory_section(n_days):
    """Return the section on the room that an idle segment takes, in the last week of so many days.

    Rows that are forgotten stay until a quarter of the memory is: a week has all there is of it.
    """
    stream, model, takes, rows = Stream(20, n_days, changes=False), fleet(), [], []
    for number, (X, y) in enumerate(stream.days()):
        model.partial_fit(X, y)
        for name in model.segments_ if number >= n_days - 7 else ():
            retrainer = model.retrainer_of(name)
            takes.append(len(pickle.dumps(retrainer, pickle.HIGHEST_PROTOCOL)) / 1024)
            rows.append(len(retrainer.buffer_) * 8 * (N_FEATURES + 1) / 1024)
    over = np.mean(takes) - np.mean(rows)
    return [
        "## An idle segment",
        f"In the last week of {n_days} days, a segment in wait, in memory or in the file, takes "
        f"{np.mean(takes):.1f} KB ({min(takes):.1f} to {max(takes):.1f}), of which "
        f"{np.mean(rows):.1f} are the rows and targets that it remembers; {over:.1f} beside them, "
        f"target {MOST_KILOBYTES}: {verdict(over <= MOST_KILOBYTES)}.",
    ]


# -- what is reported ------------------------------------------------------------------------------


def alarms_section(stream, still):
    """Return the section on alarms, of a fleet that changes and of one that does not."""
    rows = []
    for name, days, known in (("changes", stream, stream.moved), ("stationary", still, None)):
        ours = Ours()
        run(days, Run(ours, days.n_segments))
        log = [event for event in ours.reports if event.action in ("drifted", "common")]
        last = stream.end + 1 if known is not None else stream.n_days + 1
        drifted = [event for event in log if event.action == "drifted" and event.batch < last]
        common = [event for event in log if event.action == "common"]
        true = [e for e in drifted if known is not None and known[int(e.segment)]]
        true = [event for event in true if event.batch > stream.half]
        delays = [event.batch - 1 - stream.half for event in true]
        own = {e.segment for e in ours.reports if e.state == "drift" and e.action == "retrained"}
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
    header = ["", "reported, of those that turned", "days later, median"]
    header += ["others reported", "days of common alarms", "retrained after an alarm of their own"]
    return [
        "## What is reported",
        f"{stream.n_segments:,} segments, {stream.n_days} days. Those that turn do so on day "
        f"{stream.half}, and all segments become worse on day {stream.end}; reports of segments "
        "are counted up to there. Days are numbered from 0.",
        table(header, rows),
    ]


# -- many processes --------------------------------------------------------------------------------


def dask_section(n_segments, n_days, n_times):
    """Return the section on segments at the workers of a cluster, of one process and of two."""
    if find_spec("distributed") is None:
        return ["## On two processes", "Not measured: dask is not installed here."]
    stream, rows = Stream(n_segments, n_days), []
    for _ in range(n_times):
        one, two = at_workers(stream, 1), at_workers(stream, 2)
        rows.append((one, two, one / two, most_of_two(n_segments // 2, n_days)))
    speedup = np.median([row[2] for row in rows])
    header = ["one process, s", "two processes, s", "times as fast", "two fleets apart"]
    return [
        "## On two processes",
        f"{n_segments:,} segments at the workers of dask's `LocalCluster`, {n_days} days: wall "
        f"time with one process and with two. In the median {speedup:.2f} times as fast, target "
        f"{LEAST_SPEEDUP}: {verdict(speedup >= LEAST_SPEEDUP)}. Beside it, how many times as fast "
        "as one after the other two fleets of half the size are done, in two processes that know "
        "nothing of each other. Wall time is that of whatever else the machine does, too.",
        table(
            header,
            [[f"{row[0]:.1f}", f"{row[1]:.1f}", *map("{:.2f}".format, row[2:])] for row in rows],
        ),
    ]


def at_workers(stream, n_workers):
    """Return the seconds of wall time that a fleet at so many workers takes."""
    from distributed import Client, LocalCluster

    options = {"n_workers": n_workers, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**options) as cluster, Client(cluster) as client:
        client.run(use_one_thread)
        away, spent = DistributedSegments(fleet().partial_fit(*stream.day(0)), client), 0.0
        for number in range(1, stream.n_days):
            X, y = stream.day(number)
            begin = time.perf_counter()
            away.predict(X)
            away.partial_fit(X, y)
            spent += time.perf_counter() - begin
    return spent


def most_of_two(n_segments, n_days):
    """Return how many times as fast two processes are as one where nothing is shared."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(alone, [10, 10], [2, 2]))  # the processes start
        begin = time.perf_counter()
        pool.submit(alone, n_segments, n_days).result()
        middle = time.perf_counter()
        list(pool.map(alone, [n_segments] * 2, [n_days] * 2))
        return 2 * (middle - begin) / (time.perf_counter() - middle)


def alone(n_segments, n_days):
    """Let a fleet go through its days."""
    use_one_thread()
    run(Stream(n_segments, n_days), Run(Ours(), n_segments))


# -- the page --------------------------------------------------------------------------------------


def add_arguments(parser):
    parser.add_argument("--segments", type=int, default=5000)
    parser.add_argument("--days", type=int, default=365)


def main():
    args = parse_args(__doc__, "fleet.md", add_arguments)
    use_one_thread()
    n_segments, n_days = (60, 20) if args.quick else (args.segments, args.days)
    stream, few, short = Stream(n_segments, n_days), max(n_segments // 5, 20), min(n_days, 60)
    days = days_section(stream)
    sections = [
        lambda: [*days, *memory_section(n_days)],
        lambda: alarms_section(Stream(few, short), Stream(few, short, changes=False)),
        lambda: variants_section(Stream(few // 2, short)),
        lambda: dask_section(*((40, 3, 1) if args.quick else (1000, 10, 4))),
    ]
    parts = [__doc__]
    for section in sections:
        parts += section()
        print("\n\n".join(parts[1:]), flush=True)  # a run takes more than an hour
    write_report(args.out, "A fleet of retrainers", parts)


if __name__ == "__main__":
    main()
