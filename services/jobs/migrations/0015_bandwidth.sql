-- How many bytes of files were handed to whom, by day (UTC): by gateways, and by redirects, which count what was asked for.
CREATE TABLE bandwidth (
    user_id     uuid NOT NULL,
    day         date NOT NULL,
    bytes       bigint NOT NULL,
    PRIMARY KEY (user_id, day)
);
CREATE INDEX bandwidth_by_day ON bandwidth (day);
