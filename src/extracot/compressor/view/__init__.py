"""What was kept and dropped of a trace at every ratio, for a terminal or as one HTML file."""
