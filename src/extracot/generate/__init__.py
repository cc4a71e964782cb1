"""Completions for prompts: one `Backend` protocol with two implementations, and the generate stage."""
