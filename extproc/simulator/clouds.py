"""Paths of the clouds: Bedrock, Gemini, Vertex, and where their credentials come from."""

from extproc.simulator.call import Route

CLOUD_ROUTES: tuple[Route, ...] = ()
