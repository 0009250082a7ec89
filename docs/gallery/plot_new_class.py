"""
An evaluation that must change when a class arrives
===================================================

A quality check sorts parts into "good" and "scratched". One day a new fault appears, "cracked".
The classes grow, and the evaluation has to grow with them: a single accuracy hides a class that is
rare, and the average over the old classes says nothing about the new one.
"""

# %%
# The stream
# ----------
#
# The third class arrives in the middle of the stream and stays rare.

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import precision_recall_fscore_support

from skretrain import DriftAwareRetrainer
from skretrain.buffers import Reservoir
from skretrain.drift import Periodic
from skretrain.inspection import PerClassDisplay
from skretrain.model_selection import prequential_validate

rng = np.random.default_rng(0)
n_rows, arrival = 5_000, 2_000
names = np.array(["good", "scratched", "cracked"])
early = rng.choice(3, n_rows, p=[0.7, 0.3, 0.0])
late = rng.choice(3, n_rows, p=[0.67, 0.27, 0.06])
label = np.where(np.arange(n_rows) < arrival, early, late)
centres = np.array([[0, 0, 0, 0], [1.8, 1.2, 0, 0], [-0.6, 1.8, 2.0, 0]])
X = centres[label] + rng.standard_normal((n_rows, 4))
y = names[label]
for name in names:
    print(f"{name:10} share before: {np.mean(y[:arrival] == name):.2f}", end="")
    print(f", after: {np.mean(y[arrival:] == name):.2f}")

# %%
# Test, then train
# ----------------
#
# ``new_classes="grow"`` is the default, so nothing has to be said: the new label is met in a batch,
# tested (and necessarily missed), then learned. The reservoir with ``balance=True`` keeps room for
# the rare class; a refit at fixed intervals lets the forest use it.

model = DriftAwareRetrainer(
    RandomForestClassifier(n_estimators=30, n_jobs=1, random_state=0),
    detector=Periodic(every=500),
    policy="full_refit",
    buffer=Reservoir(3_000, balance=True),
)
result = prequential_validate(model, X, y, batch_size=100, initial_size=500)
print("classes in the end:", result.estimator.classes_.tolist())
for event in result.events:
    if "class" in event.reason:
        print(f"row {event.row}: {event.action}, because of {event.reason}")

# %%
# Before and after
# ----------------
#
# ``macro`` counts every class the same, ``weighted`` counts every row the same. In the first
# thousand rows with the new class, the weighted recall falls much less than the macro recall: most
# rows belong to the old classes, and hide the class that is missed.

spans = {
    "before": (result.rows < arrival),
    "first 1,000 rows with it": (result.rows >= arrival) & (result.rows < arrival + 1_000),
    "later": (result.rows >= arrival + 1_000),
}
for span, rows in spans.items():
    y_true, y_pred = result.y_true[rows], result.y_pred[rows]
    present = [name for name in names if name in y_true]
    print(span)
    for average in ("macro", "weighted"):
        precision, recall, _, _ = precision_recall_fscore_support(
            y_true, y_pred, labels=present, average=average, zero_division=0
        )
        print(f"   {average:10} precision {precision:.2f}  recall {recall:.2f}")
    precision, recall, _, support = precision_recall_fscore_support(
        y_true, y_pred, labels=present, zero_division=0
    )
    for k, name in enumerate(present):
        print(f"   {name:10} precision {precision[k]:.2f}", end="")
        print(f"  recall {recall[k]:.2f}  rows {support[k]}")

# %%
# The picture
# -----------
#
# One panel per class and one for the macro average. The grey line marks the arrival.

display = PerClassDisplay.from_result(result, true_drifts=[arrival], window=500)
