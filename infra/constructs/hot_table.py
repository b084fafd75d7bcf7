"""The hot table."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from wattline.adapters.hot_alerts import ALERTS_INDEX, LISTED


class HotTable(Construct):
    """One on-demand table of the keys `pk` and `sk`, with a TTL, a stream and point-in-time recovery."""

    def __init__(self, scope: Construct, construct_id: str, *, name: str, removal_policy: RemovalPolicy) -> None:
        super().__init__(scope, construct_id)
        self.table = dynamodb.Table(
            self,
            "Table",
            table_name=name,
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            time_to_live_attribute="expires_at",
            encryption=dynamodb.TableEncryption.AWS_MANAGED,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            # both images: the one before says what had been judged
            stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
            removal_policy=removal_policy,
        )
        for index, key in (("fleet", "list_pk"), ("charging", "charging_pk")):
            # Keys only: they change when a device appears or begins to charge, not with each heartbeat.
            self.table.add_global_secondary_index(
                index_name=index,
                partition_key=dynamodb.Attribute(name=key, type=dynamodb.AttributeType.STRING),
                sort_key=dynamodb.Attribute(name="list_sk", type=dynamodb.AttributeType.STRING),
                projection_type=dynamodb.ProjectionType.KEYS_ONLY,
            )
        self.table.add_global_secondary_index(
            index_name=ALERTS_INDEX,
            partition_key=dynamodb.Attribute(name="alerts_pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="alerts_sk", type=dynamodb.AttributeType.STRING),
            # what a listing shows; it changes when an alert does, not with each reading
            projection_type=dynamodb.ProjectionType.INCLUDE,
            non_key_attributes=list(LISTED),
        )
        self.alerts_index_arn = f"{self.table.table_arn}/index/{ALERTS_INDEX}"
        listings = [f"{self.table.table_arn}/index/{index}" for index in ("fleet", "charging")]
        self.index_arns = [*listings, self.alerts_index_arn]
