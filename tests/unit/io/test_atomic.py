from pathlib import Path

import pytest

from extracot.io.atomic import write_json_atomic, write_text_atomic


def test_the_new_text_replaces_the_old_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file.txt"
    write_text_atomic(target, "one")
    write_text_atomic(target, "zwei ✓\n")
    assert target.read_text(encoding="utf-8") == "zwei ✓\n"
    assert [item.name for item in target.parent.iterdir()] == ["file.txt"]


def test_a_failed_write_keeps_the_old_text_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "file.txt"
    write_text_atomic(target, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text_atomic(target, "a lone surrogate: \ud800")
    assert target.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["file.txt"]


def test_json_without_a_number_is_refused_before_the_file_is_touched(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Out of range"):
        write_json_atomic(tmp_path / "a.json", {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []
