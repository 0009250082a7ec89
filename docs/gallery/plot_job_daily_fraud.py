"""
A job that runs each night
==========================

Each night a new process starts and knows nothing but what the last one has saved. It scores the
payments of the day, learns those whose labels have become known, and saves the model again. Labels
come two weeks late: it takes that long until customers have complained.
"""

# %%
# The payments
# ------------
#
# Three payments in two hundred are frauds, and on a day in June the fraudsters change their ways.
# The frame stands for a table of the database: ``known`` is when the label of a payment comes.

import json
import logging
import os
import tempfile
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skretrain import DriftAwareRetrainer
from skretrain.inspection import PerClassDisplay

rng = np.random.default_rng(0)
features = ["amount", "distance", "hour", "velocity", "age", "risk"]
days, per_day = pd.date_range("2024-03-15", "2024-08-31"), 300
table = pd.DataFrame(rng.normal(size=(per_day * len(days), 6)), columns=features)
table["day"] = np.repeat(days, per_day)
table["known"] = table["day"] + pd.Timedelta("14D")
is_fraud, is_late = rng.random(len(table)) < 0.015, table["day"] >= "2024-06-10"
table["label"] = np.where(is_fraud, "fraud", "ok")
table.loc[is_fraud & ~is_late, features[:3]] += 1.7
table.loc[is_fraud & is_late, features[3:]] += 1.7
change = int(np.argmax(is_late))
print(f"{len(days)} days of {per_day} payments, {is_fraud.mean():.4f} of them frauds")
print(f"the change is on {table.loc[change, 'day']:%d %B}")

# %%
# A threshold from what mistakes cost
# -----------------------------------
#
# A fraud that nobody stops costs 200, to look at a payment costs 5: it pays as soon as the
# probability of a fraud is above 5 / (5 + 200). So the job serves probabilities, and the
# threshold stays outside of the model.

missed, look = 200, 5
threshold = look / (look + missed)
print(f"{look} / ({look} + {missed}) = {threshold:.3f}")

# %%
# The job
# -------
#
# The state has the retrainer, and the day up to which it has learned: a night that was left out is
# made up for, and one that runs twice learns nothing twice. The new state replaces the old one in
# one step. A handler of Python's ``logging`` writes a line for each event, with its night.

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
logger = logging.getLogger("skretrain.events")


def save(model, today):
    """Replace the state by a whole file, or leave it as it was."""
    joblib.dump({"model": model, "learned": today}, folder / "new.joblib")
    os.replace(folder / "new.joblib", folder / "state.joblib")


def night(today):
    """Score the payments of a day, and learn what has become known since the last night."""
    handler = logging.FileHandler(folder / "events.jsonl")
    handler.setFormatter(logging.Formatter(f'{{"night": "{today:%F}", "event": %(message)s}}'))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    state = joblib.load(folder / "state.joblib")
    model = state["model"]
    new = table[table["day"] == today]
    proba = pd.Series(model.predict_proba(new[features])[:, 0], index=new.index)  # of a fraud
    known = table[(table["known"] > state["learned"]) & (table["known"] <= today)]
    if len(known):
        model.partial_fit(known[features], known["label"])
    save(model, today)
    logger.removeHandler(handler)
    handler.close()
    return proba


# %%
# The first model learns what is known by the end of April. Then the nights pass.

start = pd.Timestamp("2024-04-30")
first = table[table["known"] <= start]
base = make_pipeline(StandardScaler(), LogisticRegression())
model = DriftAwareRetrainer(base).fit(first[features], first["label"])
save(model, start)
served = pd.concat([night(today) for today in days[days > start]])
logger.setLevel(logging.NOTSET)
print(f"rows of the first fit: {len(first)}, nights: {sum(days > start)}, ", end="")
print(f"state on disk: {(folder / 'state.joblib').stat().st_size / 1e6:.1f} MB")

# %%
# What it did, and when
# ---------------------
#
# The file has a line for each night. Most say that nothing was to be done; here are those since the
# end of May on which a new model came into service. Rows were learned in the order of the table,
# so that the row from which on the model was fitted has a date as well. "growth" is a question that
# is asked again as the rows of the present concept double; an "alarm" is what the detector raised.

lines = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
events = pd.DataFrame([line["event"] for line in lines])
events["night"] = pd.to_datetime([line["night"] for line in lines])
print(events["action"].value_counts().to_string())
renewed = events[(events["action"] == "retrained") & (events["night"] >= "2024-05-25")]
for event in renewed.itertuples():
    print(f"{event.night:%d %B}: {event.reason.split(';')[0]}, ", end="")
    print(f"rows since {table.loc[event.since, 'day']:%d %B}")
alarm = events[events["state"] == "drift"].iloc[0]
print(f"nights from the change to the alarm: {(alarm['night'] - table.loc[change, 'day']).days}")

# %%
# What it was worth
# -----------------
#
# Costs by month. Before the change, learning each night gains nothing: a model that was fitted once
# is as good. After it, that model costs more than none at all. June and a part of July are lost
# in any case: for two weeks nobody can know, and the evidence has to come in.

frozen = base.fit(first[features], first["label"])
rows = table.loc[served.index]
frauds = rows["label"] == "fraud"
proba = {"each night": served, "never": frozen.predict_proba(rows[features])[:, 0]}
cost = {"without a model": missed * frauds}
for name, p in proba.items():
    cost[f"learned {name}"] = missed * (frauds & (p <= threshold)) + look * (p > threshold)
print(pd.DataFrame(cost).groupby(rows["day"].dt.strftime("%m %B")).sum().to_string())

# %%
# The picture
# -----------
#
# A display of a result takes anything with these attributes. ``arrived`` says which row was served
# when so many had been learned: labels are two weeks late, so it is that many rows ahead.

from types import SimpleNamespace

result = SimpleNamespace(
    rows=rows.index,
    y_true=rows["label"],
    y_pred=np.where(served > threshold, "fraud", "ok"),
    events=joblib.load(folder / "state.joblib")["model"].events_,
    times=table["day"].to_numpy(),
    arrived=lambda n_learned: n_learned + 14 * per_day,
)
display = PerClassDisplay.from_result(result, true_drifts=[change], window=7 * per_day)
temporary.cleanup()
