"""What imports what, read from the code: the pictures of the rooms in the developer guide."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "skretrain"
# What the whole library may use (the last three), and what may use the whole library.
LEFT_OUT = {"__init__", "__main__", "datasets"}


def _imported_rooms(path, depth):
    """Yield the rooms that a module so deep below their package imports from."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == depth:
            names = [node.module] if node.module else [alias.name for alias in node.names]
            yield from (name.partition(".")[0] for name in names)


def imports(folder=""):
    """Return the rooms that each room of the library, or of one folder of it, imports from."""
    found, package = {}, PACKAGE / folder
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).parts
        room = parts[0].removesuffix(".py")
        if room not in LEFT_OUT and path.name != "estimator_checks.py":
            used = found.setdefault(room, set())
            used |= {name for name in _imported_rooms(path, len(parts)) if name != room}
    return {room: used & found.keys() for room, used in found.items()}


def levels(graph):
    """Return the rooms in rows, the lowest first: each imports from rows below only."""
    rows, placed = [], set()
    while len(placed) < len(graph):
        row = sorted(room for room in graph.keys() - placed if graph[room] <= placed)
        if not row:
            raise ValueError(f"{sorted(graph.keys() - placed)} import each other in a circle.")
        rows.append(row)
        placed |= set(row)
    return rows


def direct(graph):
    """Return the arrows without those that others imply."""

    def reached(room):
        return graph[room].union(*(reached(below) for below in graph[room]))

    return {
        room: {below for below in used if all(below not in reached(o) for o in used - {below})}
        for room, used in graph.items()
    }
