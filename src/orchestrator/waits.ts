/**
 * What runs and tasks wait for from outside: signals, events and the answers of people. Each answer is one transaction
 * with all that follows from it.
 */

import { z } from "zod";
import type { Clock } from "../clock.ts";
import { type ErrorData, MusterError, toErrorData } from "../errors.ts";
import { copyJson, type Json, lengthWithin, MAX_INPUT_BYTES } from "../json.ts";
import type { Log } from "../log.ts";
import { Alarms } from "../scheduler/alarms.ts";
import type { Emit, Ledger } from "../scheduler/ledger.ts";
import { explain } from "../schema.ts";
import type { State } from "../state.ts";
import { checkInputSize } from "../task/spec.ts";
import { type Answer, type Ask, isTerminal, type Task } from "../task/task.ts";
import { timeText } from "../time-text.ts";
import type { WorkflowDefinition } from "../workflow/definition.ts";
import { matchesEvent, type SentEvent } from "../workflow/event.ts";
import { MAX_SIGNALS_KEPT, type Run, type WaitRecord } from "../workflow/run.ts";
import { stepAt } from "../workflow/run-fold.ts";
import { definitionAt, stepTaskId } from "../workflow/step-task.ts";
import { notAsked } from "./answered.ts";
import type { Runs } from "./runs.ts";
import type { RefusedStart, Triggers } from "./triggers.ts";
import { type Act, inTurns } from "./turns.ts";

/** Something that a person is asked. */
export interface ApprovalView {
	/** Of the step's place in its run, or of the task and its question. */
	id: string;
	title: string;
	/** As it was given; it is never interpreted. */
	content: Json;
	/** SHA-256 of the canonical JSON of title and content; an answer may name it. */
	hash: string;
	labels: { [name: string]: string };
	askedAt: string;
	/** When it expires, and what that means. */
	until?: string;
	onTimeout?: "deny" | "fail" | "continue";
	run?: string;
	workflow?: string;
	step?: string;
	task?: string;
	type?: string;
}

export interface EventSpec {
	/** For example `com.example.order.paid`; at most 200 characters. */
	type: string;
	/** JSON, at most 1 MiB. Default null. */
	data?: unknown;
	/** Default: an id of its own. */
	id?: string;
	source?: string;
}

export interface AnswerOptions {
	/** Who answers, for the record; at most 2,000 characters, as the comment. */
	by?: string;
	/** At most 2,000 characters. */
	comment?: string;
	/** Refuse unless what is asked has this hash; for several, by their ids. */
	hash?: string;
	hashes?: { readonly [id: string]: string };
}

export interface WaitsParts {
	ledger: Ledger;
	clock: Clock;
	log: Log;
	newId(prefix: string): string;
	runs: Runs;
	triggers: Pick<Triggers, "eventStarts">;
}

/** What an event led to. */
export interface Delivery {
	/** How many open waits it ended. */
	waits: number;
	/** Runs that it started; with an id of the sender's own also those that it started before. */
	runs: string[];
	/** Runs that it should have started, and why it did not. */
	refused: RefusedStart[];
}

type OpenQuestion = { view: ApprovalView } & (
	| { run: Run; path: string; onDeny: "fail" | "continue" }
	| { task: Task; key: string }
);

const MAX_ANSWERS = 1_000;
/** Longest texts of an answer. */
const MAX_TEXTS = { by: 200, comment: 2_000 };

export class Waits {
	readonly #parts: WaitsParts;
	readonly #alarms: Alarms;

	constructor(parts: WaitsParts) {
		this.#parts = parts;
		this.#alarms = new Alarms(parts.clock, (_, key) => this.#expire(key));
	}

	/** After a start: questions of tasks may expire. */
	recover(): void {
		for (const task of this.#parts.ledger.state.tasks.values()) this.arm(task);
	}

	/** Durable: the task may have asked something that expires. */
	arm(task: Task): void {
		if (task.asks === undefined || isTerminal(task.state)) return;
		for (const [key, { until, answer }] of Object.entries(task.asks)) {
			if (until !== undefined && answer === undefined) this.#alarms.setAt("deadline", `${task.id} ${key}`, until);
		}
	}

	/** Of a task that is over: what it asked expires no more. */
	disarm({ id, asks }: Task): void {
		for (const key of Object.keys(asks ?? {})) this.#alarms.delete("deadline", `${id} ${key}`);
	}

	stop(): void {
		this.#alarms.stop();
	}

	/**
	 * The oldest open wait of the run for this signal ends with the data; when there is none, the signal is kept.
	 * @throws E_CONFLICT when the run is over, E_QUEUE_FULL when too many signals wait, E_INPUT_INVALID, E_INPUT_TOO_LARGE
	 */
	async signal(run: Run, name: string, data: unknown): Promise<void> {
		const { ledger, clock } = this.#parts;
		const kept = copyJson(data ?? null, "data", "E_INPUT_INVALID");
		checkInputSize(kept, "the signal: ");
		if (!ledger.state.runs.has(run.id)) {
			throw new MusterError("E_CONFLICT", `the run ${run.id} is ${run.state}; it takes no signal`);
		}
		const path = openWaits(run, true).find(({ wait }) => wait.kind === "signal" && wait.name === name)?.path;
		if (path === undefined && (run.signals?.length ?? 0) >= MAX_SIGNALS_KEPT) {
			throw new MusterError("E_QUEUE_FULL", `${MAX_SIGNALS_KEPT} signals wait for the run ${run.id} already`);
		}
		const at = clock.now();
		await ledger.transact((emit) => {
			if (path === undefined) emit({ type: "run.signalled", at, id: run.id, name, data: kept });
			else this.#endWait(emit, run, path, { output: kept });
		});
	}

	/** Ends the waits for it and starts what it triggers. @throws E_INPUT_INVALID, E_INPUT_TOO_LARGE */
	async send(given: EventSpec): Promise<Delivery> {
		const { ledger, clock, newId, triggers } = this.#parts;
		const event = toEvent(given, newId("evt"), clock.now());
		const delivery: Delivery = { waits: 0, runs: [], refused: [] };
		const starts = triggers.eventStarts(event, given.id !== undefined, delivery);
		await inTurns(ledger, [...this.#endsOfWaits(event, delivery), ...starts]);
		return delivery;
	}

	/** For every wait for its type that is open now. */
	#endsOfWaits(event: SentEvent, delivery: Delivery): Act[] {
		const { state } = this.#parts.ledger;
		const length = lengthWithin(event.data, MAX_INPUT_BYTES);
		return [...state.runs.values()].flatMap((run) => {
			const open = openWaits(run).filter(({ wait }) => wait.kind === "event" && wait.type === event.type);
			return open.map(
				({ path }): Act =>
					(emit, turn) => {
						const definition = state.definitions.get(run.hash);
						// The end of another of its waits may have ended or parked it.
						if (definition === undefined || run.state !== "running" || stepAt(run, path)?.state !== "running") return;
						if (!this.#isFor(emit, definition, run, path, event)) return;
						this.#endWait(emit, run, path, { output: event as unknown as Json });
						turn.length += length;
						delivery.waits++;
					},
			);
		});
	}

	/** A run whose record does not allow an answer is parked: the event is for others too. */
	#isFor(emit: Emit, definition: WorkflowDefinition, run: Run, path: string, event: SentEvent): boolean {
		try {
			return matchesEvent(definition, run, path, event);
		} catch (error) {
			this.#parts.runs.park(run, error, emit);
			return false;
		}
	}

	/** What people are asked, the oldest first. */
	approvals(): ApprovalView[] {
		return [...openQuestions(this.#parts.ledger.state)]
			.map(({ view }) => view)
			.sort((a, b) => a.askedAt.localeCompare(b.askedAt));
	}

	/**
	 * Answers some of them, all or nothing. Resolves when it is durable.
	 * @throws E_APPROVAL_UNKNOWN, E_CONFLICT when it was answered before or the hash is another, E_INPUT_INVALID
	 */
	async answer(ids: readonly string[], approved: boolean, options: AnswerOptions = {}): Promise<void> {
		const { ledger, clock } = this.#parts;
		if (ids.length > MAX_ANSWERS) throw new MusterError("E_INPUT_TOO_LARGE", `at most ${MAX_ANSWERS} answers at once`);
		const answer: Answer = { approved, at: clock.now(), ...texts(options) };
		const open = new Map([...openQuestions(this.#parts.ledger.state)].map((item) => [item.view.id, item]));
		const chosen = [...new Set(ids)].map((id) => {
			const item = open.get(id);
			if (item === undefined) throw notAsked(ledger, id);
			const seen = options.hash ?? options.hashes?.[id];
			if (seen !== undefined && seen !== item.view.hash) {
				throw new MusterError("E_CONFLICT", `what ${id} asks is not what was answered: its hash is ${item.view.hash}`, {
					hint: "Look at it again, then answer.",
				});
			}
			return item;
		});
		await ledger.transact((emit) => {
			for (const item of chosen) {
				if ("task" in item) {
					emit({ type: "task.answered", at: answer.at, id: item.task.id, key: item.key, answer });
					this.#alarms.delete("deadline", `${item.task.id} ${item.key}`);
				} else if (approved || item.onDeny === "continue") {
					this.#endWait(emit, item.run, item.path, { output: { ...answer, hash: item.view.hash } });
				} else this.#endWait(emit, item.run, item.path, { error: denied(item.view, answer) });
			}
		});
	}

	#endWait(emit: Emit, run: Run, path: string, end: { output: Json } | { error: ErrorData }): void {
		// The end of another wait of the same transaction may have ended this one, or its run.
		if (!this.#parts.ledger.state.runs.has(run.id) || stepAt(run, path)?.state !== "running") return;
		emit({ type: "item.ended", at: this.#parts.clock.now(), run: run.id, step: path, index: 0, ...end });
		this.#parts.runs.advance({ id: run.id, changed: [path] }, emit);
	}

	#expire(alarm: string): void {
		const { ledger, clock, log } = this.#parts;
		const space = alarm.indexOf(" ");
		const task = ledger.state.tasks.get(alarm.slice(0, space));
		const key = alarm.slice(space + 1);
		const ask = task?.asks?.[key];
		const at = clock.now();
		// The same key may ask something else by now, which expires later or never.
		if (task?.state !== "waiting" || ask?.until === undefined || ask.until > at || ask.answer !== undefined) return;
		const stored = ledger.transact((emit) => {
			if (ask.onTimeout === "deny") {
				emit({ type: "task.answered", at, id: task.id, key, answer: { approved: false, at, expired: true } });
			} else {
				const error = new MusterError("E_WAIT_EXPIRED", `nobody answered in time: ${ask.title}`);
				emit({ type: "task.failed", at, id: task.id, error: toErrorData(error) });
			}
		});
		stored.catch((error: unknown) => log.error("work stopped", { error: toErrorData(error).message }));
	}
}

const eventShape = z.strictObject({
	type: z.string().min(1).max(200),
	data: z.unknown().optional(),
	id: z.string().min(1).max(200).optional(),
	source: z.string().max(500).optional(),
});

function toEvent(given: EventSpec, id: string, now: number): SentEvent {
	const parsed = eventShape.safeParse(given);
	if (!parsed.success)
		throw new MusterError("E_INPUT_INVALID", `the event is not right: ${explain(parsed.error, eventShape, given)}`);
	const data = copyJson(parsed.data.data ?? null, "data", "E_INPUT_INVALID");
	checkInputSize(data, "the event: ");
	const { type, source } = parsed.data;
	return { type, data, id: parsed.data.id ?? id, time: timeText(now), ...(source !== undefined && { source }) };
}

function askView(
	task: Task,
	key: string,
	{ title, content, hash, labels = {}, askedAt, until, onTimeout }: Ask,
): ApprovalView {
	return {
		...{ id: `${task.id}#${key}`, title, content, hash, labels, askedAt: timeText(askedAt) },
		...(until !== undefined && { until: timeText(until), onTimeout }),
		...{ task: task.id, type: task.type },
		...(task.run && { run: task.run.id, step: task.run.step }),
	};
}

function denied({ title }: ApprovalView, { by, comment }: Answer): ErrorData {
	const who = by === undefined ? "" : ` by ${by}`;
	return toErrorData(
		new MusterError("E_DENIED", `denied${who}: ${title}${comment === undefined ? "" : ` (${comment})`}`),
	);
}

function texts({ by, comment }: AnswerOptions): Pick<Answer, "by" | "comment"> {
	for (const [name, text] of Object.entries({ by, comment })) {
		const longest = MAX_TEXTS[name as keyof typeof MAX_TEXTS];
		if (text !== undefined && (typeof text !== "string" || text.length > longest)) {
			throw new MusterError("E_INPUT_INVALID", `${name} must be a text of at most ${longest} characters`);
		}
	}
	return { ...(by !== undefined && { by }), ...(comment !== undefined && { comment }) };
}

/** Everything that people are asked by a state's runs and tasks. */
export function* openQuestions(state: State): Generator<OpenQuestion> {
	for (const run of state.runs.values()) {
		for (const { path, wait, startedAt, until } of openWaits(run)) {
			if (wait.kind !== "approval") continue;
			const definition = state.definitions.get(run.hash);
			const step = definition && definitionAt(definition, path).wait;
			const { title, content, hash, labels = {} } = wait;
			const view: ApprovalView = {
				...{ id: stepTaskId(run.id, path, false, 0), title, content, hash, labels, askedAt: timeText(startedAt) },
				...(until !== undefined && { until: timeText(until), onTimeout: step?.onTimeout ?? "fail" }),
				...{ run: run.id, workflow: run.workflow, step: path },
			};
			yield { view, run, path, onDeny: step?.approval?.onDeny ?? "fail" };
		}
	}
	for (const task of state.tasks.values()) {
		if (task.state !== "waiting" || task.asks === undefined) continue;
		for (const [key, ask] of Object.entries(task.asks)) {
			if (ask.answer === undefined) yield { view: askView(task, key, ask), task, key };
		}
	}
}

/** In the order in which they began; of a parked run only when asked for, since it need not fit its definition. */
function openWaits(
	run: Run,
	parkedToo = false,
): { path: string; wait: WaitRecord; startedAt: number; until: number | undefined }[] {
	if (run.state !== "running" && !(parkedToo && run.state === "parked")) return [];
	const open: ReturnType<typeof openWaits> = [];
	for (const path in run.steps) {
		const step = stepAt(run, path);
		if (step?.state !== "running" || step.wait === undefined) continue;
		open.push({ path, wait: step.wait, startedAt: step.startedAt, until: step.until });
	}
	return open;
}
