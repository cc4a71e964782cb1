"""Completions for prompts: one `Backend` protocol with four implementations, and the generate stage."""
