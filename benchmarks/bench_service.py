"""A model in service: how long predictions take while it is refitted, and what its state costs.

A retrain is made in a process of its own, on a core of its own where there is one. Predictions of
one row are timed in slices, one while a refit runs and one while none does, in turn: on a machine
that others use, too, only such neighbours can be compared. The ratio is that of the 99th
percentiles of two neighbours; told are its median over all pairs and its quartiles. Where several
processes want one core, the percentile of the wall clock is their doing: beside it stand the
processor seconds of the thread that predicts.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from _common import parse_args, table, use_one_thread, verdict, write_report
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer
from skretrain.datasets import make_drifting_classification
from skretrain.drift import Periodic
from skretrain.policies import FullRefit
from skretrain.serving import BackgroundRetrainer, checkpoint_info, load, save

MOST_RATIO = 1.5
N_FEATURES = 10
N_ROWS = 10_000  # of a state
STEP_ROWS = 1000
CALLS, SWAPS, READERS = 100_000, 200, 4


def stream(n):
    X, y, _ = make_drifting_classification(
        n, n_features=N_FEATURES, drift="stationary", random_state=0
    )
    return X, y


# -- predictions while a refit runs ----------------------------------------------------------------


class SlowFit(LogisticRegression):
    """A model that is quick to ask and slow to fit, as many are: beside it, a forest is fitted."""

    def fit(self, X, y, sample_weight=None):
        RandomForestClassifier(100, random_state=0).fit(X, y)
        return super().fit(X, y, sample_weight)


def pin(core):
    """Keep this process to one core, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[core % len(cores)]})


def latencies(n_pairs, n_calls):
    """Return wall and processor seconds of each prediction, idle and busy, by pair."""
    X, y = stream(4000 + 20 * n_pairs)
    model = DriftAwareRetrainer(
        SlowFit(),
        detector=Periodic(1),
        policy=FullRefit("all", grow=False),
        update=None,
        random_state=0,
    ).fit(X[:4000], y[:4000])
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    idle, busy = np.empty((n_pairs, n_calls, 2)), np.empty((n_pairs, n_calls, 2))
    with (
        ProcessPoolExecutor(1, initializer=pin, initargs=(1,)) as pool,
        BackgroundRetrainer(model, pool) as service,
    ):
        pool.submit(time.sleep, 0).result()  # the worker starts before this process is pinned
        pin(0)
        for pair in range(n_pairs):
            rows = slice(4000 + 20 * pair, 4020 + 20 * pair)
            if pair % 2:
                timed(service, X, idle[pair])
            service.partial_fit(X[rows], y[rows])
            timed(service, X, busy[pair], while_busy=True)
            service.wait()
            if not pair % 2:
                timed(service, X, idle[pair])
    if cores is not None:
        os.sched_setaffinity(0, cores)
    return idle, busy


def timed(service, X, spent, *, while_busy=False):
    """Time predictions of one row each."""
    for call in range(len(spent)):
        row = X[call % 4000][None]
        begin, ours = time.perf_counter(), time.thread_time()
        service.predict(row)
        spent[call] = time.perf_counter() - begin, time.thread_time() - ours
        if while_busy and not service.is_retraining:
            raise RuntimeError(f"the refit was done after {call} calls: ask for fewer")


def shown_latencies(idle, busy):
    """Return the table of the latencies, and whether the target is met."""
    lines, met = [], []
    for clock, unit in enumerate(("wall", "CPU")):
        of_clock = idle[..., clock], busy[..., clock]
        for name, spent in zip(("no refit", "a refit runs in a process"), of_clock):
            p50, p99 = (1e6 * np.percentile(spent, q, axis=1) for q in (50, 99))
            numbers = (np.median(p50), np.median(p99), p99.min(), p99.max())
            lines.append([f"{name}, {unit}", *(f"{number:.0f}" for number in numbers)])
        quiet, loud = (np.percentile(spent, 99, axis=1) for spent in of_clock)
        low, middle, high = np.percentile(loud / quiet, [25, 50, 75])
        met.append(middle <= MOST_RATIO)
        found = f"{middle:.2f} ({low:.2f} to {high:.2f})"
        lines.append([f"ratio of neighbours, {unit}", "", found, "", ""])
    header = ["one row, us", "p50", "p99, median of slices", "least", "largest"]
    told = f"{verdict(met[0])} by the wall clock, {verdict(met[1])} by the processor's"
    counted = f"{len(idle)} pairs of slices of {idle.shape[1]} predictions."
    return [table(header, lines), f"{counted} p99 with a refit / without <= {MOST_RATIO}: {told}."]


# -- predictions while models are swapped ----------------------------------------------------------


def asked_while_swapped(n_calls, n_swaps):
    """Let threads ask until all calls and swaps are done; return what failed and what they saw."""
    X, y = stream(1000 + 20 * n_swaps)
    model = DriftAwareRetrainer(
        GaussianNB(), detector=Periodic(1), policy=FullRefit("all", grow=False), random_state=0
    ).fit(X[:1000], y[:1000])
    failed, counts, older, done = [], [0] * READERS, [0], threading.Event()

    with ThreadPoolExecutor(1) as pool, BackgroundRetrainer(model, pool) as service:

        def ask(reader):
            newest = 0
            while not (done.is_set() and sum(counts) >= n_calls):
                version = model._snapshot.version
                older[0] += version < newest
                newest = version
                try:
                    if len(service.predict(X[:5])) != 5:
                        raise RuntimeError("an answer of another length")
                except Exception as error:
                    failed.append(error)
                counts[reader] += 1

        readers = [threading.Thread(target=ask, args=(n,)) for n in range(READERS)]
        for reader in readers:
            reader.start()
        for start in range(1000, len(y), 20):
            service.partial_fit(X[start : start + 20], y[start : start + 20])
            service.wait()
        done.set()
        for reader in readers:
            reader.join()
    return sum(counts), model.n_refits_, len(failed), older[0]


def shown_swaps(n_calls, n_swaps, n_failed, n_older):
    lines = [[f"{READERS} threads", f"{n_calls:,}", n_swaps, n_failed, n_older]]
    header = ["who asks", "predictions", "swaps", "failed", "older version after a newer one"]
    return [table(header, lines), f"None fails: {verdict(not n_failed and not n_older)}."]


# -- the state in a file ---------------------------------------------------------------------------


def file_times(n_times):
    """Return the lines of the table: save and load, by serializer."""
    X, y = stream(N_ROWS + 100)
    model = DriftAwareRetrainer(SGDClassifier(random_state=0), random_state=0)
    model.fit(X[:N_ROWS], y[:N_ROWS]).partial_fit(X[N_ROWS:], y[N_ROWS:])
    spent, size = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state"
        for _ in range(n_times):
            for serializer in ("skops", "pickle"):
                begin = time.perf_counter()
                save(model, path, serializer=serializer)
                middle = time.perf_counter()
                load(path, trusted=serializer == "pickle" or ())
                end = time.perf_counter()
                spent.setdefault(serializer, []).append((middle - begin, end - middle))
                size[serializer] = checkpoint_info(path)["n_bytes"]
    for serializer, times in spent.items():
        saving, loading = 1000 * np.median(times, axis=0)
        yield [serializer, f"{saving:.1f}", f"{loading:.1f}", f"{size[serializer] / 1e6:.1f}"]


# -- a step of a daily job -------------------------------------------------------------------------


def step_times(n_times):
    """Return wall and processor seconds of an import of the command line, and of a step."""
    X, y = stream(2 * STEP_ROWS)
    lines = [",".join([f"x{k}" for k in range(N_FEATURES)] + ["y"])]
    lines += [",".join(map(repr, [*row, label])) for row, label in zip(X.tolist(), y.tolist())]
    spent = {"import": [], "step": []}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "old.csv").write_text("\n".join(lines[: 1 + STEP_ROWS]) + "\n")
        (folder / "new.csv").write_text("\n".join([lines[0], *lines[1 + STEP_ROWS :]]) + "\n")
        skretrain = [sys.executable, "-m", "skretrain"]
        run([*skretrain, "init", folder / "begun", folder / "old.csv", "--target", "y"])
        for _ in range(n_times):
            shutil.rmtree(folder / "state", ignore_errors=True)
            shutil.copytree(folder / "begun", folder / "state")
            spent["import"].append(run([sys.executable, "-c", "import skretrain.cli"]))
            spent["step"].append(run([*skretrain, "step", folder / "state", folder / "new.csv"]))
    return {name: np.median(times, axis=0) for name, times in spent.items()}


def run(command):
    """Run a command; return its wall and processor seconds."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 10):
        raise RuntimeError(done.stdout + done.stderr)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    args = parse_args(__doc__, "service.md")
    os.environ.update({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})  # of the processes
    use_one_thread()
    quick = args.quick
    idle, busy = latencies(*((3, 200) if quick else (40, 1000)))
    swaps = asked_while_swapped(*((2000, 5) if quick else (CALLS, SWAPS)))
    files = list(file_times(3 if quick else 30))
    steps = step_times(1 if quick else 7)
    over = steps["step"] - steps["import"]
    names = {"import": "`import skretrain.cli`", "step": f"`skretrain step`, {STEP_ROWS:,} rows"}
    lines = [[names[name], *(f"{t:.2f}" for t in times)] for name, times in steps.items()]
    parts = [
        __doc__,
        "## Predictions while a refit runs",
        *shown_latencies(idle, busy),
        "## Predictions while models are swapped",
        *shown_swaps(*swaps),
        f"## A state with {N_ROWS:,} rows of {N_FEATURES} features in a file",
        table(["serializer", "save, ms (p50)", "load, ms (p50)", "megabytes"], files),
        "## A step of a daily job",
        table(["a new process", "wall seconds", "CPU seconds"], [*lines]),
        f"A step takes {over[0]:.2f} seconds ({over[1]:.2f} of CPU) over the import.",
    ]
    write_report(args.out, "A model in service", parts)


if __name__ == "__main__":
    main()
