"""``python -m tests.carryover``: write ``extproc/translate/CARRYOVER.md`` anew; read the diff."""

from tests.carryover.table import DOCUMENT, document

DOCUMENT.write_text(document())
