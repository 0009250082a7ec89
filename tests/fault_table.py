"""Write the fault table into the user guide, by ``python tests/fault_table.py``."""

import importlib.util
import os
import platform
import re
import tempfile
from collections import Counter
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from fault_cases import FAULTS
from fault_fuzz import fuzz
from joblib import Parallel, delayed

PAGE = Path(__file__).parents[1] / "docs" / "user_guide" / "production" / "faults.rst"
FUZZED = "fuzzed: tables and labels of every type of pandas, polars and pyarrow"
N_FUZZED = 10_000
FUZZED_AT_ONCE = 1000
_PACKAGES = ("scikit-learn", "numpy", "pandas", "polars", "pyarrow", "river", "hypothesis")

_TOP = """\
.. Written by tests/fault_table.py (make faults): not to be edited by hand.

.. _faults:

What happens if
===============

Each fault was tried on small streams, at as many places as *tries* says, beside a twin that had
none.

- *survived*: the same object, or what the file holds, goes on to the end of the stream without an
  error.
- *lost*: rows that are not counted or not remembered, or twice, without an event that says so; and
  alarms that nobody answers.
- *wrong*: predictions of 100 rows, right after the fault, that neither the model of before gives
  nor the twin, bit for bit; of a mixture, member by member. And predictions at the end, after a
  retrain on all rows, that are not the twin's.
- *told by*: errors that the call raises, warnings, events.

"""

_BOTTOM = """
What to do after an error
-------------------------

``n_samples_seen_`` tells whether a batch counts. If it is as before, nothing has changed: send the
batch again. If it has moved, the batch was seen, and is not to be sent again.

- An error in the input, a model that raises in ``predict``, memory that runs out there: nothing has
  changed. What a base raises of its own comes out as it is, such as numpy's ``UFuncTypeError``, a
  ``TypeError``, of one that counts with an array of dates.
- A base that raises in ``partial_fit``: the batch is counted and not remembered, because a later
  refit would fail on it, too. The event says so.
- A base that raises in ``predict`` on a batch, while one that is fitted afresh can read it: that
  one serves, an event ``retrained``.
- A detector: the batch is remembered, and not learned.
- A policy, a gate, a base in ``fit``: the alarm stays, and is tried again after 1, 2, 4, ...
  batches.
- ``KeyboardInterrupt``: a batch that the detector may have been shown counts as seen and is
  remembered; an alarm that was not answered yet is due with the next batch. A mixture lets members
  that did not see it learn it with the next one.
- A daily job: run the same command again. It ends as one that nothing happened to.
- A call of :class:`~skretrain.serving.PendingLabels` was made as a whole or not at all:
  :meth:`~skretrain.serving.PendingLabels.status` tells which labels it has taken.
"""


class Row(NamedTuple):
    """One line of the table."""

    n_tries: int
    survived: int
    lost: int
    wrong: int
    told: str


def lacking(fault):
    """Return why a fault cannot be tried here, or None."""
    if fault.needs is None:
        return None
    module, _, function = fault.needs.partition(".")
    there = importlib.util.find_spec(module) is not None
    if there and (not function or hasattr(importlib.import_module(module), function)):
        return None
    return f"{fault.needs} is not there"


def row(name):
    """Try a fault as often as the table has it."""
    fault = FAULTS[name]
    survived = lost = wrong = 0
    told = Counter()
    for number in range(fault.n_tries):
        with tempfile.TemporaryDirectory() as folder:
            try:
                seen = fault.attempt(number, Path(folder))
            except Exception as error:
                told[f"try {number}: {type(error).__name__}"] += 1
                continue
        survived += 1
        lost, wrong = lost + seen.lost + seen.open, wrong + seen.wrong
        told.update(dict.fromkeys(seen.told, 1))
        told["nobody"] += not seen.told
    return Row(fault.n_tries, survived, lost, wrong, _in_words(told))


def fuzzed(part):
    """Try some of the tables that hypothesis draws."""
    found, broken = fuzz(FUZZED_AT_ONCE, seed=part)
    return found, list(broken)


def fuzzed_row(parts):
    """Return the line of the table for what hypothesis drew."""
    found = sum((found for found, _ in parts), Counter())
    broken = sorted({what for _, whats in parts for what in whats})
    n = found.total()
    told = ", ".join(f"{name} ({found[name]:,})" for name in sorted(found) if name != "broken")
    n_lost = found["broken"]  # of whatever kind
    return Row(n, n - n_lost, n_lost, 0, "; ".join([told, *broken]))


def _in_words(told):
    return ", ".join(f"{name} ({n})" for name, n in told.most_common() if n)


def page(rows, made):
    """Return the text of the page."""
    header = '   :header: "fault", "tries", "survived", "lost", "wrong", "told by (tries)"'
    lines = [".. csv-table::", header, "   :widths: 34, 8, 8, 7, 7, 36", ""]
    for name, one in rows.items():
        cells = [name, *(f"{value:,}" for value in one[:4]), one.told]
        lines.append("   " + ", ".join(f'"{cell}"' for cell in cells))
    return _TOP + made + "\n\n" + "\n".join(lines) + "\n" + _BOTTOM


def committed():
    """Return the names of the faults on the page as it is."""
    return re.findall(r'^   "(.*?)", "[\d,]+"', PAGE.read_text(), flags=re.MULTILINE)


def _made():
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    today, python = date.today().isoformat(), platform.python_version()
    return f"``make faults`` on {today}, with Python {python}, {versions}."


def main():
    """Try every fault, on all cores, and write the page."""
    reasons = filter(None, map(lacking, FAULTS.values()))
    if reason := next(reasons, None):
        raise SystemExit(reason)
    run, n_parts = Parallel(n_jobs=os.cpu_count()), N_FUZZED // FUZZED_AT_ONCE
    # One that starts a pool runs here: a worker of joblib's has no main module to hand on.
    here = [name for name, fault in FAULTS.items() if fault.has_pool]
    away = [name for name in FAULTS if name not in here]
    work = [*(delayed(row)(name) for name in away), *map(delayed(fuzzed), range(n_parts))]
    done = run(work)
    found = dict(zip(away, done, strict=False)) | {name: row(name) for name in here}
    rows = {name: found[name] for name in FAULTS} | {FUZZED: fuzzed_row(done[len(away) :])}
    PAGE.write_text(page(rows, _made()))


if __name__ == "__main__":
    for library in ("OMP", "OPENBLAS"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    main()
