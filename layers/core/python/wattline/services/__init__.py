"""The use cases: verbs of the business as plain functions over ports. They read no clock and no environment."""
