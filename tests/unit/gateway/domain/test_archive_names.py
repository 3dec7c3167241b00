"""Names in archives: whatever a torrent calls its files, no two are the same anywhere, and none leaves its folder."""

from __future__ import annotations

import io
import re
import subprocess
import unicodedata
import zipfile
from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.gateway.domain.test_zip_layout import whole
from tests.unit.gateway.domain.zips import Entry, VirtualZip
from tseeder_gateway.domain.archive_names import MAX_ELEMENT_BYTES, MAX_NAME_BYTES, ArchiveNames, safe_element

HOSTILE = st.sampled_from(
    [
        *[
            "",
            ".",
            "..",
            "...",
            " ",
            "a",
            "A",
            "a.",
            "a ",
            "é",
            "e\u0301",
            "nul",
            "NUL.txt",
            "com1",
            "C:",
            "a:b",
            "a?b",
        ],
        *[
            "/",
            "\\",
            "\0",
            "\n",
            "\u202egpj.exe",
            "ß",
            "SS",
            "x" * 300,
            "映" * 150,
            "x" * 250 + ".mkv",
            "a (2)",
            "\ud800",
        ],
    ]
)
ELEMENTS = st.one_of(HOSTILE, st.text(max_size=20))
PATHS = st.lists(st.lists(ELEMENTS, max_size=5), max_size=40)


def named(*paths: str) -> list[str]:
    """Of paths with slashes."""
    names = ArchiveNames()
    return [names.name(path.split("/")) for path in paths]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("film.mkv", "film.mkv"),
        ("season 1/01 – Füße.mkv", "season 1/01 – Füße.mkv"),
        ("../../etc/passwd", "_/_/etc/passwd"),
        ("/etc/passwd", "_/etc/passwd"),
        ("a/", "a/_"),
        ("C:/x", "C_/x"),
        ("a\\..\\b", "a_.._b"),
        ("nul", "_nul"),
        ("Con.txt", "_Con.txt"),
        ("com¹", "_com¹"),
        ("console", "console"),
        ("name. . ", "name"),
        ("tab\there", "tab_here"),
        ("photo\u202egpj.exe", "photo_gpj.exe"),
        ("e\u0301", "é"),
        (".hidden", ".hidden"),
        ("stream.txt:hidden", "stream.txt_hidden"),
        ("lone \ud800 surrogate", "lone _ surrogate"),
    ],
)
def test_one_name(path: str, expected: str) -> None:
    assert named(path) == [expected]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["a.mkv", "A.MKV", "a.mkv"], ["a.mkv", "A (2).MKV", "a (3).mkv"]),
        (["é", "e\u0301"], ["é", "é (2)"]),
        (["a?", "a*", "a (2)"], ["a_", "a_ (2)", "a (2)"]),
        (["a", "a (2)", "a"], ["a", "a (2)", "a (3)"]),
        (["a", "a/b", "A/c"], ["a", "a (2)/b", "a (2)/c"]),
        (["a/b", "a"], ["a/b", "a (2)"]),
        (["F/x", "f/X"], ["F/x", "F/X (2)"]),
    ],
)
def test_names_that_collide(paths: list[str], expected: list[str]) -> None:
    assert named(*paths) == expected


def test_names_that_are_too_long() -> None:
    (name,) = named("x" * 300 + ".mkv")
    assert name.endswith("x.mkv")
    assert len(name) < MAX_ELEMENT_BYTES
    (deep,) = named("/".join(["folder"] * 500) + "/file")
    assert deep.endswith("folder/file")
    assert len(deep) <= MAX_NAME_BYTES


@given(PATHS)
def test_names_are_safe_and_nobody_elses(paths: list[list[str]]) -> None:
    names = ArchiveNames()
    made = [names.name(path) for path in paths]
    folded = {unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()) for name in made}
    assert len(folded) == len(made)
    for name in made:
        assert len(name.encode()) <= MAX_NAME_BYTES
        assert name == unicodedata.normalize("NFC", name)
        assert not re.search(r'[\\:*?"<>|\x00-\x1f\x7f]', name)
        for element in name.split("/"):
            assert element.strip(". ") or element.startswith("_")
            assert element.rstrip(". ") == element
            assert not PureWindowsPath(element).is_reserved()
        folder = name.rpartition("/")[0]
        while folder:
            assert folder.lower() not in {each.lower() for each in made}
            folder = folder.rpartition("/")[0]
    again = ArchiveNames()
    assert [again.name(path) for path in paths] == made
    with zipfile.ZipFile(io.BytesIO(whole(VirtualZip([Entry(name, b"x") for name in made])))) as read:
        assert read.namelist() == made


@given(ELEMENTS)
def test_a_safe_element_stays_as_it_is(text: str) -> None:
    once = safe_element(text)
    assert safe_element(once) == once
    assert len(once.encode()) <= MAX_ELEMENT_BYTES


@pytest.mark.unzip
def test_they_unpack_to_as_many_files(tmp_path: Path) -> None:
    paths = ["../up", "/abs", "a", "A", "a/b", "é", "e\u0301", "nul", "C:\\x", "bell\a", "映" * 150, "/".join("d" * 40)]
    path = tmp_path / "hostile.zip"
    path.write_bytes(whole(VirtualZip([Entry(name, name.encode()) for name in named(*paths)])))
    into = tmp_path / "into" / "it"
    into.mkdir(parents=True)
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    command = ["unzip", "-qq", "-n", str(path), "-d", str(into)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    found = [each for each in tmp_path.rglob("*") if each.is_file() and each != path]
    assert {str(each.relative_to(into)) for each in found} == set(named(*paths))
    for each in found:
        assert each.read_text() == str(each.relative_to(into))


def test_names_that_all_collide_cost_no_square() -> None:
    """Who looked through all numbers for each name would be at it for hours."""
    names = ArchiveNames()
    made = [names.name(path) for number in range(50_000) for path in (["?:*"[number % 3]], ["folder", "x"])]
    assert made[-2:] == ["_ (50000)", "folder/x (50000)"]
