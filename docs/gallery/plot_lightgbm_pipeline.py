"""
A LightGBM pipeline that stays fresh
====================================

`How to re-train a classifier every month
<https://github.com/lightgbm-org/LightGBM/issues/6461>`__, `like partial_fit
<https://github.com/lightgbm-org/LightGBM/issues/2718>`__, and `why continued boosting may lose
accuracy <https://github.com/lightgbm-org/LightGBM/issues/3781>`__: users of LightGBM ask this
about its scikit-learn classes. Wrap the pipeline that you have, whose last step is such a class.
Here are an imputer, a scaler and an encoder before it, and several ways to keep it fresh are
compared on one made-up stream.
"""

# %%
# Deliveries, and a new carrier
# -----------------------------
#
# Which deliveries will be late? The stream is a data frame with gaps and a column of categories. At
# the drift a new carrier takes over a part of the routes, and lateness has other causes from then
# on.

import numpy as np
import pandas as pd

rng = np.random.default_rng(0)
n_rows, drift_row, month = 6_000, 3_200, 500
after = np.arange(n_rows) >= drift_row
distance, weight = rng.gamma(2.0, 150.0, n_rows), rng.lognormal(0.5, 0.6, n_rows)
hour = rng.integers(6, 22, n_rows)
carrier = rng.choice(["north", "south"], n_rows, p=[0.6, 0.4])
carrier[after & (rng.random(n_rows) < 0.45)] = "swift"

load = np.where(carrier == "swift", weight > 1.8, distance > 300)
rush = np.where(after, hour < 11, hour > 16)
score = 4.0 * load + 3.0 * rush + 2.0 * (carrier == "south") - 1.0 * (carrier == "swift") - 3.6
y = np.where(rng.random(n_rows) < 1 / (1 + np.exp(-score)), "late", "on time")
X = pd.DataFrame({"distance": distance, "weight": weight, "hour": hour, "carrier": carrier})
for column in ("distance", "weight"):
    X.loc[rng.random(n_rows) < 0.1, column] = np.nan
print(f"{n_rows} rows, a month has {month} of them, the drift is at row {drift_row}")
for name, rows in {"before": ~after, "after": after}.items():
    print(f"{name:7} late {np.mean(y[rows] == 'late'):.2f}", end="")
    print(", carriers", ", ".join(np.unique(carrier[rows])))

# %%
# The pipeline, and what becomes of its steps
# -------------------------------------------
#
# Between refits imputer, scaler and encoder stay as they are: the trees behind them have learned
# their output. So a continued booster never sees the new carrier, which its encoder does not know;
# only a refit renews all of the pipeline.

from lightgbm import LGBMClassifier
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skretrain.compose import explain_plan

numbers = make_pipeline(SimpleImputer(), StandardScaler())
categories = OneHotEncoder(handle_unknown="ignore")
prep = ColumnTransformer(
    [("num", numbers, ["distance", "weight", "hour"]), ("cat", categories, ["carrier"])]
)
booster = LGBMClassifier(
    n_estimators=40, num_leaves=7, n_jobs=1, deterministic=True, force_row_wise=True, verbosity=-1
)
pipeline = make_pipeline(prep, booster)
print(explain_plan(pipeline))

# %%
# By the calendar, or when something has changed
# ----------------------------------------------
#
# ``policy`` answers an alarm, ``update`` any other batch. With ``Periodic`` there is an alarm each
# month, and the memory holds that month alone. "Continued" is what ``init_model`` does: rounds are
# added to the old trees, here half of ``n_estimators``, up to twice ``n_estimators`` in all; from
# there on ``Booster.refit`` moves the leaves. The guard compares that with a fresh fit first. Every
# way begins with the same rows, and predicts each batch before it learns it.

from skretrain import DriftAwareRetrainer
from skretrain.buffers import SlidingWindow
from skretrain.drift import Periodic
from skretrain.model_selection import prequential_validate
from skretrain.policies import FullRefit, ReplayMix, WarmStart

monthly = {"detector": Periodic(every=month), "buffer": SlidingWindow(max_rows=month)}
ways = {
    "never retrained": {"detector": None, "policy": FullRefit(grow=False)},
    "monthly: refit": monthly,
    "monthly: continued": {**monthly, "policy": WarmStart(rate=0.5, guard=False)},
    "monthly: continued, guarded": {**monthly, "policy": WarmStart(rate=0.5)},
    "drift: refit (the default)": {},
    "drift: refit, else continued": {"update": "warm_start"},
    "drift: replay mix": {"policy": ReplayMix(), "random_state": 0},
}
results = {}
for name, parts in ways.items():
    model = DriftAwareRetrainer(pipeline, **parts)
    result = prequential_validate(model, X, y, batch_size=100, initial_size=month)
    right, new = result.y_pred == result.y_true, result.rows >= drift_row
    print(f"{name:29}right before {right[~new].mean():.3f}, after {right[new].mean():.3f}", end="")
    print(f", fits {result.n_fits:2}, {result.fit_seconds:.1f} s")
    results[name] = result

# %%
# What this run shows, and no more: before the drift nearly all ways are alike. After it, models
# that are continued each month lag behind those refitted on the very same rows: the old trees
# remain, and new ones must undo them. With the guard there is no such loss, and no gain. The
# default does better than both: it knows from where on the rows are valid, and uses all of them.
# To continue it on each batch gains little here, for several times the processor time. The replay
# mix is fitted once, with as many rows of the old concept as of the new one: it is made against
# forgetting, not for a concept that has gone.
#
# What the guard decided
# ----------------------
#
# Where the continuation has won, the event says ``warm_start``. Where a fresh fit was better, it
# says so, with the losses of both on rows that neither has seen.

guarded = results["monthly: continued, guarded"].events.to_frame()
for event in guarded[["row", "kind", "reason"]].itertuples(index=False):
    print(f"row {event.row:4}  {event.kind:10}  {event.reason}")

# %%
# The default, for comparison: ``since`` is the row at which the trigger puts the change. The refits
# with the reason "growth" come as the rows of the present concept double; each renews the encoder.

default = results["drift: refit (the default)"]
columns = ["row", "since", "kind", "n_rows_fitted", "reason"]
print(default.events.to_frame()[columns].to_string(index=False))
encoder = default.estimator.estimator_[0].named_transformers_["cat"]
print("carriers that the encoder knows in the end:", ", ".join(encoder.categories_[0]))

# %%
# The picture
# -----------
#
# The model continued each month does catch up, at the very end.

from skretrain.inspection import DriftTimelineDisplay

display = DriftTimelineDisplay.from_result(
    default,
    true_drifts=[drift_row],
    window=300,
    y_pred_baseline=results["monthly: continued"].y_pred,
    baseline_label="continued each month, no guard",
)
