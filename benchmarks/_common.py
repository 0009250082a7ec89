"""What the benchmarks share: data, one thread, processor time, tables in markdown."""

import argparse
import os
import platform
import shlex
import sys
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("numpy", "scikit-learn", "river")


class Stream(NamedTuple):
    """A stream in time order, and its true drift rows where they are known."""

    name: str
    X: Any
    y: np.ndarray
    drift_rows: np.ndarray | None = None


def load_stream(name):
    """Return a real stream, or None after saying where it was looked for."""
    folder = Path(os.environ.get("SKRETRAIN_DATA", ROOT.parent / "shared" / "data"))
    path = folder / f"{name}.npz"
    if path.exists():
        with np.load(path) as data:
            return Stream(name, data["X"].astype(np.float64), data["y"])
    if name == "elec2":
        stream = _electricity()
        if stream is not None:
            return stream
    print(f"{name} is skipped: no {path}. Set SKRETRAIN_DATA to a folder that holds {name}.npz.")
    return None


def _electricity():
    """Fetch elec2 from OpenML, or return None where that fails."""
    from sklearn.datasets import fetch_openml

    try:
        X, y = fetch_openml("electricity", version=1, as_frame=False, return_X_y=True)
    except Exception as error:  # no network, no such page, a changed format: all the same here
        print(f"OpenML cannot be reached for elec2: {type(error).__name__}: {error}")
        return None
    return Stream("elec2", X.astype(np.float64), np.unique(y, return_inverse=True)[1])


def parse_args(description, default_out, add_arguments=None):
    """Return the command line's ``quick`` and ``out``; a quick run writes only where it is told."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="a run of less than a minute")
    parser.add_argument("--out", type=Path, metavar="FILE", help="markdown file to write")
    if add_arguments is not None:
        add_arguments(parser)
    args = parser.parse_args()
    if args.out is None and not args.quick:
        args.out = ROOT / "docs" / "benchmarks" / default_out
    return args


def use_one_thread():
    """Limit every native library that is loaded by now to one thread, until the process ends."""
    threadpool_limits(limits=1)


def table(header, rows):
    """Return a markdown table; the first column is text, the others are numbers."""
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def verdict(met):
    """Return how a target is reported."""
    return "met" if met else "**not met**"


def write_report(out, title, parts):
    """Print a report, and write it to `out` if that is not None."""
    text = "\n\n".join([f"# {title}", _circumstances(), *(part.strip() for part in parts)]) + "\n"
    print(text)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text)
        print(f"written to {out}")


def _circumstances():
    script, *arguments = sys.argv
    # Files are named without their folders, which are this machine's.
    names = [Path(argument).name for argument in arguments]
    command = shlex.join(["python", f"benchmarks/{Path(script).name}", *names])
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"`{command}` on {date.today().isoformat()}: {_processor()}, {os.cpu_count()} cores, one "
        f"thread used; Python {platform.python_version()}, {versions}."
    )


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
