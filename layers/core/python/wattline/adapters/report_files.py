"""The CSV files of reports in S3."""

from typing import TYPE_CHECKING

from wattline.adapters.aws import unavailable
from wattline.domain.reports import Report

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3ReportFiles:
    """`ReportFiles` over S3; the client must sign with version 4."""

    def __init__(self, s3: "S3Client", bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def read(self, key: str, at_most: int) -> str | None:
        """One request, whose body is only read if it is small enough."""
        with unavailable("reading the report"):
            answer = self._s3.get_object(Bucket=self._bucket, Key=key)
            if answer["ContentLength"] > at_most:
                answer["Body"].close()
                return None
            return answer["Body"].read().decode()

    def link(self, report: Report, seconds: int) -> str:
        """Signed here, without a request."""
        name = f'attachment; filename="report-{report.report_id}.csv"'
        parameters = {"Bucket": self._bucket, "Key": report.key, "ResponseContentDisposition": name}
        return self._s3.generate_presigned_url("get_object", Params=parameters, ExpiresIn=seconds)
