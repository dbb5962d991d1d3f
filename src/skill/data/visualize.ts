/**
 * visualize: a table and its analysis as charts and one report that opens offline.
 *
 * Vega is imported only here and only when needed; its View runs without a renderer and gives the SVG as text.
 */
import { basename } from "node:path";
import { z } from "zod";
import { MusterError } from "../../errors.ts";
import { type ArtifactRef, defineSkill, type SkillContext } from "../skill.ts";
import { type Analysis, analysisSchema, mergeAnalyses } from "./analysis.ts";
import { analyzeTable } from "./analyze.ts";
import { type Chart, chartsOf } from "./charts.ts";
import { label } from "./display.ts";
import { highlightsOf } from "./highlights.ts";
import { inspectionSchema } from "./inspect.ts";
import { renderReport } from "./report.ts";
import { escapeHtml } from "./report-html.ts";
import type { DrawnChart } from "./report-sections.ts";
import { artifactRefSchema, decodeTable, findTable, type TableHead, tableInputSchema, unpack } from "./table.ts";

const input = z.strictObject({
	table: tableInputSchema
		.optional()
		.describe("The table, or the output of collect. Default: from the tasks before, or that of the analyses."),
	analyses: z
		.union([z.array(z.unknown()), z.looseObject({})])
		.optional()
		.describe(
			"One output of analyze, or the outputs of a fan-out. Default: from the tasks before; without any, all is analyzed here.",
		),
	inspections: z
		.array(inspectionSchema.nullable())
		.max(20_000)
		.optional()
		.describe("Outputs of inspect, null for a record that could not be inspected."),
	title: z.string().min(1).max(200).optional().describe("Default: the name of the source."),
	source: z
		.string()
		.min(1)
		.max(600)
		.optional()
		.describe("Where the data is from and under which licence, for the reader."),
	units: z
		.record(z.string(), z.string().max(40))
		.optional()
		.describe("The unit of each column, before what the table says."),
});
type Input = z.output<typeof input>;

const output = z.strictObject({
	report: artifactRefSchema.describe("One page of HTML that opens offline."),
	charts: z.array(artifactRefSchema).describe("Each chart as SVG."),
	figures: z.int().describe("Number of charts."),
	highlights: z.array(z.string()).describe("What stands out, a sentence each."),
});
export type VisualizeOutput = z.output<typeof output>;

export const visualize = defineSkill<Input, VisualizeOutput>({
	name: "visualize",
	description: "Draws charts from a table and its analysis, and writes one report that opens offline.",
	pool: "analysis",
	thread: import.meta.url,
	input: input as unknown as z.ZodType<Input>,
	output,
	async run(input, context) {
		const analyses = await findAnalyses(input, context);
		const ref = await tableOf(input, analyses, context);
		const { head, columns } = decodeTable(await context.artifacts.read(ref));
		const [first, ...others] = analyses;
		const all = ["profile", "correlations", "groups", "trends"] as const;
		const found: Analysis =
			first === undefined
				? { table: ref, ...analyzeTable({ head, columns }, { aspects: [...all] }, context) }
				: mergeAnalyses([first, ...others]);
		if (found.table.ref !== ref.ref) throw new MusterError("E_INPUT_INVALID", "The analyses are of another table");
		const analysis = inTableOrder(found, head);
		const unitOf = (name: string): string | null => {
			if (input.units !== undefined && Object.hasOwn(input.units, name)) return input.units[name] ?? null;
			return head.columns.find((column) => column.name === name)?.unit ?? null;
		};
		const highlights = highlightsOf(analysis, head, unitOf);
		const drawn = await draw(chartsOf(analysis, columns, unitOf), context);
		const report = renderReport({
			title: input.title ?? `Report on ${label(basename(head.source) || head.source)}`,
			attribution: input.source,
			madeAtMs: context.now(),
			head,
			columns,
			analysis,
			highlights,
			inspections: input.inspections ?? [],
			charts: drawn,
			unitOf,
		});
		const charts: ArtifactRef[] = [];
		for (const { id, file } of drawn) charts.push(await context.artifacts.put(`${id}.svg`, file, "image/svg+xml"));
		const stored = await context.artifacts.put("report.html", report, "text/html");
		return { report: stored, charts, figures: charts.length, highlights };
	},
});

/** Analyses that were given must be some; among the outputs of earlier tasks those that are analyses are taken. */
async function findAnalyses(input: Input, context: SkillContext): Promise<Analysis[]> {
	const given = input.analyses === undefined ? context.previous : [input.analyses];
	const values = (await unpack(given, context.artifacts)).filter((value) => value !== null);
	return values.flatMap((value) => {
		const parsed = analysisSchema.safeParse(value);
		if (parsed.success) return [parsed.data];
		if (input.analyses === undefined) return [];
		const [issue] = parsed.error.issues;
		throw new MusterError("E_INPUT_INVALID", `analyses holds something that is not an output of analyze`, {
			details: { path: issue?.path.join(".") ?? "", problem: issue?.message ?? "" },
		});
	});
}

async function tableOf(input: Input, analyses: readonly Analysis[], context: SkillContext): Promise<ArtifactRef> {
	const sources = input.table !== undefined ? [input.table] : [...analyses, ...context.previous];
	const ref = findTable(await unpack(sources, context.artifacts));
	if (ref !== undefined) return ref;
	throw new MusterError("E_INPUT_INVALID", "There is no table to draw", {
		hint: 'Give "table", the output of collect, or let this task depend on collect and analyze.',
	});
}

/** The profiles as the table has its columns; a fan-out ends in any order. */
function inTableOrder(analysis: Analysis, head: TableHead): Analysis {
	const place = new Map(head.columns.map(({ name }, index) => [name, index]));
	const at = (name: string) => place.get(name) ?? head.columns.length;
	return { ...analysis, profiles: analysis.profiles.toSorted((a, b) => at(a.column) - at(b.column)) };
}

/** Compiles and renders each chart: `svg` for the report, `file` to stand alone. */
async function draw(
	charts: readonly Chart[],
	context: SkillContext,
): Promise<(DrawnChart & { id: string; file: string })[]> {
	if (charts.length === 0) return [];
	const [vega, vegaLite] = await Promise.all([import("vega"), import("vega-lite")]);
	const drawn: (DrawnChart & { id: string; file: string })[] = [];
	for (const [index, { id, section, title, caption, spec }] of charts.entries()) {
		context.signal.throwIfAborted();
		context.progress(index / charts.length, title);
		const logger = vega.logger(vega.Error);
		const compiled = vegaLite.compile(spec, { logger }).spec;
		const view = new vega.View(vega.parse(compiled), { renderer: "none", logger });
		await view.runAsync();
		await view.resize().runAsync(); // the second pass knows how wide the axes came out; without it titles are cut
		const bare = compact(await view.toSVG());
		view.finalize();
		const svg = bare.replace("<svg ", `<svg role="img" aria-label="${escapeHtml(title)}" `);
		drawn.push({ id, section, title, caption, svg, file: standing(svg, title, caption) });
	}
	return drawn;
}

/** Two decimals of a pixel, and circles as circles: a scatter plot shrinks to a third. Only geometry is touched, never text. */
const compact = (svg: string): string =>
	svg
		.replace(/ (?:d|transform|x1?|x2|y1?|y2|width|height)="[^"]*"/g, (attribute) =>
			attribute.replace(/-?\d+\.\d{3,}/g, (digits) => String(Number(Number(digits).toFixed(2)))),
		)
		.replace(
			/<path transform="translate\(([^,)]+),([^)]+)\)" d="M([\d.]+),0A\3,\3,0,1,1,-\3,0A\3,\3,0,1,1,\3,0"/g,
			'<circle cx="$1" cy="$2" r="$3"',
		)
		.replace(/(<circle [^>]*?) stroke-width="2"/g, "$1");

/** A chart that is opened alone gets a white ground and its caption as a description. */
function standing(svg: string, title: string, caption: string): string {
	const head = `<title>${escapeHtml(title)}</title><desc>${escapeHtml(caption)}</desc><rect width="100%" height="100%" fill="#ffffff"/>`;
	return svg.replace(/^(<svg [^>]*>)/, `$1${head}`);
}
