/** One attempt while it runs: its signal, its context for the skill, its signs of life, and how it ended. */
import type { Bus } from "../bus/bus.ts";
import type { Clock } from "../clock.ts";
import { fromErrorData, MusterError, toErrorData } from "../errors.ts";
import { copyJson, type Json } from "../json.ts";
import type { Log } from "../log.ts";
import type { ArtifactStore, ChildResult, Effect, SkillContext, SkillLog } from "../skill/skill.ts";
import type { Outcome } from "../task/settle.ts";
import type { Task } from "../task/task.ts";
import { Asked, answerOrAsk } from "./ask.ts";
import { AttemptBus } from "./attempt-bus.ts";
import { Delegation } from "./performer.ts";
import type { Seat } from "./registry.ts";

/** An output above this many bytes of JSON is stored as an artifact and the task's output is the reference. */
export const MAX_INLINE_OUTPUT_BYTES = 64 * 1024;
/** The same for all outputs of one step of a run together. */
const MAX_STEP_OUTPUT_BYTES = 16 * 1024 * 1024;
const MAX_PROGRESS_TEXT = 500;

export interface Progress {
	/** 0..1 */
	fraction: number;
	message?: string;
}

/** The signal's reason for a verdict: what a skill sees when it asks why. */
const abortReason = (verdict: Outcome): MusterError =>
	verdict.kind === "value" ? new MusterError("E_INTERNAL", "a value aborts nothing") : fromErrorData(verdict.error);

export class Attempt {
	readonly task: Task;
	readonly seat: Seat;
	readonly token: number;
	readonly startedMs: number;
	/** Made when somebody asks for the signal: most skills never do. */
	#controller: AbortController | undefined;
	/** When its skill last called a function of its context, monotonic. */
	activeMs: number;
	/** When its progress last changed: more of it, another message, or an effect done. Monotonic. */
	progressMs: number;
	/** Its progress has stood still for half of what is allowed. */
	warned = false;
	progress: Progress | undefined;
	/** Decided from outside (cancel, timeout, lost agent); whatever the skill still does, this is how it ends. */
	verdict: Outcome | undefined;
	/** Its outcome is decided: anything later is refused. */
	closed = false;
	/** What it asked a person: then it ends with this, whatever its skill makes of it. */
	asked: Asked | undefined;
	/** Effects under way by key: one asked for twice at the same time happens once. */
	readonly effects = new Map<string, Promise<Json>>();
	/** Made when its skill asks for it. */
	bus: AttemptBus | undefined;
	/** Resolves when the outcome is durable. */
	stored: Promise<void> = Promise.resolve();

	constructor(task: Task, seat: Seat, token: number, monotonicMs: number) {
		this.task = task;
		this.seat = seat;
		this.token = token;
		this.startedMs = monotonicMs;
		this.activeMs = monotonicMs;
		this.progressMs = monotonicMs;
	}

	get signal(): AbortSignal {
		if (this.#controller === undefined) {
			this.#controller = new AbortController();
			if (this.verdict !== undefined) this.#controller.abort(abortReason(this.verdict));
		}
		return this.#controller.signal;
	}

	/** Decides how it ends and tells its skill; a later verdict only changes how it ends. */
	abort(verdict: Outcome): void {
		this.verdict = verdict;
		this.#controller?.abort(abortReason(verdict));
	}
}

/** What an attempt needs from the rest. */
export interface AttemptWorld {
	clock: Clock;
	log: Log;
	artifacts: ArtifactStore;
	bus: Bus;
	task(id: string): Task | undefined;
	/** Outputs of what it depends on: tasks, or the steps its step needs (a list for one with forEach). */
	previous(task: Task): Json[];
	/** Tasks of the same step of a run; 1 without one. */
	siblings(task: Task): number;
	effect<Result extends Json>(attempt: Attempt, effect: Effect<Result>): Promise<Result>;
	progressed(attempt: Attempt): void;
}

/** Runs the skill to its end. Never rejects; a delegation is handed back as it is, for the dispatcher to check. */
export async function runAttempt(attempt: Attempt, world: AttemptWorld): Promise<Outcome | Delegation | Asked> {
	const { task, seat } = attempt;
	try {
		const input = copyJson(task.input, "input", "E_INPUT_INVALID");
		const assignment = { id: task.id, type: task.type, input, attempt: task.attempts };
		const returned = await seat.performer.perform(assignment, createContext(attempt, world));
		if (attempt.asked !== undefined) return attempt.asked;
		if (returned instanceof Delegation) return returned;
		return { kind: "value", output: await toOutput(returned, task, world) };
	} catch (thrown) {
		return attempt.asked ?? { kind: "error", error: toErrorData(thrown) };
	} finally {
		attempt.bus?.end();
	}
}

async function toOutput(returned: unknown, task: Task, { artifacts, siblings }: AttemptWorld): Promise<Json> {
	if (returned === undefined) {
		throw new MusterError("E_OUTPUT_INVALID", `the skill ${task.type} returned undefined`, {
			hint: "Return JSON; null where there is nothing to say.",
		});
	}
	const output = copyJson(returned, "output", "E_OUTPUT_INVALID");
	if (output === null || typeof output === "boolean" || typeof output === "number") return output;
	const text = JSON.stringify(output);
	// The outputs of all items of a step are kept with its run, so many of them share a bound.
	const limit = Math.min(MAX_INLINE_OUTPUT_BYTES, MAX_STEP_OUTPUT_BYTES / siblings(task));
	if (text.length <= limit && Buffer.byteLength(text) <= limit) return output;
	return { ...(await artifacts.put(`${task.type}.json`, text, "application/json")) };
}

function createContext(attempt: Attempt, world: AttemptWorld): SkillContext {
	const { task } = attempt;
	const place = task.run && { run: task.run.id, step: task.run.step };
	const active = (): void => {
		attempt.activeMs = world.clock.monotonic();
	};
	const progressed = (): void => {
		attempt.progressMs = world.clock.monotonic();
		attempt.warned = false;
	};
	let log: SkillLog | undefined;
	let artifacts: ArtifactStore | undefined;
	return {
		task: { id: task.id, type: task.type, attempt: task.attempts, ...place },
		get signal() {
			return attempt.signal;
		},
		now: () => world.clock.now(),
		progress: (fraction, message) => {
			active();
			if (attempt.closed || Number.isNaN(fraction)) return;
			const before = attempt.progress;
			const progress: Progress = { fraction: Math.min(1, Math.max(0, fraction)) };
			if (message !== undefined) progress.message = message.slice(0, MAX_PROGRESS_TEXT);
			if (progress.fraction > (before?.fraction ?? 0) || progress.message !== before?.message) progressed();
			attempt.progress = progress;
			world.progressed(attempt);
		},
		get log() {
			log ??= attentive(world.log.child({ task: task.id, attempt: task.attempts, agent: attempt.seat.name }), active);
			return log;
		},
		effect: (effect) => {
			active();
			const done = world.effect(attempt, effect);
			done.then(progressed, () => undefined); // the skill hears of a failure
			return done;
		},
		ask: async (question) => {
			active();
			attempt.signal.throwIfAborted();
			const answer = answerOrAsk(task, question, world.clock.now());
			if (!(answer instanceof Asked)) return { ...answer };
			attempt.asked ??= answer;
			throw new MusterError("E_CANCELLED", "the attempt ends here: it waits for the answer of a person", {
				hint: "Let this error through; the skill runs again when there is an answer.",
			});
		},
		get bus() {
			attempt.bus ??= new AttemptBus(world.bus, attempt.signal, active);
			return attempt.bus;
		},
		get artifacts() {
			artifacts ??= attentiveStore(world.artifacts, active);
			return artifacts;
		},
		get previous() {
			return world.previous(task);
		},
		get children() {
			return (task.children ?? []).map((id) => childResult(id, world.task(id)));
		},
	};
}

/** A log whose every line is a sign that its skill is active. */
function attentive(log: SkillLog, active: () => void): SkillLog {
	const level =
		(name: keyof SkillLog): SkillLog["info"] =>
		(message, fields) => {
			active();
			log[name](message, fields);
		};
	return { debug: level("debug"), info: level("info"), warn: level("warn"), error: level("error") };
}

/** The same of the artifacts. */
function attentiveStore(store: ArtifactStore, active: () => void): ArtifactStore {
	const heard = <Args extends unknown[], Result>(call: (...args: Args) => Result) => {
		return (...args: Args): Result => {
			active();
			return call(...args);
		};
	};
	return {
		put: heard((...args) => store.put(...args)),
		read: heard((artifact) => store.read(artifact)),
		text: heard((artifact) => store.text(artifact)),
		json: heard((value) => store.json(value)),
	};
}

function childResult(id: string, child: Task | undefined): ChildResult {
	if (child === undefined) throw new MusterError("E_INTERNAL", `the child ${id} is nowhere to be found`);
	const result: ChildResult = { id, type: child.type, state: child.state as ChildResult["state"] };
	if (child.output !== undefined) result.output = child.output;
	if (child.error !== undefined) result.error = { code: child.error.code, message: child.error.message };
	return result;
}
