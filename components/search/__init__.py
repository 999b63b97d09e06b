"""Finding features: by words, by a text, by a ranking; and the list of what was found."""
