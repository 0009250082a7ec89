"""
See data drift: then and now
============================

An alarm says that the model has become worse. The next question is what has changed in the data.
This example draws the feature that moved, then and now, and the score before the alarm and after
the recovery.
"""

# %%
# A machine that runs hotter
# --------------------------
#
# A sensor gives temperature, pressure and vibration. A machine is in danger if it is far too hot
# *for its usual temperature*. At row 2,500 a new type of machine arrives that runs hotter.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier

from skretrain import DriftAwareRetrainer
from skretrain.inspection import DistributionDisplay, DriftTimelineDisplay

rng = np.random.default_rng(0)
n_rows, change = 5_000, 2_500
usual = np.where(np.arange(n_rows) < change, 60.0, 75.0)
X = pd.DataFrame(
    {
        "temperature": usual + 5 * rng.standard_normal(n_rows),
        "pressure": 10 + rng.standard_normal(n_rows),
        "vibration": rng.gamma(2.0, 1.0, n_rows),
    }
)
y = (X["temperature"] - usual + 2 * X["vibration"] > 5).to_numpy()
y = y ^ (rng.random(n_rows) < 0.05)
print(f"share of danger before: {y[:change].mean():.2f}, after: {y[change:].mean():.2f}")

# %%
# The stream
# ----------

first = 500
tree = HistGradientBoostingClassifier(max_iter=40, random_state=0)
model = DriftAwareRetrainer(tree).fit(X[:first], y[:first])
served = []
for start in range(first, n_rows, 100):
    batch = X[start : start + 100]
    served.append(model.predict(batch))
    model.partial_fit(batch, y[start : start + 100])

y_pred = np.concatenate(served)
(alarm,) = [event for event in model.events_ if event.state == "drift"]
print(f"alarm after row {alarm.row}, change located at row {alarm.since}")
for name, rows in {
    "before the change": slice(0, change - first),
    "from the change to the alarm": slice(change - first, alarm.row - first),
    "after the alarm": slice(alarm.row - first, None),
}.items():
    print(f"accuracy {name}: {np.mean(y_pred[rows] == y[first:][rows]):.3f}")

# %%
# Which feature moved?
# --------------------
#
# The standardized mean difference says by how many standard deviations the mean of each feature
# has moved. ``before`` takes only remembered rows that came before the change.

now = X[alarm.since :]
for feature in X.columns:
    moved = DistributionDisplay.from_frames(X[: alarm.since], now, feature)
    print(f"{feature:12} {moved.standardized_mean_difference:+.2f}")
    plt.close(moved.figure_)

# %%
# A feature may move without harm, and the concept may change while no feature moves. So the two
# pictures belong together: the feature, then and now, and the score over time.

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
DistributionDisplay.from_estimator(model, now, "temperature", before=alarm.since, ax=left)
DriftTimelineDisplay.from_predictions(
    y[first:],
    y_pred,
    start=first,
    events=model.events_,
    true_drifts=[change],
    window=150,
    ax=right,
)
plt.show()
