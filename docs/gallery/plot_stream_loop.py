"""
Keep a model fresh in a loop
============================

A model is fitted on the rows that are there, then serves batch after batch. In the middle of the
stream the meaning of the features changes. The loop below is all that it takes to notice the
change and to learn the new concept.
"""

# %%
# A stream that changes
# ---------------------
#
# The stream is made from a seed. The rows at which its concept changes are known, but nobody tells
# the model. One label in twenty is noise, so no model can be right more often than that allows.

import numpy as np
from sklearn.linear_model import LogisticRegression

from skretrain import DriftAwareRetrainer
from skretrain.datasets import make_drifting_classification

X, y, drift_rows = make_drifting_classification(6_000, n_drifts=2, noise=0.05, random_state=0)
print("rows:", len(X), "- the concept changes at rows", drift_rows.tolist())

# %%
# The loop
# --------
#
# ``predict`` serves. ``partial_fit``, called once the labels are known, first tests the model on
# the batch and then learns it. The same model without the wrapper stands beside it, fitted once.

first = 500
model = DriftAwareRetrainer(LogisticRegression()).fit(X[:first], y[:first])
frozen = LogisticRegression().fit(X[:first], y[:first])

served = []
for start in range(first, len(X), 100):
    batch = slice(start, start + 100)
    served.append(model.predict(X[batch]))
    model.partial_fit(X[batch], y[batch])

y_pred, y_frozen = np.concatenate(served), frozen.predict(X[first:])
print(f"right answers, kept fresh:      {np.mean(y_pred == y[first:]):.3f}")
print(f"right answers, never retrained: {np.mean(y_frozen == y[first:]):.3f}")

# %%
# What happened
# -------------
#
# The log names every alarm and every question whether a refit would be better. ``since`` is the
# row at which the trigger puts the change; with the reason "growth", the question was asked because
# more rows of the present concept had come.

for event in model.events_:
    reason = event.reason.split(";")[0]
    print(f"row {event.row:5}  {event.action:10} {reason:10} rows since {event.since}")

# %%
# The picture
# -----------

from skretrain.inspection import DriftTimelineDisplay

display = DriftTimelineDisplay.from_predictions(
    y[first:],
    y_pred,
    start=first,
    events=model.events_,
    true_drifts=drift_rows,
    window=200,
    y_pred_baseline=y_frozen,
    baseline_label="never retrained",
)
