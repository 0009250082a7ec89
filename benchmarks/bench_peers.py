"""Our estimators beside their peers: the same rows, the same warm-up, the same delay of labels.

`make bench-peers` runs what is missing in docs/benchmarks/peers.json and writes peers.md beside it.
Every cell (stream, method, delay, seed) runs in a process of its own, with one thread; the JSON is
written after each, so that an interrupted run goes on where it was. `--streams`, `--methods` and
`--redo` take patterns as the shell has them: ``--methods 'B*,capymoa_arf' --redo '*/B0/*'``.
"""

import argparse
import fcntl
import json
import os
import platform
import resource
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import date
from fnmatch import fnmatch
from functools import cache
from hashlib import sha1
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from pickle import Pickler
from threading import Lock
from zipfile import ZipFile

import _common
import numpy as np
from _peer_report import write_page
from _peer_streams import (
    AT_OTHER_DELAYS,
    GENERATED,
    N_ROWS,
    STREAMS,
    is_regression,
    stream_of,
    warm_up_of,
)
from _peers import BATCH, CADENCES, MEMBERS, METHODS, REFIT_EVERY, WINDOWS, missing
from sklearn.metrics import accuracy_score, cohen_kappa_score, mean_absolute_error, r2_score

DELAYS = (100, 1, 1000)
ROW_BY_ROW_EVERY = 10  # rows between two updates of a batch method at delay 1
OTHER_DELAYS = (
    "B0", "A_lr", "A_rf", "sgd", "no_change", "capymoa_arf", "capymoa_srp", "river_arf",
    "capymoa_arf_reg", "capymoa_soknl", "capymoa_soknl_raw", "river_arf_reg",
)  # fmt: skip
SLOW = ("river_srp", "river_amf")  # on real streams alone, as the big ensembles: minutes each
OWN = tuple(m for m, entry in METHODS.items() if entry.family in ("ours", "mixture", "budget"))
SEEDS_OF_B0_ELSEWHERE = 3  # at the other delays
QUICK = (
    "no_change", "sgd", "vw", "window_lr", "R", "A_sgd", "B0", "river_hat", "capymoa_hat",
    "lgbm_continued", "xgb_continued",
)  # fmt: skip
QUICK_STREAM, QUICK_ROWS = "sea_a", 1000
PACKAGES = (
    "skretrain", "numpy", "scikit-learn", "river", "capymoa", "jpype1", "vowpalwabbit", "lightgbm",
    "xgboost", "pandas", "matplotlib",
)  # fmt: skip
THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM")
MAX_R2 = 1e30  # what explodes is written as a number


# -- one cell


class OverTime(Exception):
    """A cell used more CPU seconds than it may."""


class Clock:
    """CPU seconds of this process, its threads and its children since it was made; and its wall."""

    def __init__(self, limit=np.inf):
        self.limit, self.paused = limit, 0.0
        self.cpu_before, self.wall_before, self.memory_before = _cpu(), time.perf_counter(), _peak()

    @property
    def cpu(self):
        return _cpu() - self.cpu_before - self.paused

    def check(self):
        if self.cpu > self.limit:
            raise OverTime

    def readings(self):
        return {
            "cpu": round(self.cpu, 3),
            "wall": round(time.perf_counter() - self.wall_before, 3),
            "memory_mb": round((_peak() - self.memory_before) / 1024, 1),
        }


def _cpu():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in used)


def _peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def run(method, stream, delay, batch, seed, clock, at_quarter=lambda: None):
    """Return the predictions of all rows after the warm-up.

    The labels of a batch come together. A prediction of rows [s, s + batch) knows the labels of the
    rows before s - max(0, delay - batch).
    """
    X, y, first = stream.X, stream.y, warm_up_of(stream)
    classes = None if is_regression(stream.name) else np.unique(y)
    method.start(X[:first], y[:first], classes, seed)
    predicted, known = np.empty(len(y), dtype=y.dtype), first
    quarters = [first + part * (len(y) - first) // 4 for part in (1, 2, 3, 4)]
    for start in range(first, len(y), batch):
        while known + batch <= start - max(0, delay - batch):
            method.learn(X[known : known + batch], y[known : known + batch])
            known += batch
        end = min(start + batch, len(y))
        predicted[start:end] = method.predict(X[start:end])
        while quarters and end >= quarters[0]:
            quarters.pop(0)
            at_quarter()
        clock.check()
    return predicted[first:]


def scores_of(stream, predicted):
    """Return kappa and accuracy, or R2 and the mean absolute error."""
    y = stream.y[len(stream.y) - len(predicted) :]
    if not is_regression(stream.name):
        kappa, accuracy = cohen_kappa_score(y, predicted), accuracy_score(y, predicted)
        return {"kappa": round(float(kappa), 5), "accuracy": round(float(accuracy), 5)}
    predicted = np.clip(np.nan_to_num(predicted.astype(float)), -MAX_R2, MAX_R2)
    y = y.astype(float)
    return {
        "r2": float(f"{r2_score(y, predicted):.5g}"),
        "mae": float(f"{mean_absolute_error(y, predicted):.5g}"),
    }


def run_periodic(method, stream, seed, clock):
    """Return score and CPU seconds of every cadence and window, sharing the fits among them."""
    X, y, first = stream.X, stream.y, warm_up_of(stream)
    regression = is_regression(stream.name)
    predicted = {(c, w): np.empty(len(y), dtype=y.dtype) for c in CADENCES for w in WINDOWS}
    cpu = dict.fromkeys(predicted, 0.0)
    for window in WINDOWS:
        models = {}
        for start in range(first, len(y), REFIT_EVERY):
            began = clock.cpu
            rows = slice(max(0, start - window), start)
            models[start - first] = method.fitted(X[rows], y[rows], regression, seed)
            seconds = clock.cpu - began
            serving = {c: (start - first) // c * c for c in CADENCES}
            models = {age: models[age] for age in {start - first, *serving.values()}}
            for age in set(serving.values()):
                used_by = [(c, window) for c, of in serving.items() if of == age]
                began, rows = clock.cpu, slice(start, start + REFIT_EVERY)
                found = _in_batches(models[age], X[rows])
                cost = clock.cpu - began + (seconds if age == start - first else 0)
                for key in used_by:
                    predicted[key][rows] = found
                    cpu[key] += cost
            clock.check()
    return {
        f"{cadence}/{window}": {
            **scores_of(stream, predicted[cadence, window][first:]),
            "cpu": round(cpu[cadence, window], 3),
        }
        for cadence, window in predicted
    }


def _in_batches(model, X):
    return np.concatenate([model.predict(X[s : s + BATCH]) for s in range(0, len(X), BATCH)])


class Sizes(list):
    """Bytes of a pickled model at each call of `note`; the time it takes is not counted."""

    def __init__(self, method, clock):
        super().__init__()
        self.method, self.clock = method, clock

    def note(self):
        began = self.clock.cpu
        self.written = 0
        Pickler(self, protocol=5).dump(self.method.model)
        self.append(self.written)
        self.clock.paused += self.clock.cpu - began

    def write(self, part):
        self.written += memoryview(part).nbytes


def run_cell(stream, method, delay, seed, n_rows=N_ROWS, time_limit=300):
    """Return what the JSON holds of a cell."""
    entry = METHODS[method]
    model, data = entry.make(), stream_of(stream, n_rows)
    _prepared(entry, is_regression(stream))
    found = {"n_rows": len(data.y) - warm_up_of(data)}
    if method in OWN:
        found["code"] = code_version()
    clock = Clock(time_limit)
    try:
        if entry.family == "periodic":
            found["periodic"] = run_periodic(model, data, seed, clock)
        else:
            sizes = Sizes(model, clock) if method in OWN else None
            extra = {"at_quarter": sizes.note} if sizes is not None else {}
            batch = batch_of(method, delay)
            predicted = run(model, data, delay, batch, seed, clock, **extra)
            found |= {"model_bytes": list(sizes)} if sizes is not None else {}
            found |= scores_of(data, predicted)
    except OverTime:
        found["over"] = time_limit
    return found | clock.readings() | {"load": round(os.getloadavg()[0], 1)}


@cache
def code_version():
    """Return a short name of the library's source code: it says what a cell has measured."""
    digest = sha1(usedforsecurity=False)
    for path in sorted((_common.ROOT / "skretrain").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def batch_of(method, delay):
    if delay > 1:
        return BATCH
    return 1 if METHODS[method].per_row else ROW_BY_ROW_EVERY


def _prepared(entry, regression):
    """Go through a few rows, so that imports and the JVM's start are not counted."""
    rng, throwaway = np.random.default_rng(0), entry.make()
    X, y = rng.random((200, 3)), rng.integers(0, 2, 200)
    if entry.family == "periodic":
        throwaway.fitted(X, y, regression, 0).predict(X)
    else:
        throwaway.start(X, y.astype(float) if regression else y, None if regression else [0, 1], 0)
        throwaway.predict(X)


# -- the cells of a run


def cells_of(args):
    """Return the keys stream/method/delay/seed of the cells asked for, first seeds first."""
    found = []
    for delay in args.delays:
        for method, entry in METHODS.items():
            for stream in STREAMS:
                if not (_asked(stream, args.streams) and _asked(method, args.methods)):
                    continue
                if _suits(entry, method, stream, delay):
                    seeds = _n_seeds(entry, method, stream, delay)
                    seeds = seeds if args.seeds is None else min(seeds, args.seeds)
                    found += [f"{stream}/{method}/{delay}/{seed}" for seed in range(seeds)]
    return sorted(found, key=lambda key: int(key.rpartition("/")[2]))


def _asked(name, patterns):
    return any(fnmatch(name, pattern) for pattern in patterns.split(","))


def _suits(entry, method, stream, delay):
    if ("regression" if is_regression(stream) else "classification") not in entry.tasks:
        return False
    if delay == 100:
        return stream not in GENERATED or not (entry.size > MEMBERS or method in SLOW)
    methods = (*OTHER_DELAYS, "window_rf") if delay == 1000 else OTHER_DELAYS
    return stream in AT_OTHER_DELAYS and method in methods


def _n_seeds(entry, method, stream, delay):
    if delay == 100:
        return 1 if stream in GENERATED and method != "B0" else entry.n_seeds
    return SEEDS_OF_B0_ELSEWHERE if method == "B0" else 1


def left_to_do(cells, asked, args):
    """Return the cells without a result, those to redo and those that now may take longer."""
    return [key for key in asked if _is_open(cells.get(key), args.time_limit) or _redone(key, args)]


def _is_open(cell, limit):
    return cell is None or "error" in cell or cell.get("over", np.inf) < limit


def _redone(key, args):
    return args.redo is not None and fnmatch(key, args.redo)


def in_child(key, limit, n_rows=N_ROWS):
    """Run a cell in a fresh process and return what it found, or the error."""
    stream, method, delay, seed = key.split("/")
    cell = {"stream": stream, "method": method, "delay": int(delay), "seed": int(seed)}
    cell |= {"n_rows": n_rows, "time_limit": limit}
    command = [sys.executable, __file__, "--cell", json.dumps(cell)]
    one_thread = {f"{name}_NUM_THREADS": "1" for name in THREADS}
    try:
        done = subprocess.run(
            command,
            env=os.environ | one_thread | {"PYTHONHASHSEED": "0"},
            capture_output=True,
            text=True,
            timeout=3 * limit + 120,  # the limit is on CPU time; this is for what hangs
        )
    except subprocess.TimeoutExpired:
        return {"over": limit, "cpu": limit}
    if done.returncode:
        return {"error": (done.stderr.strip() or "no message").splitlines()[-1][:300]}
    return json.loads(done.stdout.splitlines()[-1])


def run_cells(keys, args, keep, n_rows=N_ROWS):
    """Run cells in `args.jobs` processes at a time, and hand each result to `keep`."""
    began = time.perf_counter()
    with ThreadPoolExecutor(args.jobs) as pool:
        tasks = {pool.submit(in_child, key, args.time_limit, n_rows): key for key in keys}
        try:
            for number, task in enumerate(as_completed(tasks), start=1):
                keep(tasks[task], task.result())
                elapsed = time.perf_counter() - began
                what = f"{number}/{len(keys)} {elapsed:.0f} s  {tasks[task]}"
                print(f"{what}: {_in_words(task.result())}", flush=True)
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            raise


def _in_words(cell):
    if "error" in cell:
        return f"failed: {cell['error']}"
    if "over" in cell:
        return f"stopped after {cell['over']:g} CPU s"
    score = next((f"{name} {cell[name]:.4g}" for name in ("kappa", "r2") if name in cell), "done")
    return f"{score}, {cell['cpu']:.2f} CPU s"


# -- the JSON


class Store:
    """The results in a file, one line for a cell; processes that share it lose nothing."""

    def __init__(self, path):
        self.path, self._lock = path, Lock()

    def read(self):
        if not self.path.exists():
            return {"circumstances": {}, "cells": {}}
        return json.loads(self.path.read_text())

    def keep(self, key, cell):
        with self._lock, open(__file__) as script:
            fcntl.flock(script, fcntl.LOCK_EX)
            held = self.read()
            held["cells"][key] = cell
            self._write(held["cells"])

    def _write(self, cells):
        lines = [f"{json.dumps(k)}: {json.dumps(cells[k], sort_keys=True)}" for k in sorted(cells)]
        where = json.dumps(circumstances(), sort_keys=True, indent=1)
        lines = ",\n".join(lines)
        text = f'{{"cells": {{\n{lines}\n}},\n"circumstances": {where}}}\n'
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        part.write_text(text)
        part.replace(self.path)


@cache
def circumstances():
    return {
        "date": date.today().isoformat(),
        "machine": f"{_common._processor()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "java": _java(),
        "moa": _moa(),
        "versions": {name: _version(name) for name in PACKAGES if _version(name)},
    }


def _version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _java():
    try:
        done = subprocess.run(["java", "-version"], capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return done.stderr.splitlines()[0] if done.stderr else None


def _moa():
    """Return the version of MOA that CapyMOA brings."""
    spec = find_spec("capymoa")
    if spec is None:
        return None
    with ZipFile(Path(spec.origin).parent / "jar" / "moa.jar") as jar:
        text = jar.read("META-INF/maven/nz.ac.waikato.cms.moa/moa/pom.properties").decode()
    return next(line[8:].strip() for line in text.splitlines() if line.startswith("version="))


# -- the command line


def parse_args():
    parser = argparse.ArgumentParser(description="Our estimators beside their peers.")
    add = parser.add_argument
    add("--quick", action="store_true", help="one small stream, a method of each family, no file")
    add("--out", type=Path, default=_common.ROOT / "docs" / "benchmarks" / "peers.json")
    add("--streams", default="*", metavar="PATTERNS", help="separated by commas")
    add("--methods", default="*", metavar="PATTERNS", help="separated by commas")
    add("--delays", type=_numbers, default=DELAYS, metavar="100,1,1000")
    add("--seeds", type=int, help="at most so many seeds")
    add("--jobs", type=int, default=1, help="processes at a time")
    add("--redo", metavar="PATTERN", help="cells to run again: stream/method/delay/seed")
    add("--time-limit", type=float, default=300, metavar="SECONDS", help="CPU seconds of a cell")
    add("--only-report", action="store_true", help="write the page from the JSON, run nothing")
    add("--list", action="store_true", help="print the cells that are left to do")
    add("--cell", help=argparse.SUPPRESS)
    return parser.parse_args()


def _numbers(text):
    return tuple(int(number) for number in text.split(","))


def possible(keys):
    """Return the cells that can be run here, after saying what is left out."""
    reasons = {key.split("/")[1]: missing(key.split("/")[1]) for key in keys}
    for reason in sorted({reason for reason in reasons.values() if reason}):
        left_out = [method for method, why in reasons.items() if why == reason]
        print(f"{reason}: without {', '.join(left_out)}.")
    absent = [s for s in dict.fromkeys(k.split("/")[0] for k in keys) if stream_of(s) is None]
    return [k for k in keys if not reasons[k.split("/")[1]] and k.split("/")[0] not in absent]


def quick(args):
    """Run a method of each family on one small stream, and print what came out."""
    found = {}
    keys = possible([f"{QUICK_STREAM}/{method}/100/0" for method in QUICK])
    run_cells(keys, args, found.__setitem__, QUICK_ROWS)
    failed = [key for key, cell in found.items() if "error" in cell]
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def main():
    args = parse_args()
    if args.cell:
        warnings.simplefilter("ignore")  # a library's word on every batch would drown the rest
        print(json.dumps(run_cell(**json.loads(args.cell))))
        return
    if args.quick:
        quick(args)
        return
    store = Store(args.out)
    keys = left_to_do(store.read()["cells"], cells_of(args), args)
    if args.list:
        print("\n".join(keys))
        return
    if not args.only_report:
        run_cells(possible(keys), args, store.keep)
    write_page(store.read(), args.out.with_suffix(".md"))


if __name__ == "__main__":
    main()
