/** What the cases of the engine's conformance suite share: a skill that does as its input says, and a witness of it. */
import assert from "node:assert/strict";
import { RetryableError, TerminalError } from "../../src/errors.ts";
import type { Json } from "../../src/json.ts";
import { type AnySkill, defineSkill, type SkillContext } from "../../src/skill/skill.ts";
import type { StepDefinition, WorkflowDefinition } from "../../src/workflow/definition.ts";
import type { Question, RunReport, WorkflowEngine } from "../../src/workflow/engine.ts";

export interface OpenOptions {
	skills: readonly AnySkill[];
	/** Workflows known by name. */
	workflows?: readonly WorkflowDefinition[];
	/** Most tasks at the same time. Default: many. */
	slots?: number;
}

export interface EngineUnderTest {
	engine: WorkflowEngine;
	/** Lets so much time pass for the engine. */
	pass(ms: number): Promise<void>;
	/** Ends its process without a word and opens the same data in a new one. */
	restart(): Promise<WorkflowEngine>;
}

/** One behaviour; its title is a sentence. */
export type Cases = Readonly<Record<string, (stage: Stage) => Promise<void>>>;

export const x = (expression: string): string => `$\{{ ${expression} }}`;

/** What a task of the skill `work` is told; `with` of a step. */
export interface Told {
	/** What the witness writes down. Default: the step's path. */
	name?: Json;
	/** Waits until the test opens this gate. */
	hold?: Json;
	/** Fails with this message, unless it is empty ... */
	fail?: Json;
	/** ... but only in so many first attempts, and may then be tried again. */
	failTimes?: Json;
	/** Its output. Default: the name. */
	out?: Json;
}

/** A step of the skill `work`. */
export const work = (id: string, told: Told = {}, more: Partial<StepDefinition> = {}): StepDefinition => ({
	id,
	needs: [],
	skill: "work",
	with: told as Json,
	...more,
});

export const flow = (steps: StepDefinition[], more: Partial<WorkflowDefinition> = {}): WorkflowDefinition => ({
	name: "flow",
	inputs: {},
	steps,
	outputs: {},
	...more,
});

/** Steps after each other. */
export const inARow = (...steps: StepDefinition[]): StepDefinition[] =>
	steps.map((step, place) => ({
		...step,
		needs: place === 0 ? step.needs : [(steps[place - 1] as StepDefinition).id],
	}));

export class Stage {
	/** Names of tasks in the order in which they began. */
	readonly began: string[] = [];
	/** Names of tasks that returned. */
	readonly done: string[] = [];
	/** Most tasks at the same time so far. */
	most = 0;
	#running = 0;
	readonly #gates = new Set<string>();
	readonly #open: (options: OpenOptions) => Promise<EngineUnderTest>;
	#under: EngineUnderTest | undefined;
	#engine: WorkflowEngine | undefined;
	#changed = Promise.withResolvers<void>();

	constructor(open: (options: OpenOptions) => Promise<EngineUnderTest>) {
		this.#open = open;
	}

	get engine(): WorkflowEngine {
		return this.#engine as WorkflowEngine;
	}

	/** Opens the engine, if that was not done before, and starts a run. */
	async start(
		definition: WorkflowDefinition,
		inputs: { [name: string]: Json } = {},
		options: Partial<OpenOptions> = {},
	): Promise<string> {
		await this.open(options);
		return this.engine.start(definition, inputs);
	}

	async open(options: Partial<OpenOptions> = {}): Promise<void> {
		if (this.#under !== undefined) return;
		this.#under = await this.#open({ skills: [this.#skill()], ...options });
		this.#engine = this.#under.engine;
	}

	async play(
		definition: WorkflowDefinition,
		inputs: { [name: string]: Json } = {},
		options: Partial<OpenOptions> = {},
	): Promise<RunReport> {
		return this.engineResult(await this.start(definition, inputs, options));
	}

	engineResult = (id: string): Promise<RunReport> => this.engine.result(id);

	/** A run that has to fail; its error. */
	async failure(
		definition: WorkflowDefinition,
		inputs: { [name: string]: Json } = {},
		options: Partial<OpenOptions> = {},
	): Promise<NonNullable<RunReport["error"]>> {
		const { state, error } = await this.play(definition, inputs, options);
		assert.equal(state, "failed");
		assert.ok(error);
		return error;
	}

	pass = (ms: number): Promise<void> => (this.#under as EngineUnderTest).pass(ms);

	async restart(): Promise<void> {
		this.#running = 0;
		this.#engine = await (this.#under as EngineUnderTest).restart();
	}

	/** Lets through who waits at a gate, and who comes later. */
	release(gate: string): void {
		this.#gates.add(gate);
		this.#tell();
	}

	/** Waits until tasks of these names have begun. */
	async begun(...names: string[]): Promise<void> {
		while (!names.every((name) => this.began.includes(name))) await this.#changed.promise;
	}

	/** Waits until the run's report says so. */
	async until(id: string, fits: (report: RunReport) => boolean): Promise<RunReport> {
		for (;;) {
			const report = await this.engine.report(id);
			if (fits(report)) return report;
			await new Promise<void>((resolve) => setImmediate(resolve));
		}
	}

	/** Waits until a step has this state. */
	step = (id: string, path: string, state: RunReport["steps"][string] = "running"): Promise<RunReport> =>
		this.until(id, ({ steps }) => steps[path] === state);

	/** The one question that is asked, once it is. */
	async question(): Promise<Question> {
		for (;;) {
			const [question, ...others] = await this.engine.questions();
			assert.deepEqual(others, []);
			if (question !== undefined) return question;
			await new Promise<void>((resolve) => setImmediate(resolve));
		}
	}

	#tell(): void {
		this.#changed.resolve();
		this.#changed = Promise.withResolvers();
	}

	#skill(): AnySkill {
		return defineSkill<Told, Json>({
			name: "work",
			description: "Does as it is told.",
			run: (told, context) => this.#work(told, context),
		});
	}

	async #work({ name: given, hold, fail, failTimes, out }: Told, { task, signal }: SkillContext): Promise<Json> {
		const name = String(given ?? task.step);
		this.began.push(name);
		this.most = Math.max(this.most, ++this.#running);
		this.#tell();
		try {
			await new Promise<void>((resolve) => setImmediate(resolve)); // those that run side by side are seen to
			if (hold !== undefined) await this.#gate(String(hold), signal);
			if (failTimes !== undefined && task.attempt <= Number(failTimes)) throw new RetryableError(String(fail));
			if (failTimes === undefined && fail) throw new TerminalError(String(fail));
			this.done.push(name);
			return out ?? name;
		} finally {
			this.#running--;
		}
	}

	async #gate(gate: string, signal: AbortSignal): Promise<void> {
		signal.throwIfAborted();
		const aborted = new Promise<never>((_, reject) => {
			signal.addEventListener("abort", () => reject(signal.reason), { once: true });
		});
		aborted.catch(() => undefined);
		while (!this.#gates.has(gate)) await Promise.race([this.#changed.promise, aborted]);
	}
}
