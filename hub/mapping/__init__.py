"""What an answer means: compile a mapping file to one function, with its lineage."""
