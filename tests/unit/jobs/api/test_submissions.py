"""The shape of a submit is judged before anything is looked up."""

from __future__ import annotations

import pytest

from tseeder.jobs.v1 import jobs_pb2 as pb
from tseeder.jobs.v1 import model_pb2
from tseeder_jobs.api.lease_wire import index_ranges
from tseeder_jobs.api.submissions import MAX_SELECTION, selection, submission
from tseeder_jobs.usecases.submit_job import InfoHashSource, MagnetSource, TorrentSource
from tseeder_kit.errors import AppError, Kind


def refused(request: pb.SubmitRequest) -> AppError:
    with pytest.raises(AppError) as caught:
        submission(request)
    assert caught.value.kind is Kind.INVALID
    return caught.value


def test_each_source_is_told_apart() -> None:
    assert submission(pb.SubmitRequest(magnet="magnet:?")).source == MagnetSource("magnet:?")
    assert submission(pb.SubmitRequest(info_hash="ab")).source == InfoHashSource("ab")
    assert submission(pb.SubmitRequest(torrent=b"d")).source == TorrentSource(b"d")


def test_without_a_source() -> None:
    assert refused(pb.SubmitRequest(name="x")).code == "source_missing"


def test_absent_selection_is_all_files_and_an_empty_one_is_refused() -> None:
    assert submission(pb.SubmitRequest(magnet="m")).selection is None
    error = refused(pb.SubmitRequest(magnet="m", selection=model_pb2.Selection()))
    assert error.code == "selection_empty"
    assert error.fields[0].field == "selection.file_indexes"


def test_a_selection_is_distinct_and_sorted() -> None:
    assert selection(model_pb2.Selection(file_indexes=[5, 1, 5, 0])) == [0, 1, 5]


@pytest.mark.parametrize("indexes", [[-1], [0, -5], range(MAX_SELECTION + 1)])
def test_a_selection_that_no_torrent_can_have(indexes: list[int]) -> None:
    error = refused(pb.SubmitRequest(magnet="m", selection=model_pb2.Selection(file_indexes=indexes)))
    assert error.code == "bad_selection"


def test_a_name_is_judged_and_normalised() -> None:
    assert refused(pb.SubmitRequest(magnet="m", name="a" * 256)).code == "bad_name"
    assert submission(pb.SubmitRequest(magnet="m", name=" Caf\u0065\u0301 ")).name == "Caf\u00e9"


@pytest.mark.parametrize("key", ["k" * 256, "tab\t", "nul\0", "schlüssel"])
def test_bad_idempotency_keys(key: str) -> None:
    assert refused(pb.SubmitRequest(magnet="m", idempotency_key=key)).code == "bad_idempotency_key"


@pytest.mark.parametrize(
    ("indexes", "ranges"),
    [([], []), ([3], [(3, 3)]), ([0, 1, 2, 5, 7, 8], [(0, 2), (5, 5), (7, 8)])],
)
def test_views_travel_as_ranges(indexes: list[int], ranges: list[tuple[int, int]]) -> None:
    assert index_ranges(indexes) == ranges
