"""Structured logs and metrics, the same for every function.

Service name, log level and metrics namespace come from Powertools' own environment variables, which the
infrastructure sets.
"""

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

Count = MetricUnit.Count

logger = Logger(utc=True)
metrics = Metrics()
