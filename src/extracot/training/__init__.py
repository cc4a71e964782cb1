"""Training of the language model: supervised fine-tuning, teacher budgets, reinforcement learning."""
