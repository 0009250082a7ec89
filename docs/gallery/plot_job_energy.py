"""
An hourly forecast, and how often to refit it
=============================================

Each day at midnight the load of the next day is forecast, hour by hour, from the weather and from
earlier loads. The seasons change, and one day the customers do: is it enough to refit each week, or
does a detector do better?
"""

# %%
# The load
# --------
#
# Fourteen months of hours. In September a large customer leaves the day and comes back by night.
# The newest load that is known at midnight is that of the day before yesterday, for meters are read
# a day late; so the lags begin at 48 hours.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

rng = np.random.default_rng(0)
time = pd.date_range("2023-01-01", "2024-03-01", freq="h", inclusive="left")
hour, weekday = time.hour.to_numpy(), time.day_of_week.to_numpy()
season = np.cos(2 * np.pi * time.day_of_year.to_numpy() / 365)
weather = np.convolve(rng.normal(size=len(time) + 71), np.full(72, 1 / 8.5), "valid")
temperature = 10 - 9 * season + 3 * weather + 3 * np.sin(2 * np.pi * (hour - 9) / 24)
peaks = 14 * np.exp(-(((hour - 8) / 3) ** 2)) + 18 * np.exp(-(((hour - 19) / 3) ** 2))
load = 40 + peaks * np.where(weekday < 5, 1.0, 0.6) + 0.9 * np.maximum(15 - temperature, 0)
moved, night = time >= "2023-09-04", (hour < 6) | (hour >= 22)
load += moved * np.where(night, 6, -8) + rng.normal(scale=1.2, size=len(time))

frame = pd.DataFrame({"time": time, "hour": hour, "weekday": weekday, "temperature": temperature})
for lag in (48, 72, 168):
    frame[f"lag {lag} h"] = pd.Series(load).shift(lag)
frame["load"] = load
frame = frame.dropna(ignore_index=True)
X, y, time = frame.drop(columns="load"), frame["load"], frame["time"]
change = int(np.argmax(time >= "2023-09-04"))
print(f"{len(X):,} hours from {time.iloc[0]:%d %B %Y} on; the change is at row {change}")
print("lags in hours:", 48, 72, 168)

# %%
# Three ways
# ----------
#
# The dates are for the schedule and for the memory, which looks back three months; the pipeline
# leaves them out. Never means never: without ``grow=False``, a model that cannot be updated is
# refitted as rows come, with or without a detector.

from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline

from skretrain import DriftAwareRetrainer
from skretrain.buffers import SlidingWindow
from skretrain.drift import Periodic
from skretrain.model_selection import prequential_validate
from skretrain.policies import FullRefit

booster = HistGradientBoostingRegressor(
    max_iter=40, max_leaf_nodes=15, learning_rate=0.2, random_state=0
)
base = make_pipeline(make_column_transformer(("drop", ["time"]), remainder="passthrough"), booster)
weekly = {"detector": Periodic("weekly", column="time"), "policy": "full_refit"}
ways = {
    "never": DriftAwareRetrainer(base, detector=None, policy=FullRefit(grow=False)),
    "weekly": DriftAwareRetrainer(
        base, **weekly, buffer=SlidingWindow(max_age="90d", column="time")
    ),
    "default": DriftAwareRetrainer(base),
}
calendar = {"times": time, "batch_size": "1d", "initial_size": "90d", "label_delay": "1d"}
results = {}
for name, model in ways.items():
    results[name] = prequential_validate(model, X, y, scoring="neg_mean_absolute_error", **calendar)

errors = pd.DataFrame({name: np.abs(r.y_pred - r.y_true) for name, r in results.items()})
month = time[results["never"].rows].dt.strftime("%Y-%m").to_numpy()
print("mean absolute error")
print(errors.groupby(month).mean().round(2).to_string())
for name, result in results.items():
    print(f"{name:8} in all {-result.score:.2f}, {result.n_fits:2} fits, ", end="")
    print(f"{result.fit_seconds:.0f} s of CPU to learn")

# %%
# What this run says: in all, the weekly refit is a little better, with half the fits, and simpler.
# Seasons change slowly and all the time, which is what a calendar is for; in May the default still
# has the model of the winter, since it asks again only as its rows double. From the change on to
# November it is ahead: it leaves the rows of the summer out, which the window still keeps. Never
# to retrain is by far the worst.
#
# What the default did
# --------------------
#
# Its alarms, and its refits in the month after the change, by the newest date with a known load.

for event in results["default"].events:
    known = time[event.row - 1]
    is_near = change <= event.row <= change + 30 * 24
    if event.state == "drift" or (is_near and event.action == "retrained"):
        located = f", rows since {time[event.since]:%d %B}" if event.since else ""
        print(f"{known:%d %B}: {event.action}, {event.reason.split(';')[0]}{located}")

# %%
# The picture
# -----------

from skretrain.inspection import DriftTimelineDisplay

figure, axes = plt.subplots(figsize=(10, 4), layout="constrained")
display = DriftTimelineDisplay.from_result(
    results["default"],
    true_drifts=[change],
    window=14 * 24,
    y_pred_baseline=results["weekly"].y_pred,
    baseline_label="refit each week",
    ax=axes,
)
