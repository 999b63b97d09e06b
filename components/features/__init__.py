"""A feature and the list of features: labels, examples, neighbours."""
