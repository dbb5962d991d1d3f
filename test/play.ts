/**
 * One run driven by hand, without an orchestrator: what `decide` says becomes events, events are folded into the run, and
 * the test says when an item ends and how. Time stands still.
 */
import type { ErrorData } from "../src/errors.ts";
import type { Event } from "../src/events.ts";
import type { Json } from "../src/json.ts";
import { decide } from "../src/workflow/decide.ts";
import type { WorkflowDefinition } from "../src/workflow/definition.ts";
import type { Command, Run } from "../src/workflow/run.ts";
import {
	beginItem,
	beginStep,
	createRun,
	endItem,
	endRun,
	endStep,
	type ItemEnd,
	isListLive,
	useSignal,
} from "../src/workflow/run-fold.ts";

type RunEvent = Extract<
	Event,
	{
		type:
			| "step.started"
			| "step.skipped"
			| "item.started"
			| "item.ended"
			| "step.ended"
			| "run.completed"
			| "run.failed";
	}
>;

/** One question to `decide` and its answer, at its place among the events. */
interface Wave {
	after: number;
	changed: readonly string[] | undefined;
	answer: string;
}

/** An item that is a task, an inner run or a wait. */
export interface Leaf {
	path: string;
	index: number;
}

const AT = 1_700_000_000_000;
const MOST_WAVES = 2_000;

export const broke: ErrorData = { code: "E_SKILL_FAILED", message: "it broke", retryable: true };

export class Play {
	readonly definition: WorkflowDefinition;
	run: Run;
	readonly events: RunEvent[] = [];
	readonly waves: Wave[] = [];
	/** Every command so far. */
	readonly commands: Command[] = [];
	/** Called with the state before the commands change it. */
	onWave: (run: Run, commands: readonly Command[], changed: readonly string[] | undefined) => void = () => undefined;
	readonly #inputs: Run["inputs"];
	readonly #ended = new Set<string>();

	constructor(definition: WorkflowDefinition, inputs: Run["inputs"] = {}) {
		this.definition = definition;
		this.#inputs = inputs;
		this.run = this.#fresh();
	}

	/** Wave after wave until nothing follows; gives all commands of it. */
	go(changed?: readonly string[]): Command[] {
		const all: Command[] = [];
		let next = changed;
		for (let wave = 0; ; wave++) {
			if (wave > MOST_WAVES) throw new Error("decide does not come to an end");
			const commands = decide(this.definition, this.run, next);
			this.waves.push({ after: this.events.length, changed: next, answer: JSON.stringify(commands) });
			this.onWave(this.run, commands, next);
			if (commands.length === 0) return all;
			next = commands.flatMap((command) => this.#carryOut(command));
			all.push(...commands);
			this.commands.push(...commands);
		}
	}

	/** What may end by itself now. */
	leaves(): Leaf[] {
		return Object.entries(this.run.steps).flatMap(([path, { state, items, begun }]) => {
			if (state !== "running" || items === "frame") return [];
			const indexes = Array.from({ length: begun }, (_, index) => index);
			return indexes.filter((index) => !this.#ended.has(`${path} ${index}`)).map((index) => ({ path, index }));
		});
	}

	/** An item ends, without a question to `decide`. */
	settle({ path, index }: Leaf, end: ItemEnd): void {
		this.#ended.add(`${path} ${index}`);
		this.emit({ type: "item.ended", at: AT, run: this.run.id, step: path, index, ...end } as RunEvent);
	}

	/** An item ends and the run goes on. */
	end(path: string, end: ItemEnd, index = 0): Command[] {
		this.settle({ path, index }, end);
		return this.go([path]);
	}

	complete = (path: string, output: Json = null, index = 0): Command[] => this.end(path, { output }, index);
	fail = (path: string, index = 0): Command[] => this.end(path, { error: broke }, index);

	emit(event: RunEvent): void {
		this.events.push(event);
		fold(this.run, event);
	}

	/** The answers of `decide` when all is told again from the journal. */
	replay(): string[] {
		const run = this.#fresh();
		const events = JSON.parse(JSON.stringify(this.events)) as RunEvent[];
		let at = 0;
		return this.waves.map(({ after, changed }) => {
			for (; at < after; at++) fold(run, events[at] as RunEvent);
			return JSON.stringify(decide(this.definition, run, changed));
		});
	}

	#fresh(): Run {
		const inputs = structuredClone(this.#inputs);
		return createRun({ id: "run-1", workflow: this.definition.name, hash: "", inputs }, AT);
	}

	/** What the embedded engine does with a command; gives what changed by it. */
	#carryOut(command: Command): string[] {
		const at = AT;
		const run = this.run.id;
		const isRunning = (path: string): boolean => this.run.steps[path]?.state === "running";
		if ("step" in command && !isListLive(this.run, command.step)) return [];
		switch (command.kind) {
			case "start": {
				const { kind: _, limitMs, ...step } = command;
				this.emit({ type: "step.started", at, run, ...step, ...(limitMs !== undefined && { until: at + limitMs }) });
				return isRunning(command.step) ? [] : [command.step];
			}
			case "item": {
				const { step, index } = command;
				if (!isRunning(step)) return [];
				this.emit({ type: "item.started", at, run, step, index });
				return this.run.steps[step]?.items === "frame" ? [`${step}.${index}.`] : [];
			}
			case "item-end": {
				const { kind: _, ...end } = command;
				this.#ended.add(`${command.step} ${command.index}`);
				this.emit({ type: "item.ended", at, run, ...end });
				return [command.step];
			}
			case "end": {
				const { step, state, error } = command;
				if (state === "skipped") this.emit({ type: "step.skipped", at, run, step });
				else this.emit({ type: "step.ended", at, run, step, state, ...(error && { error }) });
				return [step];
			}
			case "complete":
				this.emit({ type: "run.completed", at, id: run, outputs: command.outputs });
				return [];
			case "fail":
				this.emit({ type: "run.failed", at, id: run, error: command.error });
				return [];
		}
	}
}

/** As the state folds them. */
function fold(run: Run, event: RunEvent): void {
	if (event.type === "step.started") beginStep(run, event, event.at);
	else if (event.type === "step.skipped") endStep(run, event.step, "skipped", event.at);
	else if (event.type === "step.ended") endStep(run, event.step, event.state, event.at, event.error);
	else if (event.type === "item.started") beginItem(run, event.step);
	else if (event.type === "item.ended") {
		if (event.signal !== undefined) useSignal(run, event.signal);
		endItem(run, event.step, event.index, event, event.at);
	} else if (event.type === "run.completed") {
		run.outputs = event.outputs;
		endRun(run, "completed", event.at);
	} else {
		run.error = event.error;
		endRun(run, "failed", event.at);
	}
}
