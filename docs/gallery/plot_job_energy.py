"""
An hourly forecast of a load, and how often to refit it
=======================================================
"""

# %%
# The load
# --------

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor

from skretrain import DriftAwareRetrainer
from skretrain.buffers import SlidingWindow
from skretrain.drift import Periodic
from skretrain.model_selection import prequential_validate

rng = np.random.default_rng(0)
hours = pd.date_range("2023-01-01", "2024-03-01", freq="h", inclusive="left")
hour, weekend = hours.hour.to_numpy(), hours.dayofweek.to_numpy() >= 5
year = 2 * np.pi * hours.dayofyear.to_numpy() / 365
weather = np.convolve(rng.normal(size=len(hours) + 71), np.ones(72) / 8.5, "valid")
temperature = 10 - 9 * np.cos(year) + 3.0 * weather + 3 * np.sin(2 * np.pi * (hour - 9) / 24)
shape = np.exp(-(((hour - 8) / 3) ** 2)) + 1.3 * np.exp(-(((hour - 19) / 3) ** 2))
load = 40 + 14 * shape * (1 - 0.4 * weekend) + 0.9 * np.maximum(15 - temperature, 0)
moved = hours >= "2023-09-04"
night=(hour<6)|(hour>=22)
load += np.where(moved, -8 + 14 * night, 0)
load += rng.normal(scale=1.2, size=len(hours))

frame = pd.DataFrame({"time": hours, "load": load, "temperature": temperature})
frame["hour"], frame["weekday"] = hour, hours.dayofweek
for lag in (48, 72, 168):
    frame[f"lag {lag} h"] = frame["load"].shift(lag)
frame = frame.dropna(ignore_index=True)
X, y = frame.drop(columns=["time","load"]), frame["load"].to_numpy()

from sklearn.base import clone
import time
base = HistGradientBoostingRegressor(max_iter=80, max_leaf_nodes=15, random_state=0)
weekly = Periodic("weekly", column="time")
from sklearn.pipeline import make_pipeline
from sklearn.compose import make_column_transformer
def no_dates(X): return X.drop(columns="time")
from sklearn.preprocessing import FunctionTransformer
pipe = make_pipeline(make_column_transformer(("drop", ["time"]), remainder="passthrough"), base)
X = frame.drop(columns="load")
window = SlidingWindow(max_age="90d", column="time")
models = {
    "never": DriftAwareRetrainer(pipe, detector=None),
    "weekly": DriftAwareRetrainer(pipe, detector=weekly, policy="full_refit", buffer=window),
    "default": DriftAwareRetrainer(pipe),
}
for name, model in models.items():
    t=time.process_time()
    r = prequential_validate(model, X, y, times=frame["time"], batch_size="1d", initial_size="90d", label_delay="1d")
    m = frame.time[r.rows].dt.strftime("%y-%m")
    print(name, round(-r.score,2), r.n_fits, round(r.fit_seconds,1), round(time.process_time()-t,1), pd.Series(abs(r.y_pred-r.y_true)).groupby(m.to_numpy()).mean().round(2).to_dict(), r.scores)
    for e in r.events.to_records()[:30]:
        if e["action"]!="kept" or name=="default": print(e["row"], frame.time[min(e["row"],len(frame)-1)], e["action"], e["since"] and frame.time[e["since"]], e["reason"][:150])
