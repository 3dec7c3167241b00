"""Take parts as they become whole, and put them into S3 while the rest is still being fetched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Final

from tseeder_agent.adapters.jobs import BATCH
from tseeder_agent.domain.ledger import Ledger
from tseeder_agent.domain.parts import Part, PartKey
from tseeder_agent.domain.storage import PartBytes, StorageRefused, StorageUnavailable, UploadGone, WriteTarget
from tseeder_agent.domain.transfer import Problem
from tseeder_agent.domain.writes import Intent, Plan, Result, Verdict
from tseeder_agent.usecases.batcher import Batcher
from tseeder_agent.usecases.context import Context
from tseeder_agent.usecases.crew import Crew
from tseeder_agent.usecases.insist import insist
from tseeder_agent.usecases.read_part import HashesMissing, read_part
from tseeder_agent.usecases.run import Run
from tseeder_kit.logging import get_logger
from tseeder_kit.loops import pauses
from tseeder_kit.tracing import Role

PARTS_AT_ONCE: Final = 256
"""Small files on their way at once; large ones are limited by the budget of bytes."""
LINGER_SECONDS: Final = 0.3
"""A part that S3 holds is told to jobs together with those that follow soon: its memory is free already."""
TOLD_TOGETHER: Final = 16
"""Nobody waits for more: small files come fast, and each has a place of PARTS_AT_ONCE until it is told."""
_log = get_logger(__name__)


class Uploads:
    """The upload side of one transfer. A part that failed gives its memory and its slot back, and is read anew."""

    def __init__(self, ctx: Context, run: Run, ledger: Ledger) -> None:
        self._ctx = ctx
        self._run = run
        self._ledger = ledger
        self._plans: Batcher[Intent, Plan] = Batcher(self._plan, BATCH)
        self._confirms: Batcher[Result, bool] = Batcher(
            self._confirm,
            BATCH,
            # Where parts may not go far ahead of the first missing one, those behind wait for each of them.
            linger=0.0 if ctx.settings.upload_reach_parts else LINGER_SECONDS,
            enough=TOLD_TOGETHER,
            expects_more=lambda: self._sending > 0,
        )
        self._sending = 0
        self._at_once = asyncio.Semaphore(PARTS_AT_ONCE)
        self._pauses: dict[PartKey, Callable[[], float]] = {}
        self._taken: dict[PartKey, AsyncExitStack] = {}

    async def work(self) -> None:
        """Until it is cancelled, or something will not pass; what was taken and not sent is then READY again."""
        try:
            async with Crew(self._plans.work, self._confirms.work) as members:
                while True:
                    await self._at_once.acquire()
                    part = await self._take()
                    # One transfer has one place in the queue for memory, so that it keeps nobody else from his turn.
                    buffer = await self._taken[part.key].enter_async_context(self._ctx.buffers.hold(part.size))
                    members.take_on(self._carry(part, buffer))
        finally:
            for key, held in self._taken.items():  # those whose task never began
                await held.aclose()
                self._ledger.put_back(key)

    async def _take(self) -> Part:
        reach = self._ctx.settings.upload_reach_parts
        while (part := self._ledger.take(reach)) is None:
            self._run.parts_ready.clear()
            await self._run.parts_ready.wait()
        self._taken[part.key] = AsyncExitStack()
        return part

    async def _carry(self, part: Part, buffer: memoryview) -> None:
        pause = 0.0
        try:
            async with self._taken.pop(part.key):
                result = self._run.unconfirmed.get(part.key) or await self._sent(part, buffer)
            if result is not None and await self._counts(result):
                self._run.parts_stored += 1
                self._ledger.hold(part.key)
                if self._run.staged is not None:
                    self._ctx.reader.forget(self._run.staged, part)
            if result is not None and result.gone:  # it may be so for ever, where the agent is set to another S3
                pause = self._next_pause(part.key)
            else:
                self._pauses.pop(part.key, None)
        except (StorageRefused, StorageUnavailable) as exc:
            self._run.troubled("storage", Problem(exc.code, exc.message))
            pause = self._next_pause(part.key)
            _log.info("part_later", code=exc.code, cause=exc.details.get("cause", ""), seconds=round(pause, 2))
        except HashesMissing:  # nothing of it is kept in memory meanwhile: others' parts may go up
            pause = self._next_pause(part.key)
        finally:
            self._at_once.release()
            self._let_go(part.key, pause)

    async def _counts(self, result: Result) -> bool:
        """Tell jobs, now or when the lease that lapses meanwhile is renewed: what S3 took does not go up again."""
        if not result.gone:
            self._run.unconfirmed[result.key] = result
        counts = await self._confirms.ask(result)
        self._run.unconfirmed.pop(result.key, None)
        return counts

    def _let_go(self, key: PartKey, pause: float) -> None:
        """Put back what is not HELD: at once, or after a pause, during which nothing of it is kept in memory."""
        if pause:
            asyncio.get_running_loop().call_later(pause, self._let_go, key, 0.0)
            return
        self._ledger.put_back(key)
        self._run.parts_changed()

    def _next_pause(self, key: PartKey) -> float:
        settings = self._ctx.settings
        if key not in self._pauses:
            self._pauses[key] = pauses(settings.retry_seconds, settings.retry_longest_seconds)
        return self._pauses[key]()

    async def _sent(self, part: Part, buffer: memoryview) -> Result | None:
        self._sending += 1
        try:
            return await self._send(part, buffer)
        finally:
            self._sending -= 1
            self._confirms.look()

    async def _send(self, part: Part, buffer: memoryview) -> Result | None:
        """What S3 answered; None if nothing was sent: the ledger knows why, or it is READY again."""
        body = await read_part(self._ctx, self._run, part, buffer)
        if body is None:
            return None
        plan = await self._plans.ask(Intent(part.key, part.size, body.crc32))
        match plan.verdict:
            case Verdict.GO:
                return await self._put(part, body, plan)
            case Verdict.HELD:
                self._ledger.hold(part.key)
            case Verdict.STORED:
                self._ledger.store(part.file_index)
            case Verdict.UNWANTED:
                self._ledger.drop(part.file_index)
        return None

    async def _put(self, part: Part, body: PartBytes, plan: Plan) -> Result:
        description = self._run.description
        bucket = description.bucket if description else ""
        target = WriteTarget(bucket, plan.object_key, plan.upload_id, part.number, plan.presigned_url, plan.with_crc32)
        self._run.check_tenure()
        operation = "UploadPart" if part.number else "PutObject"
        attributes = {"rpc.system": "aws-api", "rpc.service": "S3", "rpc.method": operation}
        facts = {"http.request.body.size": part.size, "aws.s3.part_number": part.number}
        sending = self._run.spans.parts.span(f"S3/{operation}", role=Role.CLIENT, attributes={**attributes, **facts})
        try:
            with sending:
                etag = await self._ctx.store.put(target, body)
        except UploadGone as exc:
            _log.warning("upload_gone", file_index=part.file_index)
            self._run.troubled("storage", Problem(exc.code, exc.message))
            return Result(part.key, part.size, plan.object_key, plan.upload_id, gone=True)
        self._run.sent.add(part.size)
        self._run.untroubled("storage")
        return Result(part.key, part.size, plan.object_key, plan.upload_id, etag)

    async def _plan(self, intents: Sequence[Intent]) -> Sequence[Plan]:
        lease = self._run.lease
        return await insist(
            self._ctx, self._run, partial(self._ctx.jobs.plan_writes, lease, intents), self._run.spans.plans
        )

    async def _confirm(self, results: Sequence[Result]) -> Sequence[bool]:
        """For each result whether its part counts."""
        lease = self._run.lease
        confirm = partial(self._ctx.jobs.confirm_writes, lease, results)
        reset = await insist(self._ctx, self._run, confirm, self._run.spans.confirms)
        for file_index in reset:
            self._ledger.reset(file_index)
            for key in [key for key in self._run.unconfirmed if key.file_index == file_index]:
                del self._run.unconfirmed[key]
        return [not each.gone and each.key.file_index not in reset for each in results]
