"""Features of images, documents, audio and video in a prompt."""

from tests.carryover.shape import Feature, asked, asking, chat, claude, contents, items, user

PNG = "iVBORw0KGgo="
PDF = "JVBERi0xLjc="
WAV = "UklGRiQAAAA="
IMAGE_URL = "https://x.test/7.png"
PDF_URL = "https://x.test/7.pdf"

_LOOK = "how finely to look at an image is a matter of cost; there is no word for it by image"

_PARTS = (
    Feature(
        "image, base64",
        {
            "openai-chat": chat(
                user({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}),
            ),
            "openai-responses": items(user({"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"})),
            "anthropic-messages": claude(
                user({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}})
            ),
            "gemini": contents(asked({"inlineData": {"mimeType": "image/png", "data": PNG}})),
        },
        {
            "openai": f"messages.0.content.0.image_url.url ~ {PNG}",
            "openai-responses": f"input.0.content.0.image_url ~ {PNG}",
            "anthropic": f'messages.0.content.0.source.data = "{PNG}"',
            "bedrock": f'messages.0.content.0.image.source.bytes = "{PNG}"',
            "gemini": f'contents.0.parts.0.inlineData.data = "{PNG}"',
        },
    ),
    Feature(
        "image, URL",
        {
            "openai-chat": chat(user({"type": "image_url", "image_url": {"url": IMAGE_URL}})),
            "openai-responses": items(user({"type": "input_image", "image_url": IMAGE_URL})),
            "anthropic-messages": claude(user({"type": "image", "source": {"type": "url", "url": IMAGE_URL}})),
            "gemini": contents(asked({"fileData": {"mimeType": "image/png", "fileUri": IMAGE_URL}})),
        },
        {
            "openai": f'messages.0.content.0.image_url.url = "{IMAGE_URL}"',
            "openai-responses": f'input.0.content.0.image_url = "{IMAGE_URL}"',
            "anthropic": f'messages.0.content.0.source.url = "{IMAGE_URL}"',
            "gemini": f'contents.0.parts.0.fileData.fileUri = "{IMAGE_URL}"',
        },
    ),
    Feature(
        "image, a file at the vendor",
        {
            "openai-responses": items(user({"type": "input_image", "file_id": "file-7"})),
            "anthropic-messages": claude(user({"type": "image", "source": {"type": "file", "file_id": "file_7"}})),
            "gemini": contents(asked({"fileData": {"mimeType": "image/png", "fileUri": "gs://x/7.png"}})),
        },
    ),
    Feature(
        "detail of an image",
        {
            "openai-chat": chat(
                user({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "low"}})
            ),
            "openai-responses": items(
                user({"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "low"})
            ),
        },
        {
            "openai": 'messages.0.content.0.image_url.detail = "low"',
            "openai-responses": 'input.0.content.0.detail = "low"',
        },
        {"*": _LOOK},
    ),
    Feature(
        "document, base64",
        {
            "openai-chat": chat(user({"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PDF}"}})),
            "openai-responses": items(user({"type": "input_file", "file_data": f"data:application/pdf;base64,{PDF}"})),
            "anthropic-messages": claude(
                user({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}})
            ),
            "gemini": contents(asked({"inlineData": {"mimeType": "application/pdf", "data": PDF}})),
        },
        {
            "openai": f"messages.0.content.0.file.file_data ~ {PDF}",
            "openai-responses": f"input.0.content.0.file_data ~ {PDF}",
            "anthropic": f'messages.0.content.0.source.data = "{PDF}"',
            "bedrock": f'messages.0.content.0.document.source.bytes = "{PDF}"',
            "gemini": f'contents.0.parts.0.inlineData.data = "{PDF}"',
        },
    ),
    Feature(
        "document, URL",
        {
            "openai-responses": items(user({"type": "input_file", "file_url": PDF_URL})),
            "anthropic-messages": claude(user({"type": "document", "source": {"type": "url", "url": PDF_URL}})),
            "gemini": contents(asked({"fileData": {"mimeType": "application/pdf", "fileUri": PDF_URL}})),
        },
        {
            "openai-responses": f'input.0.content.0.file_url = "{PDF_URL}"',
            "anthropic": f'messages.0.content.0.source.url = "{PDF_URL}"',
            "gemini": f'contents.0.parts.0.fileData.fileUri = "{PDF_URL}"',
        },
    ),
    Feature(
        "document, a file at the vendor",
        {
            "openai-chat": chat(user({"type": "file", "file": {"file_id": "file-7"}})),
            "openai-responses": items(user({"type": "input_file", "file_id": "file-7"})),
            "anthropic-messages": claude(user({"type": "document", "source": {"type": "file", "file_id": "file_7"}})),
            "gemini": contents(asked({"fileData": {"mimeType": "application/pdf", "fileUri": "gs://x/7.pdf"}})),
        },
        {
            "openai": 'messages.0.content.0.file.file_id = "file-7"',
            "openai-responses": 'input.0.content.0.file_id = "file-7"',
        },
    ),
    Feature(
        "document, plain text",
        {
            "anthropic-messages": claude(
                user({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "T7"}})
            )
        },
        {
            "openai": 'messages.0.content.0.text = "T7"',
            "openai-responses": 'input.0.content.0.text = "T7"',
            "bedrock": 'messages.0.content.0.document.source.bytes = "VDc="',
            "gemini": 'contents.0.parts.0 = {"text":"T7"}',
        },
    ),
    Feature(
        "document made of blocks",
        {
            "anthropic-messages": claude(
                user(
                    {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "T7"}]}},
                )
            )
        },
        {
            "openai": 'messages.0.content.0.text = "T7"',
            "openai-responses": 'input.0.content.0.text = "T7"',
            "bedrock": 'messages.0.content.0.document.source.bytes = "VDc="',
            "gemini": 'contents.0.parts.0 = {"text":"T7"}',
        },
    ),
    Feature(
        "title of a document",
        {
            "openai-chat": chat(
                user(
                    {"type": "file", "file": {"filename": "Title7", "file_data": f"data:application/pdf;base64,{PDF}"}}
                )
            ),
            "openai-responses": items(
                user({"type": "input_file", "filename": "Title7", "file_data": f"data:application/pdf;base64,{PDF}"})
            ),
            "anthropic-messages": claude(
                user(
                    {
                        "type": "document",
                        "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
                        "title": "Title7",
                    }
                )
            ),
            "gemini": contents(
                asked({"inlineData": {"mimeType": "application/pdf", "data": PDF, "displayName": "Title7"}})
            ),
        },
        {
            "openai": 'messages.0.content.0.file.filename = "Title7"',
            "openai-responses": 'input.0.content.0.filename = "Title7"',
            "anthropic": 'messages.0.content.0.title = "Title7"',
            "bedrock": 'messages.0.content.0.document.name = "Title7"',
            "gemini": 'contents.0.parts.0 = {"text":"Title7"}',
        },
    ),
    Feature(
        "context of a document",
        {
            "anthropic-messages": claude(
                user(
                    {
                        "type": "document",
                        "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
                        "context": "C7",
                    }
                )
            )
        },
        {
            "openai": 'messages.0.content.0 = {"type":"text","text":"C7"}',
            "openai-responses": 'input.0.content.0 = {"type":"input_text","text":"C7"}',
            "bedrock": 'messages.0.content.0.document.context = "C7"',
            "gemini": 'contents.0.parts.0 = {"text":"C7"}',
        },
    ),
    Feature(
        "citations of a document, asked for",
        {
            "anthropic-messages": claude(
                user(
                    {
                        "type": "document",
                        "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
                        "citations": {"enabled": True},
                    }
                )
            )
        },
        {"bedrock": 'messages.0.content.0.document.citations = {"enabled":true}'},
    ),
    Feature(
        "search results to cite",
        {
            "anthropic-messages": claude(
                user(
                    {
                        "type": "search_result",
                        "source": "https://x.test",
                        "title": "T7",
                        "content": [{"type": "text", "text": "T7"}],
                    }
                )
            )
        },
    ),
    Feature(
        "audio",
        {
            "openai-chat": chat(user({"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}})),
            "openai-responses": items(user({"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}})),
            "gemini": contents(asked({"inlineData": {"mimeType": "audio/wav", "data": WAV}})),
        },
        {
            "openai": f'messages.0.content.0.input_audio = {{"data":"{WAV}","format":"wav"}}',
            "gemini": f'contents.0.parts.0.inlineData = {{"mimeType":"audio/wav","data":"{WAV}"}}',
        },
    ),
    Feature(
        "video",
        {"gemini": contents(asked({"fileData": {"mimeType": "video/mp4", "fileUri": "https://x.test/7.mp4"}}))},
    ),
)

MEDIA = tuple(map(asking, _PARTS))
