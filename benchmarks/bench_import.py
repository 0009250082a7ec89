"""What an import costs: skretrain against scikit-learn, each in a fresh process.

Every round starts one process per statement, in an order that reverses each time. Processor time
is that of the whole process less that of an interpreter that imports nothing; modules are those in
``sys.modules`` at the end. The ratio is the median over rounds of a statement's time over that of
``import sklearn`` in the same round. Packages that skretrain does not need count where they are
installed: scikit-learn and its own dependencies import some that they find.
"""

import json
import pkgutil
import subprocess
import sys

import numpy as np
from _common import ROOT, parse_args, table, verdict, write_report

import skretrain

TARGET = 1.5  # import skretrain / import sklearn
REPORT = """
import json, sys, time
print(json.dumps([time.process_time(), len(sys.modules)]))
"""


def public_modules():
    """The modules of the library, without those of its command line."""
    found = pkgutil.walk_packages(skretrain.__path__, prefix="skretrain.")
    names = (module.name for module in found)
    return ["skretrain", *(n for n in names if "._" not in n and not n.startswith("skretrain.cli"))]


STATEMENTS = {
    "nothing": "",
    "import sklearn": "import sklearn",
    "import skretrain": "import skretrain",
    "every public module of skretrain": f"import {', '.join(public_modules())}",
}


def fresh(statement):
    """Return processor seconds and modules of a process that executes one statement."""
    command = [sys.executable, "-c", statement + REPORT]
    run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return json.loads(run.stdout.splitlines()[-1])


def measure(n_rounds):
    """Return what each statement costs beyond nothing: seconds of each round, and modules."""
    for statement in STATEMENTS.values():  # fills the caches of the disk, and the compiled files
        fresh(statement)
    rounds = []
    for number in range(n_rounds):
        order = list(STATEMENTS) if number % 2 else list(reversed(STATEMENTS))
        found = {name: fresh(STATEMENTS[name]) for name in order}
        rounds.append([found[name] for name in STATEMENTS])
    seconds, modules = np.moveaxis(np.array(rounds), -1, 0)
    seconds, modules = seconds - seconds[:, :1], modules[-1] - modules[-1, 0]
    return {name: (seconds[:, j], int(modules[j])) for j, name in enumerate(STATEMENTS) if j}


def main():
    args = parse_args(__doc__, "import.md")
    found = measure(2 if args.quick else 9)
    theirs, _ = found["import sklearn"]
    lines = []
    for name, (seconds, n_modules) in found.items():
        ratio = np.median(seconds / theirs)
        target = f"{TARGET} {verdict(ratio <= TARGET)}" if name == "import skretrain" else ""
        milliseconds = [f"{1000 * value:.0f}" for value in (np.median(seconds), seconds.min())]
        lines.append([name, *milliseconds, n_modules, f"{ratio:.2f}", target])
    header = ["what is executed", "CPU ms, median", "CPU ms, least", "modules", "ratio", "target"]
    write_report(args.out, "What an import costs", [__doc__, table(header, lines)])


if __name__ == "__main__":
    main()
