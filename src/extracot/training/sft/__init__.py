"""Supervised fine-tuning on the mixed-ratio set."""
