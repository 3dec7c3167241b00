"""What is stored already."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from tseeder_gateway.api.access import JobsRead
from tseeder_gateway.api.bodies import JsonBody
from tseeder_gateway.api.parts import parts_of
from tseeder_gateway.api.problem_codes import problems
from tseeder_gateway.api.schemas.cache import CacheAnswerView, CachedTorrentView, CacheQuestionBody

router = APIRouter(prefix="/v1/cache", tags=["cache"])


@router.post("/check", responses=problems("bad_info_hashes"))
async def check_cache(
    request: Request, access: JobsRead, body: Annotated[CacheQuestionBody, Depends(JsonBody(CacheQuestionBody))]
) -> CacheAnswerView:
    """Which of these torrents are stored, as far as the operator's sharing lets the caller know; a job for a `stored`
    one is completed at once. Where nothing is shared, it tells of the caller's own jobs. Changes nothing."""
    found = await parts_of(request).jobs.check_cache(access.identity, body.info_hashes)
    return CacheAnswerView(items=[CachedTorrentView.of(torrent) for torrent in found])
