"""Are the defaults against forgetting chosen by one stream? Each is left out in turn.

A default is the value whose worst stream is best. It should be the same without any one of the
streams; where it is not, the table says for which.

- `recent` of `StratifiedReservoir`: the mean absolute error of boosting that is refitted every two
  weeks on 2,000 remembered hours, beside a window and a plain reservoir of that size. The strata
  are months, and weeks of the year for the forecaster (elec2's demand a day ahead).
- `caution` of `Revive` and `guard` of `DistillingRefit`: the error on rows not yet learned, on the
  streams of [the page on forgetting](forgetting.md), with SGD behind a StandardScaler.
"""

import numpy as np
from _common import load_stream, parse_args, table, use_one_thread, write_report
from bench_forgetting import GENERATED, N_SEEDS, REAL, data_of, run
from bench_harm import forecaster
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
RECENT = (0.5, 0.25, 0.75)  # the default first: of equal ones it is chosen
CAUTION = (1.0, 0.5, 2.0)


def hourly(name):
    """Return features, targets and the column of the season, or None without the stream."""
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
    names = ("bike", "metro") if quick else ("forecaster", *MONTHS)
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
