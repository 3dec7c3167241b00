"""Examples of bodies, by the name of their schema. A test holds each against it."""

from __future__ import annotations

from typing import Any, Final

_JOB: Final = "01a1f8b5-2825-728a-81b6-9320f137115c"
_FILE: Final = "01a1f8b5-3c11-7d04-9a40-5be1f2a7c0de"
_USER: Final = "01a1f8b0-0b7e-7c55-8d1e-0f6a2b9c4d31"
_KEY: Final = "01a1f8b4-77aa-7e19-b3c2-6d5e4f3a2b10"
_TRANSFER: Final = "01a1f8b5-2826-7b10-9c1d-3e4f5a6b7c8d"
_HASH: Final = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334"
_LINKED: Final = "q3Zr0m2Vw8yT5uXk1LbNc7HdPfS9gJaE4iRoKt6UxYQ"
_AT: Final = "2027-01-31T12:00:00Z"
_WHY: Final = {"reason": "the disk makes noises", "ticket_id": "OPS-17"}
_RECOVERY_CODES: Final = ["abcd-efgh-ijkl-mnop", "qrst-uvwx-yz23-4567"]
_OWN_SCOPES: Final = ["files:read", "files:write", "jobs:read", "jobs:write", "me:read", "me:write"]

_job_view: Final[dict[str, Any]] = {
    "job_id": _JOB,
    "name": "debian-12.8.0-amd64-netinst.iso",
    "state": "downloading",
    "run": 1,
    "version": 7,
    "metadata_known": True,
    "private": False,
    "total_bytes": 661651456,
    "wanted_bytes": 661651456,
    "stored_bytes": 0,
    "file_count": 1,
    "wanted_files": 1,
    "stored_files": 0,
    "priority": "normal",
    "primary_file_id": None,
    "reason": None,
    "created_at": _AT,
    "updated_at": _AT,
    "finished_at": None,
    "expires_at": None,
}
_link_view: Final[dict[str, Any]] = {
    "link_id": "01a1f8b6-10c2-7a3e-8b4d-9c5f6e7d8a90",
    "file_id": _FILE,
    "job_id": _JOB,
    "path": ["debian-12.8.0-amd64-netinst.iso"],
    "token_prefix": _LINKED[:6],
    "has_password": True,
    "download_limit": 5,
    "downloads": 2,
    "last_counted_at": _AT,
    "created_at": _AT,
    "expires_at": "2027-02-28T12:00:00Z",
}
_file_view: Final[dict[str, Any]] = {
    "file_id": _FILE,
    "job_id": _JOB,
    "file_index": 0,
    "path": ["debian-12.8.0-amd64-netinst.iso"],
    "size_bytes": 661651456,
    "selected": True,
    "state": "pending",
    "media_type": "application/x-iso9660-image",
    "crc32": None,
    "stored_at": None,
    "expires_at": None,
    "primary": False,
    "media": None,
}
_media_facts: Final[dict[str, Any]] = {
    "container": "matroska",
    "duration_seconds": 5400.021,
    "bit_rate": 5120000,
    "video": [{"codec": "h264", "width": 1920, "height": 1080, "frame_rate": 23.976}],
    "audio": [{"codec": "ac3", "channels": 6, "language": "eng"}],
    "subtitles": [{"codec": "subrip", "language": "eng", "title": "SDH"}],
}
_file_totals: Final[dict[str, Any]] = {
    "file_count": 24,
    "total_bytes": 8448000000,
    "wanted_files": 12,
    "wanted_bytes": 4224000000,
    "stored_files": 3,
    "stored_bytes": 1056000000,
}
_folder_view: Final[dict[str, Any]] = {"name": "Season 1", "path": ["Season 1"], "totals": _file_totals}
_cached_view: Final[dict[str, Any]] = {
    "info_hash": _HASH,
    "state": "stored",
    "total_bytes": 661651456,
    "stored_bytes": 661651456,
    "file_count": 1,
    "stored_files": 1,
}
_user_view: Final[dict[str, Any]] = {
    "user_id": _USER,
    "email": "ann@example.org",
    "role": "user",
    "created_at": _AT,
    "suspended": False,
    "verified": True,
    "second_factor": False,
    "name": "Ann",
}
_oidc_provider: Final[dict[str, Any]] = {"name": "example", "title": "Example"}
_key_view: Final[dict[str, Any]] = {
    "key_id": _KEY,
    "name": "laptop",
    "prefix": "k3v7q2xa",
    "scopes": ["jobs:read", "jobs:write"],
    "created_at": _AT,
    "expires_at": None,
    "last_used_at": None,
}
_entitlements: Final[dict[str, Any]] = {
    "plan_id": "free",
    "live_jobs": 5,
    "running_transfers": 2,
    "storage_bytes": 53687091200,
    "bandwidth_bytes_per_month": 0,
    "retention_days": 0,
    "priority": 0,
    "streams": 2,
    "metadata_timeout_seconds": 600,
    "stall_timeout_seconds": 3600,
}
_dead_letter: Final[dict[str, Any]] = {
    "transfer_id": _TRANSFER,
    "reason": {"code": "no_peers", "message": "No peers were found so far. It was tried 5 times."},
    "failed_at": _AT,
    "attempts_spent": 5,
    "failed_jobs": 1,
}
_leftover: Final[dict[str, Any]] = {
    "kind": "orphan_objects",
    "began_at": _AT,
    "ended_at": _AT,
    "looked_at": 120_000,
    "found": 1,
    "found_bytes": 734_003_200,
    "mended": 1,
    "examples": ["3f/5b0c1e7a9d2f4c6e8a0b1d3f5a7c9e1b2d4f60"],
}
_totals: Final[dict[str, Any]] = {
    "measured_at": _AT,
    "stored_objects": 120_000,
    "stored_bytes": 48_318_382_080,
    "writing_objects": 3,
    "deleting_objects": 0,
    "deleting_bytes": 0,
    "open_uploads": 2,
    "reserved_bytes": 1_073_741_824,
    "charged_bytes": 51_539_607_552,
}

EXAMPLES: Final[dict[str, Any]] = {
    "BootstrapBody": {"token": "from-the-command-line", "email": "root@example.org", "password": "correct horse"},
    "LogInBody": {"email": "ann@example.org", "password": "correct horse battery", "code": "492039"},
    "RegisterBody": {
        "email": "ann@example.org",
        "password": "correct horse battery",
        "accepted_terms_version": "1",
        "human_check_token": "",
    },
    "MailRequestBody": {"email": "ann@example.org", "human_check_token": ""},
    "VerifyEmailBody": {"token": _LINKED},
    "NewPasswordBody": {"token": _LINKED, "new_password": "correct horse battery"},
    "PasswordChangeBody": {"password": "correct horse battery", "code": "", "new_password": "another long phrase"},
    "AcceptedView": {"accepted": True},
    "OidcProviderView": _oidc_provider,
    "AuthConfigView": {
        "registration_open": True,
        "human_check": "none",
        "human_check_site_key": None,
        "terms_version": "1",
        "terms_url": None,
        "oidc_providers": [_oidc_provider],
        "password_min_chars": 8,
        "password_max_chars": 128,
    },
    "NewApiKeyBody": {"name": "laptop", "scopes": ["jobs:read", "jobs:write"], "expires_at": None},
    "SubmitBody": {
        "magnet": "magnet:?xt=urn:btih:a1b2c3d4e5f60718293a4b5c6d7e8f9001122334&dn=debian",
        "selection": {"file_indexes": [0, 2]},
    },
    "NewSelectionBody": {"file_indexes": [0, 2]},
    "JobChangesBody": {"name": "netinst", "priority": "high"},
    "JustificationBody": _WHY,
    "NewUserBody": {"email": "ben@example.org", "password": "correct horse battery", "role": "user"},
    "NewRoleBody": {**_WHY, "role": "support"},
    "ForcedLogoutView": {"ended": 2},
    "LiveView": {"live": True},
    "ReadyView": {"ready": True, "failing": {}},
    "UserView": _user_view,
    "MeView": {
        **_user_view,
        "scopes": _OWN_SCOPES,
        "second_factor_required": False,
        "csrf_token": None,
    },
    "MyChangesBody": {"name": "Ann"},
    "DeletionBody": {"password": "what only Ann knows", "code": "492039"},
    "ProofBody": {"password": "correct horse battery staple", "code": "492039"},
    "CodeBody": {"code": "492039"},
    "SessionView": {
        "session_id": _KEY,
        "user_agent": "Mozilla/5.0",
        "remote_address": "203.0.113.7",
        "created_at": _AT,
        "last_seen_at": _AT,
        "expires_at": "2027-03-02T12:00:00Z",
        "method": "password",
        "second_factor": True,
        "current": True,
    },
    "EndedView": {"ended": 2},
    "TotpView": {
        "secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
        "uri": "otpauth://totp/tseeder:ann%40example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=tseeder",
        "qr_svg": '<svg xmlns="http://www.w3.org/2000/svg" width="164" height="164"></svg>',
    },
    "RecoveryCodesView": {"recovery_codes": _RECOVERY_CODES},
    "ConfirmedTotpView": {
        "recovery_codes": _RECOVERY_CODES,
        "session": {"user": _user_view, "csrf_token": "kP0a1B2c3D4e5F6g", "expires_at": _AT},
    },
    "OwnSecurityEventView": {
        "event_id": _KEY,
        "kind": "login.done",
        "at": _AT,
        "remote_address": "203.0.113.7",
        "user_agent": "Mozilla/5.0",
        "by_operator": False,
        "details": {},
    },
    "SecurityEventView": {
        "event_id": _KEY,
        "kind": "login.refused",
        "user_id": _USER,
        "actor_user_id": None,
        "at": _AT,
        "remote_address": "203.0.113.7",
        "user_agent": "Mozilla/5.0",
        "details": {"code": "second_factor_invalid"},
    },
    "LogInView": {"user": _user_view, "csrf_token": "kP0a1B2c3D4e5F6g", "expires_at": _AT},
    "SecondFactorBody": {"challenge": _LINKED, "code": "492039"},
    "IdentityView": {
        "provider": "example",
        "subject": "248289761001",
        "email": "kim@example.org",
        "linked_at": _AT,
        "last_used_at": _AT,
    },
    "ApiKeyView": _key_view,
    "NewApiKeyView": {"key": _key_view, "secret": "tsk_k3v7q2xa_0123456789abcdefghijklmnopqrstuv_ab2cd3e"},
    "JobView": _job_view,
    "DiagnosisView": {
        "job_id": _JOB,
        "state": "downloading",
        "verdict": "trackers_refuse",
        "message": "Its trackers refuse it, and nobody else knows of peers.",
        "advice": "See what the trackers say: a passkey may be wrong, or the torrent not registered. "
        "Else add another tracker.",
        "since": _AT,
        "queue": None,
        "swarm": {
            "peers": 0,
            "seeds": 0,
            "candidates": 0,
            "banned_peers": 0,
            "received_bytes": 0,
            "wasted_bytes": 0,
            "failed_pieces": 0,
            "missing_pieces": 0,
            "quiet_seconds": 75.5,
            "trackers": [
                {
                    "url": "https://tracker.example.org/announce",
                    "state": "refuses",
                    "message": "unregistered torrent",
                    "fails": 3,
                }
            ],
            "dht_nodes": 0,
            "download_rate": 0,
            "upload_rate": 0,
        },
        "swarm_seen_at": _AT,
        "quota": None,
        "attempts": [{"epoch": 1, "started_at": _AT, "ended_at": None, "outcome": None, "reason": None}],
        "attempts_spent": 0,
        "attempts_allowed": 5,
        "retry_at": None,
    },
    "FileView": _file_view,
    "MediaFactsView": _media_facts,
    "VideoStreamView": _media_facts["video"][0],
    "AudioStreamView": _media_facts["audio"][0],
    "SubtitleStreamView": _media_facts["subtitles"][0],
    "FileTotalsView": _file_totals,
    "FolderView": _folder_view,
    "JobFilesView": {
        "folders": [_folder_view],
        "items": [_file_view],
        "totals": {**_file_totals, "file_count": 25, "total_bytes": 9109651456},
        "next_cursor": None,
    },
    "NewLinkBody": {"expires_at": "2027-02-28T12:00:00Z", "download_limit": 5, "password": "correct horse"},
    "LinkView": _link_view,
    "NewLinkView": {"link": _link_view, "token": _LINKED, "url": f"https://tseeder.example.org/v1/links/{_LINKED}"},
    "CacheQuestionBody": {"info_hashes": [_HASH]},
    "CacheAnswerView": {"items": [_cached_view]},
    "CachedTorrentView": _cached_view,
    "UsageView": {
        "live_jobs": 1,
        "reserved_bytes": 661651456,
        "charged_bytes": 0,
        "storage_limit_bytes": 53687091200,
        "live_jobs_limit": 5,
        "running_limit": 2,
        "running": 1,
        "plan": "free",
        "bandwidth_bytes": 661651456,
        "bandwidth_limit_bytes": 109951162777600,
        "bandwidth_by_day": [{"day": "2026-11-28", "bytes": 661651456}],
    },
    "DayView": {"day": "2026-11-28", "bytes": 661651456},
    "PlanView": {"plan_id": "free", "name": "Free", "entitlements": _entitlements, "is_default": True},
    "AgentView": {
        "agent_id": "agent-1",
        "boot_id": "5f0c2a1e-8b1d-4c37-9a55-1f0e2d3c4b5a",
        "cordoned": False,
        "drain_ordered": False,
        "draining": False,
        "leases": 1,
        "transfers_capacity": 16,
        "disk_bytes": 107374182400,
        "disk_free_bytes": 96636764160,
        "software_version": "0.1.0",
        "registered_at": _AT,
        "last_heartbeat_at": _AT,
    },
    "DeadLetterView": _dead_letter,
    "WholeDeadLetterView": {
        **_dead_letter,
        "attempts": [
            {
                "epoch": 5,
                "agent_id": "agent-1",
                "started_at": _AT,
                "ended_at": _AT,
                "outcome": "failed",
                "reason": {"code": "no_peers", "message": "No peers were found so far."},
            }
        ],
        "jobs": [{"job_id": _JOB, "user_id": _USER}],
    },
    "ReplayView": {"replayed_jobs": 1, "refused_jobs": 0, "left_jobs": 0, "transfer_id": _TRANSFER},
    "CleanupBody": {"dry_run": True},
    "LeftoverView": _leftover,
    "StorageTotalsView": _totals,
    "StorageView": {"totals": _totals, "reports": [_leftover]},
    "CleanupView": {"reports": [_leftover], "next_cursor": None},
    "AuditView": {
        "audit_id": _KEY,
        "actor_user_id": _USER,
        "actor_role": "admin",
        "action": "agent.cordon",
        "target": "agent-1",
        "reason": _WHY["reason"],
        "ticket_id": _WHY["ticket_id"],
        "outcome": "done",
        "details": {"cordoned": True},
        "at": _AT,
        "request_id": "my-request-0001",
        "actor_email": "ben@example.org",
        "target_email": "",
    },
}
"""A page of something is made from the example of that something."""

_PAGE: Final = "Page_"


def example_of(schema: str) -> Any:
    """The example for a schema by its name in `components`. Raises KeyError for one without."""
    if schema.startswith(_PAGE):
        return {"items": [EXAMPLES[schema.removeprefix(_PAGE).strip("_")]], "next_cursor": None}
    return EXAMPLES[schema]
