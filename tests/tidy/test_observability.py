"""docs/observability.md names what shim and manifests really have, all of it and nothing else."""

import json
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
SERIES = (ROOT / "mesh" / "shim" / "series.zig").read_text(encoding="utf-8")
SEEN = (ROOT / "mesh" / "shim" / "seen.zig").read_text(encoding="utf-8")
BASE = ROOT / "mesh" / "manifests" / "base"
STAT_TAGS = "sidecar.istio.io/extraStatTags"


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def names_in(cell: str) -> tuple[str, ...]:
    return tuple(re.findall(r"`([^`]+)`", cell))


def rows(text: str) -> list[list[str]]:
    """The cells of each row of the tables in `text`, heads and rules left out."""
    table = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def documented() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Type and labels of each metric, as the page has them."""
    return {
        names_in(name)[0]: (kind, names_in(labels))
        for name, kind, labels, _ in rows(section("Metrics"))
    }


def defined() -> dict[str, tuple[str, tuple[str, ...]]]:
    """The same, as the shim's templates have them."""
    templates = SERIES.split("const templates")[1].split("\n});")[0]
    histograms = SERIES.split("fn isHistogram")[1].split("}")[0]
    found = {}
    for template in re.split(r"\n    (?=\.)", templates)[1:]:
        name = re.search(r'"(meshward_\w+)"', template)
        if name:
            member = template.split(" = ")[0]
            kind = "histogram" if re.search(rf"{re.escape(member)}\b", histograms) else "counter"
            found[name[1]] = (kind, tuple(re.findall(r'label\("(\w+)"', template)))
    return found


def test_every_metric_stands_on_the_page_with_its_type_and_labels() -> None:
    assert len(defined()) == 7
    assert documented() == defined()


def test_the_sample_workload_asks_for_every_label() -> None:
    resources = list(yaml.safe_load_all((BASE / "workload.yaml").read_text()))
    (workload,) = (each for each in resources if each["kind"] == "Deployment")
    tags = workload["spec"]["template"]["metadata"]["annotations"][STAT_TAGS].split(",")
    assert set(tags) == {label for _, labels in defined().values() for label in labels}
    assert len(tags) == len(set(tags))


def test_queries_ask_for_metrics_and_labels_that_there_are() -> None:
    queries = section("Metrics").split("```promql")[1].split("```")[0]
    asked = re.findall(r"(meshward_\w+?)(_bucket|_sum|_count)?[\[{]", queries)
    assert {name for name, _ in asked} <= set(defined())
    assert all(defined()[name][0] == "histogram" for name, suffix in asked if suffix)
    labels = {label for _, known in defined().values() for label in known} | {"le"}
    by = {name for each in re.findall(r"by \(([^)]*)\)", queries) for name in each.split(", ")}
    matched = set(re.findall(r'(\w+)="', queries))
    assert by | matched <= labels


def test_the_page_tells_how_many_series_there_may_be() -> None:
    places = 1 << int(re.search(r"places_log2 = (\d+)", SERIES)[1])  # type: ignore[index]
    assert "series_max = places_max / 4 * 3" in SERIES
    assert f"beyond the {places // 4 * 3} that" in PAGE


def test_every_field_of_the_access_log_stands_on_the_page() -> None:
    manifest = yaml.safe_load((BASE / "accesslog.yaml").read_text())
    (patch,) = manifest["spec"]["configPatches"]
    (log,) = patch["patch"]["value"]["typed_config"]["access_log"]
    fields = set(log["typed_config"]["log_format"]["json_format"])
    first_table = section("Access log").split("```json")[0]
    assert {name for row in rows(first_table) for name in names_in(row[0])} == fields


def test_every_member_of_the_object_stands_on_the_page_and_in_its_example() -> None:
    text = section("Access log").split("```json\n")[1]
    example, rest = text.split("\n```\n", 1)
    members = set(re.findall(r'member\("(\w+)"', SERIES)) | set(re.findall(r'\\"(\w+)\\":', SEEN))
    own = members - {"deny-pattern"}
    assert set(json.loads(example)) == own
    assert {name for row in rows(rest) for name in names_in(row[0])} == own
