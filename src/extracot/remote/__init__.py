"""OpenAI-compatible servers: one request, pacing and retries, many threads. What a reply means is the caller's."""
