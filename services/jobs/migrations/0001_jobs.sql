-- The jobs service's rows. shared words: docs/architecture.md; why each row is as it is: docs/decisions.
-- Identifiers (magnets, info-hashes, trackers, torrent bytes) are AES-256-GCM ciphertext; look-ups go by a blind
-- index: HMAC-SHA256 of the digest under a key with a version of its own.

-- One verified info dictionary in one dedupe scope, or one user's not yet verified magnet.
CREATE TABLE torrents (
    torrent_id          uuid PRIMARY KEY,
    scope_user_id       uuid,                       -- NULL: shared by all (public and verified)
    verified            boolean NOT NULL DEFAULT false,
    private             boolean NOT NULL DEFAULT false,
    name                text,
    total_bytes         bigint NOT NULL DEFAULT 0 CHECK (total_bytes >= 0),
    piece_length        integer,
    piece_count         integer,
    piece_space_bytes   bigint,                     -- pads included
    file_count          integer NOT NULL DEFAULT 0,
    info_ciphertext     bytea,                      -- raw info dictionary
    layers_ciphertext   bytea,                      -- bencoded `piece layers`, v2 only
    key_id              text,
    deleting_at         timestamptz,                -- no job wants it; goes when its objects are gone
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (verified = (info_ciphertext IS NOT NULL)),
    CHECK (verified OR scope_user_id IS NOT NULL),
    CHECK ((info_ciphertext IS NULL) = (key_id IS NULL)),
    CHECK (NOT private OR scope_user_id IS NOT NULL)
);
CREATE INDEX torrents_deleting ON torrents (deleting_at) WHERE deleting_at IS NOT NULL;

-- digest -> torrent, only from verified bytes; both digests of a hybrid.
CREATE TABLE torrent_hashes (
    torrent_id          uuid NOT NULL REFERENCES torrents ON DELETE CASCADE,
    kind                text NOT NULL CHECK (kind IN ('v1', 'v2')),
    scope_user_id       uuid,
    digest_index        bytea NOT NULL,
    index_key_version   smallint NOT NULL,
    digest_ciphertext   bytea NOT NULL,
    key_id              text NOT NULL,
    PRIMARY KEY (torrent_id, kind)
);
CREATE UNIQUE INDEX torrent_hashes_one_per_scope ON torrent_hashes
    (digest_index, index_key_version, COALESCE(scope_user_id, '00000000-0000-0000-0000-000000000000'));

-- What an unverified magnet claims to be. Proves nothing to anybody but its own user.
CREATE TABLE magnet_hashes (
    torrent_id          uuid NOT NULL REFERENCES torrents ON DELETE CASCADE,
    kind                text NOT NULL CHECK (kind IN ('v1', 'v2')),
    digest_index        bytea NOT NULL,
    index_key_version   smallint NOT NULL,
    digest_ciphertext   bytea NOT NULL,
    key_id              text NOT NULL,
    PRIMARY KEY (torrent_id, kind)
);
CREATE INDEX magnet_hashes_by_digest ON magnet_hashes (digest_index, index_key_version);

-- One file of a torrent. Pads and symlinks take an index and have no row.
CREATE TABLE entries (
    entry_id            uuid PRIMARY KEY,
    torrent_id          uuid NOT NULL REFERENCES torrents ON DELETE CASCADE,
    file_index          integer NOT NULL CHECK (file_index >= 0),
    path                text[] NOT NULL CHECK (cardinality(path) > 0),
    size_bytes          bigint NOT NULL CHECK (size_bytes >= 0),
    piece_offset        bigint NOT NULL CHECK (piece_offset >= 0),
    crc32               bigint CHECK (crc32 BETWEEN 0 AND 4294967295),
    UNIQUE (torrent_id, file_index)
);

-- One run that fetches (part of) a torrent.
CREATE TABLE transfers (
    transfer_id         uuid PRIMARY KEY,
    torrent_id          uuid NOT NULL REFERENCES torrents,
    state               text NOT NULL CHECK (state IN
        ('queued', 'resolving', 'downloading', 'storing', 'stored', 'failed', 'cancelled', 'parked')),
    backend             text NOT NULL DEFAULT 'swarm' CHECK (backend IN ('swarm', 'seedr')),
    epoch               bigint NOT NULL DEFAULT 0,
    wanted_version      bigint NOT NULL DEFAULT 1,
    payer_user_id       uuid NOT NULL,
    priority            integer NOT NULL DEFAULT 0,
    disk_needed_bytes   bigint NOT NULL DEFAULT 0,
    not_before          timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts_spent      integer NOT NULL DEFAULT 0,
    reason_code         text,                       -- why it failed, or what holds it up now
    reason_message      text,
    joined_transfer_id  uuid REFERENCES transfers,  -- cancelled(joined): who goes on
    queued_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at            timestamptz,
    CHECK ((ended_at IS NOT NULL) = (state IN ('stored', 'failed', 'cancelled'))),
    CHECK (state <> 'failed' OR reason_code IS NOT NULL),
    CHECK (joined_transfer_id IS NULL OR state = 'cancelled')
);
CREATE UNIQUE INDEX transfers_one_live ON transfers (torrent_id)
    WHERE state IN ('queued', 'resolving', 'downloading', 'storing', 'parked');
CREATE INDEX transfers_claimable ON transfers (payer_user_id, priority DESC, queued_at, transfer_id)
    WHERE state = 'queued';
CREATE INDEX transfers_running ON transfers (payer_user_id) WHERE state IN ('resolving', 'downloading', 'storing');
CREATE INDEX transfers_by_torrent ON transfers (torrent_id);

-- An agent's right to run a transfer. Stays, expired, until somebody claims, so that the same boot may renew.
CREATE TABLE leases (
    transfer_id         uuid PRIMARY KEY REFERENCES transfers ON DELETE CASCADE,
    epoch               bigint NOT NULL,
    agent_id            text NOT NULL,
    boot_id             uuid NOT NULL,
    expires_at          timestamptz NOT NULL,
    expired             boolean NOT NULL DEFAULT false,   -- the reaper gave the transfer back to the queue
    state_before        text CHECK (state_before IN ('resolving', 'downloading', 'storing')),
    wanted_version_seen bigint NOT NULL DEFAULT 0,        -- what the agent last worked by
    disk_reserved_bytes bigint NOT NULL DEFAULT 0,
    claimed_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (expired = (state_before IS NOT NULL))
);
CREATE INDEX leases_by_expiry ON leases (expires_at) WHERE NOT expired;
CREATE INDEX leases_by_agent ON leases (agent_id, boot_id);

-- The history of leases.
CREATE TABLE attempts (
    transfer_id         uuid NOT NULL REFERENCES transfers ON DELETE CASCADE,
    epoch               bigint NOT NULL,
    agent_id            text NOT NULL,
    boot_id             uuid NOT NULL,
    started_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at            timestamptz,
    outcome             text CHECK (outcome IN
        ('stored', 'released', 'expired', 'failed', 'cancelled', 'parked', 'joined', 'replaced')),
    reason_code         text,
    PRIMARY KEY (transfer_id, epoch),
    CHECK ((ended_at IS NULL) = (outcome IS NULL))
);

-- One user's wish for one torrent.
CREATE TABLE jobs (
    job_id              uuid PRIMARY KEY,
    user_id             uuid NOT NULL,
    torrent_id          uuid NOT NULL REFERENCES torrents,
    transfer_id         uuid REFERENCES transfers,
    run                 integer NOT NULL DEFAULT 1,
    state               text NOT NULL CHECK (state IN
        ('queued', 'resolving', 'downloading', 'storing', 'completed', 'failed', 'cancelled', 'paused', 'expired')),
    name                text,                       -- the user's; NULL: the torrent's
    hint                text,                       -- a magnet's cleaned dn, shown until the true name is known
    selection           integer[],                  -- file indexes; NULL: all
    priority            integer NOT NULL DEFAULT 0, -- of the plan, at submit
    source_kind         text NOT NULL CHECK (source_kind IN ('magnet', 'info_hash', 'torrent')),
    source_ciphertext   bytea NOT NULL,             -- JSON: magnet, trackers, web_seeds, peers: this user's own
    key_id              text NOT NULL,
    reason_code         text,
    reason_message      text,
    file_count          integer NOT NULL DEFAULT 0,
    wanted_files        integer NOT NULL DEFAULT 0,
    wanted_bytes        bigint NOT NULL DEFAULT 0,
    stored_files        integer NOT NULL DEFAULT 0,
    stored_bytes        bigint NOT NULL DEFAULT 0,
    version             bigint NOT NULL DEFAULT 1,
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at         timestamptz,
    CHECK ((finished_at IS NOT NULL) = (state IN ('completed', 'failed', 'cancelled', 'expired'))),
    CHECK (state <> 'failed' OR reason_code IS NOT NULL),
    CHECK (state IN ('completed', 'failed', 'cancelled', 'expired') OR transfer_id IS NOT NULL)
);
CREATE INDEX jobs_of_user ON jobs (user_id, job_id DESC);
CREATE INDEX jobs_of_torrent ON jobs (torrent_id);
CREATE INDEX jobs_of_transfer ON jobs (transfer_id);

-- A job's own view of one entry: one for EVERY file of the torrent.
CREATE TABLE files (
    file_id             uuid PRIMARY KEY,
    job_id              uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
    user_id             uuid NOT NULL,
    torrent_id          uuid NOT NULL REFERENCES torrents,
    entry_id            uuid NOT NULL REFERENCES entries,
    selected            boolean NOT NULL,
    state               text NOT NULL CHECK (state IN ('pending', 'stored', 'dropped', 'deleted')),
    stored_at           timestamptz,
    UNIQUE (job_id, entry_id),
    CHECK ((stored_at IS NOT NULL) = (state = 'stored'))
);
CREATE INDEX files_of_entry ON files (entry_id);
CREATE INDEX files_of_user ON files (user_id, torrent_id);
CREATE INDEX files_of_user_by_age ON files (user_id, file_id DESC);

-- An entry's bytes in S3. The key is random, issued by jobs, never used twice.
CREATE TABLE objects (
    object_id           uuid PRIMARY KEY,
    entry_id            uuid REFERENCES entries ON DELETE SET NULL,   -- tombstones outlive their torrent
    object_key          text NOT NULL UNIQUE,
    size_bytes          bigint NOT NULL CHECK (size_bytes > 0),
    state               text NOT NULL CHECK (state IN ('writing', 'stored', 'deleting', 'gone')),
    epoch               bigint NOT NULL,            -- under which it was planned; a PUT's key serves one epoch only
    transfer_id         uuid NOT NULL,
    crc32               bigint CHECK (crc32 BETWEEN 0 AND 4294967295),
    etag                text,                       -- as confirmed by the agent (PUT) or by HEAD
    confirmed           boolean NOT NULL DEFAULT false,   -- a PUT: the agent says that it went up
    stored_at           timestamptz,
    deleted_at          timestamptz,                -- marked; kept as a tombstone and deleted again until keep_until
    delete_after        timestamptz,
    keep_until          timestamptz,
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (state <> 'stored' OR stored_at IS NOT NULL),
    CHECK ((deleted_at IS NOT NULL) = (state IN ('deleting', 'gone')))
);
CREATE UNIQUE INDEX objects_one_live ON objects (entry_id) WHERE state IN ('writing', 'stored');
CREATE INDEX objects_to_delete ON objects (delete_after) WHERE state IN ('deleting', 'gone') AND delete_after IS NOT NULL;

-- An S3 multipart upload that becomes an object. Belongs to the entry: a retry, or a successor, goes on with it.
CREATE TABLE uploads (
    upload_id           uuid PRIMARY KEY,
    entry_id            uuid REFERENCES entries ON DELETE SET NULL,
    object_id           uuid NOT NULL UNIQUE REFERENCES objects,
    s3_upload_id        text,                       -- NULL while opening
    part_size_bytes     bigint NOT NULL CHECK (part_size_bytes > 0),
    part_count          integer NOT NULL CHECK (part_count BETWEEN 1 AND 10000),
    state               text NOT NULL CHECK (state IN
        ('opening', 'open', 'completing', 'completed', 'aborting', 'aborted')),
    reconciled_epoch    bigint NOT NULL DEFAULT 0,  -- up to which lease its parts were compared with ListParts
    completing_since    timestamptz,
    unwanted_since      timestamptz,                -- nobody wants it: aborted after the grace period
    abort_after         timestamptz,
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (state = 'opening' OR state IN ('aborting', 'aborted') OR s3_upload_id IS NOT NULL),
    CHECK ((completing_since IS NOT NULL) = (state = 'completing'))
);
CREATE UNIQUE INDEX uploads_one_live ON uploads (entry_id) WHERE state IN ('opening', 'open', 'completing');
CREATE INDEX uploads_completing ON uploads (completing_since) WHERE state = 'completing';
CREATE INDEX uploads_unwanted ON uploads (unwanted_since) WHERE unwanted_since IS NOT NULL AND state IN ('opening', 'open');
CREATE INDEX uploads_to_abort ON uploads (abort_after) WHERE state = 'aborting';

-- Size and CRC32 before the bytes go up, the etag after.
CREATE TABLE parts (
    upload_id           uuid NOT NULL REFERENCES uploads ON DELETE CASCADE,
    number              integer NOT NULL CHECK (number BETWEEN 1 AND 10000),
    size_bytes          bigint NOT NULL CHECK (size_bytes > 0),
    crc32               bigint NOT NULL CHECK (crc32 BETWEEN 0 AND 4294967295),
    etag                text,                       -- NULL: planned, not confirmed
    PRIMARY KEY (upload_id, number)
);

-- What a user pays for: one per (user, entry), recomputed from his live files on every way out.
CREATE TABLE charges (
    user_id             uuid NOT NULL,
    entry_id            uuid NOT NULL REFERENCES entries ON DELETE CASCADE,
    torrent_id          uuid NOT NULL,
    bytes               bigint NOT NULL CHECK (bytes >= 0),
    kind                text NOT NULL CHECK (kind IN ('reserved', 'charged')),
    PRIMARY KEY (user_id, entry_id)
);
CREATE INDEX charges_of_torrent ON charges (user_id, torrent_id);

-- One row a user: the row that is locked first. How many transfers he runs is no column: claim counts the running
-- transfers that he pays while it holds this row, so that no way out of a lease can leave the count wrong.
CREATE TABLE usage (
    user_id             uuid PRIMARY KEY,
    live_jobs           integer NOT NULL DEFAULT 0 CHECK (live_jobs >= 0),
    reserved_bytes      bigint NOT NULL DEFAULT 0 CHECK (reserved_bytes >= 0),
    charged_bytes       bigint NOT NULL DEFAULT 0 CHECK (charged_bytes >= 0),
    plan_id             text NOT NULL,               -- entitlements as billing last told them
    live_jobs_limit     integer NOT NULL,
    running_limit       integer NOT NULL,
    storage_limit_bytes bigint NOT NULL,
    priority            integer NOT NULL,
    entitlements_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE usage_months (
    user_id             uuid NOT NULL,
    month               date NOT NULL,
    stored_bytes        bigint NOT NULL DEFAULT 0,   -- newly stored for him
    served_bytes        bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, month)
);

CREATE TABLE idempotency (
    user_id             uuid NOT NULL,
    key                 text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    fingerprint         bytea NOT NULL,              -- of the parsed request
    job_id              uuid NOT NULL,
    expires_at          timestamptz NOT NULL,
    PRIMARY KEY (user_id, key)
);
CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);

-- Registry of agents: one row an id, its newest boot.
CREATE TABLE agents (
    agent_id              text PRIMARY KEY CHECK (agent_id ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    boot_id               uuid NOT NULL,
    credential_hash       bytea NOT NULL UNIQUE,      -- SHA-256
    credential_expires_at timestamptz NOT NULL,
    read_url              text NOT NULL DEFAULT '',
    transfers_capacity    integer NOT NULL CHECK (transfers_capacity > 0),
    disk_bytes            bigint NOT NULL CHECK (disk_bytes >= 0),
    disk_free_bytes       bigint NOT NULL DEFAULT 0,
    cordoned              boolean NOT NULL DEFAULT false,
    draining              boolean NOT NULL DEFAULT false,
    software_version      text NOT NULL DEFAULT '',
    registered_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_heartbeat_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One row a minute; partitions by day are made and dropped by a sweep.
CREATE TABLE agent_heartbeats (
    agent_id            text NOT NULL,
    minute              timestamptz NOT NULL,
    leases              integer NOT NULL,
    disk_free_bytes     bigint NOT NULL,
    PRIMARY KEY (agent_id, minute)
) PARTITION BY RANGE (minute);
CREATE TABLE agent_heartbeats_default PARTITION OF agent_heartbeats DEFAULT;

-- Blocked digests.
CREATE TABLE takedowns (
    digest_index        bytea NOT NULL,
    index_key_version   smallint NOT NULL,
    reason              text NOT NULL,
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (digest_index, index_key_version)
);

-- Which keys rows were written with: a start without one of them is refused.
CREATE TABLE crypto_keys (
    key_id              text PRIMARY KEY,
    kind                text NOT NULL CHECK (kind IN ('data', 'index')),
    check_value         bytea NOT NULL               -- HMAC of a constant: another key under the same id is refused
);

-- Jobs' own heart: after an outage of jobs or Postgres the reaper waits one lease.
CREATE TABLE reaper_pulse (
    one                 boolean PRIMARY KEY DEFAULT true CHECK (one),
    beat_at             timestamptz NOT NULL DEFAULT clock_timestamp(),
    reap_not_before     timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO reaper_pulse DEFAULT VALUES;

-- The feed: tseeder_pg.feed.
CREATE TABLE feed (
    id                  bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
    seq                 bigint UNIQUE,
    type                text NOT NULL,
    entity_id           uuid NOT NULL,
    payload             jsonb NOT NULL,
    at                  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX feed_unstamped ON feed (id) WHERE seq IS NULL;
CREATE TABLE feed_head (
    one                 boolean PRIMARY KEY DEFAULT true CHECK (one),
    seq                 bigint NOT NULL
);
INSERT INTO feed_head (seq) VALUES (0);
CREATE TABLE feed_readers (
    reader              text PRIMARY KEY,
    acked_seq           bigint,  -- NULL: has to resync before it can read on
    last_seen_at        timestamptz NOT NULL DEFAULT clock_timestamp()
);
