"""A trained model as a folder that servers host as it is: weights, tokenizer, knob in the chat template, card."""
