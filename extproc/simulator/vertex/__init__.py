"""Vertex AI, as the simulator plays it: Gemini's models and Claude, both with access tokens of Google's.

``dialect`` (Gemini) and ``claude`` (Anthropic's Messages through rawPredict) are entered by the app's ``endpoints``,
which are Gemini's own for Gemini. Source: https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest
"""
