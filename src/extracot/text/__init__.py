"""Strings in, strings or spans out: pure, without files, clock, randomness or torch."""
