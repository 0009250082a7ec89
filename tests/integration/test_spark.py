"""Spark for real, where it and Java are: a stream by foreachBatch, segments by applyInPandas.

Neither is among the extras, for their size: ``pip install pyspark`` first.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer
from skretrain.serving import SegmentedRetrainer, load, save

pd = pytest.importorskip("pandas")
pytest.importorskip("pyspark")
if shutil.which("java") is None:
    pytest.skip("Spark needs Java", allow_module_level=True)
# What Spark says of itself in its threads and files is not ours to mend.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    """A session of two threads."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.sql.warehouse.dir", str(tmp_path_factory.mktemp("warehouse")))
    builder = builder.config("spark.sql.shuffle.partitions", 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)  # else the workers take python3 of the path
        session = builder.getOrCreate()
        yield session
        session.stop()


def day(number):
    """Return the rows of three shops."""
    rng = np.random.default_rng(number)
    rows = pd.DataFrame({"shop": np.repeat(["a", "b", "c"], 40), "x": rng.normal(size=120)})
    return rows.assign(y=(rows["x"] + rng.normal(size=120) > 0).astype(int))


def learn(path, rows, number):
    """Learn a batch once, however often it comes."""
    model = SegmentedRetrainer(DriftAwareRetrainer(GaussianNB()), by="shop", path=path)
    if number >= getattr(model, "n_batches_", 0):
        model.partial_fit(rows.drop(columns="y"), rows["y"])
    return model


def test_a_stream_learned_by_foreach_batch_is_the_one_learned_by_hand(spark, tmp_path):
    """A batch that comes twice is learned once, and a query that begins anew goes on."""
    source, here, there = tmp_path / "source", tmp_path / "here.db", tmp_path / "there.db"
    source.mkdir()

    def take(batch, number):
        # Spark does not say in which order rows of a file come: a day is sorted in both.
        rows = batch.toPandas().sort_values(["shop", "x"], ignore_index=True)
        learn(there, rows, number)
        learn(there, rows, number)

    for number in range(4):
        rows = day(number)
        rows.to_parquet(source / f"{number}.parquet", index=False)
        learn(here, rows.sort_values(["shop", "x"], ignore_index=True), number)
        stream = spark.readStream.schema("shop string, x double, y long").parquet(str(source))
        writer = stream.writeStream.option("checkpointLocation", str(tmp_path / "offsets"))
        writer.foreachBatch(take).trigger(availableNow=True).start().awaitTermination()
    by_hand, by_spark = (
        SegmentedRetrainer(DriftAwareRetrainer(GaussianNB()), by="shop", path=path)
        for path in (here, there)
    )
    X = day(9).drop(columns="y")
    assert by_spark.n_batches_ == by_hand.n_batches_ == 4
    np.testing.assert_array_equal(by_spark.predict_proba(X), by_hand.predict_proba(X))


def test_segments_learned_by_apply_in_pandas_are_those_learned_by_hand(spark, tmp_path):
    """Each is learned where its rows are, and its state is a checkpoint that all can read."""
    folder = str(tmp_path)

    def learn_segment(rows):
        path = Path(folder) / f"{rows['shop'].iloc[0]}.skretrain"
        model = load(path) if path.exists() else DriftAwareRetrainer(GaussianNB())
        rows = rows.sort_values("x")
        save(model.partial_fit(rows[["x"]], rows["y"]), path)
        return pd.DataFrame({"shop": rows["shop"].iloc[:1], "n_rows": model.n_samples_seen_})

    for number in range(3):
        frame = spark.createDataFrame(day(number)).groupBy("shop")
        told = frame.applyInPandas(learn_segment, "shop string, n_rows long").toPandas()
        assert told.set_index("shop")["n_rows"].to_dict() == dict.fromkeys("abc", 40 * (number + 1))
    X = day(9)[["x"]]
    for shop in "abc":
        alone = DriftAwareRetrainer(GaussianNB())
        for number in range(3):
            rows = day(number).query("shop == @shop").sort_values("x")
            alone.partial_fit(rows[["x"]], rows["y"])
        served = load(Path(folder) / f"{shop}.skretrain")
        np.testing.assert_array_equal(served.predict_proba(X), alone.predict_proba(X))
