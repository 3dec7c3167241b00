"""How a file's warm-up goes."""

from __future__ import annotations

from tseeder_gateway.api.schemas.wire import Count, View, described
from tseeder_gateway.usecases.warm_up import WarmedUp, Warmth


class WarmthView(View):
    """How much of the file's first and last bytes is here, and whether the swarm is as fast as the film."""

    first_bytes: Count
    first_ready_bytes: Count
    last_bytes: Count
    last_ready_bytes: Count
    swarm_rate: Count | None = described("bytes a second that the job receives; null while nobody has said")
    media_bit_rate: Count | None = described("bits a second that playing takes; null: not known (yet)")
    swarm_suffices: bool | None = described("whether that rate is enough to play it; null: not known")

    @classmethod
    def of(cls, warmth: Warmth) -> WarmthView:
        """From the use case's."""
        return cls(
            first_bytes=warmth.first_bytes,
            first_ready_bytes=warmth.first_ready_bytes,
            last_bytes=warmth.last_bytes,
            last_ready_bytes=warmth.last_ready_bytes,
            swarm_rate=warmth.swarm_rate,
            media_bit_rate=warmth.media_bit_rate,
            swarm_suffices=warmth.swarm_suffices,
        )


class WarmedUpView(View):
    """The last event. `late`: the swarm has not given it in ten minutes; `refused`: `code` and `message` say why."""

    reason: str = described(enum=["ready", "late", "refused"])
    code: str | None = described("the problem code that a read would get", maxLength=64)
    message: str | None

    @classmethod
    def of(cls, ended: WarmedUp) -> WarmedUpView:
        """From the use case's."""
        refused = ended.refused
        return cls(
            reason=ended.reason,
            code=refused.code if refused is not None else None,
            message=refused.message if refused is not None else None,
        )
