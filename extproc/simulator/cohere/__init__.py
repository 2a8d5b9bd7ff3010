"""Cohere's Embed and Rerank, as the simulator plays them.

``dialect`` (entered by the app) and its ``errors``; ``embed`` and ``rerank`` are the endpoints, ``check`` has the rules
that they share. Chat is not played. Source: https://docs.cohere.com/reference/about
"""
