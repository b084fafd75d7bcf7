"""The history's query engine, wired once a process."""

from functools import cache

from wattline.adapters import aws
from wattline.adapters.athena import AthenaQueries
from wattline.runtime.settings import QuerySettings, load


@cache
def queries() -> AthenaQueries:
    """Call `for_request()` on it, for the patience of one request."""
    settings = load(QuerySettings)
    return AthenaQueries(aws.athena(), aws.s3(), workgroup=settings.athena_workgroup, database=settings.glue_database)
