"""The history's catalog and the workgroup that queries it."""

from aws_cdk import Aws
from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.constructs.lake_bucket import QUERY_RESULTS
from wattline.tables import SCRATCH_TABLES, TABLES, Grain, ScratchTable, Table, bucket_names


class HistoryCatalog(Construct):
    """A Glue database with the tables of `wattline.tables`, and an Athena workgroup."""

    def __init__(
        self, scope: Construct, construct_id: str, *, name: str, bucket: s3.IBucket, cutoff_bytes: int
    ) -> None:
        super().__init__(scope, construct_id)
        self.database_name = name.replace("-", "_")
        self.workgroup_name = name
        database = glue.CfnDatabase(
            self,
            "Database",
            catalog_id=Aws.ACCOUNT_ID,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=self.database_name, description="wattline's history"
            ),
        )
        tables: list[Table | ScratchTable] = [*TABLES.values(), *SCRATCH_TABLES.values()]
        for table in tables:
            glue.CfnTable(
                self,
                table.name,
                catalog_id=Aws.ACCOUNT_ID,
                database_name=self.database_name,
                table_input=_table_input(table, bucket.bucket_name),
            ).add_resource_dependency(database)
        athena.CfnWorkGroup(
            self,
            "Workgroup",
            name=self.workgroup_name,
            recursive_delete_option=True,
            work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                publish_cloud_watch_metrics_enabled=True,
                bytes_scanned_cutoff_per_query=cutoff_bytes,
                engine_version=athena.CfnWorkGroup.EngineVersionProperty(
                    selected_engine_version="Athena engine version 3"
                ),
                result_configuration=athena.CfnWorkGroup.ResultConfigurationProperty(
                    output_location=f"s3://{bucket.bucket_name}/{QUERY_RESULTS}",
                    encryption_configuration=athena.CfnWorkGroup.EncryptionConfigurationProperty(
                        encryption_option="SSE_S3"
                    ),
                ),
            ),
        )


def _table_input(table: Table | ScratchTable, bucket_name: str) -> glue.CfnTable.TableInputProperty:
    return glue.CfnTable.TableInputProperty(
        name=table.name,
        description=table.comment,
        table_type="EXTERNAL_TABLE",
        parameters={"classification": "parquet", "parquet.compression": "ZSTD", **projection(table)},
        partition_keys=[glue.CfnTable.ColumnProperty(name=name, type="string") for name in table.partitions],
        storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
            location=f"s3://{bucket_name}/{table.prefix}",
            input_format="org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
            output_format="org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
            serde_info=glue.CfnTable.SerdeInfoProperty(
                serialization_library="org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
            ),
            columns=[
                glue.CfnTable.ColumnProperty(name=column.name, type=column.glue_type, comment=column.comment)
                for column in table.columns
            ],
        ),
    )


def projection(table: Table | ScratchTable) -> dict[str, str]:
    """Partition projection: Athena computes the partitions, nobody registers them."""
    if isinstance(table, ScratchTable):
        return {"projection.enabled": "true", **{f"projection.{name}.type": "injected" for name in table.partitions}}
    return {
        "projection.enabled": "true",
        "projection.dt.type": "date",
        "projection.dt.format": "yyyy-MM-dd",
        "projection.dt.range": "1970-01-01,NOW+2DAYS",
        "projection.dt.interval": "1",
        "projection.dt.interval.unit": "MONTHS" if table.grain is Grain.MONTH else "DAYS",
        "projection.bucket.type": "enum",
        "projection.bucket.values": ",".join(bucket_names()),
    }
