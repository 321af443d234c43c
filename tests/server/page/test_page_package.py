"""What is installed: the page's files are in the wheel, and nothing in them comes from elsewhere."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from audit_server.page import palette
from audit_server.page.assets import assets
from audit_server.page.render import environment
from support.servers import ROOT

PAGE = Path(palette.__file__).parent
FILES = sorted([*PAGE.glob("static/*"), *PAGE.glob("templates/*")])


@pytest.mark.slow
def test_wheel_has_templates_and_static_files(tmp_path: Path) -> None:
    """A page that works from the repository alone would be no page."""
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path)]
    subprocess.run([*build, str(ROOT)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert {f"audit_server/page/{path.relative_to(PAGE)}" for path in FILES} - packed == set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_is_inline_and_nothing_is_from_elsewhere(path: Path) -> None:
    """The policy would stop it; here it does not even stand."""
    text = path.read_text()
    found = re.findall(r"(?:https?:)?//[a-z0-9-]+\.[a-z]+|@import|url\(", text)
    assert [one for one in found if one != "http://www.w"] == []
    if path.suffix == ".html":
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|\|\s*safe\b", text)
        assert not re.search(r"<script(?![^>]*\ssrc=\"/static/)", text)


def test_every_file_is_served_with_its_type() -> None:
    """Browsers obey nosniff."""
    names = {path.name for path in PAGE.glob("static/*")}
    assert names == set(assets())
    assert assets()["app.js"].media_type.startswith("text/javascript")


def test_every_template_escapes() -> None:
    """Also those that are no page of their own."""
    found = environment()
    assert found.autoescape is True
    assert found.list_templates()


def test_scripts_that_are_imported_exist() -> None:
    """There is no build step that would tell."""
    for path in PAGE.glob("static/*.js"):
        for name in re.findall(r'from "\./([a-z]+\.js)"', path.read_text()):
            assert (PAGE / "static" / name).exists(), (path.name, name)
