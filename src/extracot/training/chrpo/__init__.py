"""CHRPO: reinforcement learning of the ratio choice and of the reasoning behind it."""
