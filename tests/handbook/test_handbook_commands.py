"""Every command of the documents works, or the document says why it is not run."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from audit_admin import set_up
from audit_local.ports import free_port
from audit_producer import AuditProducer, Person, new_event
from handbook.block import DOCUMENTS, blocks_of, name_of
from handbook.programs import curl
from handbook.stories import EVENT_ID, STORIES, Story, given
from handbook.typist import Typist
from support.consumers import settle
from support.servers import ROOT, Deployment, Servers, new_deployment, tear_down

EXCUSES = {
    "CI runs it": ("make ",),  # a test in test_architecture.py knows their names
    "runs these tests": (".venv/bin/python -m pytest ",),
    "installs packages": ("pip install ", "git clone ", "cd ", ".venv/bin/pip ", "pre-commit "),
    "needs Docker": ("docker ",),  # make test-containers
    "needs Kubernetes": ("kubectl ",),
    "needs Kibana": ("auditlog kibana import ",),  # test_kibana_import.py, against a stub
    "needs Kafka's tools": ("kafka-",),
    "needs a receiver": ("export AUDITLOG_STREAMS", "auditlog forward "),  # tests/forward
    # test_sign_in_keycloak.py, test_sessions.py
    "needs an identity provider": (
        "export AUDITLOG_",
        "auditlog serve ",
        "auditlog sessions ",
        "auditlog local up --identity",
    ),
}
"""Why a block is not run, and the only programs that each reason excuses."""

LOOPS = ("for ", "done")

LANGUAGES = {"", "sh", "python", "java", "go", "js", "json", "yaml", "toml", "mermaid"}


_IN_ORDER = sorted(DOCUMENTS, key=lambda page: name_of(page) == "docs/activities.md")
"""The last one replays the record that docs/dead-letters.md would replay."""


@pytest.fixture(scope="module")
def written(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Give a deployment with some indexed events, and one dead letter."""
    deployment = new_deployment(servers)
    list(set_up(deployment.setup))
    with AuditProducer(deployment.producer) as producer:
        carla: Person = {"id": "u-007", "name": "Carla Evans"}
        ip = "192.0.2.19"
        failed = new_event("login-failed", event_id=EVENT_ID, organization="acme", user=carla, ip=ip)
        producer.publish(failed)
        producer.login(user=carla, ip=ip)
        producer.chat_opened(chat="chat-42", user=None)
        producer.chat_assigned_to_user(user=None, chat="chat-42", assignee="u-007")
        producer.chat_closed(chat="chat-42", user=carla, ip=ip)
    deployment.publish_raw(
        b'{"@timestamp":"%s","event":{"id":"the-door-was-opened","action":"door-opened"},'
        b'"user":{"id":"u-007"}}' % new_event("login", user="Ada").timestamp.encode()
    )
    log = tmp_path_factory.mktemp("consumer") / "log"
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)
    yield deployment
    tear_down(deployment)


@pytest.mark.servers
@pytest.mark.parametrize("document", _IN_ORDER, ids=name_of)
def test_every_command_of_the_document_works(
    document: Path, written: Deployment, tmp_path: Path
) -> None:
    """All commands succeed, in their order, so no document has a command that was never tried."""
    curl()
    port = free_port()
    story = STORIES.get(name_of(document), Story())
    here = given(written, port) | {"/etc/auditlog": str(tmp_path)} | dict(story.given)
    typist = Typist(written, tmp_path, here, story.until)
    typist.variables["AUDITLOG_SERVE_PORT"] = str(port)
    story.before(typist)
    try:
        for block in blocks_of(document):
            if block.language == "sh" and block.excuse is None:
                typist.type_all(block)
    finally:
        typist.close()
    story.after(typist)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_what_is_not_run_has_a_reason_that_holds(document: Path) -> None:
    """A block is skipped for a known reason, and has only commands that this reason excuses."""
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    for block in blocks_of(document):
        if block.excuse is None:
            continue
        if elsewhere := re.fullmatch(r"run by (test_\w+)", block.excuse):
            assert f"def {elsewhere[1]}(" in tests, (document.name, block.excuse)
        else:
            assert block.excuse in EXCUSES, (document.name, block.excuse)
            for command in block.commands():
                words = command.strip()
                assert words.startswith((*EXCUSES[block.excuse], *LOOPS)), (document.name, words)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_commands_stand_in_blocks_that_are_run(document: Path) -> None:
    """No command hides under another language name, or in a block that shows output."""
    text = document.read_text()
    assert len(blocks_of(document)) == len(re.findall(r"^ *```", text, re.MULTILINE)) / 2
    for block in blocks_of(document):
        assert block.language in LANGUAGES, document.name
        if block.language == "":
            assert not re.search(r"^(\$ )?(auditlog|curl|docker|kubectl) ", block.text, re.MULTILINE)
