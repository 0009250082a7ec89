"""
Five challenges of retraining, in pictures
==========================================

The inputs move; a class appears that the averages hide; fewer false alarms cost accuracy; new rows
are few; and a net can be tuned, continued or fitted anew. Each of the five in a small experiment
with one picture. :doc:`/user_guide/challenges` has the questions that they belong to.
"""

# %%
# Data drift
# ----------
#
# A shop knows how old its customers are and how often they came. Then older ones come: the age
# moves by more than a standard deviation, the visits do not. What makes a customer buy is as
# before, but the line that was fitted to the younger ones does not fit the older.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from skretrain.inspection import DistributionDisplay

rng = np.random.default_rng(0)


def customers(n_rows, age):
    """Return rows of customers of an average age, and who of them buys."""
    rows = pd.DataFrame({"age": rng.normal(age, 8, n_rows), "visits": rng.poisson(4.0, n_rows)})
    interest = (rows["age"] - 40) ** 2 / 100 + rows["visits"] / 4 + rng.normal(size=n_rows)
    return rows, (interest > 3).to_numpy()


X_then, y_then = customers(2_000, age=35)
X_now, y_now = customers(2_000, age=47)

figure, panels = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
for feature, panel in zip(X_then, panels):
    moved = DistributionDisplay.from_frames(X_then, X_now, feature, ax=panel)
    print(f"{feature:7}{moved.mean_then:5.1f} ± {moved.std_then:.1f} then,", end="")
    print(f"{moved.mean_now:5.1f} ± {moved.std_now:.1f} now,", end="")
    print(f" moved by {moved.standardized_mean_difference:.2f} standard deviations")

model = LogisticRegression().fit(X_then, y_then)
refit = LogisticRegression().fit(X_now[:1_000], y_now[:1_000])
print(f"accuracy then {model.score(X_then, y_then):.2f}", end="")
print(f", now {model.score(X_now[1_000:], y_now[1_000:]):.2f}", end="")
print(f", of a refit {refit.score(X_now[1_000:], y_now[1_000:]):.2f}")
plt.show()

# %%
# A fourth class
# --------------
#
# Three sorts of parts; then the camera is moved, and one part in a hundred has a crack. A refit
# is much better by the weighted F1 score, and finds not one crack. With balanced weights it finds
# most of them, at a lower weighted score.

from sklearn.metrics import f1_score, recall_score

rng = np.random.default_rng(0)
sorts = ["round", "long", "flat", "cracked"]
centres = np.array([[0, 0, 0], [1.5, 0, 0], [0, 1.5, 0], [0.7, 0.7, 0.6]])


def parts(n_rows, cracked, moved):
    """Return parts and their sorts: which share is cracked, and how far the camera was moved."""
    shares = [0.4 - cracked, 0.3, 0.3, cracked]
    sort = rng.choice(4, n_rows, p=shares)
    return centres[sort] + moved + 0.6 * rng.normal(size=(n_rows, 3)), sort


X_old, y_old = parts(2_000, cracked=0.0, moved=0.0)
X_new, y_new = parts(2_000, cracked=0.01, moved=0.7)
X_test, y_test = parts(4_000, cracked=0.01, moved=0.7)
models = {
    "the old model": LogisticRegression().fit(X_old, y_old),
    "a refit": LogisticRegression().fit(X_new, y_new),
    "a balanced refit": LogisticRegression(class_weight="balanced").fit(X_new, y_new),
}

figure, panels = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained", sharey=True)
for (name, model), panel in zip(models.items(), panels):
    y_pred = model.predict(X_test)
    weighted = f1_score(y_test, y_pred, average="weighted")
    recalls = recall_score(y_test, y_pred, average=None)
    print(f"{name:17} weighted F1 {weighted:.2f}, recall of cracks {recalls[-1]:.2f}")
    bars = panel.bar(sorts, recalls, color=["#56B4E9"] * 3 + ["#D55E00"])
    panel.bar_label(bars, fmt="%.2f")
    panel.set(title=f"{name}: weighted F1 {weighted:.2f}", ylim=(0, 1.1))
panels[0].set_ylabel("recall")
plt.show()

# %%
# Fewer false alarms, less accuracy
# ---------------------------------
#
# Three mails in ten are junk. A mail that was sorted out wrongly is as dear as ten that slipped
# through: the threshold that costs least is far from the one that has the most right.

from sklearn.model_selection import train_test_split

rng = np.random.default_rng(0)
junk = rng.random(5_000) < 0.3
mails = rng.normal(size=(5_000, 4)) + np.outer(junk, [2.0, 1.5, 1.0, 0.0])
X_learn, X_test, y_learn, y_test = train_test_split(
    mails, junk, train_size=1_000, stratify=junk, random_state=0
)
proba = LogisticRegression().fit(X_learn, y_learn).predict_proba(X_test)[:, 1]
thresholds = np.linspace(0.3, 0.99, 70)
y_pred = proba > thresholds[:, None]
accuracies = np.mean(y_pred == y_test, axis=1)
false_alarms, missed = (y_pred & ~y_test).sum(axis=1), (~y_pred & y_test).sum(axis=1)
costs = 10 * false_alarms + missed
for name, best in {"most right": accuracies.argmax(), "least cost": costs.argmin()}.items():
    print(f"{name}: threshold {thresholds[best]:.2f}, accuracy {accuracies[best]:.3f}", end="")
    print(f", {false_alarms[best]} false alarms, {missed[best]} missed, cost {costs[best]:,}")

figure, panels = plt.subplots(1, 3, figsize=(10, 3), layout="constrained", sharex=True)
curves = {"accuracy": accuracies, "false alarms": false_alarms, "cost, in missed mails": costs}
for (name, curve), panel in zip(curves.items(), panels):
    panel.plot(thresholds, curve, color="#0072B2")
    panel.axvline(thresholds[costs.argmin()], color="#D55E00", linestyle="--")
    panel.set(title=name, xlabel="threshold")
plt.show()

# %%
# How many new rows?
# ------------------
#
# Two of eight effects change their sign. With twenty new rows, a model of these alone is the worst.
# With fifty it is the best, as it learns nothing that no longer holds. The refit on all rows takes
# thousands to come near.

rng = np.random.default_rng(0)
effects = np.array([2, 1, 1, -1, 1, -1, 0.5, 0.5])


def month(n_rows, effects):
    """Return rows, and labels that depend on them by these effects."""
    X = rng.normal(size=(n_rows, 8))
    return X, X @ effects + rng.normal(size=n_rows) > 0


changed = effects * [1, 1, 1, 1, 1, 1, -1, -1]
X_old, y_old = month(1_000, effects)
X_new, y_new = month(3_000, changed)
X_test, y_test = month(4_000, changed)
kept = LogisticRegression().fit(X_old, y_old).score(X_test, y_test)
sizes = [20, 50, 100, 200, 500, 1_000, 3_000]
scores = []
for n in sizes:
    alone = LogisticRegression().fit(X_new[:n], y_new[:n])
    both = LogisticRegression().fit(np.r_[X_old, X_new[:n]], np.r_[y_old, y_new[:n]])
    scores.append([alone.score(X_test, y_test), both.score(X_test, y_test)])
    print(
        f"{n:5,} new rows: kept {kept:.3f}, new alone {scores[-1][0]:.3f}, all {scores[-1][1]:.3f}"
    )

figure, panel = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
panel.axhline(kept, color="0.5", linestyle="--", label="the old model, kept")
panel.plot(sizes, np.array(scores)[:, 0], "o-", color="#D55E00", label="refit on the new rows")
panel.plot(sizes, np.array(scores)[:, 1], "s-", color="#0072B2", label="refit on all rows")
panel.set(xscale="log", xlabel="new rows, beside 1,000 old ones", ylabel="accuracy")
panel.legend(frameon=False)
plt.show()

# %%
# Fine-tune, continue, or fit anew?
# ---------------------------------
#
# A Keras net has learned to read digits. Then either the camera is upside down, or each digit is
# to be called by the name of the next. A hundred rows of the new kind have labels.

import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
from keras.layers import Dense, Input
from sklearn.datasets import load_digits

keras.utils.set_random_seed(0)
X, y = load_digits(return_X_y=True)
X = (X / 16).astype("float32")
X_old, X_test, y_old, y_test = train_test_split(X, y, test_size=1 / 3, stratify=y, random_state=0)


def trained(net, X, y):
    """Return the net after thirty epochs."""
    net.compile(optimizer=keras.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy")
    net.fit(X, y, epochs=30, batch_size=64, verbose=0)
    return net


def blank():
    """Return a net that has learned nothing."""
    hidden = [Dense(64, activation="relu"), Dense(32, activation="relu")]
    return keras.Sequential([Input((64,)), *hidden, Dense(10, activation="softmax", name="last")])


def continued():
    """Return a net that begins where the present one is."""
    net = keras.models.clone_model(present)
    net.set_weights(present.get_weights())
    return net


def with_new_last_layer():
    """Return such a net whose last layer is fresh, and alone learns."""
    net = continued()
    net.get_layer("last").set_weights(blank().get_layer("last").get_weights())
    for layer in net.layers[:-1]:
        layer.trainable = False
    return net


def right(net, X, y):
    """Return the accuracy."""
    return np.mean(net.predict(X, verbose=0).argmax(axis=1) == y)


present = trained(blank(), X_old, y_old)


def upside_down(X):
    """Return the pictures with their rows in reverse."""
    return X.reshape(-1, 8, 8)[:, ::-1].reshape(-1, 64)


worlds = {
    "camera upside down": (upside_down(X_old[:100]), y_old[:100], upside_down(X_test), y_test),
    "names changed": (X_old[:100], (y_old[:100] + 1) % 10, X_test, (y_test + 1) % 10),
}
print(f"{'accuracy on held-out rows of the':33}new world  old world   rows    weights")
scores = {world: {} for world in worlds}
for world, (X_new, y_new, X_later, y_later) in worlds.items():
    mixed = np.r_[X_new, X_old[100:200]], np.r_[y_new, y_old[100:200]]
    everything = np.r_[X_new, X_old[100:]], np.r_[y_new, y_old[100:]]
    ways = {
        "keep": (present, 0),
        "fine-tune the last layer": (trained(with_new_last_layer(), X_new, y_new), 100),
        "continue": (trained(continued(), X_new, y_new), 100),
        "continue with replay": (trained(continued(), *mixed), 200),
        "refit on new rows": (trained(blank(), X_new, y_new), 100),
        "refit on all rows": (trained(blank(), *everything), len(everything[0])),
    }
    print(world)
    for way, (net, n_rows) in ways.items():
        scores[world][way] = new, old = right(net, X_later, y_later), right(net, X_test, y_test)
        n_weights = n_rows and sum(np.prod(weights.shape) for weights in net.trainable_weights)
        print(f"  {way:31}{new:9.2f}{old:11.2f}{n_rows:7,}{n_weights:11,}")

# %%
# Upside down, the pictures are new to the first layers: a new last layer mends that only in part,
# and the whole net has to learn. With replay it does, and hardly forgets the old camera. Where only
# the names have changed, the layers before the last are as good as ever: there, the new last layer
# is the best of all. To go on from the old one is not, and the rows with old names spoil the refit
# on all rows.

figure, panels = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained", sharey=True)
for (world, known), panel in zip(scores.items(), panels):
    for name, color, accuracies, offset in zip(
        ("new world", "old world"), ("#D55E00", "#56B4E9"), zip(*known.values()), (-0.2, 0.2)
    ):
        places = np.arange(len(known)) + offset
        panel.barh(places, accuracies, height=0.4, color=color, label=name)
    panel.set(title=world, xlabel="accuracy", xlim=(0, 1))
panels[0].set_yticks(np.arange(len(known)), list(known))
panels[0].invert_yaxis()
handles = panels[0].get_legend_handles_labels()
figure.legend(*handles, loc="outside lower center", ncols=2, frameon=False)
plt.show()
