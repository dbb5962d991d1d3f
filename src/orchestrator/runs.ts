/**
 * Runs of workflows: they begin, go on inside the transactions in which something of them changed, and end. What they wait
 * for is in `waits.ts`; how one is begun again in `rerun.ts`.
 */
import type { Clock } from "../clock.ts";
import { MusterError, toErrorData } from "../errors.ts";
import { UNUSED_DEFINITIONS_KEPT } from "../fold/runs.ts";
import type { Log } from "../log.ts";
import { Alarms } from "../scheduler/alarms.ts";
import type { Emit, Ledger } from "../scheduler/ledger.ts";
import type { Task } from "../task/task.ts";
import { Agenda, type Next, Turn } from "../workflow/agenda.ts";
import type { Catalog } from "../workflow/catalog.ts";
import type { GivenWorkflow, WorkflowDefinition } from "../workflow/definition.ts";
import { advanceRuns, type EngineListener, mayGoOn } from "../workflow/embedded.ts";
import { checkGroup, groupOf } from "../workflow/group.ts";
import { checkInputs } from "../workflow/inputs.ts";
import { isRunOver, type NewRun, type Run } from "../workflow/run.ts";
import { type Beginning, beginRun } from "../workflow/run-begin.ts";
import { afterRun, createdRun, promote } from "../workflow/run-queue.ts";
import { expireStep } from "../workflow/step-task.ts";
import type { Admission } from "./admission.ts";
import type { Canceller } from "./canceller.ts";
import { definitionsOf, folderOf, pinsOf, type Resolved, resolveWorkflow } from "./pins.ts";
import { takeOver } from "./rerun.ts";
import type { Submitter } from "./submitter.ts";

export interface RunsParts {
	ledger: Ledger;
	clock: Clock;
	log: Log;
	newId(prefix: string): string;
	catalog: Catalog;
	canceller: Canceller;
	admission: Admission;
	submitter: Submitter;
}

export interface RerunOptions {
	/** A step of the main list: it and all that needs it is done again. Default: what did not complete. */
	from?: string;
	/** In place of those of the old run. */
	inputs?: Record<string, unknown>;
	/**
	 * On the present definition of this name, not on the one that the old run was pinned to. Steps that say something else
	 * now are done again, and all that needs them.
	 */
	latest?: boolean;
}

export class Runs {
	readonly #parts: RunsParts;
	readonly #alarms: Alarms;
	readonly #listener: EngineListener;
	readonly #agenda = new Agenda();
	/** Of the event loop, while something of the agenda is done in it. */
	#turn: Turn | undefined;
	#isStopped = false;
	/** Runs under way to the journal, by the key of their group: two that begin at once see each other. */
	readonly #beginning = new Map<string, Set<{ id: string }>>();

	constructor(parts: RunsParts) {
		this.#parts = parts;
		this.#alarms = new Alarms(parts.clock, (_, key) => this.#timeHasCome(key));
		this.#listener = {
			timed: (run, path, until) => this.#arm(run.id, path, until),
			stray: (run, path) => parts.canceller.cancelStray(run, path),
			halted: (run, prefix) => parts.canceller.cancelUnstarted(run, prefix),
			checkRoom: () => parts.admission.checkRoom(1),
			misfit: (run, error, emit) => this.park(run, error, emit),
			inner: (run) => this.#supersede(run),
		};
	}

	/** @throws E_WORKFLOW_UNKNOWN, E_WORKFLOW_INVALID, E_FILE_UNREADABLE, also of a workflow that a step of it runs */
	resolve(workflow: string | GivenWorkflow): Promise<Resolved> {
		return resolveWorkflow(this.#parts.catalog, workflow);
	}

	/** Resolves with the run's id when it is durable. @throws also E_INPUT_INVALID, E_CONFLICT, E_QUEUE_FULL, E_STORAGE_FULL */
	async start(workflow: string | GivenWorkflow, inputs: Record<string, unknown>): Promise<string> {
		const { known, definitions, ...pins } = await this.resolve(workflow);
		const run: NewRun = {
			id: this.#parts.newId("run"),
			workflow: known.definition.name,
			hash: known.hash,
			inputs: checkInputs(known.definition, inputs, folderOf(known)),
			...pinsOf(pins),
		};
		await this.begin({ run, definitions, isKnown: (hash) => this.isKept(hash) });
		return run.id;
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
		const { definitions, definition, hash, folder, ...pins } = await definitionsOf(
			old,
			latest,
			this.#parts.catalog,
			this.#parts.ledger.state,
		);
		const before = hash === old.hash ? definition : this.#parts.ledger.state.definitions.get(old.hash);
		const { copied, origins } = takeOver(definition, before, old, from);
		const run: NewRun = {
			...{ id: this.#parts.newId("run"), workflow: old.workflow, hash },
			inputs: checkInputs(definition, { ...old.inputs, ...inputs }, folder),
			...pinsOf(pins),
			fork: { run: old.id, ...(from !== undefined && { step: from }) },
			...(Object.keys(origins).length > 0 && { origins }),
		};
		await this.begin({ run, definitions, isKnown: (known) => this.isKept(known), copied });
		return run.id;
	}

	/** As one request. */
	async begin(beginning: Beginning): Promise<void> {
		const { ledger, clock, submitter } = this.#parts;
		const definition = beginning.definitions.get(beginning.run.hash) as WorkflowDefinition;
		checkGroup(definition, beginning.run, (key) => this.#ofGroup(key));
		const { id } = beginning.run;
		let goesOn = false;
		await this.#underWay(groupOf(definition, beginning.run)?.key, id, () => {
			const begun = beginRun(beginning, clock.now());
			goesOn = begun.goesOn;
			// In the agenda before anything of it can end: it is known then that more of it is to begin.
			return submitter.begin(begun.events, () => goesOn && this.#agenda.add({ id }));
		});
		const run = ledger.state.runs.get(id);
		if (run === undefined) return;
		if (run.state === "queued") await this.#enterGroup(run);
		else if (goesOn) await ledger.transact((emit) => this.#goOn(emit));
		this.armSteps(run);
	}

	/**
	 * As part of a transaction: the run begins with it, or waits for its group. For what starts runs by itself.
	 * @throws E_INPUT_INVALID, E_CONFLICT
	 */
	beginWith(emit: Emit, run: NewRun, definition: WorkflowDefinition): void {
		const at = this.#parts.clock.now();
		const { state } = this.#parts.ledger;
		checkGroup(definition, run, (key) => this.#ofGroup(key));
		for (const next of createdRun(state, definition, run, at, emit)) this.advance(next, emit);
		this.#supersede(state.runs.get(run.id));
	}

	/** Live runs of a group and those that are about to be. */
	#ofGroup(key: string): { id: string }[] {
		const { runs, groups } = this.#parts.ledger.state;
		const beginning = [...(this.#beginning.get(key) ?? [])].filter(({ id }) => !runs.has(id));
		return [...(groups.get(key) ?? []), ...beginning];
	}

	async #underWay(key: string | undefined, id: string, work: () => Promise<void>): Promise<void> {
		if (key === undefined) return work();
		const entry = { id };
		const entries = this.#beginning.get(key) ?? new Set();
		this.#beginning.set(key, entries.add(entry));
		try {
			await work();
		} finally {
			if (entries.delete(entry) && entries.size === 0) this.#beginning.delete(key);
		}
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

	/** Inside a transaction that changed steps of a run: it goes on now, or in a transaction of its own when this turn is over. */
	advance(next: Next, emit: Emit): void {
		this.#agenda.add(next);
		this.#goOn(emit);
	}

	#goOn(emit: Emit): void {
		const { ledger, clock } = this.#parts;
		if (this.#agenda.isEmpty) return;
		if (this.#turn === undefined) setImmediate(this.#nextTurn);
		this.#turn ??= new Turn();
		const { state } = ledger;
		const [agenda, turn, listener] = [this.#agenda, this.#turn, this.#listener];
		advanceRuns({ state, at: clock.now(), emit, listener, agenda, turn });
	}

	/** What does not get its turn any more goes on after the next start. */
	readonly #nextTurn = (): void => {
		this.#turn = undefined;
		if (this.#agenda.isEmpty || this.#isStopped) return;
		const { ledger, log } = this.#parts;
		const stored = ledger.transact((emit) => this.#goOn(emit));
		stored.catch((error: unknown) => log.error("work stopped", { error: toErrorData(error).message }));
	};

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
			for (const run of state.runs.values()) {
				if (run.state === "parked") emit({ type: "run.unparked", at: clock.now(), id: run.id });
				if (run.state === "running") this.#agenda.add({ id: run.id });
			}
			for (const key of [...state.groups.keys()]) {
				for (const next of promote(state, key, clock.now(), emit)) this.#agenda.add(next);
			}
			this.#goOn(emit);
		});
		for (const run of state.runs.values()) {
			this.armSteps(run);
			for (const [prefix, { broken }] of Object.entries(run.frames)) {
				if (broken > 0) this.#listener.halted(run, prefix);
			}
		}
		// The process may have died between the beginning of a run and the cancel that follows from it.
		for (const runs of state.groups.values()) this.#supersede([...runs].findLast(({ group }) => group?.policy));
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
		this.#isStopped = true;
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

	/** A run that does not fit its definition is parked, and never fails what led to it. Part of a transaction. */
	park(run: Run, thrown: unknown, emit: Emit): void {
		const { clock, log } = this.#parts;
		log.error("a run cannot go on and is parked", { run: run.id, error: toErrorData(thrown).message });
		if (run.state !== "running") throw thrown;
		emit({ type: "run.parked", at: clock.now(), id: run.id, error: toErrorData(thrown, "E_INTERNAL") });
	}

	/** Its place in its group: now, or when one before it is over. */
	async #enterGroup(run: Run): Promise<void> {
		const { ledger, clock } = this.#parts;
		const key = run.group?.key ?? "";
		this.#supersede(run);
		await ledger.transact((emit) => {
			for (const next of promote(ledger.state, key, clock.now(), emit)) this.advance(next, emit);
		});
	}

	/** The policy `cancel-previous`: beyond the limit the oldest runs of its group give way to it. */
	#supersede(run: Run | undefined): void {
		const group = run?.group;
		if (run === undefined || group?.policy !== "cancel-previous") return;
		const live = [...(this.#parts.ledger.state.groups.get(group.key) ?? [])];
		const error = toErrorData(new MusterError("E_CANCELLED", `superseded by the run ${run.id}`));
		for (const previous of live.slice(0, Math.max(0, live.length - group.limit))) {
			if (previous === run) return; // only what is older gives way
			this.#parts.canceller.cancelRunLater(previous, error);
		}
	}
}
