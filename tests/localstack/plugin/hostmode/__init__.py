"""What LocalStack lacks to run without Docker. Loaded by LocalStack through the entry points in pyproject.toml."""
