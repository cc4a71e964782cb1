"""What of extracot works on this machine, and what to type where something does not."""
