"""Files as streams: the batches put together are the file."""

import numpy as np
import pandas as pd
import pytest

from skretrain.datasets import iter_csv, iter_parquet


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {"a": rng.normal(size=250), "b": rng.choice(["x", "y"], 250), "y": rng.integers(0, 2, 250)}
    )


@pytest.fixture(params=["csv", "parquet"])
def read(request, table, tmp_path):
    """Return a function that reads the table from a file of each format."""
    path = tmp_path / f"table.{request.param}"
    if request.param == "csv":
        table.to_csv(path, index=False)
        return lambda **kwargs: iter_csv(path, **kwargs)
    table.to_parquet(path)
    return lambda **kwargs: iter_parquet(path, **kwargs)


def test_batches_put_together_are_the_file(read, table):
    """Rows keep their order, and all but the last batch have the size asked for."""
    batches = list(read(target="y", batch_size=100))
    assert [len(X) for X, _ in batches] == [100, 100, 50]
    X = pd.concat([X for X, _ in batches], ignore_index=True)
    y = pd.concat([y for _, y in batches], ignore_index=True)
    pd.testing.assert_frame_equal(X, table[["a", "b"]])
    pd.testing.assert_series_equal(y, table["y"])


def test_a_target_that_is_not_there_is_named_with_those_that_are(read):
    """The error lists the columns."""
    with pytest.raises(
        ValueError, match=r"target='z' is not a column; there are \['a', 'b', 'y'\]"
    ):
        next(read(target="z"))


def test_only_the_columns_asked_for_are_read(table, tmp_path):
    """``columns`` names features; the target comes along."""
    table.to_parquet(tmp_path / "table.parquet")
    X, y = next(iter_parquet(tmp_path / "table.parquet", target="y", columns=["b"]))
    assert list(X.columns) == ["b"]
    assert len(y) == 250
