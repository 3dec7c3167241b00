"""Programs that nobody here wrote, on the one URL of a file: a browser, ffprobe, curl, aria2."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.async_api import Page, async_playwright

from tests.e2e.fixtures import MakeSample
from tests.e2e.people import Person
from tests.e2e.seeding import Swarm
from tests.e2e.world import MIB, PASSWORD
from tseeder_cli.wire import File, Job
from tseeder_testkit.torrents import KIB, Sample

SECONDS: Final = 24
FILMS: Final = {
    # The index at the end, as cameras and most tools write it: a player has to look there first.
    "film.mp4": ("-c:v", "libx264", "-preset", "ultrafast", "-qp", "8", "-pix_fmt", "yuv420p"),
    "film.webm": ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-crf", "4", "-b:v", "0"),
}
# Plays the file, then looks at its end and back; answers what a viewer would have seen.
WATCH: Final = """async ({url, email, password}) => {
    const login = await fetch('/v1/auth/login', {method: 'POST', headers: {'Content-Type': 'application/json'},
        body: JSON.stringify({email, password})});
    if (!login.ok) throw new Error('login: ' + await login.text());
    const video = document.createElement('video');
    const heard = name => new Promise((resolve, reject) => {
        video.addEventListener(name, resolve, {once: true});
        video.addEventListener('error', () => reject(new Error(video.error.message)), {once: true});
    });
    video.muted = true;
    document.body.append(video);
    const known = heard('loadedmetadata');
    video.src = url;
    await known;
    const passed = new Promise(resolve => video.addEventListener('timeupdate',
        () => { if (video.currentTime > 0.3) resolve(); }));
    await video.play();
    await passed;
    video.pause();
    const places = [];
    for (const place of [video.duration - 0.5, 1.0]) {
        const sought = heard('seeked');
        video.currentTime = place;
        await sought;
        const shown = video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;
        places.push([Math.abs(video.currentTime - place) < 0.1, shown]);
    }
    return {duration: video.duration, width: video.videoWidth, places};
}"""


async def output(*argv: str) -> str:
    """What a program prints; it must end well."""
    process = await asyncio.create_subprocess_exec(
        *argv, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL
    )
    said, complained = await process.communicate()
    assert process.returncode == 0, complained.decode()[-2000:]
    return said.decode()


async def film(folder: Path, name: str) -> Path:
    """Noise, which no codec makes small: more than 20 MB, so that a browser asks for the end instead of reading on.
    There is a key frame each second, from which it can show a picture."""
    path = folder / name
    picture = f"nullsrc=size=320x240:rate=10:duration={SECONDS},noise=alls=100:allf=t"
    await output("ffmpeg", "-v", "error", "-f", "lavfi", "-i", picture, "-g", "10", *FILMS[name], str(path))
    return path


@asynccontextmanager
async def browsing(url: str) -> AsyncIterator[Page]:
    """A page of the gateway's own origin. It lets no page play anything, so its policy is put aside."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        try:
            context = await browser.new_context(bypass_csp=True)
            page = await context.new_page()
            await page.goto(url)
            yield page
        finally:
            await browser.close()


async def slow_job(ann: Person, swarm: Swarm, sample: MakeSample, path: Path) -> tuple[Job, File, Sample]:
    """A job of one file that comes a little faster than it plays."""
    made = await sample(sources=[path], piece_length=256 * KIB)
    await swarm.seed(made, rate=made.files[0].size // (SECONDS - 4))
    job = await ann.submit(swarm.torrent(made))
    (file,) = (await ann.files(job)).values()
    return job, file, made


def content_url(ann: Person, file: File) -> str:
    return f"{ann.client.url}/v1/files/{file['file_id']}/content"


@pytest.mark.players
@pytest.mark.parametrize("name", FILMS)
async def test_chromium_plays_what_is_still_downloading_and_seeks_to_the_end_and_back(
    ann: Person, swarm: Swarm, sample: MakeSample, tmp_path: Path, name: str
) -> None:
    path = await film(tmp_path, name)
    job, file, _ = await slow_job(ann, swarm, sample, path)
    async with browsing(ann.client.url) as page:
        asked = {"url": f"/v1/files/{file['file_id']}/content", "email": ann.email, "password": PASSWORD}
        seen: dict[str, Any] = await page.evaluate(WATCH, asked)
    assert (await ann.client.job(job["job_id"]))["state"] == "downloading"
    assert seen["duration"] == pytest.approx(SECONDS, abs=0.5)
    assert seen["width"] == 320
    assert seen["places"] == [[True, True], [True, True]]


@pytest.mark.players
async def test_ffprobe_reads_the_index_at_the_end(
    ann: Person, swarm: Swarm, sample: MakeSample, tmp_path: Path
) -> None:
    """While it is fetched, and when it is stored."""
    path = await film(tmp_path, "film.mp4")
    job, file, made = await slow_job(ann, swarm, sample, path)
    credential = f"Authorization: Bearer {ann.key}\r\n"
    ask = ("ffprobe", "-v", "error", "-show_entries", "format=duration,size", "-of", "csv=p=0", "-headers", credential)
    live = await output(*ask, content_url(ann, file))
    assert (await ann.client.job(job["job_id"]))["state"] == "downloading"
    await swarm.seed(made)
    await ann.completed(job)
    stored = await output(*ask, content_url(ann, file))
    duration, size = live.strip().split(",")
    assert float(duration) == pytest.approx(SECONDS, abs=0.5)
    assert int(size) == made.files[0].size
    assert stored == live


@pytest.mark.aria2
@pytest.mark.parametrize("stored", [False, True], ids=["live", "stored"])
async def test_curl_goes_on_where_it_was_and_aria2_opens_eight_connections(
    ann: Person, swarm: Swarm, sample: MakeSample, tmp_path: Path, stored: bool
) -> None:
    made = await sample(12 * MIB)
    await swarm.seed(made, rate=0 if stored else 3 * MIB)
    job = await ann.submit(swarm.torrent(made))
    (file,) = (await ann.files(job)).values()
    if stored:
        await ann.completed(job)
    credential, url = f"Authorization: Bearer {ann.key}", content_url(ann, file)
    whole = await asyncio.to_thread(made.path_of(made.files[0]).read_bytes)
    begun = tmp_path / "by-curl"
    begun.write_bytes(whole[: 5 * MIB + 3])
    words = ("aria2c", "-q", "--file-allocation=none", "-x8", "-s8", "-k1M", f"--header={credential}")
    await asyncio.gather(
        output("curl", "-sSf", "-C", "-", "-H", credential, "-o", str(begun), url),
        output(*words, "-d", str(tmp_path), "-o", "by-aria2", url),
    )
    for path in (begun, tmp_path / "by-aria2"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == made.files[0].sha256, path.name
