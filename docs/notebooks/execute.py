"""Executes the notebooks beside this file, each in a fresh kernel. Called by `run`."""

import re
import sys
import time
from pathlib import Path
from queue import Empty

import nbformat
from jupyter_client.manager import start_new_kernel

CELL_SECONDS = 1800  # the first cell may have to build the crate and its dependencies
MARK = "end of the cell"
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def execute(client, code):
    """The outputs of one cell: streams joined, then results and errors.

    evcxr hands text over in threads of its own, and may say that it is idle before the last of it, or of a panic's message, has come.
    So a second cell prints a mark on both streams, and everything before the marks belongs to the first.
    """
    requests = {client.execute(code), client.execute(f'println!("{MARK}"); eprintln!("{MARK}");')}
    streams, others = {"stdout": "", "stderr": ""}, []
    deadline = time.monotonic() + CELL_SECONDS
    while not all(text.endswith(MARK + "\n") for text in streams.values()):
        if time.monotonic() > deadline:
            others.append(nbformat.v4.new_output("error", ename="Timeout", evalue=f"no end after {CELL_SECONDS} s", traceback=[]))
            break
        try:
            message = client.get_iopub_msg(timeout=1)
        except Empty:
            if not client.is_alive():
                raise SystemExit("the kernel died")
            continue
        if message["parent_header"].get("msg_id") not in requests:
            continue
        kind, content = message["msg_type"], message["content"]
        if kind == "stream":
            streams[content["name"]] += content["text"]
        elif kind in ("execute_result", "display_data") and content["data"].get("text/plain") != "()":
            others.append(nbformat.v4.new_output("display_data", data=content["data"]))
        elif kind == "error":
            others.append(nbformat.v4.output_from_msg(message))
    texts = {name: text.removesuffix(MARK + "\n") for name, text in streams.items()}
    return [nbformat.v4.new_output("stream", name=name, text=text) for name, text in texts.items() if text.strip()] + others


def complaint(outputs):
    """What went wrong in a cell. A panic or a `?` that fails is to evcxr only text on stderr, so no text is allowed there."""
    for output in outputs:
        if output.output_type == "error":
            return "\n".join(output.traceback or [output.evalue])
        if output.output_type == "stream" and output.name == "stderr":
            return output.text
    return None


def run(path, update):
    committed = nbformat.read(path, as_version=4)
    fresh = nbformat.from_dict(committed)
    started = time.monotonic()
    manager, client = start_new_kernel(kernel_name="rust", cwd=str(path.parent), startup_timeout=300)
    failures = []
    try:
        count = 0
        for cell in fresh.cells:
            if cell.cell_type != "code":
                continue
            count += 1
            before = cell.outputs
            cell.outputs, cell.execution_count, cell.metadata = execute(client, cell.source), count, {}
            wrong = complaint(cell.outputs)
            if wrong:
                failures.append(f"cell {count} failed:\n{cell.source}\n--\n{ANSI.sub('', wrong)}")
                break  # the cells after it would fail for want of it
            if not update and cell.outputs != before:
                failures.append(f"cell {count} gives another output than the committed one (if that is right: run --update):\n{cell.source}\n-- committed\n{before}\n-- now\n{cell.outputs}")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    print(f"{path.name}: {count} cells in {time.monotonic() - started:.0f} s, {'failed' if failures else 'good'}")
    for failure in failures:
        print(f"{path.name}: {failure}", file=sys.stderr)
    if update and not failures:
        fresh.metadata = {
            "kernelspec": {"display_name": "Rust", "language": "rust", "name": "rust"},
            "language_info": {"name": "rust", "file_extension": ".rs", "mimetype": "text/rust"},
        }
        nbformat.write(fresh, path)
    return not failures


def main():
    update = sys.argv[1:] == ["--update"]
    if sys.argv[1:] and not update:
        raise SystemExit("usage: run [--update]")
    notebooks = sorted(Path(__file__).resolve().parent.glob("*.ipynb"))
    results = [run(path, update) for path in notebooks]
    if not results or not all(results):
        raise SystemExit(1)


main()
