"""
A kernel machine that never stops learning
==========================================

Ridge regression on random features is an approximate kernel machine, and recursive least squares
learns it batch after batch, exactly. What it has to be told is how fast to forget; or nothing, if
it is given several rates.
"""

# %%
# A stream whose concept changes
# ------------------------------
#
# Three times, the rule behind the labels is another. No line can tell them apart.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.kernel_approximation import RBFSampler
from sklearn.preprocessing import StandardScaler

from skretrain.linear_model import RecursiveRidgeClassifier

rng = np.random.default_rng(0)
n, changes = 12_000, [3_000, 6_000, 9_000]
X = rng.uniform(-1, 1, size=(n, 2))
concept = np.searchsorted(changes, np.arange(n), side="right")
angle = np.arctan2(X[:, 1], X[:, 0]) + 0.7 * concept
y = np.where(rng.random(n) < 0.02, rng.integers(0, 2, n), np.sin(3 * angle) > 0).astype(int)

# %%
# Random features
# ---------------
#
# Scaler and features are fitted once, on the first rows, and stay as they are.

first = 500
waves = RBFSampler(gamma=2.0, n_components=128, random_state=0)
scaler = StandardScaler().fit(X[:first])
features = waves.fit(scaler.transform(X[:first])).transform(scaler.transform(X))

# %%
# Rates of forgetting, alone and together
# ---------------------------------------
#
# At 0.99, the last hundred rows have two thirds of all weight; at 0.9999, the last ten thousand.
# With several rates, each has coefficients of its own, and they are weighted by what each told of
# the latest rows before it learned them.

rates = (0.99, 0.997, 0.999, 0.9999)
curves, weights = {}, []
for name, forgetting in {**{f"{rate}": rate for rate in rates}, "all four": rates}.items():
    model = RecursiveRidgeClassifier(alpha=0.1, forgetting=forgetting)
    model.fit(features[:first], y[:first])
    right = []
    for start in range(first, n, 100):
        rows = slice(start, start + 100)
        right.append(np.mean(model.predict(features[rows]) == y[rows]))
        model.partial_fit(features[rows], y[rows])
        if name == "all four":
            weights.append(model.rate_weights_)
    curves[name] = np.array(right)
    print(f"{name:8} accuracy {np.mean(right):.3f}")

# %%
# Recovery
# --------
#
# A short memory recovers at once and stays behind afterwards; a long one is the best on what stays,
# and needs thousands of rows to give up what is over. Together they do both.

smooth = np.ones(5) / 5
at = np.arange(first, n, 100)
fig, (above, below) = plt.subplots(
    2, 1, figsize=(9, 6), sharex=True, layout="constrained", height_ratios=[2, 1]
)
for name, curve in curves.items():
    style = {"color": "black", "linewidth": 2.2} if name == "all four" else {"linewidth": 1.2}
    above.plot(at[4:], np.convolve(curve, smooth, "valid"), label=name, **style)
for change in changes:
    above.axvline(change, color="#bdbdbd", linewidth=4, zorder=0)
above.set(ylabel="accuracy over 500 rows", ylim=(0.4, 1))
fig.legend(
    *above.get_legend_handles_labels(),
    title="forgetting",
    ncols=5,
    loc="outside upper center",
    frameon=False,
)
below.stackplot(at, np.array(weights).T, labels=[f"{rate}" for rate in rates], alpha=0.8)
below.set(xlabel="row", ylabel="weight of each rate", ylim=(0, 1), xlim=(first, n))
plt.show()
