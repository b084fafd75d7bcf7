"""The kinds of drops by their names under `drops/`. A new kind is a module with a class `Kind` and a line here."""

from collections.abc import Callable
from importlib import import_module

from wattline.loading.kind import Kind

_MODULES: dict[str, tuple[str, str]] = {
    "battery/assets": ("batteries", "AssetsKind"),
    "battery/telemetry": ("batteries", "TelemetryKind"),
    "energy": ("energy", "EnergyKind"),
    "links": ("links", "LinksKind"),
    "meters": ("heartbeats", "MetersKind"),
    "obis": ("obis", "ObisKind"),
    "tariffs": ("tariffs", "TariffsKind"),
    "stores/hours": ("stores", "HoursKind"),
    "stores/status": ("stores", "StatusKind"),
    "stores/timezones": ("stores", "ZonesKind"),
    "vehicles": ("heartbeats", "VehiclesKind"),
}

KINDS = frozenset(_MODULES)


def kind_of(name: str) -> Kind:
    """The kind of a name; its module is imported when first needed."""
    module, factory = _MODULES[name]
    make: Callable[[], Kind] = getattr(import_module(f"wattline.loading.kinds.{module}"), factory)
    return make()
