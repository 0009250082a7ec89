"""Files are whole or not there."""

import errno
import os
import stat
import threading

import pytest

from skretrain.utils._files import write_whole


def test_a_file_is_replaced_and_keeps_its_mode(tmp_path):
    path = tmp_path / "a"
    write_whole(path, b"one")
    path.chmod(0o640)
    write_whole(str(path), b"other")
    assert path.read_bytes() == b"other"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["a"]


def test_a_new_file_has_the_mode_of_any_new_file(tmp_path):
    write_whole(tmp_path / "a", b"")
    (tmp_path / "b").write_bytes(b"")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_a_link_is_followed(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "a")
    write_whole(tmp_path / "link", b"text")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "a").read_bytes() == b"text"


def test_a_pipe_is_written_to(tmp_path):
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write_whole(pipe, b"text")
    reader.join(timeout=30)
    assert got == [b"text"]


def test_an_error_names_the_file_that_was_asked_for(monkeypatch, tmp_path):
    """Not the one beside it, of which nobody knows."""
    missing = tmp_path / "folder" / "a"
    with pytest.raises(FileNotFoundError) as raised:
        write_whole(missing, b"text")
    assert str(raised.value) == f"[Errno {errno.ENOENT}] No such file or directory: '{missing}'"

    def fail(one, other):
        raise PermissionError(errno.EACCES, "Permission denied", str(one), None, str(other))

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(PermissionError) as raised:
        write_whole(tmp_path / "a", b"text")
    assert str(raised.value) == f"[Errno {errno.EACCES}] Permission denied: '{tmp_path / 'a'}'"


@pytest.mark.parametrize("at", ["fsync", "replace", "chmod"])
def test_what_was_there_before_stays(at, monkeypatch, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"one")

    def fail(*args):
        raise OSError("full")

    monkeypatch.setattr(os, at, fail)
    with pytest.raises(OSError, match="full"):
        write_whole(path, b"other")
    assert path.read_bytes() == b"one"
    assert os.listdir(tmp_path) == ["a"]


def test_of_two_that_write_at_once_the_last_counts_and_neither_sees_the_other(
    monkeypatch, tmp_path
):
    """As of two threads, or of two containers whose processes have the same number."""
    path, flush, found = tmp_path / "a", os.fsync, []

    def meanwhile(file):
        monkeypatch.setattr(os, "fsync", flush)
        write_whole(path, b"the other")
        found.append(path.read_bytes())
        flush(file)

    monkeypatch.setattr(os, "fsync", meanwhile)
    write_whole(path, b"one")
    assert (found, path.read_bytes()) == ([b"the other"], b"one")
    assert os.listdir(tmp_path) == ["a"]


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path / "a", b"")
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "gone" / "a", b"")
