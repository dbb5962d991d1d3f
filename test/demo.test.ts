/** Runs the demo as a user does and reads what it leaves, with code of its own. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parse } from "csv-parse/sync";

const root = fileURLToPath(new URL("..", import.meta.url));
let out: string;
let printed: string;

const read = (path: string): string => readFileSync(join(out, path), "utf8");

before(async () => {
	out = await mkdtemp(join(tmpdir(), "muster-demo-"));
	// Another working folder than the project's: paths must not depend on it.
	const run = promisify(execFile)(process.execPath, [join(root, "demo/main.ts"), join(out, "demo")], { cwd: out });
	printed = (await run).stdout;
	out = join(out, "demo");
});
after(() => rm(join(out, ".."), { recursive: true, force: true }));

for (const folder of ["content-creation", "briefing"]) {
	test(`every citation of the ${folder} article leads to its passage, word for word`, () => {
		const article = read(`${folder}/article.md`);
		const places = JSON.parse(read(`${folder}/citations.json`)) as {
			marker: number;
			text: string;
			start: number;
			end: number;
		}[];
		const [body, sources] = article.split("\n## Sources\n") as [string, string];
		const used = new Set([...body.matchAll(/\[\[(\d+)\]\]\(#source-\1\)/g)].map(([, marker]) => Number(marker)));
		assert.deepEqual([...used].sort(byNumber), places.map(({ marker }) => marker).sort(byNumber));
		for (const { marker, text, start, end } of places) {
			const passage = read(`${folder}/${text}`).slice(start, end);
			const flat = (words: string): string => words.replace(/\s+/g, " ").trim();
			// The quotation under Sources, and the sentences before the marker in the article.
			const entry = sources.split(`<a id="source-${marker}"></a>`)[1]?.split("\n- <a id")[0] ?? "";
			assert.ok(entry.includes(`characters ${start} to ${end}`), `source ${marker} names its place`);
			assert.ok(flat(entry.replace(/^ *> ?/gm, "")).includes(flat(passage)), `source ${marker} quotes its passage`);
			const before = flat(body.slice(0, body.indexOf(`[[${marker}]]`)).replace(/\[\[\d+\]\]\(#source-\d+\)/g, ""));
			assert.ok(before.endsWith(flat(passage)), `the sentences before marker ${marker} are those of the passage`);
		}
	});

	test(`no sentence stands twice in the ${folder} article`, () => {
		const sentences = proseOf(`${folder}/article.md`).match(/[^.!?]+[.!?]+/g) ?? [];
		assert.ok(sentences.length > 10);
		assert.equal(new Set(sentences.map((sentence) => sentence.trim().toLowerCase())).size, sentences.length);
	});
}

test("the article has 400 words and more, in sections that each cite something", () => {
	assert.ok(proseOf("content-creation/article.md").split(/\s+/).length >= 400);
	const [body] = read("content-creation/article.md").split("\n## Sources\n") as [string];
	const sections = body.split(/\n## /).slice(1);
	assert.ok(sections.length >= 3);
	for (const section of sections) assert.match(section, /\[\[\d+\]\]/);
});

test("the report's figures are those that other code computes from the raw rows", () => {
	const rows = parse<Record<string, string>>(readFileSync(join(root, "samples/data/seattle-weather.csv")), {
		columns: true,
	});
	const tables = tablesOf(read("data-analysis/report.html"));
	const figures = tables.find(({ caption }) => caption.startsWith("Figures of the numeric columns"));
	assert.equal(figures?.rows.length, 4);
	for (const [column, , ...found] of figures?.rows ?? []) {
		const values = rows.map((row) => Number(row[column?.text ?? ""])).sort(byNumber);
		const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
		const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
		const quantile = (q: number): number => {
			const place = q * (values.length - 1);
			const [low, high] = [values[Math.floor(place)], values[Math.ceil(place)]] as [number, number];
			return low + (high - low) * (place % 1);
		};
		const expected = [
			...[values.length, quantile(0), quantile(0.25), quantile(0.5), mean, quantile(0.75), quantile(1)],
			Math.sqrt(squares / (values.length - 1)),
		];
		for (const [i, figure] of expected.entries()) close(found[i]?.value, figure, `${column?.text}, figure ${i}`);
	}
	const groups = tables.find(({ caption }) => caption.startsWith("The numeric columns for each value of weather"));
	assert.equal(groups?.rows.length, 20);
	for (const [column, weather, count, mean] of groups?.rows ?? []) {
		const values = rows.filter((row) => row.weather === weather?.text).map((row) => Number(row[column?.text ?? ""]));
		assert.equal(count?.value, values.length);
		close(mean?.value, values.reduce((sum, value) => sum + value, 0) / values.length, `mean of ${column?.text}`);
	}
});

test("every chart has a title and titles at its axes with their units", () => {
	const charts = readdirSync(join(out, "data-analysis/charts"));
	assert.ok(charts.length >= 10);
	for (const chart of charts) {
		const svg = read(`data-analysis/charts/${chart}`);
		assert.match(svg, /aria-label="Title text '[^']+'"/, `${chart} has a title`);
		const axes = [...svg.matchAll(/role-axis-title"[^>]*><text[^>]*>([^<]+)<\/text>/g)].map(([, title]) => title);
		assert.ok(axes.length >= 2, `${chart} has a title at both axes, not only ${axes}`);
	}
	assert.match(read("data-analysis/charts/distributions-1.svg"), /precipitation \(mm\)/);
});

test("the report opens offline: no script, nothing loaded from elsewhere, and it names its source", () => {
	const html = read("data-analysis/report.html");
	assert.doesNotMatch(html, /<script|<link|<iframe|<img[^>]+src="(?!data:)|\son\w+=|url\(\s*["']?https?:|@import/i);
	const addresses = [...html.matchAll(/https?:\/\/[^"'\s<)]+/g)].map(([address]) => address);
	assert.deepEqual(
		addresses.filter((address) => !address.startsWith("http://www.w3.org/")),
		[],
	);
	assert.match(html, /NOAA/);
});

test("each anomaly of the sample is exactly once in the log, and has exactly one page of its own", () => {
	const quakes = readFileSync(join(root, "samples/automation/earthquakes.ndjson"), "utf8").trim().split("\n");
	const events = quakes.map((line) => JSON.parse(line) as { id: string; magnitude: number; depth_km: number });
	const depths = events.map((event) => event.depth_km);
	const mean = depths.reduce((sum, depth) => sum + depth, 0) / depths.length;
	const deviation = Math.sqrt(depths.reduce((sum, depth) => sum + (depth - mean) ** 2, 0) / (depths.length - 1));
	const expected = [
		...events.filter((event) => event.magnitude >= 6).map(({ id }) => `strong-earthquake.${id}`),
		...events.filter((event) => event.depth_km > mean + 6 * deviation).map(({ id }) => `unusual-depth.${id}`),
	].sort();
	const hours = ["2018-02-02T220000Z", "2018-02-04T130000Z", "2018-02-04T160000Z", "2018-02-06T230000Z"];
	const all = [...expected, ...hours.map((hour) => `unusual-hour.${hour}`)].sort();
	assert.equal(expected.length, 12);

	const lines = read("automation/automation-log.ndjson").trim().split("\n");
	assert.deepEqual(lines.map((line) => (JSON.parse(line) as { id: string }).id).sort(), all);
	assert.deepEqual(readdirSync(join(out, "automation/alerts")).sort(), all.map((id) => `${id}.md`).sort());
	const log = read("automation/automation-log.md");
	for (const id of all) assert.equal(log.split(`(\`${id}\`)`).length - 1, 1, `${id} stands once in the log`);
	assert.match(log, /16 anomalies among 1707 observations/);
});

test("it says what was done, by whom, and where to look; every path it names is there", () => {
	assert.match(printed, /12 agents are ready: 10 workers, 2 coordinators/);
	assert.match(printed, /coordinate completed by coordinator-\d, gathered from 4 tasks/);
	assert.match(printed, /Done in \d+\.\d s: 1041 tasks completed, 0 failed/);
	for (const path of ["content-creation/article.md", "data-analysis/report.html", "automation/alerts"]) {
		assert.ok(printed.includes(join("demo", path)), `${path} is named`);
	}
});

const byNumber = (a: number, b: number): number => a - b;

/** The quoted text of an article: no headings, no notes, no markers, no list of sources. */
function proseOf(path: string): string {
	const [body] = read(path).split("\n## Sources\n") as [string];
	return body
		.split("\n\n")
		.filter((block) => !/^#|^\*[^*]|^The text below has/.test(block))
		.join(" ")
		.replace(/\*\*[^*]+\*\*|\[\[\d+\]\]\(#source-\d+\)/g, "")
		.replace(/\s+/g, " ")
		.trim();
}

/** Full figures stand in the value attribute of each figure. */
function tablesOf(html: string): { caption: string; rows: { text: string; value: number | undefined }[][] }[] {
	const plain = (markup: string): string => markup.replace(/<[^>]+>/g, "").trim();
	return [...html.matchAll(/<table[\s\S]*?<\/table>/g)].map(([table]) => ({
		caption: plain(/<caption[^>]*>([\s\S]*?)<\/caption>/.exec(table)?.[1] ?? ""),
		rows: [...(/<tbody>([\s\S]*)<\/tbody>/.exec(table)?.[1] ?? "").matchAll(/<tr>([\s\S]*?)<\/tr>/g)].map(([, row]) =>
			[...(row ?? "").matchAll(/<t[hd][^>]*>([\s\S]*?)<\/t[hd]>/g)].map(([, cell]) => {
				const value = /value="([^"]+)"/.exec(cell ?? "")?.[1];
				return { text: plain(cell ?? ""), value: value === undefined ? undefined : Number(value) };
			}),
		),
	}));
}

function close(found: number | undefined, expected: number, what: string): void {
	assert.ok(
		found !== undefined && Math.abs(found - expected) <= 1e-9 * Math.max(1, Math.abs(expected)),
		`${what}: the report says ${found}, the rows give ${expected}`,
	);
}
