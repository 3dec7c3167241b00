-- The operator's order to an agent: give everything back, claim nothing, until it is uncordoned.
ALTER TABLE agents ADD COLUMN drain_ordered boolean NOT NULL DEFAULT false;
