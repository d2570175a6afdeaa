"""The documents cannot lie: commands exist, links lead somewhere, examples run, pages are current."""

import doctest
import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cloudlet.cli import contracts, main, pages
from cloudlet.kernel import Services

TOP = Path(__file__).parent.parent
DOCUMENTS = sorted(path for pattern in ("*.md", "docs/**/*.md", "examples/*/README.md")
                   for path in TOP.glob(pattern))
SERVICES = Services()
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^ {4}\S.*\n)+", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
INLINE = re.compile(r"`((?:make|cloudlet) [^`\n]+)`")

documents = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(TOP)))


def commands(text: str) -> Iterator[str]:
    """The command lines that a document shows."""
    blocks = [body for kind, body in FENCE.findall(text) if kind in ("", "sh", "bash", "console")]
    for block in [*blocks, *INDENTED.findall(FENCE.sub("", text))]:
        for line in block.splitlines():
            yield re.split(r"\s{2,}|\s#", line.strip().removeprefix("$ ").removeprefix(".venv/bin/"))[0]
    yield from INLINE.findall(text)


@documents
def test_every_make_target_that_is_shown_exists(document):
    targets = set(re.findall(r"^([\w-]+):", (TOP / "Makefile").read_text(), re.MULTILINE))
    for line in commands(document.read_text()):
        if line.startswith("make "):
            named = [word for word in line.split()[1:] if "=" not in word and not word.startswith("-")]
            assert set(named) <= targets, line


@documents
def test_every_command_that_is_shown_exists(document):
    for line in commands(document.read_text()):
        if not line.startswith("cloudlet "):
            continue
        words = shlex.split(line.replace("[", " ").replace("]", " ").replace("|", " "))[1:]
        assert words, line
        if words[0].startswith("-"):
            continue
        found = main.get_command(click.Context(main), words[0])
        if isinstance(found, click.Group) and len(words) > 1:
            found = found.get_command(click.Context(found), words[1])
        assert found is not None, line
        known = {option for parameter in found.params for option in parameter.opts} | {"--help", "-h"}
        used = {word.partition("=")[0] for word in words[1:] if re.match(r"--?[a-z]", word)}
        assert used <= known, line


@documents
def test_every_link_leads_somewhere(document):
    text = FENCE.sub("", document.read_text())
    for link in LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
                     for heading in headings}
            assert anchor in slugs, link


@documents
def test_the_examples_in_documents_run(document):
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(verbose=False)
    blocks = [body for kind, body in FENCE.findall(document.read_text())
              if kind == "python" and ">>>" in body]
    if blocks:
        test = parser.get_doctest("\n".join(blocks), {}, document.name, str(document), 0)
        runner.run(test)
        assert runner.failures == 0


@pytest.mark.parametrize("module", sorted(
    ".".join(path.relative_to(TOP / "src").with_suffix("").parts).removesuffix(".__init__")
    for path in (TOP / "src").rglob("*.py") if re.search(r"^\s*>>> ", path.read_text(), re.MULTILINE)))
def test_the_examples_in_docstrings_run(module):
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted and not result.failed


@pytest.mark.parametrize("service", sorted(SERVICES.names))
def test_every_service_has_a_page_that_says_what_its_code_says(service):
    page = TOP / "docs" / "services" / f"{service}.md"
    assert page.exists(), f"{page.name} is missing: run `make docs`, then write what the code can't say"
    text = page.read_text()
    assert pages.merge(text, contracts.of(SERVICES[service])) == text, "run `make docs`"


def test_no_page_is_left_of_a_service_that_is_gone():
    assert {path.stem for path in (TOP / "docs" / "services").glob("*.md")} <= {*SERVICES.names, "index"}


def test_decisions_are_numbered_without_gaps_and_say_what_and_why():
    found = sorted((TOP / "docs" / "decisions").glob("*.md"))
    assert [path.name[:4] for path in found] == [f"{number:04}" for number in range(1, len(found) + 1)]
    for path in found:
        text = path.read_text()
        assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", path.name), path.name
        assert text.startswith("# ") and len(text) < 6000, path.name


def test_the_changelog_begins_with_what_is_not_released_yet():
    headings = re.findall(r"^## (.+)$", (TOP / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
