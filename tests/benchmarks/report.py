"""The comparisons of a result in one list, and that list as a table to read in a terminal."""

from __future__ import annotations

from typing import Any

RIVALS = {
    "dynamax": "dynamax, jitted, float32, smoothed only",
    "hmmlearn_log": "hmmlearn ('log', its default), smoothed only",
    "hmmlearn_scaling": "hmmlearn ('scaling'), smoothed only",
}


def comparisons(result: dict[str, Any]) -> list[dict[str, Any]]:
    """List what was compared with what.

    Args:
        result: The measurements, as `tests.benchmarks.__main__` makes them.

    Returns:
        One entry per comparison: the task, the other program, and how many times as long as hmmlib it
        takes (median, min and max of the repetitions).
    """
    inference, sampling = result["config"]["inference"], result["config"]["sampling"]
    text = f"{inference['sequences']:,} × {inference['length']} tokens, H = {inference['n_states']}"
    corpus = f"{sampling['sequences']:,} × {sampling['length']:,} tokens, H = {sampling['n_states']}"
    rows = [
        {
            "task": f"smoothed posteriors and all conditionals, {text}",
            "other": label,
            "ratio": result["inference"]["ratio_per_token"][name],
        }
        for name, label in RIVALS.items()
    ]
    rows.append(
        {
            "task": f"sampling text, {corpus}",
            "other": "hmmlearn, per token",
            "ratio": result["sampling"]["ratio_per_token"]["hmmlearn"],
        }
    )
    fitting = result["config"]["fitting"]
    fitted = f"{fitting['sequences']:,} × {fitting['length']} tokens, H = {fitting['n_states']}"
    rows.extend(
        {
            "task": f"{fitting['iterations']} iterations of Baum–Welch, {fitted}",
            "other": RIVALS[name].removesuffix(", smoothed only"),
            "ratio": ratio,
        }
        for name, ratio in result["fitting"]["ratio"].items()
    )
    one = result["config"]["one_text"]
    rows.append(
        {
            "task": f"sampling one text of {one['tokens']:,} tokens, H = {one['n_states']}",
            "other": "hmmlearn",
            "ratio": result["sampling"]["one_text"]["ratio"]["hmmlearn"],
        }
    )
    rows.extend(
        {
            "task": f"memory-augmented inference, N = {run['n_cells']}, |M| = {run['n_values']}, "
            f"|S| = {run['n_syntax']}, temperature {run['temperature']:g}",
            "other": f"hmmlib, flattened to {run['flat_states']} states",
            "ratio": run["ratio"],
        }
        for run in result["memory_hmm"]
    )
    blocked = result["blocked"]["beside_dense"]
    rows.append(
        {
            "task": f"log-probabilities of {blocked['tokens']:,} words, H = {blocked['n_states']:,} in "
            f"{blocked['n_classes']} classes",
            "other": "hmmlib, the same HMM without blocks",
            "ratio": blocked["ratio"],
        }
    )
    return rows


def table(result: dict[str, Any]) -> str:
    """Write the result out for a terminal.

    Args:
        result: As for `comparisons`, with them in it.

    Returns:
        Several lines.
    """
    machine = result["provenance"]["machine"]
    corpus, memory = result["sampling"]["corpus"], result["growth"]["memory"]["bytes_per_number"]
    lines = ["How many times as long as hmmlib the other takes: median (smallest – largest)", ""]
    for row in result["comparisons"]:
        ratio = row["ratio"]
        lines.append(f"{ratio['median']:9.3g}  ({ratio['min']:.3g} – {ratio['max']:.3g})  {row['other']}")
        lines.append(f"           {row['task']}")
    lines += ["", "Largest deviation from hmmlib, and texts off by more than 0.001 somewhere"]
    for kind, found in result["inference"]["accuracy"].items():
        lines += [
            f"{part['largest']:9.1e}  {part['share_of_sequences_off']:7.2%}  {name}, {kind} text"
            for name, part in found.items()
        ]
    lines += [
        "",
        f"Corpus: {corpus['seconds']:.3g} s, {corpus['tokens_per_second']:.3g} tokens/s, "
        f"peak memory {corpus['peak_gib']:.3g} GiB",
        "Growth of inference: "
        + ", ".join(
            f"{axis}^{found['fit']['exponent']:.2f}" for axis, found in result["growth"]["time"].items()
        ),
        "Bytes per number of the table: "
        + ", ".join(f"{axis} {value:.3g}" for axis, value in memory.items()),
        "",
        "Forward pass of blocked HMMs, words per second: "
        + ", ".join(
            f"H = {run['n_states']:,}: {run['words_per_second']:,.0f}" for run in result["blocked"]["forward"]
        ),
        "",
        "Cells of the experiments, one thread: processor seconds, of which in each part",
        *(line for cell in result["cells"] for line in _cell(cell)),
        "",
        f"{machine['cpu']}, {machine['cores']} cores, load at start {machine['load_at_start'][0]}; "
        f"{result['provenance']['wall_seconds']:.0f} s in all",
    ]
    return "\n".join(lines)


def _cell(cell: dict[str, Any]) -> list[str]:
    point = ", ".join(f"{name} {value}" for name, value in cell["point"].items())
    laps = ", ".join(f"{name} {seconds:.1f}" for name, seconds in cell["cpu_seconds"].items())
    right = ", ".join(f"{name} {100 * share:.1f}" for name, share in cell["accuracy"].items())
    return [
        f"{cell['cpu_seconds_in_all']:9.1f}  {cell['experiment']}, {cell['preset']}, {point}: {laps}",
        f"           labels right (%): {right}; KL {cell['kl']:.4g}",
    ]
