"""The data behind the browser of examples: every question with its completions, and what each of them dropped."""
