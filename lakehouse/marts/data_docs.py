"""Data Docs: the results of Great Expectations in the last builds, as pages that open without internet.

The results of a build's own validation are kept as JSON in the home, so that making pages validates nothing. Great
Expectations renders them; its pages load styles, scripts and a tracking logo from the internet, so these are removed
and a small stylesheet of our own replaces them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from lakehouse.marts import warm_process
from lakehouse.settings import Settings

#: Failing rows that are shown for each check.
SAMPLE_ROWS = 10
#: Builds whose results are kept: about 2 KB a mart and build.
BUILDS_KEPT = 10

#: Icon of Great Expectations' pages → status; the icons themselves are a font from the internet.
ICONS = {"check-circle": ("pass", "✓"), "times": ("fail", "✗"), "exclamation-triangle": ("error", "!")}

#: Style of our pages and of the classes in Great Expectations' pages (Bootstrap's names).
STYLE = """
:root { color-scheme: light dark; --line: #d5d9df; --soft: #f3f5f7; --good: #1a7f37; --bad: #c62828; --warn: #9a6700 }
@media (prefers-color-scheme: dark) {
  :root { --line: #3d444d; --soft: #1c2128; --good: #57ab5a; --bad: #f47067; --warn: #c69026 }
}
* { box-sizing: border-box }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 76rem; padding: 1rem }
h1, h2, h4 { line-height: 1.2; margin: 1.2rem 0 .5rem } h5, h6 { font-size: 1rem; margin: 0 }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .6rem; text-align: left; vertical-align: top }
thead th { background: var(--soft) } td.number { text-align: right; font-variant-numeric: tabular-nums }
.alert { background: var(--soft); border-left: 4px solid var(--line); padding: .6rem .9rem; margin: 1rem 0 .5rem }
.breadcrumb { display: flex; gap: .6rem; list-style: none; padding: 0 } .breadcrumb li + li::before { content: "/ " }
.table-responsive { overflow-x: auto } .lead { margin: .2rem 0 }
.pass, .text-success { color: var(--good) } .fail, .error, .text-danger { color: var(--bad) }
.warn, .text-warning { color: var(--warn) } .pass, .fail, .error, .warn { font-weight: 600 }
pre, code { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .85rem }
"""


def kept_path(settings: Settings, build_id: str) -> Path:
    """Where the results of a build's validation are kept; names sort by time."""
    return settings.root / "checks" / f"{build_id}.json"


def keep(path: Path, validated: Mapping[str, Sequence[Any]]) -> None:
    """Keep the results of one build, and drop those of all but the last `BUILDS_KEPT`.

    Args:
        path: from `kept_path`.
        validated: mart → Great Expectations' result for each of its expectations.
    """
    suites = {mart: [_bounded(result.to_json_dict()) for result in results] for mart, results in validated.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"validated_at": datetime.now(UTC).isoformat(timespec="seconds"), "suites": suites}))
    fresh.replace(path)
    for old in sorted(path.parent.glob("*.json"))[:-BUILDS_KEPT]:
        old.unlink()


def _bounded(result: dict[str, Any]) -> dict[str, Any]:
    """A result with at most as many failing rows as are shown."""
    details = (result.get("result") or {}).get("details") or {}
    if "unexpected_rows" in details:
        details["unexpected_rows"] = details["unexpected_rows"][:SAMPLE_ROWS]
    return result


def write_pages(settings: Settings, folder: Path, home: str) -> list[tuple[str, str, dict[str, bool]]]:
    """Write a page for each mart of each build whose results are kept.

    Args:
        settings: of the home.
        folder: gets a folder for each build.
        home: start page that the pages link to, relative to them.

    Returns:
        build_id, instant of validation and mart → success, newest first; empty where no results are kept.

    Raises:
        TerminalError: Great Expectations cannot show what is kept.
    """
    kept = sorted((settings.root / "checks").glob("*.json"), reverse=True)
    if not kept:
        return []
    call = f"{__name__}:render"
    written = warm_process.call(call, kept=[str(path) for path in kept], folder=str(folder), home=home)
    return [(build_id, at, outcomes) for build_id, at, outcomes in written]


def render(kept: Sequence[str], folder: str, home: str) -> list[tuple[str, str, dict[str, bool]]]:
    """What `write_pages` asks of the process that has imported Great Expectations."""
    builds = []
    for path in map(Path, kept):
        document = json.loads(path.read_text())
        target = Path(folder) / path.stem
        target.mkdir(parents=True, exist_ok=True)
        outcomes = {}
        for mart, results in document["suites"].items():
            outcomes[mart] = all(result["success"] for result in results)
            page = _page(path.stem, document["validated_at"], mart, results, home)
            (target / f"{mart}.html").write_text(page)
        builds.append((path.stem, document["validated_at"], outcomes))
    return builds


def _page(build_id: str, at: str, mart: str, results: list[dict[str, Any]], home: str) -> str:
    from great_expectations.core.expectation_validation_result import (
        ExpectationSuiteValidationResult,
        ExpectationValidationResultSchema,
    )
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view.view import DefaultJinjaPageView

    passed = sum(bool(result["success"]) for result in results)
    suite = ExpectationSuiteValidationResult(
        success=passed == len(results),
        results=[ExpectationValidationResultSchema().load(result) for result in results],
        suite_name=mart,
        statistics={
            "evaluated_expectations": len(results),
            "successful_expectations": passed,
            "unsuccessful_expectations": len(results) - passed,
            "success_percent": 100 * passed / len(results) if results else None,
        },
        meta={"run_id": {"run_name": build_id, "run_time": at}, "validation_time": at},
    )
    view: Any = DefaultJinjaPageView()  # untyped
    return offline(view.render(ValidationResultsPageRenderer().render(suite)), home, _failing(results))


def offline(html: str, home: str, more: str = "") -> str:
    """A page of Great Expectations without anything from the internet, with our stylesheet, and `more` at its end."""
    body = re.sub(r"(?s)^.*?<body[^>]*>|</body>.*$", "", html)
    body = re.sub(r"(?is)<(script|style|footer|img|link|iframe)\b(?:.*?</\1>|[^>]*>)", "", body)
    # Parts that need scripts: the actions, the table of contents, and the toggle of content that is always shown here.
    body = re.sub(r'(?s)<div class="sticky">.*?(?=<div class="col-md-10)', "</div>", body)
    body = re.sub(r'(?s)<p class="m-0">\s*<a data-toggle="collapse".*?</p>', "", body)
    body = re.sub(r' on[a-z]+="[^"]*"', "", body)
    body = re.sub(r'href="[^"#]*index\.html"', f'href="{escape(home)}"', body)
    body = re.sub(r'(?s)<a href="[^"]*expectations/[^"]*"\s*>(.*?)</a>', r"\1", body)
    body = re.sub(r'(?s)<a [^>]*href="https?://[^"]*"[^>]*>.*?</a>', "", body)
    for icon, (status, sign) in ICONS.items():
        body = re.sub(rf'<i class="fas fa-{icon}\b[^>]*></i>', f'<span class="{status}">{sign} {status}</span>', body)
    return html_page("Data Docs", body + more)


def html_page(title: str, body: str, style: str = "") -> str:
    """A self-contained HTML page.

    Args:
        title: text.
        body: HTML.
        style: CSS of this page, after the stylesheet that all pages share.
    """
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{escape(title)}</title><style>{STYLE}{style}</style></head>'
        f"<body>{body}</body></html>\n"
    )


def html_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table of text; numbers are set to the right."""

    def cell(value: object) -> str:
        kind = ' class="number"' if isinstance(value, int | float) else ""
        return f"<td{kind}>{'' if value is None else escape(str(value))}</td>"

    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    lines = "".join(f"<tr>{''.join(cell(value) for value in row)}</tr>" for row in rows)
    return f'<div class="table-responsive"><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>'


def rows_table(rows: Sequence[Mapping[str, object]]) -> str:
    """Failing rows as a table."""
    header = list(rows[0])
    return html_table(header, [[row.get(name) for name in header] for row in rows])


def _failing(results: Sequence[dict[str, Any]]) -> str:
    parts = []
    for result in results:
        if result["success"]:
            continue
        config = result["expectation_config"]
        rows = ((result.get("result") or {}).get("details") or {}).get("unexpected_rows") or []
        parts.append(f"<h4>{escape(str(config.get('description')))}</h4>")
        parts.append(f"<pre>{escape(str(config['kwargs'].get('unexpected_rows_query')))}</pre>")
        parts.append(rows_table(rows) if rows else "<p>It could not run.</p>")
    if not parts:
        return ""
    return f"<h2>Failing rows</h2><p>The first {SAMPLE_ROWS} of each expectation.</p>{''.join(parts)}"
