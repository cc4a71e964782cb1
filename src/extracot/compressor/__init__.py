"""From a chain of thought to what is left of it at any ratio: units, scores, one ranking, many cuts."""
