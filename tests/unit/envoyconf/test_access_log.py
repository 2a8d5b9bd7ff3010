"""Envoy's access log: what is written, and what is not."""

import re

from extproc.domain.names import METADATA_NAMESPACE
from extproc.envoyconf.access_log import access_log

FIELDS = access_log(None)["typed_config"]["log_format"]["json_format"]


def test_it_goes_to_standard_output_or_to_a_file():
    assert access_log(None)["name"] == "envoy.access_loggers.stdout"
    assert access_log("/var/log/a.log")["typed_config"]["path"] == "/var/log/a.log"


def test_no_header_is_written_that_could_hold_a_secret():
    headers = {name for value in FIELDS.values() for name in re.findall(r"%RE(?:Q|SP)\(([^)]*)\)", value)}
    assert headers == {"X-REQUEST-ID", ":METHOD"}


def test_the_path_is_the_clients_and_has_no_query():
    assert FIELDS["path"] == "%DYNAMIC_METADATA(llmgw.client:path)%"


def test_the_attempts_can_be_followed():
    assert FIELDS["attempts"] == "%UPSTREAM_REQUEST_ATTEMPT_COUNT%"
    assert FIELDS["hosts"] == "%UPSTREAM_HOSTS_ATTEMPTED%"
    assert FIELDS["llmgw"] == f"%DYNAMIC_METADATA({METADATA_NAMESPACE})%"
