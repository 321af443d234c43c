"""What Elasticsearch is asked about records, and what its answers mean."""

from contextlib import closing

import pytest
from audit_forward import ForwardError, ForwardSettings
from audit_forward.event_lookup import EventLookup
from audit_forward.stream_file import StreamFile
from support.fake_elasticsearch import answering, refusing


def test_log_that_is_not_there_is_no_log_without_these_events() -> None:
    """With another prefix than the consumers', a stream passed over all, as if none was wanted."""
    stream = StreamFile.model_validate({"to": {"type": "files", "folder": "unused"}})
    with answering(refusing(404, "no such index")) as address:
        settings = ForwardSettings(elasticsearch_url=address, index_prefix="mistyped")
        with closing(EventLookup(settings, stream)) as lookup:
            with pytest.raises(ForwardError, match="no events under mistyped: none is indexed yet, or"):
                list(lookup.by_id(0, {7: "0123456789abcdef"}))
            with pytest.raises(ForwardError):
                list(lookup.by_offset(0, 0, 7))
