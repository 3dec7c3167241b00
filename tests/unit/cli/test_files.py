"""Files as they are searched for, and drawn."""

from __future__ import annotations

import io

import httpx
import pytest
from rich.console import Console

from tests.unit.cli.wires import Script, client, file
from tseeder_cli.client import FileSearch
from tseeder_cli.errors import CliError, ExitCode
from tseeder_cli.sizes import parse_size
from tseeder_cli.tree import tree_of


@pytest.mark.parametrize(
    ("text", "size"),
    [
        *(("0", 0), ("500", 500), ("500 B", 500), ("1K", 1024), ("700M", 700 << 20), ("700mib", 700 << 20)),
        *(("1.5GiB", 3 << 29), (" 2 T ", 2 << 40), ("0.3", 0), ("9223372036854775807", 2**63 - 1)),
    ],
)
def test_a_size(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "x", "-1", "1MB", "1e9", "1_000", "1.", ".5", "9000P", "1" * 20, "٣"])
def test_no_size(text: str) -> None:
    with pytest.raises(CliError) as caught:
        parse_size(text)
    assert (caught.value.code, caught.value.exit_code) == ("bad_size", ExitCode.USAGE)


async def test_a_search_goes_on_over_pages_that_are_empty() -> None:
    found = file(file_index=3)
    pages = [([], "one"), ([found], "two"), ([], None)]
    script = Script([httpx.Response(200, json={"items": items, "next_cursor": after}) for items, after in pages])
    wanted = FileSearch("a&b", ("video", "other"), min_bytes=0, max_bytes=9)
    async with client(script) as http:
        assert [each async for each in http.all_files(wanted=wanted)] == [found]
    for request, cursor in zip(script.requests, ["", "one", "two"], strict=True):
        query = request.url.params
        assert request.url.path == "/v1/files"
        assert (query["text"], query.get_list("type")) == ("a&b", ["video", "other"])
        assert (query["min_bytes"], query["max_bytes"], query.get("cursor", "")) == ("0", "9", cursor)


def test_a_tree_has_folders_with_what_is_in_them_and_is_not_led_astray_by_names() -> None:
    files = [
        file(file_index=2, path=["a", "b", "deep.txt"], size_bytes=1024, state="pending"),
        file(file_index=0, path=["a", "x\x1b[31m\n.mkv"], size_bytes=2048, primary=True),
        file(file_index=1, path=["[bold]a.txt"], size_bytes=1, state="pending", selected=False),
    ]
    shown = io.StringIO()
    Console(file=shown, width=100, color_system=None).print(tree_of("my job", files))
    assert [line.rstrip() for line in shown.getvalue().splitlines()] == [
        "my job  3 files, 3.0 KiB",
        "├── a/  2 files, 3.0 KiB",
        "│   ├── b/  1 file, 1.0 KiB",
        "│   │   └── 2  deep.txt  1.0 KiB  pending",
        "│   └── 0  x\ufffd[31m\ufffd.mkv  2.0 KiB  stored  (primary)",
        "└── 1  [bold]a.txt  1 B  not selected",
    ]
