"""The rows that are compared: all of a file or, of one that is too long, in batches or the last."""

from dataclasses import replace
from pathlib import Path

from ..metrics import Price
from ..utils._durations import Duration
from ._cut import check_schedules, in_rows, usual_batch, usual_warm_up
from ._errors import CommandError
from ._estimators import model_in_file
from ._files import read_tables
from ._history import embedded_history, history_of
from ._losses import Cost
from ._memory import HeadRoom, Room, in_words
from ._metric import measure_of
from ._raw import columns_of
from ._stream import FileStream

_ROOM = 20  # batches: a window of ten, and the copies that are made of it
_WARM_UP = 4  # of them, there is room for
_LEAST_BATCH = 100


def rows_and_metric(arguments):
    """Return the history that is compared, and what policies are compared by."""
    if arguments.file is None:
        history = _embedded(arguments)
    else:
        _check_label_time(arguments)
        if arguments.max_memory is not None:
            return _bounded(arguments)
        history = _whole(arguments, *_read(arguments, None))
    return history, _metric(history, arguments)


def _metric(history, arguments):
    return measure_of(
        history,
        scoring=arguments.scoring,
        positive=arguments.positive,
        is_priced=arguments.price is not None,
        costs=arguments.cost_matrix,
    )


# -- the history -----------------------------------------------------------------------------------


def _embedded(arguments):
    named = {"target": arguments.target, "time": arguments.time, "id": arguments.ids}
    named |= {"sample-weight": arguments.sample_weight, "label-time": arguments.label_time}
    for option, column in named.items():
        if column not in (None, []):
            raise CommandError(
                f"--{option} needs a FILE; without one the built-in stream is used, which has "
                "its own columns."
            )
    return embedded_history(**_options(arguments))


def _options(arguments):
    return {
        "estimator": arguments.estimator,
        "model": model_in_file(arguments),
        "raw": arguments.raw,
        "batch": arguments.batch,
        "warm_up": arguments.warm_up,
        "label_delay": arguments.label_delay,
        "schedules": arguments.schedule,
    }


def _read(arguments, room, types=None):
    """Return the table, what was said of it, and the options of the history."""
    notices, options = [], _options(arguments)
    asked = [arguments.target, arguments.time, arguments.sample_weight, arguments.label_time]
    asked += [*arguments.keep, *arguments.drop, *arguments.ids, *columns_of(options["model"])]
    words = arguments.missing
    [table] = read_tables(
        [arguments.file], notices, missing=words, keep=asked, room=room, types=types
    )
    if arguments.target is None:
        names = ", ".join(map(repr, table.columns[:30]))
        raise CommandError(f"--target is missing: which column is to be predicted? One of {names}.")
    return table, notices, options


def _whole(arguments, table, notices, options):
    return history_of(
        table,
        name=Path(arguments.file).name,
        target=arguments.target,
        time=arguments.time,
        task=arguments.task,
        keep=arguments.keep,
        drop=arguments.drop,
        ids=arguments.ids,
        weight=arguments.sample_weight,
        label_time=arguments.label_time,
        notices=notices,
        **options,
    )


def _check_label_time(arguments):
    if arguments.label_time is None:
        return
    if arguments.time is None:
        raise CommandError("--label-time needs --time, which says when the rows themselves came.")
    if arguments.label_delay:
        raise CommandError(
            f"--label-delay {arguments.label_delay} and --label-time say the same thing; leave one "
            "of them out."
        )


# -- a bound on the memory -------------------------------------------------------------------------


class _Together(Exception):
    """Why the rows are needed together, and no batch after the other."""


def _bounded(arguments):
    """Return the rows for which there is room, or a file that is gone through in batches."""
    try:
        _check_options(arguments)
        return _in_batches(arguments)
    except _Together as error:
        room = Room(arguments.max_memory, arguments.jobs, arguments.time, why=str(error))
    read = _read(arguments, room)
    try:
        history = _whole(arguments, *read)
    except CommandError as error:
        if not room.notice:
            raise
        raise CommandError(f"{error} Or allow more memory: {room.notice}.") from error
    return history, _metric(history, arguments)


def _check_options(arguments):
    for option in ("label_time", "time_budget"):
        if getattr(arguments, option) is not None:
            raise _Together(f"--{option.replace('_', '-')} is about all rows together")
    if isinstance(arguments.price, Price) and arguments.price.flip_price:
        raise _Together("changed decisions (flip=) are counted on all rows together")
    lengths = [arguments.batch, arguments.warm_up, arguments.label_delay, *arguments.schedule]
    for length in lengths:
        if isinstance(length, Duration):
            raise _Together(f"{in_rows(length)} is a length of time, and not of rows")


def _in_batches(arguments):
    room, types = HeadRoom(arguments.max_memory, arguments.jobs, arguments.time), {}
    table, notices, options = _read(arguments, room, types)
    if room.is_whole:
        history = _whole(arguments, table, notices, options)
        return history, _metric(history, arguments)
    if not room.is_ordered:
        raise _Together(f"its rows are not in the order of {arguments.time!r}")
    options |= _lengths(arguments, room)
    history = _whole(arguments, table, notices, options)
    metric = _metric(history, arguments)
    if metric.metric is not None:
        raise _Together(f"the {metric.name} is a score of all rows together")
    history.reader.coder.is_closed = isinstance(metric.loss, Cost)
    stream = FileStream(
        Path(arguments.file),
        history.reader,
        missing=arguments.missing,
        types=types,
        warm_up=history.warm_up,
        batch=options["batch"],
        n_rows=room.n_rows_in_file,
    )
    return _first_of(history, stream, room), metric


def _lengths(arguments, room):
    """Return the lengths of batches and of the warm-up for which there is room."""
    n_rows, n_fitting, batch = room.n_rows_in_file, room.n_fitting, arguments.batch
    if batch is None:
        batch = usual_batch(n_rows, most=max(n_fitting // _ROOM, _LEAST_BATCH))
    warm_up = arguments.warm_up
    if warm_up is None:
        warm_up = max(min(usual_warm_up(n_rows, batch), n_fitting // _WARM_UP), batch)
    taken = max(_ROOM * batch, _WARM_UP * warm_up) + 2 * arguments.label_delay
    if taken > n_fitting:
        raise _Together(
            f"there is no room for batches of {in_rows(batch)}, a warm-up of {warm_up:,} and a "
            f"label delay of {arguments.label_delay:,} either"
        )
    check_schedules(arguments.schedule, n_rows, batch, None)
    return {"batch": batch, "warm_up": warm_up, "schedules": ()}


def _first_of(history, stream, room):
    """Return a history of the rows of the warm-up, behind which all others come as a stream."""
    first = history.warm_up
    table = history.table.iloc[:first].copy()
    notice = (
        f"all {stream.n_rows:,} rows of the file are gone through in batches, and no policy refits "
        f"on all of them: there is room for {room.n_fitting:,} in --max-memory "
        f"{in_words(room.n_bytes)}; what the columns hold is told by the first {room.n_read:,}"
    )
    return replace(
        history,
        X=table if history.is_raw else None,
        y=history.y[:first].copy(),
        table=table,
        times=None,
        params={name: weights[:first] for name, weights in history.params.items()},
        timing=replace(history.timing, moments=None),
        notices=(notice, *history.notices),
        stream=stream,
    )
