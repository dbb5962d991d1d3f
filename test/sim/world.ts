/**
 * A seeded world: the real orchestrator on a journal in memory and a clock moved by hand, with scripted skills, callers,
 * a disk that fills up, and crashes that drop everything but what was committed. Nothing real is waited for but turns
 * of the event loop, so a seed gives the same story again.
 */
import assert from "node:assert/strict";
import { FanOutCoordinator } from "../../src/agent/coordinator-agent.ts";
import { WorkerAgent } from "../../src/agent/worker-agent.ts";
import { EmbeddedBus } from "../../src/bus/embedded.ts";
import { createIds, HandClock } from "../../src/clock.ts";
import { readSettings } from "../../src/config.ts";
import { hasCode, MusterError, RetryableError, TerminalError } from "../../src/errors.ts";
import { decodeBody, type Event } from "../../src/events.ts";
import { MemoryStore } from "../../src/journal/memory.ts";
import type { Json } from "../../src/json.ts";
import { silentLog } from "../../src/log.ts";
import { Orchestrator } from "../../src/orchestrator/orchestrator.ts";
import { defineSkill, type SkillContext } from "../../src/skill/skill.ts";
import type { TaskSpec } from "../../src/task/spec.ts";
import { isTerminal, priorities, type Task, taskStates } from "../../src/task/task.ts";
import { Catalog } from "../../src/workflow/catalog.ts";
import type { Run } from "../../src/workflow/run.ts";
import { memoryArtifacts } from "../skill-harness.ts";

const DEEDS = ["value", "value", "value", "slow", "throw", "flaky", "terminal", "hang", "deaf", "effect"] as const;
type Deed = (typeof DEEDS)[number];

const terminal = new Set<Event["type"]>(["task.completed", "task.failed", "task.cancelled", "task.skipped"]);

/** An agent that the world may fell, and raise again. */
class Mortal extends WorkerAgent {
	lives = true;

	override async alive(): Promise<boolean> {
		return this.lives;
	}
}

export class World {
	readonly #random: () => number;
	readonly acknowledged = new Set<string>();
	/** Effects done in the outside world, by task. */
	readonly effects = new Map<string, number>();
	crashes = 0;
	refused = 0;
	store = new MemoryStore();
	clock: HandClock;
	orchestrator!: Orchestrator;
	#generation = 0;
	/** What went wrong where nobody waited. */
	#failure: unknown;
	#full = false;
	#agents: Mortal[] = [];
	/** Terminal tasks in the journal when this generation began, and completed ones now. */
	#over = new Set<string>();
	#completed = new Set<string>();
	#read = 0;

	constructor(seed: number) {
		this.clock = new HandClock(1_700_000_000_000, seed);
		const dice = new HandClock(0, seed * 7919 + 13);
		this.#random = dice.random;
	}

	roll(sides: number): number {
		return Math.floor(this.#random() * sides);
	}

	/** Opens what is committed, as a new process would. */
	async boot(): Promise<void> {
		const generation = ++this.#generation;
		const { clock, store } = this;
		store.write = async () => {
			await turns(this.roll(this.roll(4) === 0 ? 8 : 2)); // now and then a slow disk
			if (this.#full) throw new MusterError("E_STORAGE_FULL", "full");
		};
		this.#over = new Set(
			this.history().flatMap((event) => (terminal.has(event.type) && "id" in event ? [event.id] : [])),
		);
		const recovered = { tasks: [] as Task[], runs: [] as Run[] };
		const open = store.open({
			clock,
			sink: { task: (task) => void recovered.tasks.push(task), run: (run) => void recovered.runs.push(run) },
			onFailure: (error) => assert.fail(String(error)),
		});
		open.state.epoch = generation;
		const skill = defineSkill<{ deed: Deed; deps?: string[] }>({
			name: "deed",
			description: "Does as it is told.",
			run: (input, context) => this.#perform(generation, input.deed, context),
		});
		this.orchestrator = new Orchestrator({
			settings: readSettings({ dataDir: "/nowhere", abortGraceMs: 50, heartbeatMs: 100, leaseMs: 300 }),
			clock,
			log: silentLog,
			newId: createIds(clock),
			open,
			recovered,
			artifacts: memoryArtifacts(),
			threads: { size: 0, run: () => Promise.reject(new Error("none")), close: async () => undefined },
			catalog: new Catalog([]),
			skills: [skill],
			createBus: (ledger) => new EmbeddedBus({ clock, log: silentLog, ledger }),
		});
		this.#agents = [1, 2, 3].map((n) => new Mortal({ name: `w${n}`, skills: [skill], concurrency: n }));
		await this.orchestrator.begin([...this.#agents, new FanOutCoordinator({ name: "c", concurrency: 2 })]);
	}

	async #perform(generation: number, deed: Deed, context: SkillContext): Promise<Json> {
		const { id, attempt } = context.task;
		if (generation === this.#generation) {
			assert.ok(!this.#over.has(id), `I3: ${id} ran again after its end was stored`);
			for (const dependency of this.#dependenciesOf(id)) {
				assert.ok(this.#completedNow().has(dependency), `I7: ${id} ran before ${dependency} was stored as completed`);
			}
		}
		const pause = (ms: number): Promise<void> =>
			new Promise((resolve, reject) => {
				this.clock.after(ms, resolve);
				context.signal.addEventListener("abort", () => reject(context.signal.reason));
			});
		switch (deed) {
			case "value":
				return id;
			case "slow":
				await pause(this.roll(200));
				context.progress(0.5);
				await pause(this.roll(200));
				return id;
			case "throw":
				throw new Error("always");
			case "flaky":
				if (attempt < 3) throw new RetryableError("not yet", { afterMs: this.roll(100) });
				return id;
			case "terminal":
				throw new TerminalError("never");
			case "hang":
				return new Promise((_, reject) =>
					context.signal.addEventListener("abort", () => reject(context.signal.reason)),
				);
			case "deaf":
				return new Promise(() => undefined);
			case "effect":
				return context.effect({
					key: "once",
					describe: "count",
					run: async () => {
						if (generation === this.#generation) this.effects.set(id, (this.effects.get(id) ?? 0) + 1);
						await pause(this.roll(50));
						return null;
					},
					verify: async () => (this.effects.has(id) ? null : undefined),
				});
		}
	}

	spec(known: readonly string[]): TaskSpec {
		const deed = DEEDS[this.roll(DEEDS.length)] as Deed;
		const spec: TaskSpec = { type: "deed", input: { deed }, priority: priorities[this.roll(5)] ?? "normal" };
		// What never ends by itself needs a limit, or the world would not come to rest.
		if (deed === "hang" || deed === "deaf" || this.roll(4) === 0) spec.timeout = 50 + this.roll(300);
		if (this.roll(5) === 0) spec.retry = false;
		if (this.roll(5) === 0) spec.delay = this.roll(500);
		if (this.roll(8) === 0) spec.deadline = this.clock.now() + 200 + this.roll(2_000);
		if (known.length > 0 && this.roll(3) === 0) {
			spec.dependsOn = Array.from({ length: 1 + this.roll(3) }, () => known[this.roll(known.length)] as string);
		}
		if (this.roll(8) === 0) {
			const tasks = Array.from({ length: 1 + this.roll(3) }, () => this.spec([]));
			return { type: "coordinate", input: { tasks, onFailure: "continue" } };
		}
		return spec;
	}

	/** One thing that a caller or the world does. */
	async step(): Promise<void> {
		if (this.#failure !== undefined) throw this.#failure;
		const dice = this.roll(100);
		if (dice < 45) await this.#submit();
		else if (dice < 55) this.#cancel();
		else if (dice < 60) this.#full = !this.#full;
		else if (dice < 66) await this.crash();
		else if (dice < 72) this.#fellOrRaise();
		else this.clock.advance(this.roll(300));
		await turns(this.roll(4));
	}

	async #submit(): Promise<void> {
		const known = [...this.acknowledged].slice(-12);
		const specs = Array.from({ length: 1 + this.roll(4) }, (_, i) => {
			const spec = this.spec(known);
			if (i > 0 && this.roll(3) === 0) spec.dependsOn = [`#${this.roll(i)}`];
			return spec;
		});
		if (this.roll(6) === 0) (specs[0] as TaskSpec).idempotencyKey = `key-${this.roll(5)}`;
		const generation = this.#generation;
		const answer = this.orchestrator.submitMany(specs).then(
			(ids) => {
				if (generation === this.#generation) for (const id of ids) this.acknowledged.add(id);
			},
			(error: unknown) => {
				this.refused++;
				const expected = [
					"E_STORAGE_FULL",
					"E_DEPENDENCY_FAILED",
					"E_IDEMPOTENCY_CONFLICT",
					"E_DEPENDENCY_UNKNOWN",
				] as const;
				assert.ok(
					expected.some((code) => hasCode(error, code)),
					`refused with ${String(error)}`,
				);
			},
		);
		if (this.roll(2) === 0) await Promise.race([answer, turns(6)]);
	}

	#cancel(): void {
		const ids = [...this.acknowledged];
		if (ids.length === 0) return;
		const id = ids[this.roll(ids.length)] as string;
		const generation = this.#generation;
		this.orchestrator.cancel(id).catch((error: unknown) => {
			if (generation === this.#generation) this.#failure ??= error;
		});
	}

	#fellOrRaise(): void {
		const agent = this.#agents[this.roll(this.#agents.length)] as Mortal;
		agent.lives = !agent.lives;
	}

	/** Only what is committed stays. The dropped one may go on in its own world, which nobody looks at. */
	async crash(): Promise<void> {
		this.crashes++;
		const store = new MemoryStore();
		store.batches.push(...this.store.batches);
		this.store = store;
		this.clock = new HandClock(this.clock.now() + this.roll(500), this.roll(1_000_000));
		this.#read = 0;
		this.#completed = new Set();
		await this.boot();
	}

	/** Faults are over: everything that can end has to end. */
	async settle(): Promise<void> {
		this.#full = false;
		for (const agent of this.#agents) agent.lives = true;
		for (let i = 0; i < 2_000; i++) {
			this.clock.advance(100);
			await turns(3);
			const { pending, running } = this.orchestrator.status().taskQueue;
			if (pending + running > 0) continue;
			this.clock.advance(1_000); // what a full disk held up is written now
			await turns(10);
			return;
		}
		const stuck = this.orchestrator.tasks({ state: taskStates.filter((state) => !isTerminal(state)) }).items;
		assert.fail(
			`L1: not over: ${JSON.stringify(stuck.slice(0, 3).map(({ id, state, waiting }) => ({ id, state, waiting })))}`,
		);
	}

	history(): Event[] {
		return this.store.batches.flatMap((batch) => decodeBody(batch.body));
	}

	#dependenciesOf(id: string): readonly string[] {
		return this.orchestrator.task(id).dependsOn ?? [];
	}

	#completedNow(): Set<string> {
		for (; this.#read < this.store.batches.length; this.#read++) {
			const batch = this.store.batches[this.#read];
			for (const event of decodeBody(batch?.body as Uint8Array)) {
				if (event.type === "task.completed") this.#completed.add(event.id);
			}
		}
		return this.#completed;
	}
}

export async function turns(count: number): Promise<void> {
	for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}
