/**
 * Runs of workflows: they begin, go on inside the transactions in which something of them changed, and end. What they wait
 * for is in `waits.ts`; how one is begun again in `rerun.ts`.
 */
import { dirname } from "node:path";
import type { Clock } from "../clock.ts";
import { MusterError, toErrorData } from "../errors.ts";
import { UNUSED_DEFINITIONS_KEPT } from "../fold/runs.ts";
import type { Log } from "../log.ts";
import { Alarms } from "../scheduler/alarms.ts";
import type { Emit, Ledger } from "../scheduler/ledger.ts";
import type { Task } from "../task/task.ts";
import type { Catalog, KnownWorkflow } from "../workflow/catalog.ts";
import type { WorkflowDefinition } from "../workflow/definition.ts";
import {
	advanceRun,
	afterRun,
	type Beginning,
	beginRun,
	createdRun,
	type EngineListener,
	expireStep,
	mayGoOn,
	type Next,
	promote,
} from "../workflow/embedded.ts";
import { checkGroup } from "../workflow/group.ts";
import { checkInputs } from "../workflow/inputs.ts";
import { isRunOver, type NewRun, type Run } from "../workflow/run.ts";
import type { Canceller } from "./canceller.ts";
import { type KeyedRequest, requestOf } from "./keyed-request.ts";
import { stepsToCopy } from "./rerun.ts";
import type { Placed, Submitter } from "./submitter.ts";

export interface RunsParts {
	ledger: Ledger;
	clock: Clock;
	log: Log;
	newId(prefix: string): string;
	catalog: Catalog;
	canceller: Canceller;
	submitter: Submitter;
}

/** A run's definition with those it may use, ready to begin. */
export interface Resolved {
	known: KnownWorkflow;
	uses: { [name: string]: string };
	definitions: Map<string, WorkflowDefinition>;
}

export interface StartRunOptions {
	/** The same key again gives the first run's id; with another workflow or other inputs it is refused. At most 256 characters. */
	idempotencyKey?: string;
}

export interface RerunOptions {
	/** A step of the main list: it and all that needs it is done again. Default: what did not complete. */
	from?: string;
	/** In place of those of the old run. */
	inputs?: Record<string, unknown>;
	/** On the present definition of this name, not on the one that the old run was pinned to. */
	latest?: boolean;
}

export class Runs {
	readonly #parts: RunsParts;
	readonly #alarms: Alarms;
	readonly #listener: EngineListener;
	/** Starts with a key that are under way, by the run's id. */
	readonly #starting = new Map<string, { request: KeyedRequest; started: Promise<Placed> }>();

	constructor(parts: RunsParts) {
		this.#parts = parts;
		this.#alarms = new Alarms(parts.clock, (_, key) => this.#timeHasCome(key));
		this.#listener = {
			timed: (run, path, until) => this.#arm(run.id, path, until),
			stray: (run, path) => parts.canceller.cancelStray(run, path),
			misfit: (run, error, emit) => this.#park(run, error, emit),
			inner: (run, definition) => {
				if (definition.concurrency?.policy === "cancel-previous") this.#supersede(run);
			},
		};
	}

	/** @throws E_WORKFLOW_UNKNOWN, E_WORKFLOW_INVALID, E_FILE_UNREADABLE, also of a workflow that a step of it runs */
	async resolve(workflow: string | WorkflowDefinition): Promise<Resolved> {
		const { catalog } = this.#parts;
		const known = typeof workflow === "string" ? await catalog.find(workflow) : catalog.of(workflow);
		const used = await catalog.resolveUses(known.definition);
		const definitions = new Map([[known.hash, known.definition]]);
		const uses: { [name: string]: string } = {};
		for (const [name, { hash, definition }] of used) {
			uses[name] = hash;
			definitions.set(hash, definition);
		}
		return { known, uses, definitions };
	}

	/**
	 * Resolves when it is durable. @throws also E_INPUT_INVALID, E_CONFLICT, E_QUEUE_FULL, E_STORAGE_FULL,
	 * E_IDEMPOTENCY_CONFLICT
	 */
	async start(
		workflow: string | WorkflowDefinition,
		inputs: Record<string, unknown>,
		{ idempotencyKey }: StartRunOptions,
	): Promise<Placed> {
		const request = idempotencyKey === undefined ? undefined : requestOf(idempotencyKey, workflow, inputs);
		const known = request && this.#known(request);
		if (known !== undefined) return known;
		const started = this.#startNew(workflow, inputs, request);
		if (request === undefined) return started;
		// Until it is in the state, this alone says that the key is taken.
		this.#starting.set(request.id, { request, started });
		return started.finally(() => this.#starting.delete(request.id));
	}

	async #startNew(
		workflow: string | WorkflowDefinition,
		inputs: Record<string, unknown>,
		request: KeyedRequest | undefined,
	): Promise<Placed> {
		const { known, uses, definitions } = await this.resolve(workflow);
		const folder = known.file === undefined ? undefined : dirname(known.file);
		const run: NewRun = {
			id: request?.id ?? this.#parts.newId("run"),
			workflow: known.definition.name,
			hash: known.hash,
			inputs: checkInputs(known.definition, inputs, folder),
			...(request && { request: request.fingerprint }),
			...(Object.keys(uses).length > 0 && { uses }),
		};
		await this.begin({ run, definitions, isKnown: (hash) => this.isKept(hash) });
		return { id: run.id, known: false };
	}

	/** The run that was started under the key. @throws E_IDEMPOTENCY_CONFLICT when it was another request */
	#known(request: KeyedRequest): Promise<Placed> | undefined {
		const { id } = request;
		const pending = this.#starting.get(id);
		const fingerprint = pending?.request.fingerprint ?? this.#parts.ledger.run(id)?.request;
		if (fingerprint === undefined) return undefined;
		if (fingerprint !== request.fingerprint) {
			throw new MusterError("E_IDEMPOTENCY_CONFLICT", `the idempotency key belongs to ${id}, which is another run`, {
				hint: "Use a new key for new content.",
				details: { run: id },
			});
		}
		return pending === undefined
			? Promise.resolve({ id, known: true })
			: pending.started.then(() => ({ id, known: true }));
	}

	/**
	 * Begins a run that is over again, as a new one; see `rerun.ts`. Resolves with its id.
	 * @throws E_CONFLICT while it is not over, E_WORKFLOW_UNKNOWN when its definition is not kept any more
	 */
	async again(old: Run, { from, inputs = {}, latest = false }: RerunOptions): Promise<string> {
		if (!isRunOver(old.state)) {
			throw new MusterError("E_CONFLICT", `the run ${old.id} is ${old.state}; only one that is over can be run again`, {
				hint: "Cancel it first, or wait for it.",
			});
		}
		const { uses, definitions, definition, hash } = await this.#definitionsOf(old, latest);
		const run: NewRun = {
			...{ id: this.#parts.newId("run"), workflow: old.workflow, hash },
			inputs: checkInputs(definition, { ...old.inputs, ...inputs }),
			...(Object.keys(uses).length > 0 && { uses }),
			fork: { run: old.id, ...(from !== undefined && { step: from }) },
		};
		const copied = stepsToCopy(definition, old, from);
		await this.begin({ run, definitions, isKnown: (known) => this.isKept(known), copied });
		return run.id;
	}

	async #definitionsOf(
		old: Run,
		latest: boolean,
	): Promise<Omit<Resolved, "known"> & { definition: WorkflowDefinition; hash: string }> {
		const { state } = this.#parts.ledger;
		const hashes = [old.hash, ...Object.values(old.uses ?? {})];
		const kept = new Map(
			hashes.flatMap((hash) => {
				const definition = state.definitions.get(hash);
				return definition === undefined ? [] : [[hash, definition] as const];
			}),
		);
		const own = kept.get(old.hash);
		if (!latest && own !== undefined && kept.size === new Set(hashes).size) {
			return { uses: old.uses ?? {}, definitions: kept, definition: own, hash: old.hash };
		}
		const { known, uses, definitions } = await this.resolve(old.workflow);
		if (!latest && known.hash !== old.hash) {
			throw new MusterError("E_WORKFLOW_UNKNOWN", `the definition that ${old.id} was pinned to is not kept any more`, {
				hint: "Run it on the present one with latest (muster retry RUN --latest).",
			});
		}
		return { uses, definitions, definition: known.definition, hash: known.hash };
	}

	/** As one request. */
	async begin(beginning: Beginning): Promise<void> {
		const { ledger, clock, submitter } = this.#parts;
		const definition = beginning.definitions.get(beginning.run.hash) as WorkflowDefinition;
		checkGroup(definition, beginning.run, (key) => ledger.state.groups.get(key) ?? []);
		await submitter.begin(beginRun(beginning, clock.now()));
		const run = ledger.state.runs.get(beginning.run.id);
		if (run === undefined) return;
		if (run.state === "queued") await this.#enterGroup(run, definition);
		else if (run.uses !== undefined) await ledger.transact((emit) => this.advance({ id: run.id }, emit));
		this.armSteps(run);
	}

	/**
	 * As part of a transaction: the run begins with it, or waits for its group. For what starts runs by itself.
	 * @throws E_INPUT_INVALID, E_CONFLICT
	 */
	beginWith(emit: Emit, run: NewRun, definition: WorkflowDefinition): void {
		const at = this.#parts.clock.now();
		const { state } = this.#parts.ledger;
		checkGroup(definition, run, (key) => state.groups.get(key) ?? []);
		for (const next of createdRun(state, definition, run, at, emit)) this.advance(next, emit);
		if (definition.concurrency?.policy === "cancel-previous") this.#supersede(state.runs.get(run.id));
	}

	/** Whether the journal keeps a definition while a request is under way that needs it. */
	isKept(hash: string): boolean {
		const { state } = this.#parts.ledger;
		// One that nothing live uses may leave the state meanwhile, and where there are many even one whose last run ends.
		return state.uses.has(hash) && state.definitions.size <= UNUSED_DEFINITIONS_KEPT / 2;
	}

	/** Inside the transaction in which a task came to its end. */
	taskEnded(task: Task, emit: Emit): void {
		if (task.run === undefined || !mayGoOn(this.#parts.ledger.state, task)) return;
		this.advance({ id: task.run.id, changed: [task.run.step] }, emit);
	}

	/** Inside a transaction that changed steps of a run. */
	advance(next: Next, emit: Emit): void {
		const { ledger, clock } = this.#parts;
		advanceRun(ledger.state, next, clock.now(), emit, this.#listener);
	}

	/** Inside the transaction in which a run was ended from outside. */
	ended(run: Run, emit: Emit): void {
		const { ledger, clock } = this.#parts;
		for (const next of afterRun(ledger.state, run, clock.now(), emit)) this.advance(next, emit);
	}

	/** After a start: every live run is asked for what follows, also those that did not fit before. */
	async recover(): Promise<void> {
		const { ledger, clock } = this.#parts;
		const { state } = ledger;
		await ledger.transact((emit) => {
			for (const run of [...state.runs.values()]) {
				if (run.state === "parked") emit({ type: "run.unparked", at: clock.now(), id: run.id });
				if (run.state === "running") this.advance({ id: run.id }, emit);
			}
			for (const key of [...state.groups.keys()]) {
				for (const next of promote(state, key, clock.now(), emit)) this.advance(next, emit);
			}
		});
		for (const run of state.runs.values()) this.armSteps(run);
	}

	/** Sets the alarms of its steps that have a time. */
	armSteps(run: Run): void {
		for (const [path, { state, until }] of Object.entries(run.steps)) {
			if (state === "running" && until !== undefined) this.#arm(run.id, path, until);
		}
	}

	/** Of a run that is over: its steps' times come no more, and there may be a day of them. */
	disarm(run: Run): void {
		for (const [path, { until }] of Object.entries(run.steps)) {
			if (until !== undefined) this.#alarms.delete("deadline", `${run.id} ${path}`);
		}
	}

	stop(): void {
		this.#alarms.stop();
	}

	#arm(id: string, path: string, until: number): void {
		this.#alarms.setAt("deadline", `${id} ${path}`, until);
	}

	#timeHasCome(key: string): void {
		const { ledger, clock, log } = this.#parts;
		const [id = "", path = ""] = key.split(" ");
		const run = ledger.state.runs.get(id);
		const definition = run && ledger.state.definitions.get(run.hash);
		if (run === undefined || definition === undefined || run.state !== "running") return;
		const event = expireStep(definition, run, path, clock.now());
		if (event === undefined) return;
		const stored = ledger.transact((emit) => {
			emit(event);
			this.advance({ id, changed: [path] }, emit);
		});
		stored.catch((error: unknown) => log.error("work stopped", { error: toErrorData(error).message }));
	}

	/** A run that does not fit its definition is parked, and never fails what led to it. */
	#park(run: Run, thrown: unknown, emit: Emit): void {
		const { clock, log } = this.#parts;
		log.error("a run cannot go on and is parked", { run: run.id, error: toErrorData(thrown).message });
		if (run.state !== "running") throw thrown;
		emit({ type: "run.parked", at: clock.now(), id: run.id, error: toErrorData(thrown, "E_INTERNAL") });
	}

	/** Its place in its group: now, or when one before it is over. */
	async #enterGroup(run: Run, { concurrency }: WorkflowDefinition): Promise<void> {
		const { ledger, clock } = this.#parts;
		const key = run.group?.key ?? "";
		if (concurrency?.policy === "cancel-previous") this.#supersede(run);
		await ledger.transact((emit) => {
			for (const next of promote(ledger.state, key, clock.now(), emit)) this.advance(next, emit);
		});
	}

	#supersede(run: Run | undefined): void {
		const group = run?.group;
		if (run === undefined || group === undefined) return;
		const older = [...(this.#parts.ledger.state.groups.get(group.key) ?? [])];
		const error = toErrorData(new MusterError("E_CANCELLED", `superseded by the run ${run.id}`));
		for (const previous of older.slice(0, Math.max(0, older.length - group.limit))) {
			if (previous !== run) this.#parts.canceller.cancelRunLater(previous, error);
		}
	}
}
