"""What a stream longer than the memory takes: rows per second and memory, from Parquet.

A file of rows with 10 features is written to a temporary folder; its concept, linear with noise,
changes abruptly where each tenth of it begins. Each estimator reads it by `iter_parquet` in batches
of 1,000 rows and learns them by `partial_fit`, in a process of its own. The bare loop is that of
the estimator that the retrainer wraps; a retrainer predicts each batch before it learns it, and so
does the second loop. Seconds are of the processor, reading included. Memory is the largest resident
set in a tenth of the run: that in the last tenth over that in the second; and so for the seconds.

River and Vowpal Wabbit learn row by row, from rows in memory, so that reading is not counted.
"""

import os
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from _common import parse_args, table, use_one_thread, verdict, write_report
from sklearn.linear_model import SGDClassifier

from skretrain import DriftAwareRetrainer, make_mixture
from skretrain.datasets import iter_parquet
from skretrain.linear_model import RecursiveRidgeClassifier
from skretrain.model_selection import prequential_validate

N_FEATURES, BATCH, GROUP = 10, 1_000, 250_000
ROWS, QUICK_ROWS, PEER_ROWS = 10_000_000, 20_000, 100_000
MOST_MEMORY, MOST_TIME, LEAST_RATE = 1.05, 1.1, 0.8


def write_stream(path, n_rows):
    """Write the file, group by group, and return what the peers get of it."""
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    rng = np.random.default_rng(0)
    coef, first = rng.normal(size=(10, N_FEATURES)), None
    names = [f"x{n}" for n in range(N_FEATURES)]
    schema = pyarrow.schema([(n, pyarrow.float64()) for n in names] + [("y", pyarrow.int64())])
    with ParquetWriter(path, schema) as writer:
        for start in range(0, n_rows, GROUP):
            size = min(GROUP, n_rows - start)
            X, tenth = rng.normal(size=(size, N_FEATURES)), 10 * np.arange(start, start + size)
            y = ((X * coef[tenth // n_rows]).sum(axis=1) + rng.normal(size=size) > 0).astype(int)
            columns = {name: X[:, n] for n, name in enumerate(names)}
            writer.write_table(pyarrow.table(columns | {"y": y}, schema=schema))
            first = (X[:PEER_ROWS], y[:PEER_ROWS]) if first is None else first
    return first


# -- who reads it


def bare(path, meter, *, predicts):
    """Read the file by hand."""
    model = SGDClassifier(random_state=0)
    for number, (X, y) in enumerate(_batches(path)):
        if predicts and number:
            model.predict(X)
        model.partial_fit(X, y, classes=[0, 1])
        meter.after(len(y))


def ours(path, meter, *, make):
    """Read it as one does with an estimator of skretrain."""
    model, n_fits = make(), 0
    for number, (X, y) in enumerate(_batches(path)):
        if number:
            model.partial_fit(X, y)
        else:
            model.fit(X, y)
        before = n_fits
        if isinstance(model, DriftAwareRetrainer):
            n_fits = model.events_.totals["fits"]
        meter.after(len(y), has_refitted=n_fits > before)


def evaluated(path, meter):
    """Evaluate the default retrainer on it."""

    def batches():
        for X, y in _batches(path):
            yield X, y
            meter.after(len(y))

    prequential_validate(_retrainer(), batches(), initial_size=BATCH)


def reading(path, meter):
    """Read it, and do nothing."""
    for _, y in _batches(path):
        meter.after(len(y))


def _batches(path):
    return iter_parquet(path, target="y", batch_size=BATCH)


def _retrainer():
    return DriftAwareRetrainer(SGDClassifier(random_state=0), random_state=0)


RUNS = {
    "reading alone": reading,
    "bare `partial_fit`": partial(bare, predicts=False),
    "bare `predict` and `partial_fit`": partial(bare, predicts=True),
    "`DriftAwareRetrainer(SGDClassifier())`": partial(ours, make=_retrainer),
    "`RecursiveRidgeClassifier()`": partial(ours, make=RecursiveRidgeClassifier),
    "`make_mixture()`": partial(ours, make=partial(make_mixture, random_state=0)),
    "`prequential_validate` of the retrainer": evaluated,
}
BARE, EVALUATED = list(RUNS)[1], list(RUNS)[-1]
OURS = list(RUNS)[3:6]


class Meter:
    """Processor seconds, and the largest resident set, in each tenth of a run."""

    def __init__(self, n_rows):
        self.n_rows, self.done = n_rows, 0
        self.n_refits, self.refit_seconds = 0, 0.0
        self.seconds, self.memory = np.zeros(10), np.zeros(10)
        self.last = time.process_time()

    def after(self, n_new, *, has_refitted=False):
        """Note that so many rows more are done, and whether models were fitted anew on the way."""
        tenth = min(10 * self.done // self.n_rows, 9)
        self.done += n_new
        now = time.process_time()
        self.seconds[tenth] += now - self.last
        self.memory[tenth] = max(self.memory[tenth], resident())
        if has_refitted:
            self.n_refits, self.refit_seconds = (
                self.n_refits + 1,
                self.refit_seconds + now - self.last,
            )
        self.last = now


def resident():
    """Return the bytes of this process that are in memory."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def measure(name, path, n_rows):
    """Return the Meter of a run; runs in a process of its own."""
    use_one_thread()
    meter = Meter(n_rows)
    RUNS[name](path, meter)
    return meter


def in_a_process(task, *args):
    """Return what a function returns in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(task, *args).result()


# -- row by row


def peer(name, rows):
    """Return the rows per second of another library, or why there are none."""
    with np.load(rows) as data:
        X, y = data["X"], data["y"]
    names = [f"x{n}" for n in range(X.shape[1])]
    if find_spec(name) is None:
        return f"{name} is not installed"
    begin = time.process_time()
    (_river if name == "river" else _vowpal_wabbit)(X, y, names)
    return len(y) / (time.process_time() - begin)


def _river(X, y, names):
    from river.linear_model import LogisticRegression

    model = LogisticRegression()
    for values, label in zip(X.tolist(), y.tolist(), strict=True):
        row = dict(zip(names, values, strict=True))
        model.predict_one(row)
        model.learn_one(row, label)


def _vowpal_wabbit(X, y, names):
    from vowpalwabbit import Workspace

    model = Workspace("--loss_function logistic --quiet")
    for values, label in zip(X.tolist(), y.tolist(), strict=True):
        text = " ".join(f"{name}:{value:.6g}" for name, value in zip(names, values, strict=True))
        model.predict(f"| {text}")
        model.learn(f"{2 * label - 1} | {text}")
    model.finish()


# -- the page


def main():
    args = parse_args(__doc__, "scale.md", _add_arguments)
    if args.peer:
        print(peer(*args.peer))
        return
    n_rows = args.rows or (QUICK_ROWS if args.quick else ROWS)
    with TemporaryDirectory(dir=args.folder) as folder:
        path, rows = Path(folder) / "stream.parquet", Path(folder) / "rows.npz"
        X, y = write_stream(path, n_rows)
        np.savez(rows, X=X, y=y)
        print(f"{n_rows:,} rows, {path.stat().st_size / 1e6:,.0f} MB")
        runs = {}
        for name in RUNS:
            runs[name] = in_a_process(measure, name, path, n_rows)
            print(f"{name}: {runs[name].seconds.sum():.1f} CPU seconds")
        peers = {name: _asked(args.python, name, rows) for name in ("river", "vowpalwabbit")}
    parts = [__doc__, f"## {n_rows:,} rows", _runs_table(runs, n_rows), _verdicts(runs)]
    parts += [
        _refits(runs[OURS[0]]),
        _memory_of_predictions(runs[EVALUATED]),
        "## Row by row",
        _peers_table(runs, peers),
    ]
    write_report(args.out, "Streams longer than the memory", parts)


def _add_arguments(parser):
    parser.add_argument("--rows", type=int, metavar="N", help=f"rows of the file ({ROWS:,})")
    parser.add_argument(
        "--folder", metavar="DIR", help="where the file is written, 90 MB a million"
    )
    parser.add_argument(
        "--python",
        default=sys.executable,
        metavar="PATH",
        help="interpreter that has vowpalwabbit, as that of .venv-peers",
    )
    parser.add_argument("--peer", nargs=2, help="the inside of that: a library, and rows")


def _asked(python, name, rows):
    """Return the rows per second of another library, in its interpreter, or why there are none."""
    command = [python, __file__, "--quick", "--peer", name, str(rows)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return float(said) if said.replace(".", "").isdigit() else said


def _runs_table(runs, n_rows):
    rate = {name: n_rows / meter.seconds.sum() for name, meter in runs.items()}
    lines = []
    for name, meter in runs.items():
        lines.append(
            [
                name,
                f"{meter.seconds.sum():,.0f}",
                f"{rate[name]:,.0f}",
                f"{rate[name] / rate[BARE]:.2f}",
                f"{_last_over_second(meter.seconds):.3f}",
                f"{meter.memory.max() / 1e6:,.0f}",
                f"{_last_over_second(meter.memory):.3f}",
            ]
        )
    header = ["", "CPU seconds", "rows per second", "over bare", "seconds, last over second tenth"]
    return table([*header, "most MB", "memory, last over second tenth"], lines)


def _last_over_second(values):
    return values[-1] / values[1]


def _verdicts(runs):
    lines = []
    for name in OURS:
        meter = runs[name]
        memory, seconds = map(_last_over_second, (meter.memory, meter.seconds))
        share = runs[BARE].seconds.sum() / meter.seconds.sum()
        lines.append(
            [
                name,
                f"{memory:.3f} {verdict(memory <= MOST_MEMORY)}",
                f"{seconds:.3f} {verdict(seconds <= MOST_TIME)}",
                f"{share:.2f} {verdict(share >= LEAST_RATE)}",
            ]
        )
    return table(
        [
            *("target", f"memory flat, <= {MOST_MEMORY}", f"seconds per row flat, <= {MOST_TIME}"),
            f"rows per second over bare, >= {LEAST_RATE}",
        ],
        lines,
    )


def _refits(meter):
    seconds, n_others = meter.seconds.sum(), meter.n_rows - BATCH * meter.n_refits
    rate = n_others / (seconds - meter.refit_seconds) if n_others else 0
    return (
        f"The retrainer compared refits in {meter.n_refits} batches, for the ten drifts and as the "
        f"rows since grew, in {meter.refit_seconds:.1f} of its {seconds:.1f} seconds; in all "
        f"others it did {rate:,.0f} rows per second."
    )


def _memory_of_predictions(meter):
    grown = (meter.memory[-1] - meter.memory[1]) / (0.8 * meter.n_rows)
    return (
        "An evaluation keeps what was predicted, the truth and which rows these are, "
        f"{grown:.0f} bytes a row here; a retrainer keeps nothing but its buffer."
    )


def _peers_table(runs, peers):
    n_rows = runs[BARE].n_rows
    ours = [(name, n_rows / runs[name].seconds.sum()) for name in (BARE, *OURS)]
    names = {"river": "river, `LogisticRegression`", "vowpalwabbit": "Vowpal Wabbit, logistic"}
    theirs = [(names[name], rate) for name, rate in peers.items()]
    lines = [
        [name, rate if isinstance(rate, str) else f"{rate:,.0f}"] for name, rate in [*ours, *theirs]
    ]
    return table(["", "rows per second"], lines)


if __name__ == "__main__":
    main()
