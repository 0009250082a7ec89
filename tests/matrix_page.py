"""Write the estimator matrix into the user guide, by ``python tests/matrix_page.py``."""

import csv
import os
import platform
import re
from datetime import date
from importlib.metadata import version
from pathlib import Path

from estimator_matrix import ENTRIES, POLICIES, SECTIONS, Cell, row
from joblib import Parallel, delayed

PAGE = Path(__file__).parents[1] / "docs" / "user_guide" / "estimator_matrix.rst"
_PACKAGES = ("scikit-learn", "lightgbm", "xgboost", "catboost", "river", "skorch", "torch")

_TOP = """\
.. Written by tests/matrix_page.py (make matrix): not to be edited by hand.

Each estimator went through small streams, 600 rows in batches of 60, under each policy: for the
alarm after a drift that leaves an old model with chance and, but for ``full_refit``, for every
batch. Checked in every cell: predictions are finite, ``classes_`` are right, the model was fitted
on as many rows as its events say, it is better than chance after the drift, and nothing warns or
fails inside the estimator. Data frames with other columns raise scikit-learn's ``ValueError``, and
nothing is learned or lost.

- *refits*: a blank clone is fitted; under ``replay_mix``, on new rows and a sample of older ones.
- *continues*: by ``partial_fit``. *solver goes on*: from the present coefficients. *rotates*: the
  oldest members of an ensemble are replaced. *adds rounds, guarded*: a booster grows up to a cap,
  where that beats a fresh fit on held-out rows.
- *grows*: the model makes room for the new class, and goes on.
- *refused*: ``fit`` raises ``ValueError`` and names the way out. *raises*: so does ``partial_fit``,
  for that batch, and nothing is learned from it.
"""

_TITLES = {
    "classifier": "Classifiers",
    "regressor": "Regressors",
    "classifier of several outputs": "Classifiers of several outputs",
    "regressor of several outputs": "Regressors of several targets",
}
_CHANGES = ("same classes", "fewer classes in a batch", "new class")


def page(cells, made):
    """Return the text of the page.

    Parameters
    ----------
    cells : dict of {str: list of Cell}
        What `shown` returns, by name.
    made : str
        The line that says when, and with which versions.
    """
    reasons = list(dict.fromkeys(cell.reason for row in cells.values() for cell in row))
    numbers = {reason: number for number, reason in enumerate(filter(None, reasons), start=1)}
    parts = [_TOP, made, ""]
    for section, title in _TITLES.items():
        names = [entry.name for entry in SECTIONS[section]]
        table = [
            _csv(f"``{name}``", *(_text(cell, numbers) for cell in cells[name])) for name in names
        ]
        parts += [f".. csv-table:: {title}", f"   :header: {_header(section)}", "", *table, ""]
    parts += [f".. [{number}] {reason}" for reason, number in numbers.items()]
    return "\n".join(parts) + "\n"


def shown(row):
    """Return the cells of one estimator that the page shows.

    A policy has one cell per change of the classes, if that makes a difference to anybody.
    """
    by_policy = [[cell for (p, _), cell in row.items() if p == policy] for policy in POLICIES]
    refit, *others = by_policy
    if len(refit) < len(_CHANGES):
        return [_merged(cells) for cells in by_policy]
    return [_merged(refit), *others[0], *others[1]]


def _merged(cells):
    how = " / ".join(dict.fromkeys(cell.how for cell in cells))
    return Cell(how, "; ".join(dict.fromkeys(filter(None, (cell.reason for cell in cells)))))


def committed():
    """Return the cells on the page as it is, by name, and the line that says how it was made."""
    text = PAGE.read_text()
    reasons = dict(re.findall(r"^\.\. \[(\d+)\] (.*)$", text, flags=re.MULTILINE))
    cells = {}
    for line in re.findall(r'^   ("``.*)$', text, flags=re.MULTILINE):
        (name, *texts) = next(csv.reader([line], skipinitialspace=True))
        cells[name.strip("`")] = [_parsed(text, reasons) for text in texts]
    return cells, re.search(r"^Made on .*$", text, flags=re.MULTILINE).group()


def _parsed(text, reasons):
    how, _, note = text.partition(" [")
    return Cell(how, reasons[note.removesuffix("]_")] if note else "")


def _text(cell, numbers):
    return f"{cell.how} [{numbers[cell.reason]}]_" if cell.reason else cell.how


def _header(section):
    policies = [f"``{policy}``" for policy in POLICIES]
    if section != "classifier":
        return _csv("estimator", *policies).strip()
    refit, *others = policies
    columns = [f"{policy}: {change}" for policy in others for change in _CHANGES]
    return _csv("estimator", refit, *columns).strip()


def _csv(*texts):
    return "   " + ", ".join(f'"{text}"' for text in texts)


def _made():
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return (
        f"Made on {date.today().isoformat()} with Python {platform.python_version()}, {versions}."
    )


def main():
    """Run every cell, on all cores, and write the page."""
    rows = Parallel(n_jobs=os.cpu_count())(delayed(row)(name) for name in ENTRIES)
    cells = {name: shown(cells) for name, cells in zip(ENTRIES, rows, strict=True)}
    PAGE.write_text(page(cells, _made()))


if __name__ == "__main__":
    main()
