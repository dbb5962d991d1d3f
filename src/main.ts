/** The composition root: settings become parts. The one file that names adapters. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BaseAgent } from "./agent/base-agent.ts";
import { pooledFleet, smallFleet } from "./agent/fleet.ts";
import { FileArtifacts } from "./artifacts.ts";
import { EmbeddedBus } from "./bus/embedded.ts";
import { type Clock, createIds, systemClock } from "./clock.ts";
import { createThreadPool } from "./compute/threads.ts";
import { readSettings, type SettingsInput } from "./config.ts";
import { toMs } from "./duration.ts";
import { MusterError } from "./errors.ts";
import { openSqliteJournal } from "./journal/sqlite.ts";
import { type Log, silentLog } from "./log.ts";
import { Orchestrator } from "./orchestrator/orchestrator.ts";
import { builtInSkills } from "./skill/built-in.ts";
import type { AnySkill } from "./skill/skill.ts";
import type { Task } from "./task/task.ts";
import { Catalog } from "./workflow/catalog.ts";
import type { WorkflowDefinition } from "./workflow/definition.ts";
import type { Run } from "./workflow/run.ts";

export { builtInNames } from "./skill/built-in.ts";

export interface StartOptions extends SettingsInput {
	/** Skills besides the ten built-in ones; one with the same name takes the built-in one's place. */
	skills?: readonly AnySkill[];
	/** Agents of your own, besides the fleet. */
	customAgents?: readonly BaseAgent[];
	/** Workflows given in code. */
	definitions?: readonly WorkflowDefinition[];
	log?: Log;
	clock?: Clock;
}

/** The workflows that come with Muster; this file and its compiled form are one folder below the package. */
const ownWorkflows = fileURLToPath(new URL("../workflows", import.meta.url));

/**
 * Opens the data folder, recovers what it holds, and starts the fleet. Resolves when it works.
 * @throws E_CONFIG_INVALID, E_DATA_FOLDER, E_DATA_FOLDER_LOCKED, E_DATA_FOLDER_NEWER, E_JOURNAL_CORRUPT, E_JOURNAL_TRUNCATED
 */
export async function startOrchestrator(options: StartOptions = {}): Promise<Orchestrator> {
	const { skills = [], customAgents = [], definitions = [], log = silentLog, clock = systemClock, ...given } = options;
	const settings = readSettings(given);
	const catalog = new Catalog([ownWorkflows, ...settings.workflows]);
	for (const definition of definitions) catalog.add(definition);
	// Files may always be written to the outbox; where other folders are allowed, relative paths go to the first of those.
	const policy = { ...settings.allow, folders: [...settings.allow.folders, join(settings.dataDir, "outbox")] };
	const allSkills = mergeSkills(builtInSkills(policy), skills);
	const artifactFolder = join(settings.dataDir, "artifacts");
	const threads = createThreadPool({ maxThreads: settings.threads, artifacts: artifactFolder });
	const { agents, workers, coordinators } = settings;
	const fleet =
		agents === undefined
			? smallFleet(workers, coordinators, allSkills, threads)
			: pooledFleet(agents, allSkills, threads);

	const recovered = { tasks: [] as Task[], runs: [] as Run[], redriven: [] as string[] };
	let onFailure = (error: unknown): void => log.error("the journal failed", { error: String(error) });
	const open = await openSqliteJournal({
		folder: settings.dataDir,
		durability: settings.durability,
		keepBytes: settings.keepJournalBytes,
		snapshotBytes: settings.snapshotBytes,
		retention: { keepMs: toMs(settings.keepFinished, "keepFinished"), keepBytes: settings.keepFinishedBytes },
		clock,
		sink: {
			task: (task) => void recovered.tasks.push(task),
			run: (run) => void recovered.runs.push(run),
			redriven: (id) => void recovered.redriven.push(id),
		},
		onFailure: (error) => onFailure(error),
		onNotice: (message) => log.warn(message),
	});
	let orchestrator: Orchestrator | undefined;
	try {
		const epoch = open.state.epoch + 1;
		const started = JSON.stringify({ type: "epoch.started", at: clock.now(), epoch });
		await open.journal.append([started], "fact").durable;
		open.state.epoch = epoch;
		orchestrator = new Orchestrator({
			settings,
			clock,
			log,
			newId: createIds(clock),
			open,
			recovered,
			artifacts: new FileArtifacts(artifactFolder, (bytes) => clock.randomHex(bytes)),
			threads,
			catalog,
			skills: allSkills,
			createBus: (ledger) => new EmbeddedBus({ clock, log, ledger }),
		});
		onFailure = (error) => orchestrator?.journalFailed(error);
		await orchestrator.begin([...fleet, ...customAgents]);
		return orchestrator;
	} catch (error) {
		await (orchestrator?.shutdown({ grace: 0 }) ?? open.journal.close());
		throw error;
	}
}

function mergeSkills(builtIn: readonly AnySkill[], own: readonly AnySkill[]): AnySkill[] {
	const byName = new Map(builtIn.map((skill) => [skill.name, skill]));
	const seen = new Set<string>();
	for (const skill of own) {
		if (seen.has(skill.name)) throw new MusterError("E_CONFIG_INVALID", `there are two skills named "${skill.name}"`);
		seen.add(skill.name);
		byName.set(skill.name, skill);
	}
	return [...byName.values()];
}
