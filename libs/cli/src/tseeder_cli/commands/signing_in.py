"""How commands sign in for what no API key may do, and ask for what it takes. (See verbs.own_session.)"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tseeder_cli.commands.options import read_code, read_email, run, run_with_code

if TYPE_CHECKING:
    from tseeder_cli.client import HeldSession
    from tseeder_cli.target import Target

NEXT_CODE = "The next code (it shows within 30 s), or a recovery code"


def email_of(target: Target, given: str) -> str:
    """`given`, that of the last login there, or asked for."""
    from tseeder_cli.verbs import own_session

    return read_email(given or own_session.last_email(target))


def signed_in(target: Target, email: str, password: str) -> tuple[HeldSession, bool]:
    """A session, and whether it took the code of a second factor."""
    from tseeder_cli.verbs import own_session

    codes: list[str] = []

    async def verb(code: str) -> HeldSession:
        codes.append(code)
        return await own_session.sign_in(target, email, password, code)

    return run_with_code(verb), codes[-1] != ""


def code_for(held: HeldSession, prompt: str = NEXT_CODE) -> str:
    """A code that is asked for while the session waits. It is ended if there is none."""
    from tseeder_cli.verbs import own_session

    try:
        return read_code(prompt)
    except BaseException:
        run(own_session.end(held))
        raise
