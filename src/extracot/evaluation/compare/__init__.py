"""Two or more evaluations, row against row, on the questions that they share."""
