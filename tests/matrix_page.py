"""Write the estimator matrix into the user guide, by ``python tests/matrix_page.py``."""

import csv
import os
import platform
import re
from datetime import date
from importlib.metadata import version
from pathlib import Path

from estimator_matrix import ENTRIES, POLICIES, SECTIONS, row
from joblib import Parallel, delayed

# The processes that run the rows inherit these; Keras reads its own when it is imported.
os.environ.setdefault("KERAS_BACKEND", "torch")
for library in ("OMP", "OPENBLAS"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

PAGE = Path(__file__).parents[1] / "docs" / "user_guide" / "estimator_matrix.rst"
_PACKAGES = ("scikit-learn", "lightgbm", "xgboost", "catboost", "river", "skorch", "torch", "keras")

_TOP = """\
.. Written by tests/matrix_page.py (make matrix): not to be edited by hand.

Each estimator went through small streams, 600 rows in batches of 60, under each policy: for the
alarm after a drift that leaves an old model with chance and, but for ``full_refit``, for every
batch. Checked in every cell: predictions are finite, ``classes_`` are right, the model was fitted
on as many rows as its events say, it is better than chance after the drift, and nothing warns or
fails inside the estimator. Data frames with other columns raise scikit-learn's ``ValueError``, and
nothing is learned or lost.

*Fewer classes* means batches that lack some, or all but one; in *new class*, the batch before the
drift brings one.

- *refits*: a blank clone is fitted; under ``replay_mix``, on new rows and a sample of older ones.
- *continues*: by ``partial_fit``. *solver goes on*: from the present coefficients.
- *rotates*: the oldest members of an ensemble are replaced. After an alarm, this is guarded: it
  serves where it beats a fresh fit on held-out rows.
- *adds rounds*: a booster grows, up to a cap. This is always guarded.
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


def page(rows, made):
    """Return the text of the page.

    Parameters
    ----------
    rows : dict of {str: list of str}
        What `shown` returns, by name.
    made : str
        The line that says when, and with which versions.
    """
    reasons = dict.fromkeys(
        _REASON.findall(" ".join(text for row in rows.values() for text in row))
    )
    notes = {reason: number for number, reason in enumerate(reasons, start=1)}
    parts = [_TOP, made, ""]
    for section, title in _TITLES.items():
        parts += [f".. csv-table:: {title}", _csv("   :header: ", "estimator", *_HEADER), ""]
        for entry in SECTIONS[section]:
            cells = [_REASON.sub(lambda m: f"[{notes[m[1]]}]_", text) for text in rows[entry.name]]
            parts.append(_csv("   ", entry.name, *cells))
        parts.append("")
    parts += [f".. [{number}] {reason}" for reason, number in notes.items()]
    return "\n".join(parts) + "\n"


_HEADER = [f"``{policy}``" for policy in POLICIES]
_REASON = re.compile(r"\{(.*?)\}")


def shown(row):
    """Return a text per policy: what it does and, where that is something else, when.

    A reason stands in braces, in the place of its footnote.
    """
    texts = []
    for policy in POLICIES:
        (_, usual), *others = [(change, cell) for (p, change), cell in row.items() if p == policy]
        parts = [_text(usual)]
        parts += [f"{change}: {_text(cell)}" for change, cell in others if cell != usual]
        texts.append("; ".join(parts))
    return texts


def _text(cell):
    return f"{cell.how} {{{cell.reason}}}" if cell.reason else cell.how


def committed():
    """Return the rows of the page as it is, by name, and the line that says how it was made."""
    text = PAGE.read_text()
    notes = dict(re.findall(r"^\.\. \[(\d+)\] (.*)$", text, flags=re.MULTILINE))
    lines = re.findall(r'^   (".*)$', text, flags=re.MULTILINE)
    rows = {
        name: [re.sub(r"\[(\d+)\]_", lambda m: f"{{{notes[m[1]]}}}", cell) for cell in cells]
        for name, *cells in csv.reader(lines, skipinitialspace=True)
    }
    return rows, re.search(r"^Made on .*$", text, flags=re.MULTILINE).group()


def _csv(before, *texts):
    return before + ", ".join(f'"{text}"' for text in texts)


def _made():
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return (
        f"Made on {date.today().isoformat()} with Python {platform.python_version()}, {versions}."
    )


def main():
    """Run every cell, on all cores, and write the page."""
    rows = Parallel(n_jobs=os.cpu_count())(delayed(row)(name) for name in ENTRIES)
    shown_rows = {name: shown(cells) for name, cells in zip(ENTRIES, rows, strict=True)}
    PAGE.write_text(page(shown_rows, _made()))


if __name__ == "__main__":
    main()
