"""Acknowledge one finding of cdk-nag on one resource, for one reason."""

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, rule: str, finding: str | None, reason: str) -> None:
    """`finding` names what a wildcard rule found (`Resource::*`); other rules have none."""
    rule_id = f"AwsSolutions::{rule}" if finding is None else f"AwsSolutions::{rule}[{finding}]"
    Validations.of(construct).acknowledge(Acknowledgment(id=rule_id, reason=reason))
