"""Models on disk: finding and loading them, rendering their prompts, and giving them control tokens."""
