"""A job's files as a tree, with what is in each folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text
from rich.tree import Tree

from tseeder_cli.names import printable
from tseeder_cli.screen import counted, file_state, size, state_text
from tseeder_cli.wire import File

PRIMARY = "  (primary)"


@dataclass
class _Folder:
    branch: Tree
    name: str
    files: int = 0
    total_bytes: int = 0


def tree_of(name: str, files: Sequence[File]) -> Tree:
    """`files` in the order in which they are to stand. Folders are labelled with all that is in them."""
    root = _Folder(Tree("", guide_style="dim", highlight=False), name)
    folders: dict[tuple[str, ...], _Folder] = {(): root}
    for file in files:
        path = tuple(file["path"])
        for depth in range(1, len(path)):
            if path[:depth] not in folders:
                branch = folders[path[: depth - 1]].branch.add("")
                folders[path[:depth]] = _Folder(branch, f"{path[depth - 1]}/")
        folders[path[:-1]].branch.add(_file_label(file))
        for depth in range(len(path)):
            folder = folders[path[:depth]]
            folder.files += 1
            folder.total_bytes += file["size_bytes"]
    for folder in folders.values():
        folder.branch.label = _folder_label(folder)
    return root.branch


def _folder_label(folder: _Folder) -> Text:
    label = Text(printable(folder.name), style="bold")
    return label.append(f"  {counted(folder.files, 'file')}, {size(folder.total_bytes)}", style="not bold dim")


def _file_label(file: File) -> Text:
    label = Text(f"{file['file_index']}  ", style="dim")
    label.append(printable(file["path"][-1]), style="not dim")
    label.append(f"  {size(file['size_bytes'])}  ")
    label.append_text(state_text(file_state(file)))
    return label.append(PRIMARY, style="bold not dim") if file["primary"] else label
