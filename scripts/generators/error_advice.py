"""What a client does about a problem: by its code, by the beginning of its code, by its kind.

A code that nobody raises any more must go from here, too: `make lint` and `make verify` say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tseeder_kit.errors import Kind

BY_KIND: Final[Mapping[Kind, str]] = {
    Kind.INVALID: "Correct the request; `errors` names the fields.",
    Kind.UNAUTHENTICATED: "Sign in again, or send another API key.",
    Kind.FORBIDDEN: "Do not repeat it: this caller may not.",
    Kind.NOT_FOUND: "Forget the id: it is gone, or somebody else's.",
    Kind.CONFLICT: "Read the present state, then decide.",
    Kind.PRECONDITION: "Read the present state, then decide.",
    Kind.TOO_LARGE: "Send less; `details` may say how much is taken.",
    Kind.UNSUPPORTED: "Send another form of content.",
    Kind.RANGE: "Ask for another range; `Content-Range` says how long the file is.",
    Kind.UNPROCESSABLE: "Change the request: the same one fails again.",
    Kind.EXHAUSTED: "Wait `Retry-After` seconds, then repeat it.",
    Kind.CANCELLED: "Nothing: the caller itself went away.",
    Kind.INTERNAL: "Report the `request_id`; repeating it rarely helps.",
    Kind.UNAVAILABLE: "Repeat it after `Retry-After`, with the same Idempotency-Key.",
    Kind.DEADLINE: "Repeat it with the same Idempotency-Key: it may have happened.",
}

BY_BEGINNING: Final[Mapping[str, str]] = {
    "torrent_": "Make, or get, another .torrent.",
    "magnet_": "Get another magnet link.",
    "info_hash_": "Correct the info-hash.",
    "json_": "Write the body with a JSON library.",
    "multipart_": "Write the body with an HTTP library.",
    "idempotency_key_i": "Send 1 to 255 visible ASCII characters, such as a UUID.",
    "password_": "Choose another password.",
}

BY_CODE: Final[Mapping[str, str]] = {
    "account_deleted": "Nothing: the account is gone.",
    "account_suspended": "Ask an operator.",
    "account_unverified": "Wait until its owner has confirmed the address.",
    "already_bootstrapped": "Sign in as the superadmin that there is.",
    "api_key_revoked": "Make another key, with another Idempotency-Key.",
    "archive_changed": "Ask for it again, from its beginning.",
    "archive_empty": "Read the job's files, and name some of them.",
    "bad_cursor": "Begin the list again, without a cursor.",
    "bad_info_hashes": "Correct those that `errors` names, or leave them out.",
    "bad_return_to": "Name a path of the API's own origin, such as `/`.",
    "bootstrap_token_expired": "Make another one on the server.",
    "bootstrap_token_invalid": "Copy the token again, or make another one on the server.",
    "challenge_invalid": "Begin the sign-in again.",
    "content_late": "Repeat it after `Retry-After`; `GET /v1/jobs/{id}/diagnosis` says what the swarm has.",
    "cors_refused": "The operator adds the page's origin to TSEEDER_GATEWAY_CORS_ORIGINS, if it is to be let in.",
    "credential_ambiguous": "Send one credential.",
    "cross_site_request": "Call from the API's own pages, from a page of an admitted origin, or with an API key.",
    "csrf_token_invalid": "Take the token from `GET /v1/me`.",
    "csrf_token_missing": "Send X-CSRF-Token; the answer to the sign-in and `GET /v1/me` have it.",
    "email_taken": "Choose another address.",
    "email_unverified": "Use the token in the mail, or ask for another. Who has an account resets its password.",
    "etag_mismatch": "Read the file's ETag again.",
    "file_not_wanted": "Select the file first.",
    "not_subtitles": "Read the job's files: those of subtitles end in .srt, .ass, .ssa or .vtt.",
    "subtitles_too_large": "Download the file itself.",
    "headers_too_large": "Send fewer or shorter headers.",
    "human_check_failed": "Solve the check once more: each is good for one request.",
    "idempotency_in_flight": "Repeat it in a moment, with the same key.",
    "idempotency_key_reused": "Use a new key for a new request.",
    "identity_not_found": "Read the list of what is linked again.",
    "job_ended": "Retry the job instead.",
    "job_not_retryable": "Only a failed or cancelled job can be retried.",
    "last_credential": "Set a password first, or delete the account.",
    "last_superadmin": "Make another superadmin first.",
    "live_jobs_limit": "Wait for a job to end, cancel one, or change the plan.",
    "login_throttled": "Wait `Retry-After` seconds; more attempts make it longer.",
    "mail_throttled": "Wait `Retry-After` seconds; more requests make it longer.",
    "magnet_too_large": "Remove trackers from the magnet.",
    "metadata_mismatch": "Nothing a client could do; an agent's peer lied, and another is asked.",
    "method_not_allowed": "Use a method of `Allow`.",
    "no_default_plan": "An operator marks a plan as the default.",
    "not_a_session": "Revoke the API key instead.",
    "not_stored_yet": "Repeat it after `Retry-After`, or follow the job's events.",
    "oidc_denied": "Begin the sign-in again, or sign in another way.",
    "oidc_email_unverified": "Have the provider verify the e-mail address, then sign in again.",
    "oidc_link_refused": "Sign in with the password.",
    "oidc_provider_unknown": "Read the providers from `GET /v1/auth/config`.",
    "oidc_response_invalid": "Begin the sign-in again.",
    "oidc_state_invalid": "Begin the sign-in again, in one browser, within ten minutes.",
    "oidc_unavailable": "Sign in another way, or try again after `Retry-After`.",
    "own_account": "Ask another operator.",
    "playlist_empty": "Read the job's files: it may have no film and no music, or its metadata may not be known yet.",
    "proof_failed": "Ask for the password once more; further attempts are slowed down.",
    "proof_stale": "Sign in again, then repeat it within ten minutes.",
    "registration_closed": "Ask an operator for an account.",
    "role_escalation": "Ask somebody of a higher role.",
    "role_too_high": "Ask somebody of a higher role.",
    "role_too_low": "Ask somebody of a higher role.",
    "route_not_found": "Look the path up in /openapi.json.",
    "scope_escalation": "Ask for scopes that the caller has.",
    "scope_missing": "Use a key with the scope of `details`.",
    "streams_limit": "End another download or stream first, or change the plan.",
    "second_factor_invalid": "Wait for the authenticator's next code, or use another recovery code.",
    "second_factor_required": "Send the same once more, with `code`.",
    "selection_out_of_range": "Read the job's files, and select among them.",
    "session_invalid": "Sign in again.",
    "session_needed": "Sign in, and do it with the session; an API key cannot do this.",
    "storage_quota_exceeded": "Select less, delete files, or change the plan.",
    "storage_refused": "An operator corrects the S3 settings.",
    "subtitles_unreadable": "Download the file itself, and look what it is.",
    "password_needed": "Send the password that the account is to have, beside the token.",
    "terms_not_accepted": "Read the terms of `GET /v1/auth/config`, and send their version.",
    "token_invalid": "Ask for another mail.",
    "too_many_api_keys": "Revoke a key first.",
    "too_many_streams": "Close event streams that nobody reads.",
    "torrent_blocked": "Nothing: this torrent was taken down.",
    "torrent_is_gzip": "Unpack the file first.",
    "torrent_is_html": "Download the .torrent again, signed in to the site that has it.",
    "torrent_truncated": "Download the .torrent again.",
    "totp_already_on": "Switch the second factor off first.",
    "totp_not_on": "Nothing: there is no second factor.",
    "totp_not_started": "Begin the enrolment again.",
}


def advice(code: str, kind: Kind | None) -> str:
    """One sentence."""
    if code in BY_CODE:
        return BY_CODE[code]
    beginning = next((text for start, text in BY_BEGINNING.items() if code.startswith(start)), "")
    return beginning or (BY_KIND[kind] if kind else "Correct the request.")


def forgotten(codes: Mapping[str, object]) -> list[str]:
    """A line for each piece of advice about what nobody raises."""
    lines = [f"{code}: has advice, and nobody raises it" for code in BY_CODE if code not in codes]
    starts = [start for start in BY_BEGINNING if not any(code.startswith(start) for code in codes)]
    return lines + [f"{start}*: has advice, and nobody raises it" for start in starts]
