/**
 * Snapshots: the state at one batch, as NDJSON in `snapshots/<seq>.ndjson`, written by the projector thread.
 * A header with its place in the chain, a line for each definition, run and task, and a last line with the SHA-256 of all
 * before it. It is on disk (file and folder synced) before anyone is told of it.
 */
import { createHash } from "node:crypto";
import {
	closeSync,
	fsyncSync,
	mkdirSync,
	openSync,
	readdirSync,
	readSync,
	renameSync,
	rmSync,
	writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { ConsumerLine, KeptMessage, Stream, StreamLine } from "../bus/record.ts";
import { MusterError } from "../errors.ts";
import { relink, restoreConsumer, restoreMessage, restoreStream, restoreTask } from "../fold/restore.ts";
import { type Counts, createState, type Pause, type State } from "../state.ts";
import type { Schedule } from "../task/schedule.ts";
import type { Task } from "../task/task.ts";
import type { WorkflowDefinition } from "../workflow/definition.ts";
import type { Run } from "../workflow/run.ts";
import { reviveStep } from "../workflow/run-fold.ts";
import type { Trigger } from "../workflow/trigger.ts";
import type { Anchor } from "./sqlite-file.ts";
import type { Trail, Trails } from "./trails.ts";

/** 3: with streams. 2: with pauses, schedules and triggers. Both older ones are read too. */
const FORMAT = 3;
const KEPT = 2;
/** Written and read in pieces of about this size: a state may be larger than a string can be. */
const CHUNK_LENGTH = 1024 * 1024;

interface Header {
	format: number;
	seq: number;
	lastEvent: number;
	hash: string;
	epoch: number;
	counts: Counts;
}

type Line =
	| { task: Task; trail?: Trail | undefined }
	| { run: Run; trail?: Trail | undefined }
	| { hash: string; definition: WorkflowDefinition }
	| { schedule: Schedule }
	| { trigger: Trigger }
	| { scope: string; pause: Pause }
	| { stream: StreamLine }
	/** Of the stream named. */
	| { message: KeptMessage; of: string }
	| { consumer: ConsumerLine; of: string };

export interface Snapshot {
	state: State;
	anchor: Anchor;
}

/** @param trails which batches tell of what lives */
export function writeSnapshot(folder: string, { state, anchor }: Snapshot, trails?: Trails): void {
	mkdirSync(folder, { recursive: true, mode: 0o700 });
	const path = join(folder, `${String(anchor.seq).padStart(12, "0")}.ndjson`);
	const temporary = `${path}.tmp`;
	const file = openSync(temporary, "w", 0o600);
	try {
		const digest = createHash("sha256");
		const write = (text: string): void => {
			digest.update(text);
			writeAll(file, text);
		};
		for (const chunk of chunks(lines(state, anchor, trails))) write(chunk);
		writeAll(file, `${JSON.stringify({ sha256: digest.digest("hex") })}\n`);
		fsyncSync(file);
	} catch (error) {
		rmSync(temporary, { force: true });
		throw error;
	} finally {
		closeSync(file);
	}
	renameSync(temporary, path);
	syncFolder(folder);
	for (const old of listSnapshots(folder).slice(KEPT)) rmSync(old.path, { force: true });
	// What a killed process had begun.
	for (const name of readdirSync(folder)) if (name.endsWith(".tmp")) rmSync(join(folder, name), { force: true });
}

function* lines(state: State, anchor: Anchor, trails?: Trails): Generator<unknown> {
	const { epoch, counts } = state;
	const { seq, lastEvent } = anchor;
	yield { format: FORMAT, seq, lastEvent, hash: anchor.hash.toString("hex"), epoch, counts } satisfies Header;
	for (const [hash, definition] of state.definitions) yield { hash, definition } satisfies Line;
	for (const [scope, pause] of state.paused) yield { scope, pause } satisfies Line;
	for (const schedule of state.schedules.values()) yield { schedule } satisfies Line;
	for (const trigger of state.triggers.values()) yield { trigger } satisfies Line;
	for (const stream of state.streams.values()) yield* streamLines(stream);
	for (const run of state.runs.values()) yield { run, trail: trails?.of(run.id) } satisfies Line;
	for (const task of state.tasks.values()) yield { task, trail: trails?.of(task.id) } satisfies Line;
}

function* streamLines(stream: Stream): Generator<Line> {
	const { messages, ids, consumers, bytes: _, ...rest } = stream;
	yield { stream: { ...rest, ids: [...ids] } };
	for (const message of messages) yield { message, of: stream.name };
	for (const { done, deliveries, letters, letterBytes: __, ...consumer } of consumers.values()) {
		const line = { ...consumer, done: [...done], deliveries: [...deliveries], letters: [...letters.values()] };
		yield { consumer: line, of: stream.name };
	}
}

function* chunks(items: Iterable<unknown>): Generator<string> {
	let text = "";
	for (const item of items) {
		text += `${JSON.stringify(item)}\n`;
		if (text.length < CHUNK_LENGTH) continue;
		yield text;
		text = "";
	}
	if (text !== "") yield text;
}

function writeAll(file: number, text: string): void {
	const bytes = Buffer.from(text, "utf8");
	for (let offset = 0; offset < bytes.length; ) offset += writeSync(file, bytes, offset);
}

export function syncFolder(folder: string): void {
	const handle = openSync(folder, "r");
	try {
		fsyncSync(handle);
	} finally {
		closeSync(handle);
	}
}

/** Newest first. */
export function listSnapshots(folder: string): { seq: number; path: string }[] {
	let names: string[];
	try {
		names = readdirSync(folder);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
		throw error;
	}
	return names
		.filter((name) => /^\d{12}\.ndjson$/.test(name))
		.map((name) => ({ seq: Number(name.slice(0, 12)), path: join(folder, name) }))
		.sort((a, b) => b.seq - a.seq);
}

/** @throws E_JOURNAL_CORRUPT naming the file when it is not whole, E_DATA_FOLDER_NEWER */
export function readSnapshot(path: string, trails?: Trails): Snapshot {
	const state = createState();
	const digest = createHash("sha256");
	let header: Header | undefined;
	let trailer: string | undefined;
	for (const line of readLines(path)) {
		if (trailer !== undefined) {
			digest.update(`${trailer}\n`);
			if (header === undefined) header = readHeader(path, trailer, state);
			else restore(state, parse(path, trailer) as Line, trails);
		}
		trailer = line;
	}
	const { sha256 } = parse(path, trailer ?? "") as { sha256?: string };
	if (header === undefined || sha256 !== digest.digest("hex")) throw notWhole(path);
	relink(state);
	return { state, anchor: { seq: header.seq, lastEvent: header.lastEvent, hash: Buffer.from(header.hash, "hex") } };
}

/** @throws E_JOURNAL_CORRUPT when the file does not end with a whole line */
function* readLines(path: string): Generator<string> {
	const file = openSync(path, "r");
	try {
		const piece = Buffer.alloc(CHUNK_LENGTH);
		let rest: Buffer[] = [];
		for (let read = readSync(file, piece); read > 0; read = readSync(file, piece)) {
			let from = 0;
			for (let to = piece.indexOf(10, from); to !== -1 && to < read; to = piece.indexOf(10, from)) {
				yield Buffer.concat([...rest, piece.subarray(from, to)]).toString("utf8");
				rest = [];
				from = to + 1;
			}
			rest.push(Buffer.from(piece.subarray(from, read)));
		}
		if (rest.some((left) => left.length > 0)) throw notWhole(path);
	} finally {
		closeSync(file);
	}
}

function readHeader(path: string, line: string, state: State): Header {
	const header = parse(path, line) as Header;
	if (header.format > FORMAT) {
		throw new MusterError("E_DATA_FOLDER_NEWER", `${path} has format ${header.format}, this version reads ${FORMAT}`);
	}
	state.epoch = header.epoch;
	state.counts = header.counts;
	return header;
}

function restore(state: State, item: Line, trails: Trails | undefined): void {
	if ("trail" in item && item.trail !== undefined)
		trails?.restore("task" in item ? item.task.id : item.run.id, item.trail);
	if ("task" in item) restoreTask(state, item.task);
	else if ("run" in item) state.runs.set(item.run.id, reviveRun(item.run));
	else if ("schedule" in item) state.schedules.set(item.schedule.id, item.schedule);
	else if ("trigger" in item) state.triggers.set(item.trigger.id, item.trigger);
	else if ("stream" in item) restoreStream(state, item.stream);
	else if ("message" in item) restoreMessage(state, item.of, item.message);
	else if ("consumer" in item) restoreConsumer(state, item.of, item.consumer);
	else if ("pause" in item) state.paused.set(item.scope, item.pause);
	else state.definitions.set(item.hash, item.definition);
}

function reviveRun(run: Run): Run {
	for (const [path, step] of Object.entries(run.steps)) run.steps[path] = reviveStep(step);
	return run;
}

function parse(path: string, line: string): unknown {
	try {
		return JSON.parse(line);
	} catch {
		throw notWhole(path);
	}
}

function notWhole(path: string): MusterError {
	return new MusterError("E_JOURNAL_CORRUPT", `the snapshot ${path} is damaged`, {
		hint: `Move it out of ${dirname(path)}: an older snapshot or the journal itself is used instead, where they still reach.`,
	});
}
