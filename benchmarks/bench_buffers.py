"""Bytes and time per row of the buffers over a long stream: both must stay flat.

Every buffer takes the stream in batches; after each tenth the bytes it holds and the processor
time per row of that tenth are noted. The last column is the time of the slowest tenth after the
second (by then the buffers are full, if they are small enough) over the fastest.

    python benchmarks/bench_buffers.py --rows 1000000 --batch 100
"""

import time

import numpy as np
from _common import parse_args, table, use_one_thread, write_report
from scipy import sparse

from skretrain.buffers import Reservoir, SlidingWindow

N_FEATURES = 10
# Frames and sparse rows cost tens of microseconds per batch in their own libraries.
SHARE_OF_ROWS = {"dense": 1.0, "sparse": 0.2, "frame": 0.1}


def buffers(max_rows):
    """The buffers to compare, by label."""
    return {
        "SlidingWindow": SlidingWindow(max_rows),
        "Reservoir": Reservoir(max_rows),
        "Reservoir, balance": Reservoir(max_rows, balance=True),
        "Reservoir, decay": Reservoir(max_rows, decay=1 / (10 * max_rows)),
        "Reservoir, balance, decay": Reservoir(max_rows, balance=True, decay=1 / (10 * max_rows)),
    }


def make_batch(kind, n_batch):
    """One batch, added over and over: what is measured is the buffer, not the generator."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_batch, N_FEATURES))
    y = (rng.random(n_batch) < 0.1).astype(np.int64)
    if kind == "sparse":
        X = sparse.csr_matrix(np.where(rng.random(X.shape) < 0.2, X, 0.0))
    if kind == "frame":
        import pandas as pd

        X = pd.DataFrame(X, columns=[f"x{j}" for j in range(N_FEATURES)])
    return X, y


def run(buffer, kind, n_rows, n_batch):
    """Bytes after each tenth, and microseconds of processor time per row in it."""
    X, y = make_batch(kind, n_batch)
    per_tenth = max(n_rows // n_batch // 10, 1)
    start, n_bytes, micros = 0, [], []
    buffer.reset()
    for _ in range(10):
        begin = time.process_time()
        for _ in range(per_tenth):
            buffer.add(X, y, None, start)
            start += n_batch
        micros.append((time.process_time() - begin) / (per_tenth * n_batch) * 1e6)
        n_bytes.append(buffer.nbytes)
    return start, n_bytes, micros


def lines(arguments):
    """Yield the lines of the table."""
    for kind, share in SHARE_OF_ROWS.items():
        for label, buffer in buffers(arguments.max_rows).items():
            n_rows = int(arguments.rows * share)
            seen, n_bytes, micros = run(buffer, kind, n_rows, arguments.batch)
            yield [
                f"{kind}, {label}",
                f"{seen:,}",
                *(f"{n_bytes[tenth] / 1e6:.2f}" for tenth in (0, 4, 9)),
                " ".join(f"{value:.2f}" for value in micros),
                f"{max(micros[2:]) / max(min(micros[2:]), 1e-9):.2f}",
            ]


def add_arguments(parser):
    """Add what only this benchmark has."""
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the dense stream")
    parser.add_argument("--batch", type=int, default=100, help="rows per batch")
    parser.add_argument("--max-rows", type=int, default=10_000, help="rows that a buffer remembers")


def main():
    """Measure, print and write the table."""
    arguments = parse_args(__doc__.splitlines()[0], "buffers.md", add_arguments)
    use_one_thread()
    if arguments.quick:
        arguments.rows, arguments.max_rows = arguments.rows // 50, arguments.max_rows // 50
    header = [
        *("rows in", "rows seen", "MB at 10 %", "MB at 50 %", "MB at 100 %"),
        *("microseconds per row in each tenth", "slowest / fastest, tenths 3 to 10"),
    ]
    text = __doc__.partition("\n\n    python")[0]
    write_report(arguments.out, "Buffers", [text, table(header, lines(arguments))])


if __name__ == "__main__":
    main()
