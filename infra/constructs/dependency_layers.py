"""The layers: our own code, and the dependencies built from their lock files."""

from pathlib import Path

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "build" / "layers"


class Layers(Construct):
    """`core` is wattline itself, with the dependencies every function needs; `parquet` adds pyarrow, `pandas` AWS's
    managed layer of pandas, pyarrow and awswrangler.

    Locally the dependencies are in the interpreter's own packages and only the core layer is deployed.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        with_dependencies: bool,
        architecture: lambda_.Architecture,
        pandas_version: int | None,
    ) -> None:
        super().__init__(scope, construct_id)
        wattline = lambda_.LayerVersion(
            self,
            "Core",
            code=lambda_.Code.from_asset(str(ROOT / "layers" / "core"), exclude=["**/__pycache__"]),
            description="wattline",
        )
        self.core: list[lambda_.ILayerVersion] = [wattline]
        self.parquet: list[lambda_.ILayerVersion] = [wattline]
        if with_dependencies:
            core_deps, parquet_deps = (
                lambda_.LayerVersion(
                    self,
                    name.title().replace("_", ""),
                    code=lambda_.Code.from_asset(str(BUILT / name)),
                    compatible_architectures=[architecture],
                    description=f"the dependencies of layers/{name}",
                )
                for name in ("core_deps", "parquet_deps")
            )
            self.core = [wattline, core_deps]
            self.parquet = [wattline, core_deps, parquet_deps]
        self.pandas = list(self.core)
        if pandas_version is not None:
            # AWS publishes it under this account in all regions but a few; see the documentation of awswrangler.
            arn = Stack.of(self).format_arn(
                service="lambda",
                account="336392948345",
                resource="layer",
                resource_name=f"AWSSDKPandas-Python313-Arm64:{pandas_version}",
                arn_format=ArnFormat.COLON_RESOURCE_NAME,
            )
            self.pandas.append(lambda_.LayerVersion.from_layer_version_arn(self, "Pandas", arn))
