"""The command line: argument parsing and exit codes; what a command does is in its stage."""
