"""Bodies in LiteLLM's names → fields of the directory's own bodies; what is not said is left out."""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from extproc.admin.errors import InvalidField
from extproc.admin.litellm.allowances import budget_notes, budgets_after, limits_after, says_budget, says_limits
from extproc.admin.litellm.bodies import Holding, KeyFields
from extproc.admin.litellm.notes import noted, notes_of, without_notes
from extproc.state.records import Holder

EVERY_MODEL = frozenset({"all-proxy-models", "all-team-models", "*"})
"""A team's own models bound those of its keys anyway."""
NO_MODEL = "no-default-models"
NEVER = "-1"
"""As a duration: without an end."""
PLAIN_TAG = "true"
"""The value of a tag that is a word; ``a:b`` is the tag ``a`` with the value ``b``."""


def key_fields(said: KeyFields, before: Holder | None) -> dict[str, object]:
    """Those of ``KeyCreate`` and ``KeyPatch``. Raises ``InvalidField``."""
    fields = holder_fields(said, before, {})
    for name, here in (("key_alias", "name"), ("team_id", "team"), ("user_id", "user")):
        if name in said.model_fields_set and (name != "key_alias" or said.key_alias is not None):
            fields[here] = getattr(said, name)
    if said.duration == NEVER:
        fields["expires"] = None
    elif said.duration is not None:
        fields["expires_in"] = said.duration
    return fields


def holder_fields(said: Holding, before: Holder | None, notes: Mapping[str, JsonValue]) -> dict[str, object]:
    """Those of ``PartyFields``. ``before``: the record that changes; ``notes``: what is noted besides."""
    named = said.model_fields_set
    fields: dict[str, object] = {}
    kept = {**notes_of(before), **budget_notes(said), **notes}
    if "models" in named:
        fields["models"] = _models(said.models)
    words = _tag_words(said)
    if words is not None:
        fields["tags"] = tags_of(words)
        kept["tags"] = list(words) or None
    if said.blocked is not None:
        fields["enabled"] = not said.blocked
    if "organization_id" in named:
        fields["org"] = said.organization_id
    if says_budget(said) or says_limits(said):
        kept["budget_id"] = said.budget_id  # of a record that departs from it, the name would mislead
    if says_budget(said):
        fields["budgets"] = budgets_after(before.budgets if before else (), said, kept)
    if says_limits(said):
        fields["limits"] = limits_after(before.limits if before else {}, said)
    metadata = noted((said.metadata or {}) if "metadata" in named else without_notes(before), kept)
    if metadata != (before.metadata if before else {}):
        fields["metadata"] = metadata
    return fields


def tags_of(words: Sequence[str]) -> dict[str, str]:
    """LiteLLM's tags are words; here they have a name and a value. Raises ``InvalidField`` for two of one name."""
    tags: dict[str, str] = {}
    for word in words:
        name, sign, value = word.partition(":")
        if name in tags:
            raise InvalidField(f"tags: two of them are named '{name[:100]}': keep one.", param="tags")
        tags[name] = value if sign and value else PLAIN_TAG
    return tags


def _tag_words(said: Holding) -> list[str] | None:
    """LiteLLM takes tags from the metadata too; None: nothing is said of any."""
    if "tags" in said.model_fields_set:
        return list(said.tags or ())
    tags = (said.metadata or {}).get("tags")
    return [str(tag) for tag in tags] if isinstance(tags, list) else None


def _models(names: Sequence[str] | None) -> list[str] | None:
    if not names or EVERY_MODEL & set(names):
        return None
    if NO_MODEL in names:
        raise InvalidField(f"models: '{NO_MODEL}' cannot be said here; block it instead.", param="models")
    return list(names)
