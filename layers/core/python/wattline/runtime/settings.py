"""The environment variables of each function; nothing else in the code reads the environment."""

import os
from datetime import date
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Json, TypeAdapter

from wattline.domain.alerts import DEFAULT_RULES, Rule


class EnergyHotSettings(BaseModel):
    """Where hot state lies."""

    hot_table: str = Field(alias="HOT_TABLE")


class IngestionSettings(EnergyHotSettings):
    """Of the function `ingestion`."""

    history_queue_url: str = Field(alias="HISTORY_QUEUE_URL")


class QuerySettings(EnergyHotSettings):
    """Of the function `query`."""

    athena_workgroup: str = Field(alias="ATHENA_WORKGROUP")
    glue_database: str = Field(alias="GLUE_DATABASE")
    bucket: str = Field(alias="BUCKET")


class ReportsSettings(EnergyHotSettings):
    """Of the function `reports`."""

    bucket: str = Field(alias="BUCKET")
    reports_queue_url: str = Field(alias="REPORTS_QUEUE_URL")


class ReportWorkerSettings(QuerySettings):
    """Of the function `report_worker`."""

    bucket: str = Field(alias="BUCKET")
    reports_queue_url: str = Field(alias="REPORTS_QUEUE_URL")
    dead_letter_queue_url: str = Field(alias="REPORTS_DLQ_URL")


class HistoryWriterSettings(EnergyHotSettings):
    """Of the function `history_writer`."""

    bucket: str = Field(alias="BUCKET")
    dead_letter_queue_url: str = Field(alias="HISTORY_DLQ_URL")


class CompactorSettings(EnergyHotSettings):
    """Of the function `compactor`."""

    bucket: str = Field(alias="BUCKET")


def parse_rules(text: str) -> tuple[Rule, ...]:
    """A JSON list of objects with the fields of `Rule`. Raises ValueError (pydantic's ValidationError is one)."""
    rules = TypeAdapter(tuple[Rule, ...], config=ConfigDict(extra="forbid")).validate_json(text)
    if len({rule.name for rule in rules}) < len(rules):
        raise ValueError("two rules have the same name")
    return rules


class AlertSettings(EnergyHotSettings):
    """Of every function that judges readings."""

    rules: Annotated[tuple[Rule, ...], BeforeValidator(parse_rules)] = Field(alias="ALERT_RULES", default=DEFAULT_RULES)


class FileLoaderSettings(AlertSettings):
    """Of the function `file_loader`."""

    bucket: str = Field(alias="BUCKET")


class AlerterSettings(AlertSettings):
    """Of the function `alerter`."""

    topic_arn: str = Field(alias="ALERT_TOPIC")


class PollerSettings(EnergyHotSettings):
    """Of the function `poller`: which meters it asks the source at `source_url` about, and from which day on."""

    history_queue_url: str = Field(alias="HISTORY_QUEUE_URL")
    source_url: str = Field(alias="METER_SOURCE_URL")
    muids: Json[list[str]] = Field(alias="METER_SOURCE_MUIDS")
    since: date = Field(alias="METER_SOURCE_SINCE")


class AuthorizerSettings(BaseModel):
    """Of the function `authorizer`: who issues tokens, for whom, and the keys, inline or by address."""

    issuer: str = Field(alias="JWT_ISSUER")
    audience: str = Field(alias="JWT_AUDIENCE")
    jwks: str | None = Field(alias="JWKS", default=None)
    jwks_url: str | None = Field(alias="JWKS_URL", default=None)


class WebSettings(BaseModel):
    """Of the function `web`."""

    queue_urls: Json[dict[str, str]] = Field(alias="QUEUE_URLS")


Settings = TypeVar("Settings", bound=BaseModel)


def load(settings: type[Settings]) -> Settings:
    """The settings of this process. Raises pydantic's ValidationError, which names the missing variables."""
    return settings.model_validate(dict(os.environ))
