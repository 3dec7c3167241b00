"""ffprobe in its box: it tells what is in a film, and whatever a film is made of, it reaches nothing but its bytes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.jobs.filming import bytes_of, defective, ffprobe, films, gone, never, nothing
from tests.looking import pauses
from tseeder_jobs.adapters import ffprobe_process
from tseeder_jobs.adapters.ffprobe import Outcome, Prober
from tseeder_jobs.adapters.ffprobe_process import landlock_version

pytestmark = pytest.mark.ffmpeg

# name -> container, codecs of video, audio and subtitles
KNOWN = {
    "film.mp4": ("mp4", ["h264"], ["aac"], []),
    "film.mkv": ("matroska", ["h264"], ["aac"], ["subrip"]),
    "film.ts": ("mpegts", ["h264"], ["aac"], []),
    "film.webm": ("matroska", ["vp8"], [], []),
    "film.avi": ("avi", ["mpeg4"], [], []),
    "song.mp3": ("mp3", [], ["mp3"], []),
    "song.flac": ("flac", [], ["flac"], []),
    "song.ogg": ("ogg", [], ["vorbis"], []),
    "song.wav": ("wav", [], ["pcm_s16le"], []),
}
HOLDER = """
import asyncio, sys
from pathlib import Path
from tests.integration.jobs.filming import never
from tseeder_jobs.adapters.ffprobe import Prober
asyncio.run(Prober(Path(sys.argv[1])).probe(never, 1000, 600))
"""
SHUT_IN = """#!/bin/bash
read -r line < "{secret}" && exit 1
read -r line < "/proc/{parent}/environ" && exit 1
kill -0 {parent} && [ {version} -ge 6 ] && exit 1
exec 3<> /dev/tcp/127.0.0.1/{port} && exit 1
echo '{{"format": {{"format_name": "flac"}}, "streams": [{{"codec_type": "audio"}}]}}'
"""
CONFINED = """#!/bin/sh
[ "$(ulimit -v)" = 1048576 ] && [ "$(ulimit -t)" = 20 ] && [ "$(ulimit -f)" = 0 ] && [ "$(ulimit -c)" = 0 ] || exit 1
[ -z "$HOME$TSEEDER_JOBS_S3_SECRET_KEY$LD_LIBRARY_PATH" ] && [ "$(pwd)" = / ] || exit 1
echo '{"format": {"format_name": "flac"}, "streams": [{"codec_type": "audio"}]}'
"""


@pytest.fixture(scope="module")
async def library(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Films and songs."""
    return await films(tmp_path_factory.mktemp("films"))


class Listener:
    """Something on loopback that nobody may talk to."""

    def __init__(self) -> None:
        self.contacts = 0
        self.port = 0

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Somebody did."""
        self.contacts += 1
        writer.close()


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    """One that listens."""
    made = Listener()
    server = await asyncio.start_server(made.meet, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made


def program(folder: Path, text: str) -> Path:
    """A program in ffprobe's place."""
    path = folder / "ffprobe"
    path.write_text(text)
    path.chmod(0o755)
    return path


async def test_what_is_in_films_and_songs(library: dict[str, bytes]) -> None:
    prober = Prober(ffprobe())
    slots = asyncio.Semaphore(2)

    async def look(name: str) -> None:
        data = library[name]
        async with slots:
            probed = await prober.probe(bytes_of(data), len(data), 60)
        facts = probed.facts
        assert facts is not None, name
        codecs = [[each.codec for each in kind] for kind in (facts.video, facts.audio, facts.subtitles)]
        assert (facts.container, *codecs) == KNOWN[name]
        assert facts.duration_seconds == pytest.approx(2, abs=0.3)
        assert facts.bit_rate == pytest.approx(len(data) * 4, rel=0.2)
        if facts.video:
            assert (facts.video[0].width, facts.video[0].height, facts.video[0].frame_rate) == (64, 48, 5.0)
        if name == "film.mkv":
            assert (facts.audio[0].language, facts.audio[0].channels) == ("ger", 1)
            assert (facts.subtitles[0].language, facts.subtitles[0].title) == ("eng", "For all")

    await asyncio.gather(*map(look, KNOWN))


async def test_no_file_makes_it_ask_anybody_else(listener: Listener, library: dict[str, bytes]) -> None:
    """Playlists, lists of files and the like, whatever their name says: the readers that follow addresses are off."""
    url = f"http://127.0.0.1:{listener.port}/secret"
    traps = [
        f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{url}.ts\n#EXT-X-ENDLIST\n",
        f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{url}.m3u8\n",
        f"ffconcat version 1.0\nfile '{url}.mkv'\n",
        f";FFMETADATA1\ntitle={url}\n",
        f"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {listener.port} RTP/AVP 0\n",
        f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><BaseURL>{url}</BaseURL>'
        f'<Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>{url}</BaseURL>'
        "</Representation></AdaptationSet></Period></MPD>",
        f"[Reference]\nRef1={url}\n",
    ]
    prober = Prober(ffprobe())
    for trap in traps:
        probed = await prober.probe(bytes_of(trap.encode()), len(trap), 60)
        assert (probed.outcome, listener.contacts) == (Outcome.NONE, 0), trap
    damaged = library["film.mkv"][:300] + bytes(20_000)
    assert (await prober.probe(bytes_of(damaged), len(damaged), 60)).outcome in (Outcome.NONE, Outcome.FOUND)


async def test_bytes_that_do_not_come(library: dict[str, bytes]) -> None:
    """Never, or not now: nothing is concluded. More than it may have: it goes without. No such file: that is told."""
    prober = Prober(ffprobe())
    assert (await prober.probe(never, 1000, 1)).outcome is Outcome.NOT_NOW
    assert (await prober.probe(gone, 1000, 60)).outcome is Outcome.GONE
    assert (await prober.probe(nothing, 1000, 60)).outcome is Outcome.NOT_NOW
    assert (await prober.probe(defective, 1000, 60)).outcome is Outcome.NOT_NOW
    film = library["film.mp4"]
    assert film.index(b"moov") > 10_000, "it is at the end"
    assert (await Prober(ffprobe(), budget_bytes=1).probe(bytes_of(film), len(film), 60)).outcome is Outcome.FAILED


async def test_what_it_may_and_what_it_may_not(tmp_path: Path) -> None:
    def prober(text: str) -> Prober:
        return Prober(program(tmp_path, text))

    async def outcome(text: str, seconds: float = 60) -> Outcome:
        return (await prober(text).probe(nothing, 1000, seconds)).outcome

    assert await outcome(CONFINED) is Outcome.FOUND
    assert await outcome("#!/bin/sh\nwhile :; do echo '{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{'; done\n") is Outcome.FAILED
    assert await outcome("#!/bin/sh\nkill -SEGV $$\n") is Outcome.FAILED
    assert await outcome("#!/bin/sh\nexit 1\n") is Outcome.NONE
    assert await outcome("#!/bin/sh\nwhile :; do :; done\n", 0.3) is Outcome.FAILED, "it asked for nothing"
    assert await outcome("#!/nowhere/sh\n") is Outcome.NOT_NOW
    assert (await Prober(tmp_path / "nothing").probe(nothing, 1000, 60)).outcome is Outcome.NOT_NOW


async def test_an_ffprobe_that_does_not_work_is_not_used(tmp_path: Path) -> None:
    """Else it would say "no media" of all there is."""
    assert await Prober(ffprobe()).prove()
    for text in ("#!/bin/sh\nexit 1\n", "#!/bin/sh\necho '{}'\n", "#!/nowhere/sh\n"):
        assert not await Prober(program(tmp_path, text)).prove(), text
    assert not await Prober(tmp_path / "nothing").prove()


async def test_limits_that_are_lower_already_are_kept_and_what_cannot_start_is_told() -> None:
    """A container's own; an exit code of 1 would be taken for a file that is no media."""

    async def code(limits: str, *arguments: str) -> int:
        box = (sys.executable, "-I", "-S", ffprobe_process.__file__, str(os.getpid()), *arguments)
        process = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", f'{limits}; exec "$@"', "sh", *box, stderr=asyncio.subprocess.DEVNULL
        )
        return await process.wait()

    assert await code("ulimit -n 40 && ulimit -t 10", str(1 << 30), "20", "1", "/bin/true") == 0
    assert await code(":", "much", "20", "1", "/bin/true") == ffprobe_process.NOT_STARTED
    assert await code(":", str(1 << 30), "20") == ffprobe_process.NOT_STARTED


async def test_what_it_starts_ends_with_it(tmp_path: Path) -> None:
    """Also where it has ended itself."""
    path = program(tmp_path, "#!/bin/bash\n(while :; do :; done) >&- &\necho said\n")
    assert (await Prober(path).probe(nothing, 1000, 60)).outcome is Outcome.NONE
    async with asyncio.timeout(10):  # by its own limit it would end later
        for pause in pauses():
            if not any(str(path) in line for line in await asyncio.to_thread(command_lines)):
                break
            await asyncio.sleep(pause)


@pytest.mark.landlock
async def test_even_what_does_all_that_a_file_wants_is_shut_in(tmp_path: Path, listener: Listener) -> None:
    """In ffprobe's place, a program that reads secrets and calls home."""
    secret = tmp_path / "secrets" / "key"
    secret.parent.mkdir()
    secret.write_text("sesame\n")
    fill = {"secret": secret, "parent": os.getpid(), "port": listener.port, "version": landlock_version()}
    (tmp_path / "bin").mkdir()
    prober = Prober(program(tmp_path / "bin", SHUT_IN.format(**fill)))
    assert (await prober.probe(nothing, 1000, 60)).outcome is Outcome.FOUND
    assert listener.contacts == 0


async def test_it_dies_with_its_parent() -> None:
    holder = await asyncio.create_subprocess_exec(sys.executable, "-c", HOLDER, str(ffprobe()))
    try:
        children = await children_of(holder.pid)
        assert len(children) == 1
    finally:
        holder.kill()
        await holder.wait()
    async with asyncio.timeout(30):
        for pause in pauses():
            if not any(map(runs_as, children)):
                break
            await asyncio.sleep(pause)


def runs_as(pid: int) -> str:
    """The program that a process is; "" for none that runs."""
    try:
        return str(Path(f"/proc/{pid}/exe").readlink())
    except OSError:
        return ""


def command_lines() -> list[str]:
    """Of all that runs."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            found.append((process / "cmdline").read_text(errors="replace"))
    return found


def listed(pid: int) -> list[int]:
    """The children of a process."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def children_of(pid: int) -> list[int]:
    """Once one of them has become ffprobe."""
    async with asyncio.timeout(60):
        for pause in pauses():
            children = listed(pid)
            if str(ffprobe().resolve()) in map(runs_as, children):
                return children
            await asyncio.sleep(pause)
    raise AssertionError("it never began")
