"""Figures of the report as inline SVG; colours come from the page, so that they suit light and dark."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt

__all__ = ["Panel", "bars", "picture", "rasters"]

Array = npt.NDArray[np.generic]

WIDTH = 480
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 20, 30
MOST_MARKS = 20_000
"""Marks of a panel; above it only every n-th neuron is drawn, and the panel says so."""

MOST_STEPS_APART = 120
"""Steps up to which every spike is a mark of its own."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """Activity of one population over the steps of a sample.

    Parameters
    ----------
    name
        What stands above it.
    values
        ``(steps, neurons)``: spikes or counts, or potentials where ``signed``.
    signed
        Drawn as a colour scale around zero instead of as marks.
    wrong
        ``(steps, neurons)``, true where model and hardware differ.
    """

    name: str
    values: Array
    signed: bool = False
    wrong: Array | None = None


def rasters(panels: Sequence[Panel]) -> str:
    """Panels side by side with the same axes: neurons upwards, steps to the right."""
    steps = max(panel.values.shape[0] for panel in panels)
    neurons = max(panel.values.shape[1] for panel in panels)
    height = int(np.clip(neurons * 6, 70, 260))
    total = len(panels) * WIDTH
    parts = [
        f'<svg viewBox="0 0 {total} {TOP + height + BOTTOM}" role="img" class="figure panels-{len(panels)}"'
        f' aria-label="{escape(", ".join(panel.name for panel in panels), {chr(34): "&quot;"})}">'
    ]
    for index, panel in enumerate(panels):
        parts.append(
            f'<g transform="translate({index * WIDTH} 0)">{raster(panel, steps, neurons, height)}</g>'
        )
    return "".join(parts) + "</svg>"


def raster(panel: Panel, steps: int, neurons: int, height: int) -> str:
    """One panel with its axes."""
    width = WIDTH - LEFT - RIGHT
    count = 0 if panel.signed else int(np.count_nonzero(panel.values))
    stride = max(1, -(-count // MOST_MARKS))
    scale = f"scale({width / steps:.5g} {-height / neurons:.5g})"
    title = panel.name + (f" (every {stride}. neuron)" if stride > 1 else "")
    parts = [
        f'<text x="{LEFT}" y="13" class="title">{escape(title)}</text>',
        f'<rect x="{LEFT}" y="{TOP}" width="{width}" height="{height}" class="frame"/>',
        axis_labels(steps, neurons, width, height),
        f'<g transform="translate({LEFT} {TOP + height}) {scale}">',
    ]
    if panel.wrong is not None:
        parts.append(marks(panel.wrong, "wrong", 1, width=max(1.0, neurons / 24)))
    parts.append(potentials(panel.values) if panel.signed else marks(panel.values, "mark", stride))
    return "".join(parts) + "</g>"


def axis_labels(steps: int, neurons: int, width: int, height: int) -> str:
    """Numbers of steps and neurons at round places."""
    parts = []
    for step in ticks(steps):
        x = LEFT + width * (step + 0.5) / steps
        parts.append(f'<text x="{x:.1f}" y="{TOP + height + 13}" text-anchor="middle">{step}</text>')
    for neuron in ticks(neurons):
        y = TOP + height - height * (neuron + 0.5) / neurons
        parts.append(f'<text x="{LEFT - 5}" y="{y + 3.5:.1f}" text-anchor="end">{neuron}</text>')
    parts.append(f'<text x="{LEFT + width / 2}" y="{TOP + height + 27}" text-anchor="middle">step</text>')
    y = TOP + height / 2
    parts.append(f'<text x="10" y="{y}" text-anchor="middle" transform="rotate(-90 10 {y})">neuron</text>')
    return "".join(parts)


def ticks(count: int, most: int = 8) -> range:
    """At most so many round numbers of 0..count-1."""
    for magnitude in (10**power for power in range(9)):
        for step in (magnitude, 2 * magnitude, 5 * magnitude):
            if count / step <= most:
                return range(0, count, step)
    return range(1)


def marks(values: Array, css: str, stride: int, width: float = 0.8) -> str:
    """A mark for every non-zero value; where they would be too narrow, runs become one stroke."""
    parts = []
    apart = values.shape[0] <= MOST_STEPS_APART
    for neuron in range(0, values.shape[1], stride):
        y = f"{neuron + 0.5:g}"
        if apart:
            parts += [f"M{step + 0.1:g} {y}h.8" for step in np.flatnonzero(values[:, neuron])]
            continue
        fired = np.concatenate([[False], values[:, neuron] != 0, [False]])
        edges = np.flatnonzero(fired[1:] != fired[:-1])
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            parts.append(f"M{start} {y}h{end - start}")
    return f'<path class="{css}" stroke-width="{width * stride:g}" d="{"".join(parts)}"/>'


def potentials(values: Array) -> str:
    """A cell for every potential, above zero in one colour, below in another, by strength."""
    reals = values.astype(np.float64)
    peak = max(float(np.abs(reals).max(initial=0)), 1e-12)
    parts = []
    for step, neuron in np.argwhere(reals):
        value = reals[step, neuron]
        css = "above" if value > 0 else "below"
        strength = f'class="{css}" opacity="{abs(value) / peak:.2f}"'
        parts.append(f'<rect x="{step}" y="{neuron}" width="1.02" height="1.02" {strength}/>')
    return "".join(parts)


def picture(values: Array) -> str:
    """Values ``(rows, columns)`` as shades, the first row on top."""
    rows, columns = values.shape
    peak = max(float(values.max(initial=0)), 1e-12)
    parts = [f'<svg viewBox="0 0 {columns} {rows}" role="img" class="figure picture">']
    for row, column in np.argwhere(values):
        shade = f'class="above" opacity="{float(values[row, column]) / peak:.2f}"'
        parts.append(f'<rect x="{column}" y="{row}" width="1.02" height="1.02" {shade}/>')
    return "".join(parts) + f'<rect width="{columns}" height="{rows}" class="frame" stroke-width=".2"/></svg>'


def bars(rows: Sequence[tuple[str, float, str]]) -> str:
    """Horizontal bars: name, length and what stands behind it."""
    peak = max((value for _, value, _ in rows), default=0) or 1.0
    height = 22 * len(rows) + 4
    parts = [f'<svg viewBox="0 0 720 {height}" role="img" class="figure bars">']
    for index, (name, value, text) in enumerate(rows):
        y = 22 * index + 4
        length = max(1.0, 330 * value / peak)
        parts.append(
            f'<text x="218" y="{y + 12}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="226" y="{y}" width="{length:.1f}" height="16" class="bar"/>'
            f'<text x="{232 + length:.1f}" y="{y + 12}">{escape(text)}</text>'
        )
    return "".join(parts) + "</svg>"
