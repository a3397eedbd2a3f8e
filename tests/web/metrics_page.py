"""The table of docs/metrics.md, made from the names in the code: `python -m tests.web.metrics_page` writes it anew."""

from pathlib import Path

from syncd.service.web.metric_names import METRICS

PAGE = Path(__file__).parents[2] / "docs/metrics.md"
BEGIN, END = "<!-- the table is made from the code -->\n", "<!-- end of the table -->\n"


def page() -> str:
    """The page with the table as it should be."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    lines = ["| metric | kind | labels | meaning |", "|---|---|---|---|"]
    for metric in METRICS:
        labels = ", ".join(f"`{label}`" for label in metric.labels) or "-"
        lines.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.about} |")
    return before + BEGIN + "\n".join(lines) + "\n" + END + after


if __name__ == "__main__":
    PAGE.write_text(page())
