"""The gateway's routes, from the product's own table."""

from collections import defaultdict

from wattline.api.routes import ROUTES, Route


def routes_by_function() -> dict[str, list[Route]]:
    """Which function answers which routes."""
    routes: dict[str, list[Route]] = defaultdict(list)
    for route in ROUTES:
        routes[route.function].append(route)
    return dict(routes)
