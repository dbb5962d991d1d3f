/**
 * The real orchestrator in this process, on a journal in memory and a clock moved by hand. A crash drops everything but
 * what was committed; what the dropped one still does, nobody sees.
 */
import type { TestContext } from "node:test";
import { WorkerAgent } from "../src/agent/worker-agent.ts";
import { EmbeddedBus } from "../src/bus/embedded.ts";
import { createIds, HandClock } from "../src/clock.ts";
import { readSettings } from "../src/config.ts";
import { decodeBody, type Event } from "../src/events.ts";
import type { Batch } from "../src/journal/journal.ts";
import { MemoryStore } from "../src/journal/memory.ts";
import { type Log, silentLog } from "../src/log.ts";
import { Orchestrator } from "../src/orchestrator/orchestrator.ts";
import type { AnySkill } from "../src/skill/skill.ts";
import type { Task } from "../src/task/task.ts";
import { Catalog } from "../src/workflow/catalog.ts";
import type { WorkflowDefinition } from "../src/workflow/definition.ts";
import type { Run } from "../src/workflow/run.ts";
import { memoryArtifacts } from "./skill-harness.ts";

export interface HostOptions {
	skills: readonly AnySkill[];
	/** Workflows known by name. */
	workflows?: readonly WorkflowDefinition[];
	/** Tasks at the same time. Default 100. */
	slots?: number;
	log?: Log;
}

const never = <T>(): Promise<T> => new Promise(() => undefined);

/** Longest step of the clock: what falls due in between is decided in between. */
const STEP_MS = 20;

export class MemoryHost {
	orchestrator!: Orchestrator;
	store = new MemoryStore();
	clock = new HandClock();
	readonly #options: HostOptions;
	readonly #artifacts = memoryArtifacts();
	#generation = 0;

	constructor(options: HostOptions) {
		this.#options = options;
	}

	static async open(t: TestContext, options: HostOptions): Promise<MemoryHost> {
		const host = new MemoryHost(options);
		await host.boot();
		t.after(() => host.drop());
		return host;
	}

	/** Opens what is committed, as a new process would. */
	async boot(): Promise<void> {
		const { skills, workflows = [], slots = 100, log = silentLog } = this.#options;
		const generation = ++this.#generation;
		const { clock, store } = this;
		const recovered = { tasks: [] as Task[], runs: [] as Run[] };
		const open = store.open({
			clock,
			sink: { task: (task) => void recovered.tasks.push(task), run: (run) => void recovered.runs.push(run) },
			onFailure: (error) => this.orchestrator.journalFailed(error),
		});
		open.state.epoch = generation;
		const alive = skills.map((skill) => ({
			...skill,
			run: (...given: Parameters<AnySkill["run"]>) => (generation === this.#generation ? skill.run(...given) : never()),
		}));
		const catalog = new Catalog([]);
		for (const definition of workflows) catalog.add(definition);
		this.orchestrator = new Orchestrator({
			settings: readSettings({ dataDir: "/nowhere", abortGraceMs: 50 }),
			clock,
			log,
			newId: createIds(clock),
			open,
			recovered,
			artifacts: this.#artifacts,
			threads: { size: 0, run: () => Promise.reject(new Error("none")), close: async () => undefined },
			catalog,
			skills: alive,
			createBus: (ledger) => new EmbeddedBus({ clock, log, ledger }),
		});
		await this.orchestrator.begin([new WorkerAgent({ name: "worker", skills: alive, concurrency: slots })]);
	}

	/** Only what is committed stays; the clock goes on. */
	async restart(change: (batches: Batch[]) => Batch[] = (batches) => batches): Promise<void> {
		this.drop();
		this.store.batches.push(...change(this.#left));
		await this.boot();
	}

	#left: Batch[] = [];

	/** The end of the process. */
	drop(): void {
		this.#generation++;
		this.#left = [...this.store.batches];
		this.store.write = never;
		this.store = new MemoryStore();
		this.clock = new HandClock(this.clock.now(), this.#generation);
	}

	async pass(ms: number): Promise<void> {
		for (let left = ms; left > 0; left -= STEP_MS) {
			await turns(10);
			this.clock.advance(Math.min(STEP_MS, left));
		}
		await turns(10);
	}

	history(): Event[] {
		return this.store.batches.flatMap((batch) => decodeBody(batch.body));
	}
}

export async function turns(count: number): Promise<void> {
	for (let i = 0; i < count; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}
