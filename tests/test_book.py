"""What surrounds the chapters: committed figures and numbers, docstrings, pins, comparisons."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pkgutil
import re
import textwrap
import tomllib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import hmmlib
from conftest import OutputText
from draw_figures import FIGURES, STATIC
from finished_pages import LOADS_ELSEWHERE
from hmmlib_book import configure, repository_url

ROOT = Path(__file__).resolve().parent.parent
FIGURE3 = json.loads((ROOT / "book" / "results" / "figure3_paper.json").read_text(encoding="utf-8"))


# --- the paper's numbers, and the picture of them ---


@pytest.mark.parametrize(
    ("experiment", "x", "series"),
    [
        ("experiment_1", "H", ("prompt_tuning", "head_tuning")),
        (
            "experiment_2",
            "n_flat_states",
            ("memory_hmm_attention_head", "vanilla_hmm_linear_head"),
        ),
    ],
)
def test_the_numbers_of_figure_3_are_complete(experiment: str, x: str, series: tuple[str]) -> None:
    numbers = FIGURE3[experiment]
    assert numbers["vocabulary"] == 10
    assert numbers[x] == sorted(numbers[x])
    for name in series:
        assert len(numbers[name]["mean"]) == len(numbers[name]["interval"]) == len(numbers[x])
        assert all(50 < mean <= 100 for mean in numbers[name]["mean"])
        assert all(0 < width < 20 for width in numbers[name]["interval"])


def test_the_numbers_of_figure_3_are_the_papers() -> None:
    assert "sangmichaelxie/pretraining_analysis" in FIGURE3["source"]
    first, second = FIGURE3["experiment_1"], FIGURE3["experiment_2"]
    assert first["H"] == [4, 8, 10, 15, 25, 30]
    assert (first["prompt_tuning"]["mean"][-1], first["head_tuning"]["mean"][-1]) == (
        75.144,
        66.228,
    )
    assert second["n_flat_states"] == [4 * m for m in second["n_memory_values"]]
    assert second["memory_hmm_attention_head"]["mean"][-1] == 97.82
    assert second["vanilla_hmm_linear_head"]["mean"][-1] == 66.16


@pytest.mark.parametrize("name", FIGURES)
def test_a_committed_figure_is_drawn_from_the_numbers(name: str) -> None:
    assert FIGURES[name]() == (STATIC / name).read_text(encoding="utf-8"), "make figures draws it anew"


@pytest.mark.parametrize("page", ["README.md", "book/intro.md"])
def test_it_is_on_the_first_page_and_its_caption_names_no_seeds_as_the_legend_does(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert text.count("figure3.svg") == 1
    caption = text[text.index("figure3.svg") :].partition("## ")[0]
    assert not re.search(r"\d seeds", caption)


# --- the library is documented ---


def public_modules() -> list[str]:
    names = [module.name for module in pkgutil.walk_packages(hmmlib.__path__, "hmmlib.")]
    return [name for name in names if "._" not in name]


def public_callables(module_name: str) -> Iterator[tuple[str, object]]:
    """Every public class, function and method that the module defines."""
    module = importlib.import_module(module_name)
    for name, member in vars(module).items():
        if name.startswith("_") or getattr(member, "__module__", None) != module_name:
            continue
        if inspect.isfunction(member):
            yield f"{module_name}.{name}", member
        elif inspect.isclass(member):
            yield f"{module_name}.{name}", member
            for method_name, method in vars(member).items():
                if method_name.startswith("_"):
                    continue
                method = getattr(method, "__func__", method)
                if isinstance(method, property):
                    method = method.fget
                elif isinstance(method, cached_property):
                    method = method.func
                if inspect.isfunction(method):
                    yield f"{module_name}.{name}.{method_name}", method


def own_statements(function: object) -> Iterator[ast.AST]:
    """The syntax tree of a function without that of the functions inside it."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    todo = list(ast.iter_child_nodes(tree))
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            todo.extend(ast.iter_child_nodes(node))


def missing_from_docstring(thing: object, is_property: bool) -> list[str]:
    doc = inspect.getdoc(thing) or ""
    if not doc:
        return ["a docstring"]
    missing = []
    if inspect.isclass(thing) and issubclass(thing, BaseException):
        parameters = []  # made by the library only
    else:
        parameters = [name for name in inspect.signature(thing).parameters if name not in ("self", "cls")]
    if getattr(thing, "_is_protocol", False):
        parameters = []
    missing += [
        f"argument {name}"
        for name in parameters
        if not re.search(rf"^\s*`*\*{{0,2}}{name}\b.*:", doc, re.MULTILINE)
    ]
    if parameters and not re.search(r"^(Args|Attributes):$", doc, re.MULTILINE):
        missing.append("Args:")
    if inspect.isfunction(thing):
        statements = list(own_statements(thing))
        returns = any(isinstance(node, ast.Return) and node.value for node in statements)
        if returns and not is_property and not re.search(r"^(Returns|Yields):$", doc, re.MULTILINE):
            missing.append("Returns:")
        raises = any(isinstance(node, ast.Raise) and node.exc for node in statements)
        if raises and not re.search(r"^Raises:$", doc, re.MULTILINE):
            missing.append("Raises:")
    return missing


@pytest.mark.parametrize("module_name", ["hmmlib", *public_modules()])
def test_every_public_object_is_documented(module_name: str) -> None:
    module = importlib.import_module(module_name)
    assert module.__doc__
    gaps = {}
    for name, thing in public_callables(module_name):
        owner = name.split(".")[-2]
        is_property = isinstance(
            vars(getattr(module, owner, object)).get(name.split(".")[-1]),
            property | cached_property,
        )
        if missing := missing_from_docstring(thing, is_property):
            gaps[name] = missing
    assert not gaps, "\n".join(f"{name} lacks {', '.join(gaps[name])}" for name in gaps)


def test_the_reference_pages_have_every_package() -> None:
    pages = [
        ROOT / "book" / name for name in ("reference.md", "reference_figures.md", "reference_neighbours.md")
    ]
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    documented = re.findall(r"automodule:: (\S+)", text)
    assert len(documented) == len(set(documented))
    rooms = {name for name in public_modules() if name.count(".") == 1} - {"hmmlib.__main__"}
    assert rooms <= set(documented) <= set(public_modules())


@pytest.mark.parametrize(
    "name", [name for name in public_modules() if hasattr(importlib.import_module(name), "__all__")]
)
def test_a_package_offers_what_it_names(name: str) -> None:
    package = importlib.import_module(name)
    assert inspect.getdoc(package)
    assert [thing for thing in package.__all__ if not hasattr(package, thing)] == []


# --- the pinned packages ---


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def pins() -> dict[str, Requirement]:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    requirements = [Requirement(line.split(" #")[0]) for line in lines if line[:1].isalnum()]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


NEWEST = {"python_version": "3.14", "sys_platform": "linux"}


def test_every_requirement_is_one_plain_version() -> None:
    for requirement in pins().values():
        assert re.fullmatch(r"==[\w.]+", str(requirement.specifier)), requirement
        assert requirement.url is None


def test_python_3_14_takes_no_package_that_has_no_wheel_for_it() -> None:
    left_out = {name for name, pin in pins().items() if pin.marker and not pin.marker.evaluate(NEWEST)}
    assert left_out == {"hmmlearn"}
    wanted = map(Requirement, project()["optional-dependencies"]["dev"])
    assert "hmmlearn" not in {one.name for one in wanted if not one.marker or one.marker.evaluate(NEWEST)}


def test_pins_lie_in_the_ranges_of_pyproject() -> None:
    extras = project()["optional-dependencies"]
    for wanted in map(Requirement, project()["dependencies"] + extras["dev"] + extras["book"]):
        pin = pins()[canonicalize_name(wanted.name)]
        (version,) = (specifier.version for specifier in pin.specifier)
        assert wanted.specifier.contains(version), f"{pin} is outside of {wanted}"


def test_one_version_number() -> None:
    version = project()["version"]
    assert f"version: {version}" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


# --- how printed outputs are compared ---


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("loss 0.34567", "loss 0.34567"),
        ("loss 0.345671", "loss 0.345672"),
        ("deviation 2.220e-16", "deviation 3.331e-16"),
        ("[[0.1234, 0.8766]]", "[[0.1235, 0.8765]]"),
        ("1.00001 -0.5", "0.99999 -0.5"),
        ("| 9.9999 |", "| 10.0001 |"),
    ],
)
def test_noise_in_the_last_digits_is_tolerated(old: str, new: str) -> None:
    assert OutputText(old) == OutputText(new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("accuracy 0.873", "accuracy 0.863"),
        ("accuracy 0.873", "precision 0.873"),
        ("1000 sequences", "1001 sequences"),
        ("checked 1000.", "checked 1001."),
        ("0.5 and 0.25", "0.5"),
        ("-0.25", "0.25"),
        ("version 1.2.3", "version 1.2.4"),
        ("nan", "0.0"),
        ("deviation 2.2e-16", "deviation 2.2e-3"),
    ],
)
def test_a_changed_digit_word_or_integer_is_caught(old: str, new: str) -> None:
    assert OutputText(old) != OutputText(new)


# --- the book's extension ---


@pytest.mark.parametrize(
    "element",
    [
        '<script src="https://example.org/x.js"></script>',
        '<img alt="a" src="//example.org/x.png">',
        '<link rel="stylesheet" href="https://example.org/x.css">',
        '<link href="https://example.org/x.css" rel="stylesheet">',
        "<style>@import url(https://example.org/x.css)</style>",
    ],
)
def test_what_a_page_loads_from_another_host_is_seen(element: str) -> None:
    assert LOADS_ELSEWHERE.search(element)


@pytest.mark.parametrize(
    "element",
    [
        '<a href="https://example.org">read more</a>',
        '<script src="_static/x.js"></script>',
        '<link rel="canonical" href="https://example.org/">',
    ],
)
def test_links_and_own_files_are_no_fault(element: str) -> None:
    assert not LOADS_ELSEWHERE.search(element)


@pytest.mark.parametrize("ending", ["", "/", ".git", ".git/", "//"])
def test_the_repository_address_comes_from_the_environment(
    ending: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REPOSITORY_URL", "https://example.org/book" + ending)
    assert repository_url(tmp_path) == "https://example.org/book"
    monkeypatch.delenv("REPOSITORY_URL")
    assert repository_url(tmp_path) == ""


@pytest.mark.parametrize(
    ("repository", "hub", "buttons"),
    [
        (
            "https://example.org/book",
            "https://hub.example.org/",
            {"a": 1, "binderhub_url": "https://hub.example.org"},
        ),
        ("https://example.org/book", "", {"a": 1}),
        ("", "https://hub.example.org", None),
    ],
)
def test_chapters_run_on_binder_where_there_is_one(
    repository: str, hub: str, buttons: dict | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REPOSITORY_URL", repository)
    monkeypatch.setenv("BINDERHUB_URL", hub)
    options = {"launch_buttons": {"a": 1}}
    configure(
        SimpleNamespace(srcdir=tmp_path), SimpleNamespace(html_theme_options=options, nb_execution_mode="off")
    )
    assert options.get("launch_buttons") == buttons
