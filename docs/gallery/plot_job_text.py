"""
Messages by topic, and a topic that nobody has foreseen
=======================================================

Messages of customers go to the desk for their topic. The words are hashed, so that no vocabulary
grows old, and a linear model learns each batch. Half way a new topic comes up: refunds. They talk
of bills and parcels, too.
"""

# %%
# The messages
# ------------
#
# A message has one to three words of its topic among twelve that say nothing. Each hundred are a
# batch; the people at the desks say afterwards where they belonged.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline

rng = np.random.default_rng(0)
words = {
    "bill": "invoice amount charged card payment bank tax euro month paid",
    "login": "password account locked code email reset sign user screen phone",
    "parcel": "delivery late address courier track door neighbour box week lost",
    "quality": "broken scratch colour size crack noise part smell button thin",
    "refund": "refund money back return returned card bank invoice parcel box",
}
words = {topic: text.split() for topic, text in words.items()}
starts, ends = "ba ce di fo gu ha je li mo nu", "ro sa te vi zu lan"
other = [start + end for start in starts.split() for end in ends.split()]
n, new_row = 6_000, 3_000
p = np.where(np.arange(n)[:, None] < new_row, [0.3, 0.3, 0.3, 0.1, 0], [0.2, 0.2, 0.2, 0.1, 0.3])
y = np.array([rng.choice(list(words), p=row) for row in p])
parts = [[*rng.choice(words[topic], rng.integers(1, 4)), *rng.choice(other, 12)] for topic in y]
X = np.array([" ".join(rng.permutation(part)) for part in parts], dtype=object)
print(f"{n:,} messages, refunds from message {new_row:,} on, such as:")
print(X[np.flatnonzero(y == "refund")[0]])

# %%
# Two loops
# ---------
#
# The plain one hashes, and calls ``partial_fit`` of the classifier. In the first call it has to be
# told all topics, with the one that nobody knows yet: a favour that no real job can do. The
# retrainer takes the pipeline and the texts as they are, and meets the topic when it comes.

from skretrain import DriftAwareRetrainer

first = 500
hashing, sgd = HashingVectorizer(n_features=2**12), SGDClassifier(random_state=0)
model = DriftAwareRetrainer(make_pipeline(hashing, sgd)).fit(X[:first], y[:first])
plain = SGDClassifier(random_state=0)
plain.partial_fit(hashing.transform(X[:first]), y[:first], classes=list(words))

served = {"plain partial_fit": [], "retrainer": []}
for start in range(first, n, 100):
    batch = slice(start, start + 100)
    served["plain partial_fit"].append(plain.predict(hashing.transform(X[batch])))
    served["retrainer"].append(model.predict(X[batch]))
    plain.partial_fit(hashing.transform(X[batch]), y[batch])
    model.partial_fit(X[batch], y[batch])

# %%
# Recall of each topic
# --------------------
#
# The old topics are mostly better off with the retrainer: its refits go over remembered messages
# again, of which the plain loop has seen each once. The new topic comes up more slowly than in the
# loop that had been told of it: most of what the first refits learn are messages of old topics. In
# all, the two are alike from then on; what remains is that nobody had to know.

y_pred = {name: np.concatenate(batches) for name, batches in served.items()}
periods = {
    "before the new topic": slice(0, new_row - first),
    "its first 1,000 messages": slice(new_row - first, new_row + 1_000 - first),
    "later": slice(new_row + 1_000 - first, n - first),
}
for period, rows in periods.items():
    truth = y[first:][rows]
    right = pd.DataFrame({name: answers[rows] == truth for name, answers in y_pred.items()})
    print(period)
    print(right.groupby(truth).mean().T.assign(all=right.mean()).round(2).to_string())

# %%
# What the retrainer did
# ----------------------
#
# The classifier got room for the topic in the first batch that had it. The alarm came two batches
# later, when enough refunds had gone to the wrong desk.

for event in model.events_:
    if event.row > new_row and event.row <= new_row + 1_000:
        since = "" if event.since is None else f" (change at {event.since})"
        print(f"row {event.row}: {event.action}, {event.reason.split(':')[0]}{since}")

# %%
# The picture
# -----------

from skretrain.inspection import PerClassDisplay

figure, axes = plt.subplots(2, 3, figsize=(10, 5), layout="constrained", sharey=True)
display = PerClassDisplay.from_predictions(
    np.arange(first, n),
    y[first:],
    y_pred["retrainer"],
    events=model.events_,
    true_drifts=[new_row],
    window=500,
    ax=axes.ravel(),
)
figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
plt.show()
