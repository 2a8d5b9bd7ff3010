"""Bedrock's runtime, as the simulator plays it: Converse, and InvokeModel for the models that are not spoken to by it.

``dialect`` (Converse) and ``claude`` (Anthropic's Messages through InvokeModel) are entered by the app's ``endpoints``.

::

    sigv4 ──► who asks              shapes ◄── check ──► model ──► Anthropic's own check ──► Ask
    eventstream ◄── render, claude  (service model)      (what the model behind Converse gets to read)

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html
"""
