"""No name that a torrent holds may lead out of the folder, hide, or move the cursor of a terminal."""

from __future__ import annotations

import unicodedata
from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tseeder_cli.names import LONGEST_ELEMENT_BYTES, Places, printable, safe_element, safe_path


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("film.mkv", "film.mkv"),
        ("Ünïcödé – música", "Ünïcödé – música"),
        ("..", "_"),
        (".", "_"),
        ("", "_"),
        ("   ", "_"),
        ("../../etc/passwd", "_._.._etc_passwd"),
        ("/etc/passwd", "_etc_passwd"),
        ("..\\..\\windows", "_._.._windows"),
        ("C:\\autoexec.bat", "C__autoexec.bat"),
        (".bashrc", "_bashrc"),
        ("a\x00b", "a_b"),
        ("a\r\nb\x1b[31m", "a__b_[31m"),
        ("evil\u202egnp.exe", "evil_gnp.exe"),
        ("lone\ud800surrogate", "lone_surrogate"),
        ("NUL", "_NUL"),
        ("con.txt", "_con.txt"),
        ("COM¹", "_COM¹"),
        ("trailing. . .", "trailing"),
        ("e\u0301", "\u00e9"),
    ],
)
def test_hostile_elements_become_harmless(hostile: str, harmless: str) -> None:
    assert safe_element(hostile) == harmless


def test_long_names_are_cut_and_keep_their_extension() -> None:
    cut = safe_element("ü" * 300 + ".mkv")
    assert len(cut.encode()) <= LONGEST_ELEMENT_BYTES
    assert cut.endswith("ü.mkv")
    assert len(safe_element("x." + "y" * 400).encode()) <= LONGEST_ELEMENT_BYTES


@given(st.lists(st.text(), max_size=40))
def test_no_path_leaves_its_folder(path: list[str]) -> None:
    elements = safe_path(path)
    assert 1 <= len(elements) <= 32
    target = Path("/folder").joinpath(*elements)
    assert target.parts[:2] == ("/", "folder")
    assert len(target.parts) == 2 + len(elements)
    windows = PureWindowsPath("C:/folder").joinpath(*elements)
    assert len(windows.parts) == 2 + len(elements)
    for element in elements:
        assert element not in ("", ".", "..")
        assert not element.startswith(".")
        assert len(element.encode()) <= LONGEST_ELEMENT_BYTES  # which also shows that it can be encoded
        assert not any(unicodedata.category(char) == "Cc" for char in element)


@given(st.lists(st.lists(st.sampled_from(["a", "A", "..", "a/b", "b", "é", "e\u0301", ""]), max_size=3), max_size=30))
def test_each_file_has_a_place_of_its_own_on_any_file_system(paths: list[list[str]]) -> None:
    places = Places(Path("/folder"))
    targets = [str(places.place(path)).casefold() for path in paths]
    assert len(set(targets)) == len(targets)
    for target in targets:
        assert not any(other.startswith(target + "/") for other in targets)


def test_equal_names_get_numbers_in_the_order_of_the_files() -> None:
    places = Places(Path("f"))
    named = [str(places.place(path)) for path in (["a.txt"], ["A.TXT"], ["x", "b"], ["x"], ["a.txt", "inner"])]
    assert named == ["f/a.txt", "f/A (2).TXT", "f/x/b", "f/x (2)", "f/a (3).txt/inner"]


def test_printable_keeps_scripts_and_drops_what_steers_a_terminal() -> None:
    assert printable("日本語 👩\u200d🔬 נער") == "日本語 👩\u200d🔬 נער"
    assert printable("a\x1b]0;x\x07\u202eb\n") == "a\ufffd]0;x\ufffd\ufffdb\ufffd"
