-- Who reads a file's bytes at this moment, over all gateways: a row for each answer, renewed while it goes on. A row that
-- is not renewed counts no longer, whatever its gateway died of.
CREATE TABLE streams (
    stream_id   uuid PRIMARY KEY,
    user_id     uuid NOT NULL,
    renewed_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX streams_by_user ON streams (user_id, renewed_at);
CREATE INDEX streams_by_age ON streams (renewed_at);
