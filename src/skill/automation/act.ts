/**
 * Changes the outside world: writes files, appends lines, runs programs, posts to webhooks.
 *
 * 1. Nothing is allowed but what the policy names; all actions are checked before the first is done.
 * 2. Every effect goes through the ledger under a key that is the same in every attempt.
 * 3. Files and lines are there exactly once whenever the process dies. Programs and webhooks cannot be asked, so after
 *    a crash in the middle they are repeated only when the action says that it is repeatable.
 */
import { z } from "zod";
import { MusterError } from "../../errors.ts";
import type { Json } from "../../json.ts";
import { explain } from "../../schema.ts";
import { type ArtifactRef, defineSkill, isArtifactRef, type Skill, type SkillContext } from "../skill.ts";
import type { LineFinder } from "./act-files.ts";
import { type ActPolicy, createGuard, type Guard, nothingAllowed } from "./act-policy.ts";
import { actionsFor, alertText, type Detected, fileName, renderLog, toAlert } from "./act-report.ts";
import { type Action, action, failed, keyOf, path, planned, type Step } from "./act-steps.ts";
import { type Anomaly, anomaly } from "./detect.ts";
import { artifactRef, inlineOrStored, json } from "./monitor-output.ts";

const dryRun = z.boolean().default(false).describe("Only say what would be done.");

const input = z.union([
	z
		.strictObject({ actions: z.array(action).min(1).max(1_000).describe("What is done, one after the other."), dryRun })
		.refine(({ actions }) => new Set(actions.map(keyOf)).size === actions.length, "two actions have the same key"),
	z.strictObject({
		anomalies: json
			.optional()
			.describe(
				"The output of `detect`, its list, or a reference to that. Default: what the tasks before this one gave.",
			),
		log: path.optional().describe("File that gets one line of JSON for each anomaly."),
		alerts: path.optional().describe("Folder that gets one page for each anomaly; without it the pages are artifacts."),
		dryRun,
		deeds: z
			.array(json)
			.max(1_000)
			.optional()
			.describe(
				"What other tasks did about them: outputs of `act`, null where one did nothing. Nothing more is done then; the report says it all in one page.",
			),
	}),
]);

const done = z.strictObject({
	kind: z.string(),
	target: z.string(),
	/** `already-done`: an earlier attempt or another task did it. */
	state: z.enum(["done", "already-done", "planned"]),
	key: z.string(),
	result: json,
});

const output = z.strictObject({
	actions: z.union([z.array(done), artifactRef]).describe("In their order; a reference when they are many."),
	report: artifactRef.optional().describe("`automation-log.md`, when it acted on anomalies."),
	alerts: z.array(artifactRef).optional().describe("One page for each anomaly, when no folder was named for them."),
});

const anomalies = z.array(anomaly);

type Input = z.infer<typeof input>;
type Output = z.infer<typeof output>;
type Done = z.infer<typeof done>;

/** @throws E_CONFIG_INVALID */
export function createActSkill(policy: ActPolicy = nothingAllowed): Skill<Input, Output> {
	const guard = createGuard(policy);
	return defineSkill<Input, Output>({
		name: "act",
		description: "Writes files, appends lines, runs programs and calls webhooks that the configuration allows.",
		pool: "processing",
		input,
		output,
		async run(given, context) {
			if ("actions" in given) {
				const deeds = await perform(given.actions, given.dryRun, guard, context);
				return { actions: await listed(deeds, context) };
			}
			return actOnAnomalies(given, guard, context);
		},
	});
}

async function actOnAnomalies(
	given: Exclude<Input, { actions: Action[] }>,
	guard: Guard,
	context: SkillContext,
): Promise<Output> {
	const detected = await readDetected(given.anomalies, context);
	const alerted = toAlert(detected.anomalies);
	const others = given.deeds && (await deedsOf(given.deeds, context));
	const deeds = others ?? (await perform(actionsFor(alerted, given), given.dryRun, guard, context));
	const pages: ArtifactRef[] = [];
	if (given.alerts === undefined && others === undefined)
		for (const each of alerted)
			pages.push(await context.artifacts.put(`${fileName(each.id)}.md`, alertText(each), "text/markdown"));
	const stored = pages.map(({ name }) => ({ kind: "artifact", target: name, state: "done" as const }));
	const page = renderLog(detected, alerted, [...deeds, ...stored], context.now());
	const report = await context.artifacts.put("automation-log.md", page, "text/markdown");
	return {
		actions: await listed(deeds, context),
		report,
		...(given.alerts === undefined && others === undefined ? { alerts: pages } : {}),
	};
}

/** The actions in outputs of `act`, which may travel as references as a whole or in part. */
async function deedsOf(outputs: readonly Json[], { artifacts }: SkillContext): Promise<Done[]> {
	const deeds: Done[] = [];
	for (const given of outputs) {
		const value = await artifacts.json(given);
		const parsed = z.array(done).safeParse(await artifacts.json((value as { actions?: Json } | null)?.actions ?? []));
		if (parsed.success) deeds.push(...(parsed.data as Done[]));
	}
	return deeds;
}

const listed = async (deeds: Done[], context: SkillContext): Promise<Output["actions"]> =>
	(await inlineOrStored(deeds, "actions.json", context)) as Output["actions"];

async function readDetected(given: Json | undefined, { artifacts, previous }: SkillContext): Promise<Detected> {
	const has = (value: Json | undefined): value is { [key: string]: Json } =>
		typeof value === "object" && value !== null && !Array.isArray(value) && "anomalies" in value;
	// A large output of `detect` travels as a reference, and so does a long list inside a small one.
	const value = await artifacts.json(given ?? previous.findLast(has) ?? previous.findLast(isArtifactRef) ?? null);
	const list = has(value) ? await artifacts.json(value.anomalies ?? null) : value;
	if (!Array.isArray(list)) {
		throw new MusterError("E_INPUT_INVALID", "there are no anomalies to act on", {
			hint: "Give `anomalies`, or let the task depend on one of the skill `detect`.",
		});
	}
	const parsed = anomalies.safeParse(list);
	if (!parsed.success) {
		const problem = explain(parsed.error, anomalies, list);
		throw new MusterError("E_INPUT_INVALID", `the anomalies are not right, so none was acted on: ${problem}`, {
			hint: `Each is as \`detect\` gives it: { ${Object.keys(anomaly.shape).join(", ")} }.`,
		});
	}
	const about = z
		.object({ checked: z.number(), counts: z.record(z.string(), z.number()), notes: z.array(z.string()) })
		.partial()
		.safeParse(has(value) ? value : {});
	return { anomalies: parsed.data as Anomaly[], ...(about.success ? about.data : {}) };
}

async function perform(actions: Action[], dryRun: boolean, guard: Guard, context: SkillContext): Promise<Done[]> {
	const finders = new Map<string, LineFinder>();
	const steps: Step[] = [];
	for (const [index, each] of actions.entries()) steps.push(await planned(each, index, guard, context, finders));
	const deeds: Done[] = [];
	for (const { kind, target, key, effect, failure } of steps) {
		if (dryRun) {
			deeds.push({ kind, target, state: "planned", key, result: null });
			continue;
		}
		context.signal.throwIfAborted();
		let changed = false;
		const result = await context.effect({
			...effect,
			run: async (ledgerKey) => {
				const known = await effect.verify?.(ledgerKey); // also when it was done before this task began
				if (known !== undefined) return known;
				const made = await effect.run(ledgerKey);
				changed = true;
				return made;
			},
		});
		const problem = failure?.(result);
		if (problem !== undefined) throw failed(target, key, problem, { retryable: false });
		deeds.push({ kind, target, state: changed ? "done" : "already-done", key, result });
		context.progress(deeds.length / steps.length, effect.describe);
	}
	return deeds;
}
