"""The picture of a comparison: CPU by engine and workload, as an SVG that is the same for the same
figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.benchmarks.flink_results import Results, costs
from tests.benchmarks.flink_tables import WORKLOADS


@dataclasses.dataclass(frozen=True)
class Bar:
    """An engine's CPU seconds a million, and how many times the reference that is."""

    name: str
    cpu: float
    ratio: float | None


def bars(results: Results, names: Mapping[str, str], reference: str) -> dict[str, list[Bar]]:
    """By the title of each workload that was measured, the cheapest first."""
    found = {}
    for workload, title in WORKLOADS.items():
        of_engines = costs(results, workload)
        base = [one.cpu_a_million for one in of_engines if one.engine == reference]
        if of_engines:
            found[title] = sorted(
                (
                    Bar(
                        names.get(one.engine, one.engine),
                        one.cpu_a_million,
                        one.cpu_a_million / base[0] if base and base[0] else None,
                    )
                    for one in of_engines
                ),
                key=lambda bar: bar.cpu,
            )
    return found


def draw(by_title: Mapping[str, Sequence[Bar]], reference: str, path: Path) -> None:
    """Writes the SVG; `reference` is the name of the bar that the others are compared with."""
    # Imported here: whoever only measures need not have it.
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context():
        mpl.rcParams["svg.hashsalt"] = "kamiflow"
        mpl.rcParams["svg.fonttype"] = "none"
        mpl.rcParams["font.size"] = 9
        sizes = [len(one) for one in by_title.values()]
        height = 0.35 * sum(sizes) + 0.9 * len(sizes)
        figure = Figure(figsize=(8, height), layout="constrained")
        ratios_of_heights = {"height_ratios": sizes}
        plots = figure.subplots(len(sizes), 1, squeeze=False, gridspec_kw=ratios_of_heights)
        for (title, found), plot in zip(by_title.items(), plots[:, 0], strict=True):
            colours = ["#b0553a" if bar.name == reference else "#3a6ea5" for bar in found]
            drawn = plot.barh([bar.name for bar in found], [bar.cpu for bar in found])
            for patch, colour in zip(drawn, colours, strict=True):
                patch.set_facecolor(colour)
            ratios = ["" if bar.ratio is None else f" ({bar.ratio:.2f})" for bar in found]
            labels = [f"{bar.cpu:.1f}{told}" for bar, told in zip(found, ratios, strict=True)]
            plot.bar_label(drawn, labels, padding=3)
            plot.set_xscale("log")
            plot.margins(x=0.2)
            plot.invert_yaxis()
            plot.set_title(title, loc="left")
        plots[-1, 0].set_xlabel("CPU seconds a million records (ratio to Flink SQL)")
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None})
