"""What is in a file is what is learned: words, headers, numbers, encodings, types, row numbers."""

import datetime
import decimal
import os

import numpy as np
import pandas as pd
import pytest
from helpers import representatives

from skretrain.cli import main
from skretrain.cli._errors import CommandError
from skretrain.cli._files import read_tables


@pytest.fixture
def read(tmp_path):
    """Read texts or frames as files; return the tables and what was said."""

    def read_all(*contents, encoding="utf-8", suffix=".csv", **options):
        paths, notices = [], []
        for number, content in enumerate(contents):
            path = tmp_path / f"{number}{suffix if isinstance(content, str) else '.parquet'}"
            if isinstance(content, str):
                path.write_bytes(content.encode(encoding))
            else:
                content.to_parquet(path)
            paths.append(path)
        return read_tables(paths, notices, **options), notices

    return read_all


def _column(cells, name="x"):
    return "\n".join([f"{name};y", *(f"{cell};1" for cell in cells)])


# -- words for "no value" --------------------------------------------------------------------------

WORDS = ["None", "NA", "null", "nan", "NULL", "N/A", "NaN", "<NA>", "n/a", "#N/A", "?", "-"]


@pytest.mark.parametrize("word", WORDS)
def test_a_word_is_a_value_among_words(word, read):
    [table], notices = read(_column([word, "some", "", word]))
    assert table.x.fillna("gap").tolist() == [word, "some", "gap", word]
    assert any(repr(word) in notice and "--missing" in notice for notice in notices)


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("numbers", [["1", "2.5"], ["1e5", "-inf"], ["1,5", "2,25"], ["3 %", "4%"]])
@pytest.mark.no_cover
def test_a_word_is_no_value_among_numbers(word, numbers, read):
    [table], notices = read(_column([word, *numbers, ""]))
    assert table.x.dtype == float
    assert table.x.isna().tolist() == [True, False, False, True]
    assert not any("--missing" in notice for notice in notices)


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.no_cover
def test_a_word_is_no_value_among_dates(word, read):
    [table], _ = read(_column(["2024-01-05", word, "", "9999-12-31T10:00"]))
    assert table.x.isna().tolist() == [False, True, True, False]


def test_words_that_the_user_names_are_no_values(read):
    text = _column(["None", "some", "keine"])
    [table], notices = read(text, missing=["None", "keine"])
    assert table.x.isna().tolist() == [True, False, True]
    assert not notices
    [table], _ = read(pd.DataFrame({"x": ["None", "some"]}), missing=["None"])
    assert table.x.isna().tolist() == [True, False]


def test_a_column_of_nothing_but_words_for_nothing_is_empty(read):
    [table], _ = read(_column(["NA", "", "NA"]))
    assert table.x.isna().all()


def test_parquet_is_taken_as_it_is(read):
    [table], notices = read(pd.DataFrame({"x": ["None", "NA", "null", None]}))
    assert table.x.fillna("gap").tolist() == ["None", "NA", "null", "gap"]
    assert not notices


@pytest.mark.no_cover
def test_a_class_called_none_is_a_class(run, table):
    words = np.array(["None", "NA", "some"])
    frame = table[["temp"]].assign(label=words[np.digitize(table.temp, [-0.5, 0.5])])
    code, printed, _, _ = run(frame, "--target", "label", quick=True)
    assert code == 0
    assert "classification, 3 classes" in printed
    assert "left out" not in printed
    fewer = run(frame, "--target", "label", "--missing", "NA, None,nothing", "--warm-up", "50")
    assert fewer[0] == 2
    assert "'some' in every row" in fewer[2]


# -- the header ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "twice"), [("a,y,y", "y"), ("a,a,y", "a"), ('"y",a,y', "y"), ("y,y,y", "y")]
)
def test_two_columns_of_one_name_are_refused(header, twice, read):
    with pytest.raises(CommandError, match=rf"0\.csv has more than one column '{twice}'; rename"):
        read(f"{header}\n1,2,3\n")


def test_two_columns_of_one_name_in_any_kind_of_file(read, monkeypatch):
    frame = pd.DataFrame([[1, 2]], columns=["a", "a"])
    monkeypatch.setattr("pandas.read_parquet", lambda *args, **options: frame)
    with pytest.raises(CommandError, match="more than one column 'a'"):
        read(pd.DataFrame({"b": [1]}))


def test_two_columns_of_one_name_end_the_command(capsys, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,y,y\n" + "1,0,1\n" * 300)
    assert main(["compare", str(path), "--target", "y", "--out", str(tmp_path / "out")]) == 2
    assert "more than one column 'y'" in capsys.readouterr().err


def test_columns_that_pandas_would_have_renamed_are_kept(read):
    [table], _ = read("y,y.1\n1,2\n")
    assert list(table.columns) == ["y", "y.1"]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["a,b", "a;b;c", "a\tb\tc\td", 'say ""a|b|c""', "two\nlines"])
@pytest.mark.no_cover
def test_separators_inside_quotes_separate_nothing(separator, name, read):
    text = f'"{name}"{separator}y\n1{separator}"x, ;\t|"\n2{separator}z\n'
    [table], _ = read(text)
    assert list(table.columns) == [name.replace('""', '"'), "y"]
    assert table.y.tolist() == ["x, ;\t|", "z"]


def test_a_header_of_many_commas_is_judged_by_what_comes_below(read):
    [table], _ = read("price, EUR;y\n1,5;2,5\n3,5;4,5\n")
    assert table.to_dict("list") == {"price, EUR": [1.5, 3.5], "y": [2.5, 4.5]}


@pytest.mark.parametrize("text", ["a,b\n1,2,3\n", "a,b\n1,2\n3,4,5,6\n", "a,b\n1,2,3,4\n5,6\n"])
def test_records_that_are_longer_than_the_header_are_named(text, read):
    if text.count("\n") == 2:  # one more in each record: names of rows
        assert read(text)[0][0].shape == (1, 2)
        return
    with pytest.raises(CommandError, match=r"record \d has 4 fields, and the header 2"):
        read(text)


def test_short_records_and_blank_lines(read):
    [table], _ = read("\na,b,c\n1\n\n2,3\n4,5,6\n")
    assert table.a.tolist() == [1, 2, 4]
    assert table.b.fillna(0).tolist() == [0, 3, 5]
    [table], _ = read("a,b\n")
    assert table.shape == (0, 2)


# -- encodings -------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.no_cover
def test_marked_encodings(encoding, separator, read):
    [table], _ = read(f"naïve{separator}目\n1{separator}é\n", encoding=encoding)
    assert table.to_dict("list") == {"naïve": [1], "目": ["é"]}


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", ["a,b\n1,é\n", "目,目的\n1,目\n", "я;й\n1;ж\n"])
def test_encodings_of_two_bytes_without_a_mark(encoding, text, read):
    [table], _ = read(text, encoding=encoding)
    assert list(table.columns) == text.split("\n")[0].replace(";", ",").split(",")
    assert table.iloc[0, 0] == 1
    [marked], _ = read(("\ufeff" + text), encoding=encoding)
    pd.testing.assert_frame_equal(marked, table)


def test_other_encodings_are_refused_with_the_way_out(read):
    with pytest.raises(CommandError, match="could not be read: .*Save it as UTF-8"):
        read("a,b\n1,é\n", encoding="latin-1")


def test_cells_that_are_too_long_are_refused(read):
    with pytest.raises(CommandError, match="could not be read: field larger than field limit"):
        read(f"a,b\n1,{'x' * 200_000}\n")


# -- numbers ---------------------------------------------------------------------------------------

WRITTEN = {
    "decimal comma": (["1,5", "-2", "+0,25", ",5", "3,"], [1.5, -2, 0.25, 0.5, 3]),
    "both, comma last": (["1.234,5", "-12.345.678,25", "7"], [1234.5, -12345678.25, 7]),
    "both, point last": (["1,234.5", "-12,345,678.25", "7"], [1234.5, -12345678.25, 7]),
    "many groups": (["1,234,567", "12"], [1234567, 12]),
    "many groups by points": (["1.234.567", "12"], [1234567, 12]),
    "spaces": (["1 234,5", "12\u00a0345", "1\u202f234\u202f567"], [1234.5, 12345, 1234567]),
    "apostrophes": (["1'234.5", "12\u2019345"], [1234.5, 12345]),
    "percent": (["12 %", "3.5%", "-1%"], [0.12, 0.035, -0.01]),
    "percent and shares": (["12%", "0.5"], [0.12, 0.5]),
    "euros": (["€ 1.234,50", "-3,25 €", "€5"], [1234.5, -3.25, 5]),
    "dollars": (["$1,234.50", "-$3.25", "($7)", "US$ 5".replace("US", "")], [1234.5, -3.25, -7, 5]),
    "codes": (["EUR 5", "7.25 EUR", "1 eur"], [5, 7.25, 1]),
    "crowns": (["5 kr", "-7.25 kr"], [5, -7.25]),
    "minus": (["\u22125", "3"], [-5, 3]),
    "powers": (["1,5e3", "2"], [1500, 2]),
}


@pytest.mark.parametrize("case", WRITTEN)
@pytest.mark.parametrize("separator", [";", ",", "\t"])
@pytest.mark.no_cover
def test_numbers_as_people_write_them_are_numbers(case, separator, read):
    cells, expected = WRITTEN[case]
    rows = "\n".join(f'"{cell}"{separator}a' for cell in [*cells, "", "NA"])
    [table], notices = read(f"x{separator}y\n{rows}\n")
    assert table.x[:-2].tolist() == pytest.approx(expected)
    assert table.x[-2:].isna().all()
    # Only a minus sign of another kind needs no word.
    assert bool(notices) == (case != "minus")


@pytest.mark.parametrize("sep", [";", "\t"])
@pytest.mark.no_cover
def test_a_frame_saved_with_a_decimal_comma_is_the_same_frame(sep, read):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(50, 3)).round(3), columns=list("abc"))
    frame["n"], frame["city"] = np.arange(50), "Rome, Oslo"
    frame.loc[3, "a"] = np.nan
    [table], notices = read(frame.to_csv(sep=sep, decimal=",", index=False))
    pd.testing.assert_frame_equal(table, frame, check_dtype=False)
    assert notices == ["numbers with a decimal comma: 'a', 'b', 'c'"]


@pytest.mark.parametrize(
    ("separator", "other", "expected"),
    [
        (",", "5", 1234),
        (";", "5", 1.234),
        (",", "0,5", 1.234),
        (";", "0.5", 1234),
        (";", "1,234,567", 1234),
        (",", "1.234,5", 1.234),
    ],
)
def test_one_comma_before_three_digits_is_what_the_rest_of_the_file_says(
    separator, other, expected, read
):
    [table], notices = read(f'x{separator}z\n"1,234"{separator}"{other}"\n')
    assert table.x.tolist() == [expected]
    assert any(notice.startswith("commas taken as") for notice in notices)


@pytest.mark.parametrize(("other", "expected"), [("0,5", 1234), ("0.5", 1.234), ("5", 1.234)])
def test_one_point_before_three_digits_is_what_the_rest_of_the_file_says(other, expected, read):
    [table], notices = read(f"x;z\n1.234;{other}\n")
    assert table.x.tolist() == [expected]
    assert any("points taken as" in notice for notice in notices) == (expected == 1234)


@pytest.mark.parametrize(
    "cells",
    [
        ["12.05.2024", "13.05.2024"],
        ["10:30", "11:45"],
        ["192.168.0.1", "10.0.0.1"],
        ["030 123 456", "1"],
        ["1-2", "3-4"],
        ["1,2,3", "4,5"],
        ["$5", "€6"],
        ["$5", "6%"],
        ["$5$", "6"],
        ["(5", "6"],
        ["-(5)", "6"],
        ["1.5", "1,5"],
        ["A7", "7"],
        ["1" * 70 + ",5", "2"],
    ],
)
@pytest.mark.no_cover
def test_what_is_no_number_stays_text(cells, read):
    [table], _ = read(_column(cells).replace(";1", '";1').replace("\n", '\n"').replace('"x"', "x"))
    assert table.x.tolist() == cells


def test_a_column_that_is_almost_numbers_is_said_to_be_text(read):
    [table], notices = read(_column(["1", "2", "3,5", "many", "4"]))
    assert table.x.tolist() == ["1", "2", "3,5", "many", "4"]
    assert notices == [
        "'x' is taken as text: 1 of 5 values are no numbers, such as 'many' "
        "(--missing WORD if one stands for no value)"
    ]
    [_], notices = read(_column(["1,5", "2.5", "3"]))
    assert notices == ["'x' is taken as text: numbers written in different ways"]
    assert not read(_column(["A1", "B2", "3"]))[1]


def test_one_notice_names_the_amounts_and_the_percent(read):
    [table], notices = read("price;rate;n;y\n$5;12 %;1;a\n$7;3 %;2;b\n")
    assert notices == ["read as numbers: 'price' ($), 'rate' (%, as parts of one)"]
    assert table.dtypes.astype(str).tolist()[:3] == ["float64", "float64", "int64"]


@pytest.mark.parametrize(
    ("usual", "other", "units"),
    [("$5", "€6", "'$', '€'"), ("5 usd", "6 EUR", "'EUR', 'USD'"), ("5 %", "$6", "'$', '%'")],
)
def test_amounts_of_two_units_stay_text_in_both_files(usual, other, units, read):
    """However few are of the other: five dollars are not five euros."""
    tables, notices = read(_column([usual] * 50), _column([usual, other]))
    assert [table.x.iloc[-1] for table in tables] == [usual, other]
    assert notices == [f"'x' is taken as text: its numbers are not of one unit, but of {units}"]


def test_a_few_words_among_amounts_stand_for_no_value(read):
    """One in twenty at the most: elsewhere, and among bare numbers, they may be names."""
    for cells in (["$5"] * 38 + ["ask us", "gone"], ["5 %"] * 38 + ["ask us", "gone"]):
        [table], notices = read(_column(cells))
        assert table.x.isna().tolist() == [False] * 38 + [True] * 2
        assert "'x' is empty where it holds no number: 2 of 40 values, such as 'ask us'" in notices
    for cells in (["$5"] * 37 + ["ask us"] * 2, ["5"] * 38 + ["ask us"]):
        [table], notices = read(_column(cells))
        assert table.x.tolist() == cells
        assert notices[0].startswith("'x' is taken as text: ")


@pytest.mark.no_cover
def test_amounts_are_a_quantity_to_predict(run, table):
    """The errors are those of the bare numbers; a row without an amount is left out."""
    frame = table[["temp", "amount"]].round(2)
    dollars = frame.assign(amount=frame.amount.map("${:,.2f}".format))
    dollars.loc[590, "amount"] = "ask us"
    code, printed, _, rows = run(dollars, "--target", "amount", quick=True)
    assert code == 0
    assert "read as numbers: 'amount' ($)" in printed
    assert "1 row without a value of 'amount' left out" in printed
    plain = run(frame.drop(index=590), "--target", "amount", quick=True)[3]
    errors = [[row["mean_absolute_error"] for row in answer] for answer in (rows, plain)]
    assert errors[0] == errors[1]


def test_integers_are_exact_and_gaps_make_floats(read):
    [table], _ = read("a,b\n9007199254740993,1\n2,\n")
    assert table.a.tolist() == [9007199254740993, 2]
    assert table.b.dtype == float


@pytest.mark.no_cover
def test_a_decimal_comma_scores_as_a_point_does(run, table):
    frame = table[["temp", "holes", "label"]]
    point = run(frame, "--target", "label", quick=True)[3]
    comma = run(frame, "--target", "label", quick=True, sep=";", decimal=",")[3]
    assert [row["accuracy"] for row in comma] == [row["accuracy"] for row in point]


# -- saved with an index ---------------------------------------------------------------------------


def _saved_with_index(frame, **options):
    return frame.to_csv(**options)


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame,
        lambda frame: frame[frame.a > 2],
        lambda frame: frame.sample(frac=1, random_state=0),
        lambda frame: frame.reset_index(),
        lambda frame: frame.reset_index(names="level_0"),
        lambda frame: frame.rename_axis("Unnamed: 0"),
    ],
)
@pytest.mark.no_cover
def test_the_number_of_the_row_is_left_out_and_said(change, read):
    frame = change(pd.DataFrame({"a": range(10), "y": [0, 1] * 5}))
    [table], notices = read(frame.to_csv(index="index" not in frame.columns and None is None))
    assert list(table.columns) == ["a", "y"]
    assert len(notices) == 1
    assert notices[0].startswith("left out, the number of the row, as if saved with an index: ")


def test_a_file_saved_with_its_index_twice_and_in_two_files(read):
    frame = pd.DataFrame({"a": range(10), "y": [0, 1] * 5})
    frame.insert(0, "Unnamed: 0", frame.index)
    tables, notices = read(frame[:6].to_csv(), frame[6:].to_csv(), frame)
    assert {tuple(table.columns) for table in tables} == {("a", "y")}
    assert any("'Unnamed: 0'" in notice for notice in notices)


def test_names_of_rows_in_a_header_that_is_too_short(read):
    [table], notices = read('"a","y"\n"1",5,0\n"2",6,1\n')
    assert list(table.columns) == ["a", "y"]
    assert notices
    [table], _ = read('"a","y"\n"car",5,0\n"bus",6,1\n')
    assert table.iloc[:, 0].tolist() == ["car", "bus"]


def test_a_separator_at_the_end_of_each_line_is_no_column(read):
    [table], _ = read("a,y\n1,2,\n3,4,\n")
    assert table.to_dict("list") == {"a": [1, 3], "y": [2, 4]}
    [table], _ = read("a,y,\n1,2,\n3,4,\n")
    assert list(table.columns) == ["a", "y"]


@pytest.mark.parametrize("name", ["a", "id", "index"])
def test_other_numbers_stay(name, read):
    values = range(0, 20, 2) if name == "index" else range(10)
    [table], notices = read(pd.DataFrame({name: values, "y": 1}).to_csv(index=False))
    assert name in table.columns
    assert not notices


def test_an_index_that_is_no_number_of_the_row_stays(read):
    frame = pd.DataFrame({"y": [1, 2]}, index=pd.date_range("2024-01-01", periods=2))
    [table], _ = read(frame.to_csv())
    assert list(table.columns) == ["Unnamed: 0", "y"]
    [table], _ = read(frame.set_axis([0.5, 1.5]).to_csv())
    assert list(table.columns) == ["Unnamed: 0", "y"]


def test_an_index_that_somebody_asks_for_stays(read):
    frame = pd.DataFrame({"y": [1, 2]})
    [table], notices = read(frame.to_csv(), keep=["Unnamed: 0"])
    assert list(table.columns) == ["Unnamed: 0", "y"]
    assert not notices


@pytest.mark.slow
def test_a_saved_index_changes_no_score(run, table, tmp_path, unrendered):
    frame = table[["temp", "city", "label"]]
    plain = run(frame, "--target", "label")
    frame.to_csv(tmp_path / "with.csv")
    command = ["compare", str(tmp_path / "with.csv"), "--target", "label", "--batch", "50"]
    assert main([*command, "--out", str(tmp_path / "other")]) == 0
    written = pd.read_csv(tmp_path / "other" / "compare.csv")
    assert written.accuracy.tolist() == [float(row["accuracy"]) for row in plain[3]]


# -- two files -------------------------------------------------------------------------------------


def _kinds(tables, name="x"):
    return {pd.api.types.infer_dtype(table[name], skipna=True) for table in tables}


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        (["007", "012"], ["007", "A12"], "string"),
        (["0", "1"], ["0", "unknown"], "string"),
        (["1", "2"], ["1.5", "2"], "floating"),
        (["1", "2"], ["", "2"], "floating"),
        (["True", "False"], ["true", "1"], "string"),
        (["1", "2"], ["None", "3"], "floating"),
        (["", ""], ["a", "b"], "string"),
        (["1.234", "5"], ["0,5", "1"], "floating"),
    ],
)
@pytest.mark.no_cover
def test_the_type_of_a_column_is_that_of_both_files(one, other, kind, read):
    for first, second in ((one, other), (other, one)):
        tables, _ = read(_column(first), _column(second))
        assert _kinds(tables) - {"empty"} == {kind}
        if kind == "string":
            texts = [text for text in [*first, *second] if text]
            assert [x for t in tables for x in t.x.dropna()] == texts


def test_a_column_that_only_one_file_has(read):
    tables, _ = read("a,b\n1,x\n", "c,a\n2,3.5\n4,5\n")
    assert [table.to_dict("list") for table in tables] == [
        {"a": [1.0], "b": ["x"]},
        {"c": [2, 4], "a": [3.5, 5.0]},
    ]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (["7", "A"], [7, 8], ["7", "A", "7", "8"]),
        (["7", "A"], [7.0, None], ["7", "A", "7"]),
        (["yes", "True"], [True, False], ["yes", "True", "True", "False"]),
        (["7", "8.5"], ["7", "A"], ["7.0", "8.5", "7", "A"]),
    ],
)
@pytest.mark.no_cover
def test_files_of_two_kinds_agree_on_text(one, other, expected, read):
    tables, notices = read(_column(one), pd.DataFrame({"x": other, "y": 1}))
    found = [x for table in tables for x in table.x.dropna()]
    assert [x.removesuffix(".0") for x in found] == [x.removesuffix(".0") for x in expected]
    assert notices[-1] == "taken as text, for the files do not agree on what they hold: 'x'"


def test_files_of_two_kinds_agree_on_dates(read):
    dates = pd.to_datetime(["2024-01-01", "2024-01-02T10:00"], format="ISO8601")
    tables, notices = read(_column(["2024-01-01", ""]), pd.DataFrame({"x": dates}))
    assert _kinds(tables) == {"datetime64"}
    assert not notices
    tables, notices = read(_column(["2024-01-01", "soon"]), pd.DataFrame({"x": dates}))
    assert _kinds(tables) == {"string"}
    assert len(notices) == 1
    tables, _ = read(pd.DataFrame({"x": dates}), pd.DataFrame({"x": [1, 2]}))
    assert _kinds(tables) == {"string"}


# -- Parquet ---------------------------------------------------------------------------------------


def test_columns_of_parquet_that_no_model_takes(read):
    n = 4
    frame = pd.DataFrame(
        {
            "bytes": [b"a", None, b"\xc3\xa9", b"b"],
            "raw": [b"\xff", b"a", None, b"b"],
            "price": [decimal.Decimal("1.50"), None, decimal.Decimal("-2"), decimal.Decimal("3")],
            "clock": [datetime.time(1, 30), None, datetime.time(0, 0, 1), datetime.time(23)],
            "day": [datetime.date(1, 1, 1), None, datetime.date(9999, 12, 31), datetime.date.max],
            "list": [[1], [2, 3], None, []],
            "dict": [{"a": 1}] * n,
            "none": [None] * n,
            "half": np.array([1, 2, 3, 4], dtype=np.float16),
            "category": pd.Categorical(["a", "b", None, "a"]),
            "code": pd.Categorical([b"a", b"b", None, b"a"]),
            "month": pd.period_range("2024-01", periods=n, freq="M"),
            "true": pd.array([True, None, False, True], dtype="boolean"),
            "mixed": ["a", None, "b", "c"],
        }
    )
    [table], notices = read(frame)
    lost = "0.parquet: left out, lists or bytes that are no text: 'raw', 'list', 'dict'"
    assert notices == [lost]
    assert table.bytes.fillna("gap").tolist() == ["a", "gap", "é", "b"]
    assert table.price.fillna(0).tolist() == [1.5, 0, -2, 3]
    assert table.clock.fillna(0).tolist() == [5400, 0, 1, 82800]
    assert table.day.dt.year.fillna(0).tolist() == [1, 0, 9999, 9999]
    assert table.half.dtype == np.float32
    assert table.code.fillna("gap").tolist() == ["a", "b", "gap", "a"]
    assert table.category.dtype == "category"
    assert table.month.dtype.kind == "M"


@pytest.mark.parametrize("estimator", representatives(["sgd", "boosting"], fast=["sgd"]))
@pytest.mark.no_cover
def test_a_history_with_such_columns_is_replayed(estimator, run, table):
    days = pd.Series(np.arange(600))
    frame = table[["temp", "label"]].assign(
        bytes=[b"a", b"b", b"\xc3\xa9"] * 200,
        price=[decimal.Decimal(int(n)) / 4 for n in days],
        clock=[datetime.time(n % 24, n % 60) for n in days],
        day=[datetime.date(1 + 16 * int(n), 1, 1) for n in days],
        list=[[1, 2]] * 600,
    )
    options = ("--target", "label", "--estimator", estimator)
    code, printed, error, _ = run(frame, *options, name="a.parquet", quick=True)
    assert (code, error) == (0, "")
    assert "bytes that are no text: 'list'" in printed
    as_csv = frame.drop(columns=["bytes", "list"])
    assert run(as_csv, "--target", "label", quick=True)[0] == 0


@pytest.mark.parametrize("kind", ["text", "date", "datetime", "zoned"])
@pytest.mark.no_cover
def test_dates_of_all_years_put_the_rows_in_order(kind, history, table):
    moments = np.datetime64("0001-01-01", "s") + np.arange(600) * np.timedelta64(6087, "D")
    assert moments[-1] < np.datetime64("9999-12-31")
    kinds = {
        "text": [f"{moment!s:0>19}" for moment in moments],
        "date": [moment.item().date() for moment in moments],
        "datetime": moments,
        "zoned": pd.Series(moments).dt.tz_localize("UTC"),
    }
    frame = table.drop(columns="when")
    ordered = history(frame).X
    shuffled = frame.assign(t=kinds[kind]).sample(frac=1, random_state=0)
    assert np.array_equal(history(shuffled, time="t").X, ordered)


# -- what the reading is for -----------------------------------------------------------------------


@pytest.fixture
def ask(tmp_path, capsys):
    """Run ``skretrain advise`` on two texts."""

    def ask_with(old, new, *options):
        for name, text in (("old.csv", old), ("new.csv", new)):
            (tmp_path / name).write_text(text)
        paths = [str(tmp_path / name) for name in ("old.csv", "new.csv")]
        out = str(tmp_path / "out")
        code = main(["advise", *paths, "--target", "label", "--out", out, *options])
        printed = capsys.readouterr()
        return code, " ".join(printed.out.split()), printed.err

    return ask_with


@pytest.fixture
def quiet():
    """Two periods of one distribution, 800 rows each, with a code column."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=1600)})
    frame["code"] = [f"{code:03d}" for code in rng.integers(0, 40, size=1600)]
    frame["label"] = np.where(frame.x + rng.normal(size=1600) > 0, 1, 0)
    return frame


@pytest.mark.slow
def test_one_letter_among_the_codes_of_one_file_moves_no_input(ask, quiet):
    quiet.loc[1200, "code"] = "A12"
    old, new = quiet[:800].to_csv(index=False), quiet[800:].to_csv(index=False)
    code, printed, _ = ask(old, new, "--estimator", "boosting")
    assert code == 0
    assert "the inputs moved" not in printed
    assert "Keep the model" in printed


@pytest.mark.parametrize("gap", representatives(["", "unknown"], fast=["unknown"]))
@pytest.mark.no_cover
def test_targets_of_both_files_have_one_type(gap, ask, quiet):
    labels = quiet.label.astype(object)
    labels[1000:1010] = gap
    quiet["label"] = labels
    old, new = quiet[:800].to_csv(index=False), quiet[800:].to_csv(index=False)
    code, printed, _ = ask(old, new, "--estimator", "nb", "--task", "classification")
    assert code == 0
    assert "not possible: ValueError" not in printed
    assert "Keep the model" in printed


@pytest.mark.parametrize("suffix", representatives(["csv", "parquet"], fast=["csv"]))
@pytest.mark.no_cover
def test_a_true_or_false_target_with_a_gap(suffix, quiet, tmp_path, capsys):
    quiet["label"] = quiet.label.astype(bool).astype(object)
    quiet.loc[1000, "label"] = None
    paths = [tmp_path / f"{name}.{suffix}" for name in ("old", "new")]
    for path, frame in zip(paths, (quiet[:800], quiet[800:]), strict=True):
        frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path)
    command = ["advise", *map(str, paths), "--target", "label", "--out", str(tmp_path / "out")]
    assert main([*command, "--estimator", "nb"]) == 0
    table = pd.read_csv(tmp_path / "out" / "advice.csv").set_index("action")
    assert table.loc[["keep", "refit_new", "refit_all"], "loss_new"].notna().all()
    assert "Unknown label type" not in capsys.readouterr().out


def test_the_labels_are_those_of_the_model(ask, quiet, tmp_path):
    import joblib
    from sklearn.naive_bayes import GaussianNB

    path = tmp_path / "model.joblib"
    old, new = (part.to_csv(index=False) for part in (quiet[:800], quiet[800:]))
    for labels in (quiet.label.astype(str), quiet.label):
        joblib.dump(GaussianNB().fit(quiet[["x"]][:800], labels[:800]), path)
        code, printed, _ = ask(old, new, "--model", str(path))
        assert code == 0
        assert "Keep the model" in printed
    strange = new.replace(",1\n", ",unknown\n", 1)
    code, _, error = ask(old, strange, "--model", str(path))
    assert code == 2
    assert "holds 'unknown', and --model knows the classes '0', '1'" in error


def test_a_file_name_with_a_byte_that_is_no_text_is_read(tmp_path):
    path = os.path.join(os.fsencode(tmp_path), b"\xff.csv")
    with open(path, "w") as file:
        file.write("a,b\n1,2\n")
    [table] = read_tables([os.fsdecode(path)], [])
    assert table.shape == (1, 2)
