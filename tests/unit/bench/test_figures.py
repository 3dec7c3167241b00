"""How benches get from runs to figures, and from figures to a page. What they measure is not run here."""

from __future__ import annotations

import json
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench import ingest, processes, report, rest, results
from tests.bench.chart import chart
from tests.bench.ingest import Figures
from tests.bench.link import line_seconds
from tests.bench.processes import Cost, Memory
from tests.bench.results import GIB, BenchError, Result, Row, paired
from tests.bench.torrents import forget, make_single, renamed
from tests.bench.wanted import WANTED

SIZES = (128, 512, 1024)


def seen() -> Figures:
    """Three rounds of an ingest in which everything is linear."""
    return Figures(
        bare=[9.0, 9.0, 10.0],
        tseeder={mib: [Cost(mib / 100, mib / 256)] * 3 for mib in SIZES},
        peak_mib={mib: [180.0, 190.0, 185.0] for mib in SIZES},
        downloads={"aria2c": [Cost(12.0, 3.0)] * 3, "transmission": [Cost(40.0, 5.0)] * 2},
        uploads={"s5cmd": [Cost(9.0, 2.0)] * 3, "rclone": [Cost(10.0, 2.0)] * 3},
    )


def at_rest() -> rest.Figures:
    """A stack with two services and an agent."""
    held = {"jobs": Memory(150, 90, 3, 80), "auth": Memory(70, 50, 1, 70), "agent-1": Memory(110, 80, 1, 110)}
    return rest.Figures(
        cold={"rclone": [9.0, 8.0, 7.0]},
        warm={"rclone": [5.0, 4.0, 6.0], "radosgw": [7.0, 8.0, 9.0]},
        memory={**held, "postgres": Memory(400, 60, 30, 20)},
        by_agents={1: (5.0, 500.0), 2: (5.5, 600.0), 3: (6.0, 700.0)},
    )


def test_ratios_are_of_the_same_round() -> None:
    assert paired([10, 40, 30], [10, 20, 10]) == 2.0
    assert Row.of("x", "s", [3, 1, 2]) == Row("x", 2, "s", (3, 1, 2))


def test_the_line_rate_counts_headers() -> None:
    assert line_seconds(GIB) == pytest.approx(8.98, abs=0.01)


def test_ingest_is_compared_with_the_best_pair_that_ran_in_every_round() -> None:
    found = ingest.figures_of(seen(), SIZES)
    assert set(found.ratios) == set(WANTED["ingest"])
    assert found.ratios["limit"] == round(10.24 / 9.0, 3)
    assert found.ratios["best_serial"] == round(10.24 / 21.0, 3)
    assert found.ratios["cpu"] == 0.8
    assert found.ratios["agent_mib"] == 190.0
    pair = found.row("transmission, then rclone")
    assert pair is not None
    assert pair.runs == (50.0, 50.0)


def test_linear_growth_has_slope_1() -> None:
    slopes = [row for row in ingest.figures_of(seen(), SIZES).rows if row.name.startswith("slope")]
    assert [row.value for row in slopes] == [1.0, 1.0]


def test_rest_takes_the_largest_service_and_the_slowest_start() -> None:
    found = rest.figures_of(at_rest(), {"jobs": 236.0})
    assert found.ratios == {"warm_up_s": 8.0, "service_mib": 150, "agent_mib": 110}
    assert set(found.ratios) == set(WANTED["rest"])
    slope = found.row("slope: MiB (PSS) at rest for each more agent")
    assert slope is not None
    assert slope.runs == (100.0, 100.0)


def test_a_result_is_kept_in_its_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    found = ingest.figures_of(seen(), SIZES)
    said = json.loads(results.write(found).read_text())
    assert list(said) == ["bench", "commit", "machine", "rows", "ratios"]
    assert all(list(row) == ["name", "value", "unit", "runs"] for row in said["rows"])
    assert results.read("ingest") == found
    assert results.read("rest") is None


@pytest.mark.parametrize("found", [ingest.figures_of(seen(), SIZES), rest.figures_of(at_rest(), {})])
def test_table_page_and_chart_show_all(found: Result) -> None:
    text, page, picture = report.table(found), report.markdown(found), chart(found)
    for row in found.rows:
        assert row.name in text
        assert f"| {row.name} |" in page
    for name in found.ratios:
        assert f"`{name}`" in page
    assert ET.fromstring(picture).tag.endswith("svg")  # noqa: S314 - our own
    assert picture.count("<text") > 3


def test_a_missed_figure_says_by_how_much() -> None:
    found = ingest.figures_of(seen(), SIZES)
    missed = replace(found, ratios={**found.ratios, "best_serial": 0.4876})
    assert "missed by 6 %" in report.table(missed)
    assert WANTED["ingest"]["best_serial"].verdict(0.46) == "met"


def test_a_page_is_changed_between_its_markers_only() -> None:
    page = "a\n<!-- bench rest -->\nold\n<!-- /bench rest -->\nb <!-- bench ingest --><!-- /bench ingest -->"
    assert report.between_markers(page, "rest", r"new \1") == page.replace("old", r"new \1")
    with pytest.raises(BenchError, match="markers"):
        report.between_markers("a page without", "rest", "new")
    for bench in WANTED:
        report.between_markers(report.DOCUMENT.read_text(encoding="utf-8"), bench, "")


def test_a_renamed_torrent_is_another_one_with_the_same_bytes(tmp_path: Path) -> None:
    sample = make_single(tmp_path, 1)
    other = renamed(sample, "other.bin", "http://127.0.0.1:1/announce")
    assert other.info_hash != sample.info_hash
    assert other.path_of(other.files[0]).read_bytes() == sample.path_of(sample.files[0]).read_bytes()
    assert b"8:announce27:http://127.0.0.1:1/announce" in other.torrent.read_bytes()
    forget(other)
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == ["bench-1.bin", "sample.torrent"]


def test_the_cost_of_a_process_includes_its_children() -> None:
    with subprocess.Popen(["sh", "-c", "sleep 60; true"]) as shell:
        try:
            while len(members := processes.tree(shell.pid)) < 2:
                assert shell.poll() is None
            assert processes.memory(shell.pid).processes == len(members) == 2
            assert processes.memory(shell.pid, alone=True).rss < processes.memory(shell.pid).rss
            assert processes.peak_mib(shell.pid) > 0
            assert processes.cpu_seconds(shell.pid) >= 0
        finally:
            for member in members[1:]:
                subprocess.run(["kill", str(member)], check=True)
            shell.kill()
