"""How far topics may be read, and what Kafka says where they can't be."""

from contextlib import closing
from typing import Any, NoReturn

import pytest
from audit_forward import ForwardSettings, horizon
from audit_forward.horizon import Horizon
from confluent_kafka import KafkaError, KafkaException


def test_topic_that_may_not_be_read_is_not_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream of alerts without that right looked well, and sent nothing; one that is to come may."""
    code = KafkaError.TOPIC_AUTHORIZATION_FAILED

    def partitions_of(*_: Any, **__: Any) -> NoReturn:
        raise KafkaException(KafkaError(code))

    monkeypatch.setattr(horizon, "partitions_of", partitions_of)
    monkeypatch.setattr("audit_runtime.offsets.partitions_of", partitions_of)
    log: Any = None
    with closing(Horizon(ForwardSettings(), log)) as found:
        with pytest.raises(KafkaException):
            found.ends("audit.alerts")
        code = KafkaError.UNKNOWN_TOPIC_OR_PART
        assert found.ends("audit.alerts") == {}
