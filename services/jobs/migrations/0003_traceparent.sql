-- The span of the call that made a transfer (W3C traceparent, 55 characters), so that its lease holders go on with that
-- trace. NULL where it was not traced, and for transfers that are older than this.
ALTER TABLE transfers ADD COLUMN traceparent text CHECK (length(traceparent) <= 55);
