"""HTTP: wire models, and the translation between requests, use cases, answers and problems."""
