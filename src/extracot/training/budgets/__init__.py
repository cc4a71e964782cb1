"""Teacher budgets: the smallest ratio at which the fine-tuned model reliably solves each problem."""
