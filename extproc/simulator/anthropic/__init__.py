"""Anthropic's Messages, token counting and Models, as the simulator plays them.

``dialect`` (entered by the app) ◄── ``check`` (request → ``Ask``), ``render`` (``Exchange`` → body or events),
``errors``; ``endpoints`` are the small ones. Source: https://platform.claude.com/docs/en/api/messages
"""
