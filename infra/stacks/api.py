"""What can be deployed anew at any time: functions, the API and its alarms."""

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from infra.constructs.dependency_layers import Layers
from infra.constructs.functions import Functions
from infra.constructs.rest_api import RestApi
from infra.environments import Environment
from infra.routes import routes_by_function
from infra.stacks.data import DataStack


class ApiStack(Stack):
    """Stateless."""

    def __init__(self, scope: Construct, construct_id: str, *, environment: Environment, data: DataStack) -> None:
        super().__init__(scope, construct_id, description="wattline: functions and API")
        layers = Layers(
            self,
            "Layers",
            with_dependencies=environment.dependency_layers,
            architecture=environment.architecture,
            pandas_version=environment.pandas_layer_version,
        )
        functions = Functions(self, "Functions", environment=environment, layers=layers, data=data)
        rest = RestApi(
            self,
            "Rest",
            environment=environment,
            functions=functions.http,
            routes=routes_by_function(),
            authorizer=functions.authorizer,
        )
        api = rest.api
        data.operations.watch([*functions.alarms, rest.alarm_on_errors()])
        CfnOutput(self, "ApiUrl", value=api.url)
        CfnOutput(self, "ApiId", value=api.rest_api_id)
