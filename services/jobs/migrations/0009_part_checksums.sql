-- Opened with CRC32 as its checksum algorithm: every part then goes up with its CRC32, and completion names them.
ALTER TABLE uploads ADD COLUMN with_crc32 boolean NOT NULL DEFAULT false;
