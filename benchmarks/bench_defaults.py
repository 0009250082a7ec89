"""Are the defaults against forgetting chosen by one stream? Each is left out in turn.

A default is the value whose worst stream is best. It should be the same without any one of the
streams; where it is not, the table says for which.

- `recent` of `StratifiedReservoir`: the mean absolute error of boosting that is refitted every two
  weeks on 2,000 remembered hours, beside a window and a plain reservoir of that size. The strata
  are months, and weeks of the year for the forecaster (elec2's demand a day ahead). Three streams
  of demand are generated, one of which grows, and one changes. Nine tenths is the largest share
  that is tried: more of it is a window.
- `caution` of `Revive` and `guard` of `DistillingRefit`: the error on rows not yet learned, on the
  streams of [the page on forgetting](forgetting.md), with SGD behind a StandardScaler.
"""

import numpy as np
from _common import load_stream, parse_args, table, use_one_thread, write_report
from bench_forgetting import GENERATED, N_SEEDS, REAL, data_of, run
from bench_harm import forecaster
from scipy.signal import lfilter
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skretrain import DriftAwareRetrainer
from skretrain.buffers import Reservoir, SlidingWindow, StratifiedReservoir
from skretrain.drift import Periodic
from skretrain.model_selection import prequential_predict
from skretrain.policies import DistillingRefit, FullRefit, Revive

DAY, ROOM = 24, 2000
TWO_WEEKS = 14 * DAY
MONTHS = {"bike": 1, "metro": 2, "aep_load": 2}  # their column
DEMAND = ("seasons alone", "growing", "changing")  # generated, three years of hours each
RECENT = (0.9, 0.75, 0.5, 0.25)  # the default first: of equal ones it is chosen
CAUTION = (1.0, 0.5, 2.0)


def demand(kind):
    """Return three years of hourly demand: features, targets and the column of the month.

    Hours, weekends, holidays and the weather shape it. If it is growing, by 30 % a year; if it is
    changing, the peak of the day is four hours later from the middle on.
    """
    rng, n = np.random.default_rng(0), 3 * 365 * DAY
    t = np.arange(n)
    hour, day, year = t % DAY, t // DAY, t / (365 * DAY)
    weather = lfilter([0.6], [1, -0.98], rng.normal(size=n))
    heat = 12 - 12 * np.cos(2 * np.pi * year) - 4 * np.cos(2 * np.pi * hour / DAY) + weather
    peak = np.where((kind == "changing") & (t >= n // 2), 13, 9)
    shape = 1 + 0.4 * np.sin(2 * np.pi * (hour - peak) / DAY)
    shape *= np.where(day % 7 >= 5, 0.75, 1) * np.where(abs(day % 365 - 215) < 20, 0.8, 1)
    shape *= 1 + 0.03 * np.maximum(15 - heat, 0) + 0.05 * np.maximum(heat - 22, 0)
    growth = 1.3**year if kind == "growing" else 1
    y = 100 * shape * growth * rng.normal(1, 0.05, n)
    return np.column_stack([hour, day % 7, heat, day % 365 // 31]), y, 3


def hourly(name):
    """Return features, targets and the column of the season, or None without the stream."""
    if name in DEMAND:
        return demand(name)
    if name in MONTHS:
        stream = load_stream(name)
        return None if stream is None else (stream.X, stream.y, MONTHS[name])
    data = forecaster()
    if data is None:
        return None
    X, y = data.X, data.y
    weeks = np.arange(len(y)) // (7 * DAY) % 52
    return np.column_stack([X, weeks]), y, X.shape[1]


def seasonal_errors(name, n_rows):
    """Return the mean absolute error of every memory on a stream."""
    found = hourly(name)
    if found is None:
        return None
    X, y, column = found
    X, y = X[:n_rows], y[:n_rows].astype(float)
    memories = {"window": SlidingWindow(ROOM), "reservoir": Reservoir(ROOM, random_state=0)}
    for share in RECENT:
        memories[share] = StratifiedReservoir(
            ROOM, by=None, column=column, recent=share, random_state=0
        )
    errors = {}
    for key, memory in memories.items():
        model = DriftAwareRetrainer(
            HistGradientBoostingRegressor(max_iter=50, early_stopping=False, random_state=0),
            detector=Periodic(TWO_WEEKS),
            policy=FullRefit("all", grow=False),
            update=None,
            buffer=memory,
        )
        predicted = prequential_predict(
            model, X, y, batch_size=DAY, initial_size=ROOM, label_delay=DAY
        )
        errors[key] = float(np.abs(y[ROOM:] - predicted).mean())
        print(name, key, f"{errors[key]:.4g}", flush=True)
    return errors


def policies():
    """Return the policies by parameter and value."""
    return {
        "caution": {value: {"policy": Revive(caution=value)} for value in CAUTION},
        "guard": {
            value: {
                "policy": DistillingRefit(window="all", grow=False, guard=value),
                "detector": Periodic(500),
                "update": None,
            }
            for value in (True, False)
        },
    }


def stream_errors(name, options, n_seeds):
    """Return the mean error of a policy on a stream, None where it is not there."""
    errors = []
    for seed in range(n_seeds if name in GENERATED else 1):
        data = data_of(name, seed)
        if data is None:
            return None
        base = make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss", random_state=seed))
        found = run(data, DriftAwareRetrainer(base, random_state=seed, **options))
        errors.append(1 - found.present)
    print(name, *(str(v) for v in options.values()), f"{np.mean(errors):.3f}", flush=True)
    return float(np.mean(errors))


def chosen(errors, streams):
    """Return the value whose worst ratio to the best value of a stream is smallest."""
    values = list(next(iter(errors.values())))
    ratio = {v: max(errors[s][v] / min(errors[s].values()) for s in streams) for v in values}
    return min(ratio, key=ratio.get)


def left_out(errors):
    """Return a sentence: the choice by all streams, and where leaving one out changes it."""
    choice = chosen(errors, list(errors))
    others = {s: chosen(errors, [o for o in errors if o != s]) for s in errors}
    changed = [f"{value} without {stream}" for stream, value in others.items() if value != choice]
    return (
        f"The worst stream chooses {choice}. Leaving one stream out: "
        f"{'; '.join(changed) or 'the same each time'}."
    )


def lines(errors, values):
    return [[s, *(f"{of[value]:.4g}" for value in values)] for s, of in errors.items()]


def seasons(quick):
    """Yield the part about `recent`."""
    names = ("growing", "metro") if quick else (*DEMAND, "forecaster", *MONTHS)
    errors = {n: seasonal_errors(n, 4000 if quick else None) for n in names}
    errors = {name: of for name, of in errors.items() if of is not None}
    if not errors:
        return
    yield "## `recent`, by seasons"
    values = ["window", "reservoir", *RECENT]
    yield table(["stream", *map(str, values)], lines(errors, values))
    yield left_out({s: {v: of[v] for v in RECENT} for s, of in errors.items()})


def answers(quick):
    """Yield the parts about `caution` and `guard`."""
    for parameter, of_value in policies().items():
        errors = {}
        for name in ("flip", "gradual") if quick else (*GENERATED, *REAL):
            found = {
                value: stream_errors(name, options, 1 if quick else N_SEEDS)
                for value, options in of_value.items()
            }
            if None not in found.values():
                errors[name] = found
        yield f"## `{parameter}`"
        yield table(["stream", *map(str, of_value)], lines(errors, of_value))
        yield left_out(errors)


def report(quick):
    """Yield the parts of the page."""
    yield __doc__
    yield from seasons(quick)
    yield from answers(quick)


def main():
    args = parse_args("Are the defaults chosen by one stream?", "defaults.md")
    use_one_thread()
    write_report(args.out, "Defaults against forgetting, each stream left out", report(args.quick))


if __name__ == "__main__":
    main()
