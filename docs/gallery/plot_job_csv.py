"""
A table and a question: does retraining pay?
============================================

A shop has a table of its orders, and a model that says which of them will be sent back. Would it
pay to retrain that model every month? Before anybody builds a job for it, the history can answer.
That takes one command, and no code.
"""

# %%
# The table
# ---------
#
# It is as such tables are: dates, amounts with a currency sign, a category, gaps. In July returns
# become free, and from then on other orders come back than before.

import contextlib
import io
import tempfile
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

rng = np.random.default_rng(0)
n = 2_500
day = np.sort(rng.integers(0, 366, n))
amount, age = rng.lognormal(4.5, 0.8, n), rng.integers(18, 80, n).astype(float)
channel = rng.choice(["app", "shop", "web"], n, p=[0.3, 0.2, 0.5])
before = 1.6 * (channel == "web") - 0.9 * (channel == "shop") + 0.04 * (45 - age) - 1.2
after = 1.5 * np.log(amount / 110) - 0.8 * (channel == "web") + 0.9 * (channel == "shop")
odds = np.exp(1.5 * np.where(day < 182, before, after))
age[rng.random(n) < 0.15] = np.nan
columns = {
    "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(day, unit="D"),
    "amount": [f"${value:,.2f}" for value in amount],
    "channel": channel,
    "age": age,
    "returned": np.where(rng.random(n) < odds / (1 + odds), "yes", "no"),
}
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
pd.DataFrame(columns).to_csv(folder / "orders.csv", index=False)
print("".join((folder / "orders.csv").read_text().splitlines(keepends=True)[:5]))

# %%
# One command
# -----------
#
# Here it is called from Python; on a terminal the same words follow ``skretrain compare``. Jobs of
# this shop run each week, it takes two weeks until a customer may no longer send an order back, and
# a refit at the beginning of each month is what the team has in mind.

from skretrain.cli import main


def skretrain(*words):
    """Run a command, and return the paragraphs that it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = main([str(word) for word in words])
    assert code == 0
    return printed.getvalue().split("\n\n")


options = ["--target", "returned", "--time", "day"]
calendar = ["--batch", "1w", "--label-delay", "2w", "--schedule", "monthly"]
out = folder / "compared"
paragraphs = skretrain("compare", folder / "orders.csv", *options, *calendar, "--out", out)
print(paragraphs[0])

# %%
# Below this stand a table and the answer. The folder has the table as a file, and a page for the
# browser with all of it.

print("in the folder:", *sorted(path.name for path in out.iterdir()))
results = pd.read_csv(out / "compare.csv").set_index("policy")
print(results[["accuracy", "fits", "rows_fitted"]].round({"accuracy": 3}).to_string())

# %%
# What it says
# ------------
#
# Never to retrain is worse than to say of every order that it will be kept. The plan of the team
# pays, but on which rows the refits are made matters more than how often: on all rows, they carry
# half a year of the old rules along, and not even weekly ones make up for that. Monthly refits on
# the newest weeks bring most of what there is to gain; to look for the change, or to go on learning
# each week, is a little better still.

(answer,) = [paragraph for paragraph in paragraphs if "would have paid" in paragraph]
for sentence in answer.splitlines()[:2]:
    print(textwrap.fill(sentence, 95))

# %%
# And today?
# ----------
#
# ``compare`` looks back. What to do now with the model in service is what ``advise`` answers, from
# two files: the rows that the model has learned, and those that have come since.

lines = (folder / "orders.csv").read_text().splitlines(keepends=True)
half = len(lines) // 2
for name, part in {"old": lines[1:half], "new": lines[half:]}.items():
    (folder / f"{name}.csv").write_text(lines[0] + "".join(part))
files = [folder / "old.csv", folder / "new.csv"]
paragraphs = skretrain("advise", *files, *options, "--out", folder / "advice")
print(textwrap.fill(paragraphs[1], 95))
print(paragraphs[2])

# %%
# The picture
# -----------
#
# ``compare.png``: below, each policy is in blue. All of them fall in July, and stay down for the
# two weeks in which no label from after the change is known.

image = plt.imread(out / "compare.png")
figure = plt.figure(figsize=(10, 10 * image.shape[0] / image.shape[1]))
axes = figure.add_axes((0, 0, 1, 1))
axes.imshow(image)
axes.axis("off")
temporary.cleanup()
