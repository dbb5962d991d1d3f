/** How a state comes back from a snapshot, which stores records and nothing that follows from them. */
import { type ConsumerLine, Deque, type KeptMessage, type Stream, type StreamLine } from "../bus/record.ts";
import { MusterError } from "../errors.ts";
import type { State } from "../state.ts";
import { isTerminal, type Task } from "../task/task.ts";
import { completeRun } from "../workflow/run-fold.ts";
import { linkRun, use } from "./runs.ts";
import { linkDependent, linkKeys } from "./tasks.ts";

/** Puts a live task of a snapshot back; call {@link relink} once all are there. */
export function restoreTask(state: State, task: Task): void {
	state.tasks.set(task.id, task);
	if (task.idempotencyKey !== undefined) state.keys.set(task.idempotencyKey, task.id);
}

export function restoreStream(state: State, { ids, ...line }: StreamLine): void {
	const empty = { messages: new Deque<KeptMessage>(), bytes: 0, consumers: new Map() };
	state.streams.set(line.name, { ...line, ...empty, ids: new Map(ids) });
}

export function restoreMessage(state: State, of: string, message: KeptMessage): void {
	const stream = needStream(state, of);
	stream.messages.push(message);
	stream.bytes += message.size;
}

export function restoreConsumer(state: State, of: string, line: ConsumerLine): void {
	needStream(state, of).consumers.set(line.name, {
		...line,
		done: new Set(line.done),
		deliveries: new Map(line.deliveries),
		letters: new Map(line.letters.map((letter) => [letter.seq, letter])),
		letterBytes: line.letters.reduce((sum, { size }) => sum + size, 0),
	});
}

function needStream(state: State, name: string): Stream {
	const stream = state.streams.get(name);
	if (stream === undefined) throw new MusterError("E_JOURNAL_CORRUPT", `the stream ${name} has no line of its own`);
	return stream;
}

/** Derives what a snapshot does not store. */
export function relink(state: State): void {
	for (const task of state.tasks.values()) {
		if (isTerminal(task.state)) continue;
		for (const id of task.dependsOn ?? []) if (state.tasks.has(id)) linkDependent(state, id, task.id);
		linkKeys(state, task);
	}
	for (const run of state.runs.values()) linkRun(state, completeRun(run));
	for (const trigger of state.triggers.values()) use(state, trigger);
}
