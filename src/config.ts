/** Every setting with its unit and default, checked in one place. */
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { z } from "zod";
import { MusterError } from "./errors.ts";
import { explain } from "./schema.ts";

/** Agents of one orchestrator, as the design bounds them. */
export const MAX_AGENTS = 620;

const count = (most: number) => z.int().min(0).max(most);
const ms = z.int().min(1).max(86_400_000);

export const settingsShape = z.strictObject({
	dataDir: z
		.string()
		.min(1)
		.default("data")
		.describe("Everything Muster keeps: journal, views, snapshots, artifacts, log."),
	durability: z
		.enum(["full", "normal"])
		.default("full")
		.describe("`full`: an acknowledged submit survives a power cut. `normal`: it survives kill -9, not a power cut."),
	workers: count(MAX_AGENTS).default(10).describe("Agents that can do every task."),
	coordinators: count(MAX_AGENTS).default(2).describe("Agents that split tasks and gather the results."),
	agents: z
		.int()
		.min(1)
		.max(MAX_AGENTS)
		.optional()
		.describe("A fleet in pools of this size, in place of `workers` and `coordinators`."),
	threads: z
		.int()
		.min(1)
		.max(64)
		.optional()
		.describe(
			"Threads for CPU-heavy skills; as many of their tasks run at a time. Default: one less than the cores, at least 2.",
		),
	workflows: z
		.array(z.string().min(1))
		.default(["workflows"])
		.describe("Folders with workflow files, besides those that come with Muster."),
	maxTasks: z
		.int()
		.min(1)
		.max(10_000_000)
		.default(1_000_000)
		.describe("Most tasks and live runs held in memory at once; what would be more is refused with E_QUEUE_FULL."),
	limits: z
		.strictObject({
			running: z.int().min(1).max(1_000_000).optional().describe("Tasks of all types together."),
			types: z
				.record(z.string().min(1).max(64), z.int().min(1).max(1_000_000))
				.default({})
				.describe("Tasks of one type, for example { research: 5 }."),
		})
		.prefault({})
		.describe("What may run at the same time, besides what the agents have slots for."),
	agingMs: ms
		.default(60_000)
		.describe("A task that waits for this long goes before fresh ones of one priority above its own."),
	abortGraceMs: ms
		.default(2_000)
		.describe(
			"Time that a skill gets to end once its signal is aborted; then its agent is free for others and what it still gives counts for nothing.",
		),
	heartbeatMs: ms.default(5_000).describe("How often it is looked whether the agents are alive."),
	leaseMs: ms
		.default(30_000)
		.describe("An agent that shows no life for this long loses its tasks to others. At least heartbeatMs."),
	keepJournalBytes: z
		.int()
		.min(0)
		.default(512 * 1024 * 1024)
		.describe("Newest part of the journal that is kept although a snapshot covers it, bytes."),
	snapshotBytes: z
		.int()
		.min(1024)
		.default(64 * 1024 * 1024)
		.describe("Bytes of journal between two snapshots."),
	allow: z
		.strictObject({
			folders: z.array(z.string().min(1)).default([]).describe("Folders in which files may be written."),
			commands: z
				.array(z.array(z.string()).min(1))
				.default([])
				.describe('Commands that may run: the first words of each, for example ["git", "status"].'),
			webhooks: z
				.array(z.string().min(1))
				.default([])
				.describe("Origins that may be called, for example https://hooks.example.org."),
		})
		.prefault({})
		.describe(
			"What the `act` and `monitor` skills may do to the outside world. By default: write to `outbox` in the data folder.",
		),
});

export type SettingsInput = z.input<typeof settingsShape>;
export type Settings = Readonly<Omit<z.output<typeof settingsShape>, "threads">> & { readonly threads: number };

/** @throws E_CONFIG_INVALID naming the setting */
export function readSettings(given: SettingsInput): Settings {
	const parsed = settingsShape.safeParse(given);
	if (!parsed.success) throw invalid(explain(parsed.error, settingsShape, given));
	const settings = parsed.data;
	if (settings.agents === undefined && settings.workers + settings.coordinators > MAX_AGENTS) {
		throw invalid(
			`workers and coordinators are ${settings.workers + settings.coordinators} together; ${MAX_AGENTS} are possible`,
		);
	}
	if (settings.leaseMs < settings.heartbeatMs) throw invalid("leaseMs is shorter than heartbeatMs");
	const threads = settings.threads ?? Math.max(2, availableParallelism() - 1);
	return Object.freeze({ ...settings, dataDir: resolve(settings.dataDir), threads });
}

function invalid(problem: string): MusterError {
	return new MusterError("E_CONFIG_INVALID", `the settings are not right: ${problem}`);
}
