"""
Two hundred shops, and what happens to them
===========================================

A chain keeps a forecast for each of its shops. One of them closes, three open, some lose their
customers to a competitor, and in one week everything is on sale everywhere. One object holds a
retrainer for each shop, and says what is worth a look.
"""

# %%
# The stream
# ----------
#
# Each day, every shop has some rows: the price of an article against that of last month, the
# weekday, the weather, whether it stands at the entrance. How many are sold of it depends on all of
# that in all shops, and in each a little differently.

import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge

from skretrain import DriftAwareRetrainer
from skretrain.inspection import SegmentsDisplay
from skretrain.serving import SegmentedRetrainer

rng = np.random.default_rng(0)
n_shops, n_days, per_day, history = 200, 48, 15, 15
typical = np.array([-6.0, 4.0, 3.0, 2.0])
taste = typical + rng.normal(scale=1.5, size=(n_shops + 3, 4))

first_day = np.zeros(n_shops + 3, dtype=int)
first_day[n_shops:] = 22, 27, 32  # three open
last_day = np.full(n_shops + 3, n_days)
last_day[17] = 34  # one closes
competitor = {40: 26, 41: 26, 77: 28, 120: 29, 163: 31}  # five lose customers, from that day on
promotion = range(37, 44)


def sales(day):
    """Return the rows of all shops on one day, in the order in which they were sold."""
    is_open = np.flatnonzero((first_day <= day) & (day < last_day))
    shop = rng.permutation(np.repeat(is_open, per_day))
    X = rng.normal(size=(len(shop), 4))
    y = 20 + (X * taste[shop]).sum(axis=1) + rng.normal(scale=2.5, size=len(shop))
    lost = np.array([day >= competitor.get(number, n_days) for number in range(n_shops + 3)])
    y -= np.where(lost[shop], 9 + 5 * X[:, 0], 0)
    if day in promotion:
        y += 8 - 4 * X[:, 0]  # more is sold, and prices count for more
    return np.column_stack([shop, X]), y


# %%
# One object
# ----------
#
# The first days are the history. From then on, each day is predicted, and learned when it is over:
# one call with the rows of all shops as they come. The first column tells the shops apart, and no
# model sees it.

days = [sales(day) for day in range(n_days)]
X_past = np.concatenate([X for X, _ in days[:history]])
y_past = np.concatenate([y for _, y in days[:history]])

base = DriftAwareRetrainer(Ridge(), batch_size=5 * per_day)
model = SegmentedRetrainer(base, by=0, growth_budget=20).fit(X_past, y_past)
alone = Ridge().fit(X_past[:, 1:], y_past)

daily, opening = {"one model of all, never again": [], "a model each": []}, {}
start, n_steps = time.process_time(), 0
for X, y in days[history:]:
    y_pred = model.predict(X)
    daily["a model each"].append(np.abs(y_pred - y).mean())
    never = np.abs(alone.predict(X[:, 1:]) - y)
    daily["one model of all, never again"].append(never.mean())
    for shop in range(n_shops, n_shops + 3):
        rows = X[:, 0] == shop
        if rows.any():
            pooled = model.pooled_.predict(X[rows, 1:])
            errors = np.abs(y_pred[rows] - y[rows]).mean(), np.abs(pooled - y[rows]).mean()
            opening.setdefault(shop, []).append(errors)
    model.partial_fit(X, y)
    n_steps += len(np.unique(X[:, 0]))
milliseconds = 1e3 * (time.process_time() - start) / n_steps

print(f"{n_shops} shops with {per_day} rows a day, mean absolute error in service:")
print(pd.Series({name: np.mean(errors) for name, errors in daily.items()}).round(2).to_string())
print(f"of the order of {10 ** np.round(np.log10(milliseconds)):g} ms per shop and day")

# %%
# What is worth a look
# --------------------
#
# Two hundred triggers ring now and then; retrains are their business, and nobody has to read of
# them. What is *reported* is another matter: an event ``drifted`` names a shop whose losses have
# risen so far that few of all that are named are named by chance. When a promotion moves nearly all
# of them on one day, that is one event, ``common``, and no shop is named: not two hundred alarms,
# but one.

log = model.events_.to_frame()
log["day"] = log["batch"] + history - 2  # the first batch is the history
is_own = (log["state"] == "drift") & ~log["action"].isin(["drifted", "common"])
rang = log[is_own & log["segment"].notna() & (log["day"] < promotion.start)]
reported = log[log["action"] == "drifted"]
before = reported[reported["day"] < promotion.start]
print(f"shops whose own trigger has rung before the promotion: {rang['segment'].nunique()}")
print("\nreported before the promotion:")
print(before[["day", "segment", "reason"]].to_string(index=False))
print("\nin common:")
print(log.loc[log["action"] == "common", ["day", "reason"]].to_string(index=False))

# %%
# Shops that open, and one that closes
# ------------------------------------
#
# A shop that opens is served by the pooled model, which learns the rows of all. Once it has some of
# its own, after four days, its model counts by the share that would have lost least so far.

table = pd.DataFrame(
    {
        f"shop {shop}": [f"{both:.2f} ({pooled:.2f})" for both, pooled in errors[:8]]
        for shop, errors in opening.items()
    }
)
table.index = [f"day {day + 1}" for day in table.index]
print(f"from {model.min_rows} rows on: error of what served (of the pooled model)")
print(table.to_string())

model.retire(17)
columns = ["n_rows", "weight", "version", "n_alarms", "is_drifting", "last_batch"]
print("\nthree shops in the table of all:")
print(model.status().to_frame().set_index("segment").loc[[40, 100, 202], columns].to_string())

# %%
# A map
# -----
#
# Each line is a shop, those that were reported on top, in the order in which they were: first the
# five that lost customers, then some that moved a day after the others. The bars count the shops
# with an alarm, of their own trigger or reported; the band is the common alarm, on the first day of
# the promotion. Two days later the triggers of most shops have seen it, and the models are fitted
# to its ways; when it ends, they are wrong once more.

display = SegmentsDisplay.from_estimator(model, max_segments=36)
display.ax_.set_xlabel("day of service")
plt.show()

# %%
figure, axes = plt.subplots(figsize=(8, 3), layout="constrained")
for name, errors in daily.items():
    axes.plot(np.arange(history, n_days), errors, label=name)
axes.axvspan(promotion.start, promotion.stop - 1, color="#56B4E9", alpha=0.25, label="promotion")
axes.set(xlabel="day", ylabel="mean absolute error", ylim=(0, None))
axes.legend()
plt.show()
