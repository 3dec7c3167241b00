"""Which problems an operation may answer: the codes, their statuses, and who answers which.

A route names its own codes by `problems(...)`; what follows from its dependencies (a credential, a body, an id) is
added by `openapi`. What is not declared here and in the route is not to be answered: tests hold every answer against
it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from tseeder_kit.errors import KINDS, Kind

CODES_KEY: Final = "x-codes"

_TORRENT: Final = (
    "bad_field bad_file_tree bad_files bad_integer bad_path bad_piece_layers bad_piece_length bad_pieces_root "
    "bad_string_length bad_symlink duplicate_key duplicate_paths empty hybrid_mismatch integer_too_long is_gzip "
    "is_html missing_piece_layers name_too_long negative_number no_files no_info no_name not_bencode not_dictionary "
    "only_empty_files only_pads path_absolute path_backslash path_conflict path_too_deep path_traversal "
    "paths_collide_by_case paths_collide_by_normalization piece_layers_mismatch piece_length_too_large "
    "piece_length_zero pieces_mismatch private_tracker private_web_seed size_too_large symlink_escape too_deep "
    "too_many_pieces too_many_tokens too_many_trackers too_many_web_seeds trailing_bytes tree_not_sorted truncated "
    "unsupported_version"
)
_MAGNET: Final = (
    "not_magnet no_hash bad_hash bad_base32 bad_multihash zero_hash conflicting_hashes too_many_trackers "
    "private_tracker private_web_seed private_peer"
)
TORRENT_CODES: Final = tuple(f"torrent_{code}" for code in _TORRENT.split())
MAGNET_CODES: Final = tuple(f"magnet_{code}" for code in _MAGNET.split())
INFO_HASH_CODES: Final = ("info_hash_bad", "info_hash_bad_base32", "info_hash_zero")

_BY_KIND: Final[Mapping[Kind, str]] = {
    Kind.INVALID: (
        "http_invalid invalid_request body_timeout text_not_storable json_invalid json_not_utf8 json_duplicate_key "
        "json_number_not_finite json_number_too_large json_lone_surrogate json_nul json_too_deep multipart_invalid "
        "multipart_duplicate_field idempotency_key_invalid bad_idempotency_key bad_cursor bad_limit bad_text bad_name "
        "bad_email bad_action bad_state bad_size_range password_too_short password_too_long password_breached "
        "unknown_scope expires_at_past not_a_session source_missing selection_empty bad_selection "
        "selection_out_of_range reason_required ticket_required bad_info_hashes expires_at_too_late bad_download_limit "
        "bad_file_ranges terms_not_accepted human_check_failed token_invalid password_needed bad_return_to "
        + " ".join((*TORRENT_CODES, *MAGNET_CODES, *INFO_HASH_CODES))
    ),
    Kind.UNAUTHENTICATED: (
        "unauthenticated credential_invalid credential_ambiguous session_invalid api_key_invalid identity_invalid "
        "invalid_credentials bootstrap_token_invalid bootstrap_token_expired link_password_required "
        "second_factor_required second_factor_invalid "
        "oidc_state_invalid oidc_denied oidc_response_invalid challenge_invalid"
    ),
    Kind.FORBIDDEN: (
        "scope_missing role_too_low role_too_high own_account proof_failed proof_stale session_needed "
        "account_suspended account_deleted csrf_token_missing csrf_token_invalid cross_site_request "
        "scope_escalation role_escalation live_jobs_limit storage_quota_exceeded torrent_blocked link_spent "
        "email_unverified registration_closed oidc_email_unverified oidc_link_refused"
    ),
    Kind.NOT_FOUND: (
        "job_not_found file_not_found folder_not_found api_key_not_found agent_not_found user_not_found "
        "dead_letter_not_found link_not_found content_url_expired session_not_found oidc_provider_unknown "
        "identity_not_found"
    ),
    Kind.CONFLICT: (
        "idempotency_in_flight api_key_revoked already_bootstrapped email_taken user_id_taken job_ended "
        "job_not_retryable not_stored_yet file_not_wanted link_revoked archive_empty archive_changed "
        "playlist_empty last_superadmin account_unverified last_credential totp_already_on totp_not_on "
        "totp_not_started not_subtitles"
    ),
    Kind.PRECONDITION: "etag_mismatch",
    Kind.TOO_LARGE: "body_too_large magnet_too_large torrent_too_large subtitles_too_large",
    Kind.UNSUPPORTED: "unsupported_media_type unsupported_content_encoding",
    Kind.RANGE: "range_not_satisfiable",
    Kind.UNPROCESSABLE: "idempotency_key_reused torrent_parse_failed torrent_parse_timeout subtitles_unreadable",
    Kind.EXHAUSTED: "rate_limited login_throttled too_many_api_keys too_many_streams streams_limit too_many_uploads "
    "too_many_links link_throttled too_many_archives mail_throttled too_many_subtitles",
    Kind.INTERNAL: "internal key_missing ciphertext_unreadable key_changed_meanwhile",
    Kind.UNAVAILABLE: (
        "service_unavailable database_unavailable database_conflict no_default_plan auth_busy parser_busy "
        "storage_unavailable storage_refused content_late uploads_busy archives_busy too_many_connections "
        "link_passwords_busy human_check_unavailable oidc_unavailable subtitles_busy"
    ),
    Kind.DEADLINE: "deadline_exceeded",
}

STATUS: Final[Mapping[str, int]] = {
    **{code: KINDS[kind].http_status for kind, codes in _BY_KIND.items() for code in codes.split()},
    "host_not_allowed": 421,
    "headers_too_large": 431,
}
"""Status of every code that an operation may answer."""

EVERYWHERE: Final = (
    "http_invalid",
    "host_not_allowed",
    "headers_too_large",
    "too_many_connections",
    "internal",
)
CALLS: Final = ("service_unavailable", "database_unavailable", "database_conflict", "deadline_exceeded")
"""Of an operation that asks another service."""
CREDENTIAL: Final = (
    *CALLS,
    "unauthenticated",
    "credential_invalid",
    "credential_ambiguous",
    "session_invalid",
    "api_key_invalid",
    "identity_invalid",
    "scope_missing",
    "role_too_low",
    "account_suspended",
    "rate_limited",
)
UNSAFE_WITH_CREDENTIAL: Final = (
    "csrf_token_missing",
    "csrf_token_invalid",
    "cross_site_request",
    "unsupported_media_type",
)
ANONYMOUS: Final = (*CALLS, "cross_site_request", "rate_limited")
UNNAMED: Final = (*CALLS, "rate_limited")
JSON_BODY: Final = (
    "invalid_request",
    "body_timeout",
    "json_invalid",
    "json_not_utf8",
    "json_duplicate_key",
    "json_number_not_finite",
    "json_number_too_large",
    "json_lone_surrogate",
    "json_nul",
    "json_too_deep",
    "text_not_storable",
    "body_too_large",
    "unsupported_media_type",
    "unsupported_content_encoding",
    "too_many_uploads",
    "uploads_busy",
)
UPLOAD: Final = (*JSON_BODY, "multipart_invalid", "multipart_duplicate_field")
QUERY: Final = ("invalid_request", "text_not_storable")
IDEMPOTENT: Final = ("idempotency_key_invalid", "idempotency_key_reused")
LISTED: Final = ("bad_cursor",)
PROOF: Final = (
    "session_needed",
    "password_too_long",
    "proof_failed",
    "proof_stale",
    "second_factor_required",
    "second_factor_invalid",
    "login_throttled",
    "auth_busy",
)
"""Of an operation that wants the user himself once more."""


def problems(*codes: str) -> dict[int | str, dict[str, Any]]:
    """`responses=` of a route: the problems that are its own, beside those that follow from its dependencies."""
    return {status: {CODES_KEY: each} for status, each in by_status(codes).items()}


def by_status(codes: Iterable[str]) -> dict[int, list[str]]:
    """The codes, sorted, by status. Raises KeyError for one that is not known."""
    found: dict[int, list[str]] = {}
    for code in sorted(set(codes)):
        found.setdefault(STATUS[code], []).append(code)
    return dict(sorted(found.items()))
