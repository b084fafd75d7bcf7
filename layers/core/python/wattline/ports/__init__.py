"""What the services need from the outside world. Each port has a real adapter and a fake in the tests."""

from wattline.ports.alerts import AlertOutbox, AlertPage, Alerts, AlertTopic, FeedRecord, OpenAlert, StoredAlert
from wattline.ports.batteries import BatteryHistory, BatteryPage, HotBatteries, MetricRange, MetricSlice
from wattline.ports.energy import EnergyHistory, EnergyRange, EnergySlice, HotEnergy, Received
from wattline.ports.fleet import DevicePage, FleetHistory, HeartbeatRange, HotFleet, Links, Scan
from wattline.ports.history import (
    DeadLetters,
    HistoryLake,
    HistoryQueue,
    Ledger,
    PartitionObjects,
    PartitionState,
    QueueDepths,
)
from wattline.ports.loads import Drops, LoadPage, Loads, OpenDrop
from wattline.ports.smart_meters import (
    MeterSource,
    ObisHistory,
    PollLedger,
    PollMark,
    RegisterRange,
    SmartMeters,
    StoredTariffs,
    TariffSets,
)
from wattline.ports.stores import NewestPoll, ReportFiles, ReportJobs, Reports, StoreHistory, StoreSets

__all__ = [
    "AlertOutbox",
    "AlertPage",
    "AlertTopic",
    "Alerts",
    "BatteryHistory",
    "BatteryPage",
    "DeadLetters",
    "DevicePage",
    "Drops",
    "EnergyHistory",
    "EnergyRange",
    "EnergySlice",
    "FeedRecord",
    "FleetHistory",
    "HeartbeatRange",
    "HistoryLake",
    "HistoryQueue",
    "HotBatteries",
    "HotEnergy",
    "HotFleet",
    "Ledger",
    "Links",
    "LoadPage",
    "Loads",
    "MeterSource",
    "MetricRange",
    "MetricSlice",
    "NewestPoll",
    "ObisHistory",
    "OpenAlert",
    "OpenDrop",
    "PartitionObjects",
    "PartitionState",
    "PollLedger",
    "PollMark",
    "QueueDepths",
    "Received",
    "RegisterRange",
    "ReportFiles",
    "ReportJobs",
    "Reports",
    "Scan",
    "SmartMeters",
    "StoreHistory",
    "StoreSets",
    "StoredAlert",
    "StoredTariffs",
    "TariffSets",
]
