"""Whose format each kind of provider speaks, where its endpoints are, and what its bodies want besides."""

import pytest

from extproc.config.snapshot import Provider, Target
from extproc.domain.errors import InvalidRequest, UnsupportedFeature
from extproc.domain.quirks import COMPATIBLE
from extproc.providers.paths import in_words
from extproc.providers.wire import REMOVE, WIRES, Ask, api_for, wire_for

DIALECTS = (
    *("openai", "azure-openai", "anthropic", "bedrock", "bedrock-anthropic"),
    *("gemini", "vertex-gemini", "vertex-anthropic", "cohere"),
)
FORMATS = {"openai", "openai-responses", "openai-completions", "anthropic", "bedrock", "gemini"}
OPENAI_APIS = frozenset({"chat", "responses", "embeddings"})


def provider(dialect="openai", **fields) -> Provider:
    place = {"project": "acme", "location": "europe-west1"} if dialect.startswith("vertex") else {}
    return Provider("p", dialect, "https://host.example", **{"apis": OPENAI_APIS, **place, **fields})


def path(dialect, operation, model="m", *, stream=False, below="", api=None, **fields) -> str:
    found = provider(dialect, **fields)
    return wire_for(found, api, "openai-chat").path(found, Ask(operation, model, stream, below))


def test_every_dialect_of_the_configuration_has_a_wire():
    assert set(WIRES) == set(DIALECTS)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_formats_and_errors_are_of_the_closed_sets(dialect):
    wire = WIRES[dialect]
    assert wire.format in FORMATS | {None}
    assert wire.errors in FORMATS | {"cohere"}
    assert (wire.default_output == 4096) == (wire.format == "anthropic")


@pytest.mark.parametrize(
    ("dialect", "stream", "expected"),
    [
        ("openai", False, "/chat/completions"),
        ("openai", True, "/chat/completions"),
        ("azure-openai", True, "/openai/v1/chat/completions"),
        ("anthropic", True, "/v1/messages"),
        ("bedrock", False, "/model/m/converse"),
        ("bedrock", True, "/model/m/converse-stream"),
        ("bedrock-anthropic", False, "/model/m/invoke"),
        ("bedrock-anthropic", True, "/model/m/invoke-with-response-stream"),
        ("gemini", False, "/v1beta/models/m:generateContent"),
        ("gemini", True, "/v1beta/models/m:streamGenerateContent?alt=sse"),
        (
            "vertex-gemini",
            False,
            "/v1/projects/acme/locations/europe-west1/publishers/google/models/m:generateContent",
        ),
        (
            "vertex-gemini",
            True,
            "/v1/projects/acme/locations/europe-west1/publishers/google/models/m:streamGenerateContent?alt=sse",
        ),
        (
            "vertex-anthropic",
            False,
            "/v1/projects/acme/locations/europe-west1/publishers/anthropic/models/m:rawPredict",
        ),
        (
            "vertex-anthropic",
            True,
            "/v1/projects/acme/locations/europe-west1/publishers/anthropic/models/m:streamRawPredict",
        ),
    ],
)
def test_where_conversations_go(dialect, stream, expected):
    assert path(dialect, "chat", stream=stream) == expected


OPENAI_PATHS = {
    "embeddings": "/embeddings",
    "count-tokens-anthropic": "/responses/input_tokens",
    "count-tokens-responses": "/responses/input_tokens",
    "moderations": "/moderations",
    "images": "/images/generations",
    "images-edits": "/images/edits",
    "images-variations": "/images/variations",
    "speech": "/audio/speech",
    "transcriptions": "/audio/transcriptions",
    "translations": "/audio/translations",
}
OPERATIONS = {
    "openai": OPENAI_PATHS,
    "azure-openai": {
        name: f"/openai/v1{below}"
        for name, below in OPENAI_PATHS.items()
        if name not in {"moderations", "images-variations"}
    },
    "anthropic": dict.fromkeys(
        ("count-tokens-anthropic", "count-tokens-responses"),
        "/v1/messages/count_tokens",
    ),
    "bedrock": {
        "embeddings": "/model/m/invoke",
        "rerank": "/model/m/invoke",
        "count-tokens-anthropic": "/model/m/count-tokens",
        "count-tokens-responses": "/model/m/count-tokens",
    },
    "bedrock-anthropic": dict.fromkeys(("count-tokens-anthropic", "count-tokens-responses"), "/model/m/count-tokens"),
    "gemini": {
        "embeddings": "/v1beta/models/m:batchEmbedContents",
        "count-tokens-anthropic": "/v1beta/models/m:countTokens",
        "count-tokens-responses": "/v1beta/models/m:countTokens",
    },
    "vertex-gemini": {
        "embeddings": "/v1/projects/acme/locations/europe-west1/publishers/google/models/m:predict",
        **dict.fromkeys(
            ("count-tokens-anthropic", "count-tokens-responses"),
            "/v1/projects/acme/locations/europe-west1/publishers/google/models/m:countTokens",
        ),
    },
    "vertex-anthropic": dict.fromkeys(
        ("count-tokens-anthropic", "count-tokens-responses"),
        "/v1/projects/acme/locations/europe-west1/publishers/anthropic/models/count-tokens:rawPredict",
    ),
    "cohere": {"embeddings": "/v2/embed", "rerank": "/v2/rerank"},
}
ALL = (*OPENAI_PATHS, "rerank")


@pytest.mark.parametrize("operation", ALL)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_where_each_operation_goes_and_who_has_none(dialect, operation):
    expected = OPERATIONS[dialect].get(operation)
    if expected is None:
        with pytest.raises(UnsupportedFeature, match=f"{dialect}.* has no {in_words(operation)};"):
            path(dialect, operation)
    else:
        assert path(dialect, operation) == expected


def test_who_counts_no_tokens_says_so_in_words():
    with pytest.raises(UnsupportedFeature, match="has no token counting; ask for a model"):
        path("openai", "count-tokens-anthropic", apis=frozenset({"chat"}))


def test_cohere_has_no_conversations():
    with pytest.raises(UnsupportedFeature, match="has no chat"):
        path("cohere", "chat")


@pytest.mark.parametrize("operation", ["", "assistants", "Chat"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_no_operation_has_no_path(dialect, operation):
    with pytest.raises(UnsupportedFeature):
        path(dialect, operation)


@pytest.mark.parametrize(
    ("client", "apis", "expected"),
    [
        ("openai-chat", OPENAI_APIS, "openai"),
        ("anthropic-messages", OPENAI_APIS, "openai"),
        ("gemini", OPENAI_APIS, "openai"),
        ("openai-responses", OPENAI_APIS, "openai-responses"),
        ("openai-responses", {"chat"}, "openai"),
        ("openai-completions", OPENAI_APIS, "openai"),
        ("openai-completions", {"chat", "completions"}, "openai-completions"),
        ("openai-chat", {"responses"}, "openai-responses"),
        ("openai-responses", {"completions"}, "openai-completions"),
        ("openai-responses", set(), "openai"),
    ],
)
@pytest.mark.parametrize("dialect", ["openai", "azure-openai"])
def test_a_client_reaches_its_own_api_where_the_provider_is_known_to_have_it(dialect, client, apis, expected):
    assert wire_for(provider(dialect, apis=frozenset(apis)), None, client).format == expected


@pytest.mark.parametrize("dialect", ["openai", "azure-openai"])
def test_the_api_of_the_target_comes_before_that_of_the_provider_and_both_before_the_clients(dialect):
    own = provider(dialect, api="responses")
    assert wire_for(own, None, "openai-chat").format == "openai-responses"
    assert wire_for(own, "completions", "openai-responses").format == "openai-completions"
    assert wire_for(provider(dialect), "chat", "openai-responses").format == "openai"


@pytest.mark.parametrize("dialect", ["openai", "azure-openai"])
@pytest.mark.parametrize(
    ("client", "model", "tools", "expected"),
    [
        ("anthropic-messages", "gpt-5.6", True, "responses"),
        ("gemini", "gpt-5.4", True, "responses"),
        ("gemini", "gpt-5.4", False, None),
        ("anthropic-messages", "gpt-5.2", True, None),
        ("anthropic-messages", "gpt-5-pro", False, "responses"),
        ("openai-completions", "gpt-5-codex", False, "responses"),
        ("openai-completions", "gpt-5.6", False, None),
        ("openai-chat", "gpt-5.6", True, None),
        ("openai-chat", "gpt-5-pro", True, None),
        ("openai-responses", "gpt-5.6", True, None),
    ],
)
def test_where_chat_completions_would_not_take_a_translated_request_responses_does(
    dialect, client, model, tools, expected
):
    own = provider(dialect)
    for target in (Target("p", model), Target("p", "deployment", known_as=model)):
        assert api_for(own, target, client, tools=tools) == expected


@pytest.mark.parametrize(
    "fields",
    [
        {"quirks": COMPATIBLE},
        {"apis": frozenset({"chat"})},
        {"api": "chat"},
        {"dialect": "anthropic", "apis": frozenset()},
    ],
    ids=str,
)
def test_responses_is_chosen_only_where_openai_has_it_and_nobody_has_chosen(fields):
    assert api_for(provider(**fields), Target("p", "gpt-5.6"), "gemini", tools=True) is None


def test_what_a_target_says_is_kept():
    assert api_for(provider(), Target("p", "gpt-5.6", api="chat"), "gemini", tools=True) == "chat"


@pytest.mark.parametrize(("api", "end"), [("chat", "/chat/completions"), ("responses", "/responses"), ("completions", "/completions")])  # fmt: skip
def test_each_of_openais_apis_has_its_path(api, end):
    assert path("openai", "chat", api=api) == end
    assert path("azure-openai", "chat", api=api) == f"/openai/v1{end}"


@pytest.mark.parametrize(
    ("operation", "api", "expected"),
    [
        ("chat", "chat", "/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21"),
        ("chat", "completions", "/openai/deployments/my%20gpt/completions?api-version=2024-10-21"),
        ("chat", "responses", "/openai/responses?api-version=2024-10-21"),
        ("embeddings", None, "/openai/deployments/my%20gpt/embeddings?api-version=2024-10-21"),
        ("images", None, "/openai/deployments/my%20gpt/images/generations?api-version=2024-10-21"),
        ("images-edits", None, "/openai/deployments/my%20gpt/images/edits?api-version=2024-10-21"),
        ("speech", None, "/openai/deployments/my%20gpt/audio/speech?api-version=2024-10-21"),
        ("transcriptions", None, "/openai/deployments/my%20gpt/audio/transcriptions?api-version=2024-10-21"),
        ("translations", None, "/openai/deployments/my%20gpt/audio/translations?api-version=2024-10-21"),
        ("count-tokens-responses", None, "/openai/responses/input_tokens?api-version=2024-10-21"),
    ],
)
def test_the_dated_api_of_azure_names_the_deployment_in_the_path(operation, api, expected):
    assert path("azure-openai", operation, "my gpt", api=api, api_version="2024-10-21") == expected


def test_reranking_and_embeddings_only_where_the_provider_is_known_to_have_them():
    assert path("openai", "rerank", apis=frozenset({"chat", "rerank"})) == "/rerank"
    assert path("openai", "rerank", apis=frozenset({"rerank"}), rerank_path="/reranks") == "/reranks"
    with pytest.raises(UnsupportedFeature):
        path("openai", "embeddings", apis=frozenset({"chat"}))
    with pytest.raises(UnsupportedFeature):
        path("openai", "count-tokens-anthropic", apis=frozenset({"chat"}))


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gemini-2.5-pro", "models/gemini-2.5-pro"),
        ("models/gemini-2.5-pro", "models/gemini-2.5-pro"),
        ("tunedModels/my-model", "tunedModels/my-model"),
        ("a/b", "models/a/b"),
        ("a?b:c#d", "models/a%3Fb%3Ac%23d"),
        ("..", "models/%2E%2E"),
    ],
)
def test_the_forms_of_a_geminis_name(model, expected):
    assert path("gemini", "chat", model) == f"/v1beta/{expected}:generateContent"


PROJECT = "projects/acme/locations/europe-west1"


@pytest.mark.parametrize(
    ("dialect", "model", "expected"),
    [
        ("vertex-gemini", "gemini-2.5-pro", f"{PROJECT}/publishers/google/models/gemini-2.5-pro"),
        ("vertex-gemini", "meta/llama-4", f"{PROJECT}/publishers/meta/models/llama-4"),
        ("vertex-gemini", "publishers/google/models/x", f"{PROJECT}/publishers/google/models/x"),
        ("vertex-gemini", "endpoints/123", f"{PROJECT}/endpoints/123"),
        ("vertex-gemini", "models/123", f"{PROJECT}/models/123"),
        ("vertex-gemini", "projects/other/locations/us/endpoints/1", "projects/other/locations/us/endpoints/1"),
        ("vertex-anthropic", "claude-x@20250514", f"{PROJECT}/publishers/anthropic/models/claude-x%4020250514"),
    ],
)
def test_the_forms_of_a_models_name_at_vertex(dialect, model, expected):
    end = "rawPredict" if dialect == "vertex-anthropic" else "generateContent"
    assert path(dialect, "chat", model) == f"/v1/{expected}:{end}"


def test_express_mode_has_no_project_in_the_path():
    found = path("vertex-gemini", "chat", project=None, location=None)
    assert found == "/v1/publishers/google/models/m:generateContent"


@pytest.mark.parametrize(("dialect", "start"), [("gemini", "/v1/models/"), ("vertex-gemini", "/v1/projects/")])
def test_the_version_in_googles_paths_can_be_chosen(dialect, start):
    assert path(dialect, "chat", api_version="v1").startswith(start)


def test_bedrocks_ids_and_arns_are_one_segment():
    assert path("bedrock", "chat", "anthropic.claude-v2:1") == "/model/anthropic.claude-v2%3A1/converse"
    arn = "arn:aws:bedrock:us-east-1:1:application-inference-profile/a"
    expected = "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aapplication-inference-profile%2Fa/invoke"
    assert path("bedrock-anthropic", "chat", arn) == expected


BOTH = frozenset({"files", "batches"})


@pytest.mark.parametrize(
    "below", ["/files", "/files?purpose=batch&limit=2", "/files/file-abc_1", "/files/file-a/content"]
)
def test_files_go_where_the_client_says_if_the_configuration_lets_it(below):
    assert path("openai", "files", below=below, passthrough=BOTH) == below
    assert path("azure-openai", "files", below=below, passthrough=BOTH) == f"/openai/v1{below}"
    start, _, query = below.partition("?")
    expected = f"/openai{start}?{query}&api-version=v" if query else f"/openai{start}?api-version=v"
    assert path("azure-openai", "files", below=below, passthrough=BOTH, api_version="v") == expected


@pytest.mark.parametrize("allowed", [frozenset(), frozenset({"batches"})])
def test_files_are_closed_unless_the_configuration_opens_them(allowed):
    with pytest.raises(UnsupportedFeature, match="has no files"):
        path("openai", "files", below="/files", passthrough=allowed)


@pytest.mark.parametrize("dialect", sorted(set(DIALECTS) - {"openai", "azure-openai"}))
def test_no_other_dialect_has_files(dialect):
    with pytest.raises(UnsupportedFeature):
        path(dialect, "files", below="/files", passthrough=BOTH)


@pytest.mark.parametrize(
    "below",
    [
        *("", "files", "/files/", "/files//a", "/files/..", "/files/../models", "/files/./a", "/files/%2e%2e/models"),
        *(
            "/files/a;b",
            "/files/a\\b",
            "/batches",
            "/files/a b",
            "/files?a b",
            "/files/a\r\nx: y",
            "/models",
            "/filesx",
        ),
        *("/files/a#b", "/files?x=\u00fc", "//files"),
    ],
)
def test_no_path_of_a_client_leads_elsewhere(below):
    with pytest.raises(InvalidRequest):
        path("openai", "files", below=below, passthrough=BOTH)


def test_claude_on_bedrock_has_its_betas_in_the_body_and_neither_model_nor_stream():
    wire = WIRES["bedrock-anthropic"]
    plain = {"anthropic_version": "bedrock-2023-05-31", "model": REMOVE, "stream": REMOVE}
    assert wire.changes(True, {}) == plain
    assert wire.changes(True, {"anthropic-beta": "prompt-caching-scope-2026-01-05"}) == plain
    betas = {"anthropic-beta": "context-1m-2025-08-07, oauth-2025-04-20, interleaved-thinking-2025-05-14,"}
    assert wire.changes(False, betas) == plain | {
        "anthropic_beta": ["context-1m-2025-08-07", "interleaved-thinking-2025-05-14"]
    }
    assert wire.framing == "anthropic-over-bedrock"


def test_betas_of_the_configuration_come_before_the_clients():
    own = provider("bedrock-anthropic", headers={"anthropic-beta": "ours"})
    found = wire_for(own, None, "anthropic-messages").changes(False, {"anthropic-beta": "theirs"})
    assert found["anthropic_beta"] == ["ours"]


def test_claude_on_vertex_has_its_version_in_the_body_and_no_model():
    assert WIRES["vertex-anthropic"].changes(True, {"anthropic-beta": "b"}) == {
        "anthropic_version": "vertex-2023-10-16",
        "model": REMOVE,
    }
    assert WIRES["vertex-anthropic"].framing == "plain"


@pytest.mark.parametrize("dialect", sorted(set(DIALECTS) - {"bedrock-anthropic", "vertex-anthropic"}))
def test_all_other_bodies_stay_as_they_are(dialect):
    assert WIRES[dialect].changes(True, {"anthropic-beta": "b"}) == {}
    assert WIRES[dialect].framing == "plain"
