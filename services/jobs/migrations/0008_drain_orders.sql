-- The operator's order to an agent: give everything back, claim nothing, until the order is taken back. It is the
-- agent's, not its boot's: who was told to be empty is not full again because somebody restarted him.
ALTER TABLE agents ADD COLUMN drain_ordered boolean NOT NULL DEFAULT false;
