"""Run the endpoint: `python -m infra.local.athena --port 4599 --bucket ... --workgroup ... --database ...`.

S3 is found by boto3's own variables (AWS_ENDPOINT_URL and so on).
"""

import argparse

import boto3
from botocore.config import Config

from infra.local.athena.server import Athena, serve


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--bucket", required=True)
    parser.add_argument("--workgroup", required=True)
    parser.add_argument("--database", required=True)
    arguments = parser.parse_args()
    s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}, max_pool_connections=32))
    athena = Athena(s3, bucket=arguments.bucket, workgroup=arguments.workgroup, database=arguments.database)
    serve(athena, arguments.port, arguments.host).serve_forever()


if __name__ == "__main__":
    main()
