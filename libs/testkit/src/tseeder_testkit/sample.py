"""The demo's sample torrent: `python -m tseeder_testkit.sample --out DIR --mib 100`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tseeder_testkit.torrents import KIB, MIB, FileSpec, Sample, TorrentSpec, load_sample, save_sample, write_torrent

PIECE_LENGTH = 512 * KIB


def sample_files(mib: int) -> tuple[FileSpec, ...]:
    """Several files of about `mib` MiB in all: a large one, one below a non-ASCII folder, small ones, an empty one."""
    total = mib * MIB
    small = (
        FileSpec("README.txt", 2_345),
        FileSpec("empty.txt", 0),
        FileSpec("subtitles/de.srt", 70_001),
        FileSpec("subtitles/日本語.srt", 90_210),
    )
    rest = total - sum(file.size for file in small)
    accented = rest * 3 // 10
    return (
        FileSpec("feature.mkv", rest - accented - rest // 10),
        FileSpec("Ünïcödé – música/träck 01.flac", accented),
        FileSpec("extras/interview.mp4", rest // 10),
        *small,
    )


def ensure_sample(directory: Path, mib: int = 100, seed: int = 1) -> Sample:
    """The sample below `directory`, made if it is missing or of another size or seed. Blocking."""
    manifest = directory / f"sample-{mib}-{seed}.json"
    if manifest.exists():
        try:
            sample = load_sample(manifest)
            if all(sample.path_of(file).stat().st_size == file.size for file in sample.files):
                return sample
        except (OSError, ValueError, KeyError, TypeError):
            pass  # half written or from an older version: make it anew
    spec = TorrentSpec(files=sample_files(mib), name=f"tseeder sample {mib}", piece_length=PIECE_LENGTH, seed=seed)
    sample = write_torrent(directory, spec)
    save_sample(sample, manifest)
    return sample


def main() -> int:
    parser = argparse.ArgumentParser(prog="tseeder_testkit.sample")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--mib", type=int, default=100)
    args = parser.parse_args()
    sample = ensure_sample(args.out, args.mib)
    sys.stdout.write(json.dumps({"torrent": str(sample.torrent), "data": str(sample.root)}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
