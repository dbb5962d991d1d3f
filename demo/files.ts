/** Copies what the work made out of the content-addressed store, under the names a person gives files. */
import { cp, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ArtifactRef, type ArtifactStore, isArtifactRef, type RunView, type TaskView } from "../src/index.ts";

/** A file that was made, and what there is to see in it. */
export interface Made {
	path: string;
	text: string;
}

interface Citation {
	marker: number;
	source: { title: string; start: number; end: number; text: ArtifactRef };
}

interface Writing {
	words: number;
	sections: string[];
	citations: Citation[];
}

export async function contentFiles(
	artifacts: ArtifactStore,
	run: RunView,
	tasks: readonly TaskView[],
	folder: string,
): Promise<Made[]> {
	const writing = tasks.findLast((task) => task.type === "writing")?.output as unknown as Writing;
	const [article, report] = await copyAll(artifacts, [run.outputs?.article, run.outputs?.report], folder);
	await copyCited(artifacts, writing, folder);
	return [
		{ path: article as string, text: articleText(writing) },
		{ path: report as string, text: "how it reads, and what the editor left because the words are quoted" },
	];
}

export async function briefingFiles(
	artifacts: ArtifactStore,
	tasks: readonly TaskView[],
	folder: string,
): Promise<Made[]> {
	const [, writing, editing] = tasks.map((task) => task.output as unknown);
	const [article] = await copyAll(artifacts, [(editing as { article: ArtifactRef }).article], folder);
	await copyCited(artifacts, writing as Writing, folder);
	const text = `${articleText(writing as Writing)}; a coordinator shared out the reading`;
	return [{ path: article as string, text }];
}

export async function dataFiles(artifacts: ArtifactStore, run: RunView, folder: string): Promise<Made[]> {
	const { report, charts, highlights, rows } = run.outputs as unknown as {
		report: ArtifactRef;
		charts: ArtifactRef[];
		highlights: string[];
		rows: number;
	};
	const [page] = await copyAll(artifacts, [report], folder);
	await copyAll(artifacts, charts, join(folder, "charts"));
	const text = `${charts.length} charts of ${rows} rows, opens offline in a browser. ${highlights[0] ?? ""}`;
	return [{ path: page as string, text: text.trim() }];
}

export async function automationFiles(
	artifacts: ArtifactStore,
	run: RunView,
	outbox: string,
	folder: string,
): Promise<Made[]> {
	const [log] = await copyAll(artifacts, [run.outputs?.log], folder);
	await cp(outbox, folder, { recursive: true });
	const alerts = join(folder, "alerts");
	const pages = await readdir(alerts);
	const counts = Object.entries(run.outputs?.counts as { [rule: string]: number });
	return [
		{ path: log as string, text: counts.map(([rule, count]) => `${count} by ${rule}`).join(", ") },
		{ path: alerts, text: `${pages.length} pages, one for each anomaly, written to the outbox of the data folder` },
		{ path: join(folder, "automation-log.ndjson"), text: "the same as lines for a program" },
	];
}

function articleText({ words, sections, citations }: Writing): string {
	const sources = new Set(citations.map((citation) => citation.source.text.ref)).size;
	return `${words} words in ${sections.length} sections, ${citations.length} citations from ${sources} sources, each to be found in cited/`;
}

/** The texts the citations count their characters in, under the titles of their sources. */
async function copyCited(artifacts: ArtifactStore, { citations }: Writing, folder: string): Promise<void> {
	const cited = citations.map(({ source }) => ({ ...source.text, name: `${fileName(source.title)}.txt` }));
	await copyAll(artifacts, cited, join(folder, "cited"));
	const places = citations.map(({ marker, source: { title, start, end } }) => ({
		marker,
		text: `cited/${fileName(title)}.txt`,
		start,
		end,
	}));
	await writeFile(join(folder, "citations.json"), `${JSON.stringify(places, null, "\t")}\n`);
}

const fileName = (title: string): string => title.toLowerCase().replace(/[^a-z0-9]+/g, "-");

async function copyAll(artifacts: ArtifactStore, refs: readonly unknown[], folder: string): Promise<string[]> {
	await mkdir(folder, { recursive: true });
	return Promise.all(
		refs.filter(isArtifactRef).map(async (artifact) => {
			const path = join(folder, artifact.name);
			await writeFile(path, await artifacts.read(artifact));
			return path;
		}),
	);
}
