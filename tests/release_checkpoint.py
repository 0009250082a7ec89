"""Write the checkpoint of this release, which the tests of all later ones read.

Run once per release, ``python tests/release_checkpoint.py``, and commit the two files.
"""

import json
import sys
from pathlib import Path

from sklearn.linear_model import SGDClassifier

from skretrain import DriftAwareRetrainer, __version__
from skretrain.datasets import make_drifting_classification
from skretrain.serving import PendingLabels, save

FOLDER = Path(__file__).parent / "serving" / "checkpoints"
X, Y, _ = make_drifting_classification(700, random_state=0)


def streaming():
    """Return a ledger over a retrainer in the middle of its stream, with rows that wait."""
    model = DriftAwareRetrainer(SGDClassifier(random_state=0), batch_size=50, random_state=0)
    ledger = PendingLabels(model.fit(X[:600], Y[:600]), max_pending=100)
    ledger.predict(X[600:650])
    return ledger


def continued(ledger):
    """Return what comes of a ledger whose labels arrive: plain numbers."""
    rows, labels, params = ledger.resolve(list(range(50)), Y[600:650])
    ledger.model.partial_fit(rows, labels, **params)
    counts = {name: n for name, n in ledger.model.events_.counts.items() if n}
    return {"predictions": ledger.model.predict(X[650:]).tolist(), "counts": counts}


def main():
    save(streaming(), FOLDER / f"{__version__}.skretrain")
    text = json.dumps(continued(streaming()))
    (FOLDER / f"{__version__}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
