"""One file configures the gateway: ``gateway.yaml`` → checked schema → immutable ``Snapshot``.

``schema``    what may be written in the file (pydantic; also the source of the published JSON Schema)
``load``      text → references resolved → schema → snapshot; every error names file, line, path and mend
``snapshot``  what the rest of the gateway reads: frozen, resolved, with nothing left to look up or to default
"""
