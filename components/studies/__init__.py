"""Studies: grids of settings that ran elsewhere, read cell by cell."""
