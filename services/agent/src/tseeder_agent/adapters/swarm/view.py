"""Reading libtorrent's view of a torrent that does not move."""

from __future__ import annotations

import libtorrent as lt

from tseeder_agent.domain.swarm_view import SwarmView

_WRITING, _FINISHED = 2, 3
_LAST_FAILED = 10


def view_of(handle: lt.torrent_handle, failed: tuple[int, ...]) -> SwarmView:
    """Blocking. RuntimeError if it was removed; `failed`: pieces whose hash was wrong, the last one last."""
    status = handle.status(lt.torrent_handle.query_pieces)
    peers = handle.get_peer_info()
    begun = {int(each["piece_index"]): [int(block["state"]) for block in each["blocks"]]
             for each in handle.get_download_queue()}  # fmt: skip
    blocks = [state for states in begun.values() for state in states]
    return SwarmView(
        pieces=status.num_pieces,
        begun=len(begun),
        blocks_asked=blocks.count(1),
        blocks_writing=blocks.count(_WRITING),
        unhashed=frozenset(piece for piece, states in begun.items() if set(states) == {_FINISHED}),
        failed=failed[-_LAST_FAILED:],
        peers=len(peers),
        seeds=sum(bool(peer.flags & lt.peer_info.seed) for peer in peers),
        choking=sum(bool(peer.flags & lt.peer_info.remote_choked) for peer in peers),
        on_parole=sum(bool(peer.flags & lt.peer_info.on_parole) for peer in peers),
        candidates=status.connect_candidates,
    )
