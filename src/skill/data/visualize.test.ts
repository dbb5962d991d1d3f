/** The report is read back as a browser would: its tables, texts and charts are compared with the raw file. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { parseHTML } from "linkedom";
import { createHarness, type Harness, runSkill } from "../../../test/skill-harness.ts";
import type { Json } from "../../json.ts";
import { analyze } from "./analyze.ts";
import { type CollectOutput, collect } from "./collect.ts";
import { exact, label, percent, rounded } from "./display.ts";
import { coefficient, pairSentence } from "./highlights.ts";
import { type VisualizeOutput, visualize } from "./visualize.ts";

const folder = mkdtempSync(join(tmpdir(), "muster-visualize-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const SAMPLE = "samples/data/seattle-weather.csv";
const UNITS = { precipitation: "mm", temp_max: "°C", temp_min: "°C", wind: "m/s" };

/** The little of a document that is looked at here; the compiler knows no DOM in this project. */
interface Node {
	readonly id: string;
	readonly textContent: string | null;
	readonly attributes: Iterable<{ name: string; value: string }>;
	getAttribute(name: string): string | null;
	querySelector(selector: string): Node | null;
	querySelectorAll(selector: string): Iterable<Node>;
}
type Document = Pick<Node, "querySelector" | "querySelectorAll">;

interface Report {
	html: string;
	document: Document;
	output: VisualizeOutput;
	svgs: string[];
	harness: Harness;
}

async function reported(
	source: string,
	more: { visualize?: object; analyze?: object; collect?: object } = {},
): Promise<Report> {
	const harness = createHarness();
	const collected = (await runSkill(collect, { source, ...more.collect }, harness)) as unknown as CollectOutput;
	const analyses = await runSkill(analyze, { table: collected, ...more.analyze }, harness);
	const output = (await runSkill(
		visualize,
		{ table: collected, analyses, ...more.visualize },
		harness,
	)) as unknown as VisualizeOutput;
	const html = await harness.artifacts.text(output.report);
	const svgs = await Promise.all(output.charts.map((chart) => harness.artifacts.text(chart)));
	return { html, document: (parseHTML(html) as unknown as { document: Document }).document, output, svgs, harness };
}

let files = 0;
function csv(text: string): string {
	const path = join(folder, `${++files}.csv`);
	writeFileSync(path, text);
	return path;
}

const sample = reported(SAMPLE, {
	collect: { units: UNITS },
	visualize: { source: "NOAA, public domain", title: "Weather" },
});

const raw = readFileSync(SAMPLE, "utf8")
	.trim()
	.split("\n")
	.map((line) => line.split(","));
const names = raw[0] ?? [];
const column = (name: string): string[] => raw.slice(1).map((row) => row[names.indexOf(name)] ?? "");
const average = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The full figures of a section's n-th table: per line, its texts and the machine-readable values. */
function tableOf(document: Document, section: string, index: number): { texts: string[]; values: number[] }[] {
	const table = [...document.querySelectorAll(`#${section} table`)][index];
	assert.ok(table, `${section} has no table ${index}`);
	return [...table.querySelectorAll("tbody tr")].map((line) => ({
		texts: [...line.querySelectorAll("th, td:not(.n)")].map((cell) => cell.textContent ?? ""),
		values: [...line.querySelectorAll("data")].map((data) => Number(data.getAttribute("value"))),
	}));
}

const close = (actual: number | undefined, expected: number, what: string) =>
	assert.ok(
		Math.abs((actual ?? Number.NaN) - expected) <= 1e-9 * Math.max(1, Math.abs(expected)),
		`${what}: ${actual}, ${expected}`,
	);

function quantile(values: number[], p: number): number {
	const ascending = [...values].sort((a, b) => a - b);
	const at = (ascending.length - 1) * p;
	const low = ascending[Math.floor(at)] ?? 0;
	return low + (at - Math.floor(at)) * ((ascending[Math.ceil(at)] ?? 0) - low);
}

test("the figures of the numeric columns in the report are those of the raw file, in full", async () => {
	const { document } = await sample;
	const lines = tableOf(document, "distributions", 0);
	assert.deepEqual(
		lines.map(({ texts }) => texts),
		Object.entries(UNITS),
	);
	for (const { texts, values } of lines) {
		const numbers = column(texts[0] ?? "").map(Number);
		const mean = average(numbers);
		const deviation = Math.sqrt(numbers.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (numbers.length - 1));
		const [q1, median, q3] = [0.25, 0.5, 0.75].map((p) => quantile(numbers, p)) as [number, number, number];
		const expected = [numbers.length, Math.min(...numbers), q1, median, mean, q3, Math.max(...numbers), deviation];
		assert.equal(values.length, expected.length);
		for (const [index, value] of expected.entries()) close(values[index], value, `${texts[0]} ${index}`);
	}
});

test("the groups in the report are those of the raw file", async () => {
	const lines = tableOf((await sample).document, "groups", 0);
	assert.equal(lines.length, 20);
	for (const { texts, values } of lines) {
		const weather = column("weather");
		const inside = column(texts[0] ?? "")
			.map(Number)
			.filter((_, row) => weather[row] === texts[1]);
		const expected = [inside.length, average(inside), quantile(inside, 0.5), Math.min(...inside), Math.max(...inside)];
		for (const [index, value] of expected.entries()) close(values[index], value, `${texts.join(" ")} ${index}`);
	}
});

test("each extreme value in the report stands in the raw file on its row and day", async () => {
	const { document } = await sample;
	const captions = [...document.querySelectorAll("#outliers table caption")].map(
		(caption) => caption.textContent ?? "",
	);
	const extremes = captions.flatMap((caption, index) =>
		caption.includes(" of precipitation ") ? tableOf(document, "outliers", index) : [],
	);
	assert.equal(extremes.length, 10);
	for (const { texts, values } of extremes) {
		const row = (values[0] ?? 0) - 1;
		assert.equal(Number(column("precipitation")[row]), values[1]);
		assert.equal(column("date")[row], texts[0]);
	}
});

test("the highlights of the sample hold for its raw file", async () => {
	const { highlights } = (await sample).output;
	const text = highlights.join("\n");
	const weather = column("weather");
	const count = (kind: string) => weather.filter((value) => value === kind).length;
	assert.ok(text.includes(`“rain” (${count("rain")} of 1,461, ${((count("rain") / 1_461) * 100).toFixed(1)} %)`), text);
	const max = column("temp_max").map(Number);
	const sun = average(max.filter((_, row) => weather[row] === "sun"));
	assert.ok(text.includes(`“sun” (${sun.toFixed(2)} °C, n = ${count("sun")})`), text);
	const zero = column("precipitation").filter((value) => Number(value) === 0).length;
	assert.ok(text.includes(`${zero} of 1,461 values of precipitation`), text);
	const august = average(max.filter((_, row) => column("date")[row]?.slice(5, 7) === "08"));
	assert.ok(text.includes(`highest in August (mean ${august.toFixed(2)} °C)`), text);
	assert.ok(text.includes("No column shows a clear trend"), text);
});

test("the report needs nothing outside itself: no script, no address, no handler", async () => {
	const { html, document } = await sample;
	assert.doesNotMatch(html, /<script|<link|<iframe|<img|<object|<embed|<base|@import|javascript:/i);
	assert.doesNotMatch(html, /https?:|\/\/[a-z]/i);
	for (const element of document.querySelectorAll("*")) {
		for (const { name, value } of [...element.attributes]) {
			assert.doesNotMatch(name, /^on|src|srcset|data$/i);
			if (/href$/.test(name) || /url\(/.test(value)) assert.match(value, /^#|^url\(#/);
		}
	}
});

test("every link of the report leads to a place in it, and no id is used twice, not even by charts", async () => {
	const { document, html } = await sample;
	const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
	assert.equal(new Set(ids).size, ids.length);
	const targets = [...html.matchAll(/(?:href="#|url\(#)([^")]+)/g)].map(([, id]) => id ?? "");
	assert.ok(targets.length >= 8);
	for (const id of targets) assert.ok(ids.includes(id), `nothing is called ${id}`);
});

test("every chart has a title, axis titles with the units, and a caption", async () => {
	const { svgs, document, output } = await sample;
	assert.equal(output.figures, output.charts.length);
	assert.ok(svgs.length >= 15 && svgs.length <= 24);
	for (const svg of svgs) {
		assert.match(svg, /^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
		assert.match(svg, /role-title-text/);
		assert.equal(svg.match(/role-axis-title/g)?.length, 2);
		assert.doesNotMatch(svg, /NaN|undefined|<script/);
	}
	const text = svgs.join("\n");
	for (const [name, unit] of Object.entries(UNITS)) assert.ok(text.includes(`>${name} (${unit})<`), name);
	const figures = [...document.querySelectorAll("figure")];
	assert.equal(figures.length, svgs.length);
	for (const figure of figures) assert.match(figure.querySelector("figcaption")?.textContent ?? "", /\w.*\.$/);
});

test("the report says where the data is from, and what it holds", async () => {
	const { document } = await sample;
	const text = document.querySelector("#data")?.textContent ?? "";
	for (const part of [SAMPLE, "NOAA, public domain", "1,461", "2012-01-01 … 2015-12-31"])
		assert.ok(text.includes(part), part);
	assert.equal(document.querySelector("h1")?.textContent, "Weather");
});

test("the report of a fan-out is that of one analysis", async () => {
	const { harness, output } = await sample;
	const table = await runSkill(collect, { source: SAMPLE, units: UNITS }, harness);
	const part = (input: object) => runSkill(analyze, { table, ...input }, harness);
	const relations = await part({ aspects: ["correlations", "groups", "trends"] });
	const profiles = await Promise.all(names.map((name) => part({ columns: [name], aspects: ["profile"] })));
	const context = { ...harness.context, previous: [table, profiles.toReversed() as Json[], relations] };
	const merged = await visualize.run({ source: "NOAA, public domain", title: "Weather" }, context);
	assert.equal(merged.report.ref, output.report.ref);
});

test("without an analysis the table is analyzed here", async () => {
	const { harness, output } = await sample;
	const table = await runSkill(collect, { source: SAMPLE, units: UNITS }, harness);
	const alone = (await runSkill(visualize, { table }, harness)) as unknown as VisualizeOutput;
	assert.deepEqual(alone.highlights, output.highlights);
});

test("script and markup in names, cells, units and title stay text", async () => {
	const evil = '<script>alert("1")</script><img src=x onerror=alert(1)>';
	const quoted = `"${evil.replaceAll('"', '""')}"`;
	const rows = Array.from(
		{ length: 40 },
		(_, row) => `${row * row},${row % 7},${row % 2 === 0 ? quoted : "b"},2020-01-${(row % 28) + 1}`,
	);
	const source = csv(`${quoted},"x']+alert(1)+['",kind,d\n${rows.join("\n")}\n`);
	const { html, document, svgs } = await reported(source, {
		visualize: { title: evil, source: evil, units: { [evil]: '"><script>' } },
	});
	for (const text of [html, ...svgs]) assert.doesNotMatch(text, /<script|<img/i);
	assert.equal([...document.querySelectorAll("script, img")].length, 0);
	assert.equal(document.querySelector("h1")?.textContent, evil);
});

test("names that would be paths or expressions in a chart are drawn as they are", async () => {
	const rows = Array.from({ length: 30 }, (_, row) => `${row},${row * 2 + (row % 3)},${row % 5}`);
	const { document, svgs } = await reported(csv(`a.b[0],datum['x'],__proto__\n${rows.join("\n")}\n`), {
		analyze: { columns: ["a.b[0]", "datum['x']", "__proto__"] },
	});
	assert.ok(svgs.join("").includes(">a.b[0]<"));
	assert.ok((document.querySelector("#distributions")?.textContent ?? "").includes("__proto__"));
});

test("hostile tables still make a report that says what there is", async () => {
	const wide = Array.from({ length: 60 }, (_, index) => `c${index}`);
	for (const text of [
		"a,b\n",
		"a,b\n1,x\n",
		"a,b\nNA,\n-,\n",
		"a,b\n1e308,1\n-1e308,2\n1.7e308,3\n",
		"a,b\n5,5\n5,5\n5,5\n",
		"a\nInfinity\nNaN\n-Infinity\n",
		"d,a\n0001-01-01,1\n9999-12-31,2\n2000-01-01,3\n",
		"a,b\n9007199254740991,0.1\n9007199254740990,0.1000000000000001\n9007199254740989,0.1\n",
		`${wide}\n${wide.map((_, index) => (index * 7) % 11)}\n${wide.map((_, index) => index)}\n${wide.map(() => 1)}\n`,
		"a\n\u0000\u0007\u202e\ud7ff\n\u0000\n",
	]) {
		const { html, output, svgs } = await reported(csv(text));
		assert.ok(output.figures <= 24, text.slice(0, 40));
		assert.ok(html.includes("What the data is"));
		for (const svg of svgs) assert.doesNotMatch(svg, />[^<]*\b(?:NaN|undefined)\b[^<]*</, text.slice(0, 40));
		// biome-ignore lint/suspicious/noControlCharactersInRegex: XML refuses them, so none may be there
		assert.doesNotMatch(svgs.join(""), /[\u0000-\u0008]/);
	}
});

test("above three thousand points a chart draws a part and says how many", async () => {
	const rows = Array.from(
		{ length: 4_000 },
		(_, row) => `${(row * 7919) % 4001},${((row * 7919) % 4001) + (row % 50)}`,
	);
	const { document, svgs } = await reported(csv(`a,b\n${rows.join("\n")}\n`));
	const captions = [...document.querySelectorAll("figcaption")].map((caption) => caption.textContent ?? "");
	assert.ok(captions.some((caption) => caption.includes("3,000 of 4,000 points are drawn")));
	assert.equal(svgs.find((svg) => svg.includes("against"))?.match(/<circle /g)?.length, 3_000);
});

test("rejected and missing rows are told in the report and its first highlight", async () => {
	const { document, output } = await reported(csv("a,b\n1,x\n2\n3,\n"));
	assert.equal(
		output.highlights[0],
		"The data has 2 rows of 2 columns; 1 of 4 values are missing (25 %); 1 row could not be read.",
	);
	assert.ok((document.querySelector("#data")?.textContent ?? "").includes("has 1 fields where the header has 2"));
});

test("things that are no analysis, or are of another table, are refused", async () => {
	const { harness } = await sample;
	const table = await runSkill(collect, { source: SAMPLE }, harness);
	const other = await runSkill(collect, { source: csv("a\n1\n") }, harness);
	await assert.rejects(runSkill(visualize, { table, analyses: [{ a: 1 }] }, harness), { code: "E_INPUT_INVALID" });
	const analyses = await runSkill(analyze, { table: other }, harness);
	await assert.rejects(runSkill(visualize, { table, analyses }, harness), { code: "E_INPUT_INVALID" });
	await assert.rejects(runSkill(visualize, {}), { code: "E_INPUT_INVALID", hint: /collect/ });
});

test("what is shown is rounded for a reader and never claims too much", () => {
	assert.deepEqual([16.43908, 0.146, 1_461, 0.0827, 123.456, -2.5, 1e-9, 2.5e30, null].map(rounded), [
		"16.44",
		"0.15",
		"1,461",
		"0.083",
		"123.5",
		"−2.5",
		"1.000e-9",
		"2.500e+30",
		"–",
	]);
	assert.deepEqual([0, 0.0002, 0.5, 0.9999, 1].map(percent), [
		"0 %",
		"less than 0.1 %",
		"50 %",
		"more than 99.9 %",
		"100 %",
	]);
	assert.deepEqual([0.9999, 1, -0.001, 0.5].map(coefficient), ["0.9999", "1.00", "0.00", "0.50"]);
	assert.equal(exact(12_345.678), "12,345.678");
	assert.equal(label("a\u0000b\nc"), "a b c");
});

test("two coefficients that disagree in sign claim no direction", () => {
	const sentence = pairSentence({ x: "a", y: "b", n: 50, pearson: 0.4, spearman: -0.35 });
	assert.match(sentence, /not in one direction/);
});
