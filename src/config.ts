/** Every setting with its unit and default, checked in one place. */
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { z } from "zod";
import { toMs } from "./duration.ts";
import { MusterError } from "./errors.ts";
import { explain } from "./schema.ts";

/** Agents of one orchestrator, as the design bounds them. */
export const MAX_AGENTS = 620;

const count = (most: number) => z.int().min(0).max(most);
const ms = z.int().min(1).max(86_400_000);

export const settingsShape = z.strictObject({
	/** Everything Muster keeps: journal, views, snapshots, artifacts, log. */
	dataDir: z.string().min(1).default("data"),
	/** `full`: an acknowledged submit survives a power cut. `normal`: it survives kill -9, not a power cut. */
	durability: z.enum(["full", "normal"]).default("full"),
	workers: count(MAX_AGENTS).default(10),
	coordinators: count(MAX_AGENTS).default(2),
	/** A fleet in pools of this size, in place of `workers` and `coordinators`. */
	agents: z.int().min(1).max(MAX_AGENTS).optional(),
	/** Threads for CPU-heavy skills. Default: one less than the cores, at least 1. */
	threads: z.int().min(1).max(64).optional(),
	/** Folders with workflow files, besides those that come with Muster. */
	workflows: z.array(z.string().min(1)).default(["workflows"]),
	/** Most tasks held in memory at once; a submit beyond is refused with E_QUEUE_FULL. */
	maxTasks: z.int().min(1).max(10_000_000).default(1_000_000),
	/** What may run at the same time, besides what the agents have slots for. */
	limits: z
		.strictObject({
			/** Tasks of all types together. */
			running: z.int().min(1).max(1_000_000).optional(),
			/** Tasks of one type, for example { research: 5 }. */
			types: z.record(z.string().min(1).max(64), z.int().min(1).max(1_000_000)).default({}),
		})
		.prefault({}),
	/** A task that waits for this long goes before fresh ones of one priority above its own. */
	agingMs: ms.default(60_000),
	abortGraceMs: ms.default(2_000),
	heartbeatMs: ms.default(5_000),
	leaseMs: ms.default(30_000),
	/** Newest part of the journal that is kept although a snapshot covers it, bytes. */
	keepJournalBytes: z
		.int()
		.min(0)
		.default(512 * 1024 * 1024),
	/** Bytes of journal between two snapshots. */
	snapshotBytes: z
		.int()
		.min(1024)
		.default(64 * 1024 * 1024),
	/** How long finished tasks and runs can be found, for example "30d". Their idempotency keys count as long. */
	keepFinished: z.string().default("30d").refine(isDuration, 'give a duration, for example "30d"'),
	/** Most bytes of finished tasks and runs; beyond, the oldest ones are deleted first. */
	keepFinishedBytes: z
		.int()
		.min(1024 * 1024)
		.default(8 * 1024 * 1024 * 1024),
	/** What the `act` and `monitor` skills may do to the outside world. By default: write to `outbox` in the data folder. */
	allow: z
		.strictObject({
			/** Folders in which files may be written. */
			folders: z.array(z.string().min(1)).default([]),
			/** Commands that may run: the first words of each, for example ["git", "status"]. */
			commands: z.array(z.array(z.string()).min(1)).default([]),
			/** Origins that may be called, for example https://hooks.example.org. */
			webhooks: z.array(z.string().min(1)).default([]),
		})
		.prefault({}),
});

export type SettingsInput = z.input<typeof settingsShape>;
export type Settings = Readonly<Omit<z.output<typeof settingsShape>, "threads">> & { readonly threads: number };

function isDuration(text: string): boolean {
	try {
		return toMs(text, "duration") > 0;
	} catch {
		return false;
	}
}

/** @throws E_CONFIG_INVALID naming the setting */
export function readSettings(given: SettingsInput): Settings {
	const parsed = settingsShape.safeParse(given);
	if (!parsed.success) throw invalid(explain(parsed.error));
	const settings = parsed.data;
	if (settings.agents === undefined && settings.workers + settings.coordinators > MAX_AGENTS) {
		throw invalid(
			`workers and coordinators are ${settings.workers + settings.coordinators} together; ${MAX_AGENTS} are possible`,
		);
	}
	if (settings.leaseMs < settings.heartbeatMs) throw invalid("leaseMs is shorter than heartbeatMs");
	const threads = settings.threads ?? Math.max(1, availableParallelism() - 1);
	return Object.freeze({ ...settings, dataDir: resolve(settings.dataDir), threads });
}

function invalid(problem: string): MusterError {
	return new MusterError("E_CONFIG_INVALID", `the settings are not right: ${problem}`);
}
