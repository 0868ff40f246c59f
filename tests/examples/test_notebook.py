"""The notebook runs from top to bottom, and was executed before it was committed."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "examples" / "notebook.ipynb"


def test_its_outputs_are_kept() -> None:
    cells = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == [*range(1, len(cells) + 1)]
    assert all(cell.outputs for cell in cells)
    assert {output.output_type for cell in cells for output in cell.outputs} <= {"execute_result", "stream"}
    assert all(output.get("name") != "stderr" for cell in cells for output in cell.outputs)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_it_runs_from_top_to_bottom() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
    kept = {cell.id: cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells}
    for cell in notebook.cells:
        outputs = [output for output in cell.get("outputs", []) if output.get("name") != "stderr"]
        assert len(outputs) == len(kept[cell.id].get("outputs", []))
