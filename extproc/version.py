"""The version of this installation, as the package's metadata has it."""

from importlib.metadata import version

VERSION = version("envoy-llm-gateway")
