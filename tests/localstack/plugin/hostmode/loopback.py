"""LocalStack binds every interface whatever GATEWAY_LISTEN says; this makes it listen where it is told."""

from collections.abc import Callable
from functools import partial
from typing import Any
from unittest import mock

from localstack.runtime import hooks
from localstack.runtime.server.twisted import TwistedRuntimeServer
from localstack.utils.patch import patch
from twisted.internet import endpoints


@hooks.on_infra_start()
def listen_where_told() -> None:
    """Hand each address's host to the endpoint that the server makes for it."""

    @patch(TwistedRuntimeServer.register)
    def register(original: Callable[..., None], server: Any, gateway: Any, listen: Any, *rest: Any) -> None:
        for address in listen:
            bound = partial(endpoints.TCP4ServerEndpoint, interface=address.host)
            with mock.patch.object(endpoints, "TCP4ServerEndpoint", bound):
                original(server, gateway, [address], *rest)
