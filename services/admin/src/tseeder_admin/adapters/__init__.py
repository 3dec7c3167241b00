"""One file per outside system: the services that carry out what operators ask."""
