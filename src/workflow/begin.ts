/** How a step begins: which command, which items, with which inputs. Pure; part of `decide.ts`. */
import { toMs } from "../duration.ts";
import { MusterError, toErrorData } from "../errors.ts";
import { type Json, lengthWithin } from "../json.ts";
import { MAX_TEXT } from "./cel-budget.ts";
import type { StepDefinition, WaitDefinition } from "./definition.ts";
import type { Scope } from "./expression.ts";
import { hashOfQuestion } from "./hash.ts";
import type { Part, Plan, Reads, StepPlan } from "./plan.ts";
import type { Command, ItemKind, Run, RunStep, Signal, WaitRecord } from "./run.ts";
import { COMPENSATE } from "./run-fold.ts";
import { type Extra, itemsOf, named, type Place, scopeOf } from "./scope.ts";

const itemKinds = { skill: "task", workflow: "run", steps: "frame", loop: "frame", wait: "wait" } as const;

/** A step of a run, where it stands. */
export interface StepAt {
	plan: Plan;
	run: Run;
	place: Place;
	planned: StepPlan;
	path: string;
	/** What its expressions know besides. */
	extra: Extra;
	/** Something large is to stay with the run. @throws E_OUTPUT_TOO_LARGE */
	keep(what: string, value: Json): void;
	/** Whether so many commands more are enough for one answer. */
	isFull(more: number): boolean;
}

/** What an expression of the step sees. */
const scopeAt = ({ plan, run, place, planned, extra }: StepAt, { reads }: { reads: Reads }): Scope =>
	scopeOf(plan, run, place, reads, planned, extra);

/**
 * A step whose needs are over.
 *
 * @param take a kept signal of a name that no other step gets
 * @throws E_EXPRESSION, E_STEP_FAILED, E_INPUT_INVALID
 */
export function beginStep(at: StepAt, take: (name: string) => Signal | undefined): Command[] {
	const { plan, run, place, planned, path } = at;
	const { step, kind, condition } = planned;
	if (condition !== undefined) {
		const scope = scopeAt(at, condition);
		if (!named(`The "if" of step "${step.id}"`, () => condition.fill(scope))) {
			return [{ kind: "end", step: path, state: "skipped" }];
		}
	}
	if (kind === "wait") return beginWait(at, take);
	const items = itemKinds[kind];
	const limit = kind !== "skill" && step.timeoutMs !== undefined ? { limitMs: step.timeoutMs } : {};
	if (kind === "loop") {
		const total = step.loop?.max ?? 1;
		return [
			{ kind: "start", step: path, items, each: false, total, open: true, ...limit },
			{ kind: "item", step: path, index: 0 },
		];
	}
	const list = step.forEach && itemsOf(plan, run, place, planned, path);
	const total = list?.length ?? 1;
	const start: Command = { kind: "start", step: path, each: list !== undefined, total, ...limit };
	if (items !== "task") start.items = items;
	Object.assign(start, policyOf(step, total));
	const first = Math.min(total, step.forEach?.parallel ?? total);
	return [start, ...itemsFrom(at, list, 0, first)];
}

/** The next items of a step that runs, as many as may run at the same time. @throws E_EXPRESSION */
export function nextItems(at: StepAt, running: RunStep): Command[] {
	const { plan, run, place, planned, path } = at;
	const { each, total, begun, done, failed } = running;
	const list = each ? itemsOf(plan, run, place, planned, path) : undefined;
	const active = begun - done - failed;
	const more = Math.min(total - begun, (planned.step.forEach?.parallel ?? total) - active);
	return itemsFrom(at, list, begun, begun + more);
}

function itemsFrom(at: StepAt, list: readonly Json[] | undefined, from: number, to: number): Command[] {
	const { planned, path } = at;
	const { step, kind, input, concurrencyKey, rateKey } = planned;
	if (kind === "steps") return items(at, from, to, (index) => ({ kind: "item", step: path, index }));
	/** Fills a part for one item, which sees itself besides what the step sees. */
	const filler = (what: string, part: Part<Json>): ((index: number) => Json) => {
		const scope = scopeAt(at, part);
		const as = step.forEach?.as ?? "item";
		return (index) => {
			const own = list === undefined ? scope : { ...scope, [as]: list[index] ?? null, index };
			return named(`The "${what}" of step "${step.id}"`, () => part.fill(own));
		};
	};
	const inputOf = filler("with", input);
	const keyOf = concurrencyKey && filler("concurrency", concurrencyKey);
	const rateOf = rateKey && filler("rate", rateKey);
	return items(at, from, to, (index) =>
		itemOf(path, index, list !== undefined, () => {
			const item: Command = { kind: "item", step: path, index, input: inputOf(index) };
			if (keyOf !== undefined) item.concurrencyKey = textOf(keyOf(index));
			if (rateOf !== undefined) item.rateKey = textOf(rateOf(index));
			return item;
		}),
	);
}

/** An item of several whose expressions fail is over before it begins; the only one fails its step. @throws E_EXPRESSION */
function itemOf(step: string, index: number, each: boolean, make: () => Command): Command {
	try {
		return make();
	} catch (error) {
		if (!each || (error as MusterError).code !== "E_EXPRESSION") throw error;
		return { kind: "item-end", step, index, error: toErrorData(error) };
	}
}

const MAX_NAME = 256;

/** A key or a title, cut. @throws E_EXPRESSION when it is a list or object that is out of all proportion */
function textOf(value: Json): string {
	if (typeof value === "string") return value.slice(0, MAX_NAME);
	if (lengthWithin(value, MAX_TEXT) > MAX_TEXT) {
		throw new MusterError("E_EXPRESSION", `a key or title has more than ${MAX_TEXT} characters`);
	}
	return JSON.stringify(value).slice(0, MAX_NAME);
}

/** As many as one answer holds. */
function items({ path, isFull }: StepAt, from: number, to: number, make: (index: number) => Command): Command[] {
	const commands: Command[] = [];
	for (let index = from; index < to; index++) {
		if (isFull(commands.length)) return [...commands, { kind: "more", step: path }];
		commands.push(make(index));
	}
	return commands;
}

/** How many items must complete, and whether the step ends only when all are over; see `ItemPolicy`. @throws E_STEP_FAILED */
function policyOf({ id, forEach }: StepDefinition, total: number): { need?: number; late?: true } {
	const policy = forEach?.onFailure ?? "fail";
	if (policy === "fail") return {};
	if (policy === "continue") return { late: true };
	if (policy === "best-effort") return { need: 0, late: true };
	if (policy.quorum < total) return { need: policy.quorum };
	if (policy.quorum === total) return {};
	throw new MusterError("E_STEP_FAILED", `step "${id}" needs ${policy.quorum} items to complete and has ${total}`);
}

function beginWait(at: StepAt, take: (name: string) => Signal | undefined): Command[] {
	const { planned, path } = at;
	const { step, approval, duration } = planned;
	const wait = step.wait as WaitDefinition;
	const start = { kind: "start", step: path, items: "wait" as ItemKind, each: false, total: 1 } as const;
	const fill = (part: Part<Json>): Json => named(`The "wait" of step "${step.id}"`, () => part.fill(scopeAt(at, part)));
	if (duration !== undefined) {
		const given = fill(duration) as string | number;
		return [{ ...start, wait: { kind: "duration" }, limitMs: toMs(given, `the wait of step "${step.id}"`) }];
	}
	const limit = wait.timeoutMs === undefined ? {} : { limitMs: wait.timeoutMs };
	if (approval !== undefined) {
		const asked = fill(approval) as { title: Json; content: Json };
		at.keep(`What step "${step.id}" asks`, asked);
		const labels = wait.approval?.labels;
		return [{ ...start, wait: approvalOf(textOf(asked.title), asked.content, labels), ...limit }];
	}
	if (wait.event !== undefined) return [{ ...start, wait: { kind: "event", type: wait.event.type }, ...limit }];
	const name = wait.signal as string;
	const begun: Command = { ...start, wait: { kind: "signal", name }, ...limit };
	const kept = take(name);
	if (kept === undefined) return [begun];
	return [begun, { kind: "item-end", step: path, index: 0, output: kept.data, signal: name }];
}

const approvalOf = (title: string, content: Json, labels?: Record<string, string>): WaitRecord => ({
	...{ kind: "approval", title, content, hash: hashOfQuestion(title, content) },
	...(labels && { labels }),
});

/**
 * Undoes what a completed step did: one task, or one for each item that completed, the last one first. One that was taken
 * over is undone with the inputs and the id of the run that did it. @throws E_EXPRESSION
 */
export function beginUndo(at: StepAt, done: RunStep): Command[] {
	const total = completedItems(done).length;
	const start: Command = { kind: "start", step: at.path + COMPENSATE, each: done.each, total, late: true };
	return [start, ...undoItems(at, done, 0, Math.min(total, undosAtOnce(at, total)))];
}

/** The next items of an undoing that runs. @throws E_EXPRESSION */
export function nextUndoItems(at: StepAt, done: RunStep, undo: RunStep): Command[] {
	const { total, begun } = undo;
	const active = begun - undo.done - undo.failed;
	return undoItems(at, done, begun, Math.min(total, begun - active + undosAtOnce(at, total)));
}

/** As many at the same time as the step itself had. */
const undosAtOnce = ({ planned }: StepAt, total: number): number => planned.step.forEach?.parallel ?? total;

/** In the order in which they are undone. */
function completedItems(done: RunStep): number[] {
	const lost = new Set(done.missing?.map(({ index }) => index));
	const isCompleted = (index: number): boolean =>
		done.done === done.total || (done.outputs[index] !== undefined && !lost.has(index));
	return [...done.outputs.keys()].filter(isCompleted).reverse();
}

/** One item that cannot be undone holds up no other. */
function undoItems(at: StepAt, done: RunStep, from: number, to: number): Command[] {
	const { plan, run: now, place, planned, path } = at;
	const { step } = planned;
	const { origin } = done;
	const run: Run = origin === undefined ? now : { ...now, id: origin, inputs: now.origins?.[origin] ?? now.inputs };
	const undo = planned.undo as Part<Json>;
	// The step itself is not among those that are over before it starts: it is seen through `steps` by name all the same.
	const reads = undo.reads === "all" ? planned.before() : undo.reads;
	const scope = scopeOf(plan, run, place, reads);
	const list = done.each ? itemsOf(plan, run, place, planned, path) : undefined;
	const completed = completedItems(done);
	const where = path + COMPENSATE;
	return items({ ...at, path: where }, from, to, (place) => {
		const index = completed[place] as number;
		const [as, item, output] = [step.forEach?.as ?? "item", list?.[index] ?? null, done.outputs[index] ?? null];
		const own = list && { [as]: item, index, output };
		const fill = (): Json => named(`The "compensate" of step "${step.id}"`, () => undo.fill({ ...scope, ...own }));
		return itemOf(where, place, list !== undefined, () => ({ kind: "item", step: where, index: place, input: fill() }));
	});
}
