/** Maps a long list in chunks, and reduces what they came to in a tree. */
import { z } from "zod";
import { MusterError } from "../../errors.ts";
import type { Json } from "../../json.ts";
import type { Assignment } from "../../scheduler/performer.ts";
import type { SkillContext } from "../../skill/skill.ts";
import type { TaskSpec } from "../../task/spec.ts";
import { type Delegate, taskFor } from "./delegate.ts";
import { type FailurePolicy, type MissingPart, missingPart, requireEnough, requirePossible } from "./failure-policy.ts";
import { checkCount, readInput, readStored } from "./reading.ts";
import { type CoordinatorOptions, type Rounds, RoundsCoordinator } from "./rounds.ts";

const MAX_ITEMS = 100_000;
/** In a tree of pairs there are about as many reduces as chunks: together fewer than the 10,000 children a task may have. */
const MAX_CHUNKS = 4_000;
const MAX_FAN_IN = 1_000;

export interface MapReduceOptions extends CoordinatorOptions {
	/** Gets `{ items, from }`: a chunk, and the place of its first item in the whole list. */
	map: Delegate;
	/** Gets `{ values, last }`: what some maps, or some reduces, returned; `last` in the one whose output is the result's. */
	reduce: Delegate;
	/** Most items of a chunk. Default 50; the input may say otherwise. */
	chunkSize?: number;
	/**
	 * Most values of one reduce, 2 to 1,000; as many as there are chunks make it one reduce. Default 10: what ten tasks
	 * return always fits into the input of another.
	 */
	fanIn?: number;
	/** The parts it speaks of are the chunks; a reduce that fails loses all chunks below it. Default `fail`. */
	onFailure?: FailurePolicy;
}

export type MapReduceResult = {
	/** What the last reduce returned; null when nothing is left. */
	output: Json;
	items: number;
	chunks: number;
	/** Chunks that are in the output. */
	completed: number;
	/** Chunks that are not: the items from `from` up to, not including, `to`. */
	missing: (MissingPart & { from: number; to: number })[];
};

/** What became of some of the chunks. */
interface Value {
	value: Json;
	chunks: readonly number[];
}

/** A task of a map or reduce, and the chunks that are lost with it. */
interface Step {
	task: TaskSpec;
	chunks: readonly number[];
}

const inputSchema = z.strictObject({
	items: z.unknown(),
	chunkSize: z.int().min(1).max(MAX_ITEMS).optional(),
});
const itemsSchema = z.object({ items: z.array(z.unknown()).max(MAX_ITEMS) });

/**
 * `{ items, chunkSize? }` -> {@link MapReduceResult}. The items are a list of at most 100,000, or a reference to an artifact
 * that holds one, as the output of a task is when it is large. Values above 64 kB reach the reduce as such references.
 */
export class MapReduceCoordinator extends RoundsCoordinator {
	readonly #options: Required<Omit<MapReduceOptions, keyof CoordinatorOptions>>;

	/** @throws E_CONFIG_INVALID */
	constructor({ map, reduce, chunkSize = 50, fanIn = 10, onFailure = "fail", ...options }: MapReduceOptions) {
		super(options);
		checkCount("chunkSize", chunkSize, 1, MAX_ITEMS);
		checkCount("fanIn", fanIn, 2, MAX_FAN_IN);
		this.#options = { map, reduce, chunkSize, fanIn, onFailure };
	}

	protected override async *rounds(assignment: Assignment, context: SkillContext): Rounds<MapReduceResult> {
		const { map, reduce, fanIn, onFailure } = this.#options;
		const { items, chunkSize } = await this.#read(assignment, context);
		const chunks = inGroups(items, chunkSize);
		checkChunks(chunks.length, items.length);
		requirePossible(onFailure, chunks.length, "E_INPUT_INVALID");

		const missing: MissingPart[] = [];
		const maps = chunks.map((chunk, i): Step => {
			return { task: taskFor(map, { items: chunk, from: i * chunkSize }), chunks: [i] };
		});
		let values = chunks.length > 0 ? yield* this.#level(maps, chunks.length, missing) : [];
		// Also a single value is reduced, so that the output is always what a reduce returned.
		for (let last = false; !last && values.length > 0; ) {
			const groups = inGroups(values, fanIn);
			last = groups.length === 1;
			const reduces = groups.map((group): Step => {
				const input = { values: group.map(({ value }) => value), last };
				return { task: taskFor(reduce, input), chunks: group.flatMap((value) => value.chunks) };
			});
			values = yield* this.#level(reduces, chunks.length, missing);
		}
		return {
			output: values[0]?.value ?? null,
			items: items.length,
			chunks: chunks.length,
			completed: chunks.length - missing.length,
			missing: missing
				.sort((a, b) => a.part - b.part)
				.map((lost) => {
					const from = lost.part * chunkSize;
					return { ...lost, from, to: Math.min(from + chunkSize, items.length) };
				}),
		};
	}

	/** One round: what is left of it. Chunks that are lost in it are added to `missing`. */
	async *#level(steps: readonly Step[], total: number, missing: MissingPart[]): Rounds<Value[]> {
		const children = yield steps.map(({ task }) => task);
		const values: Value[] = [];
		for (const [i, child] of children.entries()) {
			const { chunks } = steps[i] as Step;
			if (child.state === "completed") values.push({ value: child.output ?? null, chunks });
			else missing.push(...chunks.map((chunk) => missingPart(chunk, child)));
		}
		requireEnough(this.#options.onFailure, total, missing);
		return values;
	}

	async #read(assignment: Assignment, { artifacts }: SkillContext): Promise<{ items: Json[]; chunkSize: number }> {
		const given = readInput(inputSchema, assignment);
		const list = await readStored((given.items ?? null) as Json, artifacts);
		const { items } = readInput(itemsSchema, { type: assignment.type, input: { items: list } });
		return { items: items as Json[], chunkSize: given.chunkSize ?? this.#options.chunkSize };
	}
}

function inGroups<T>(list: readonly T[], size: number): T[][] {
	return Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size));
}

function checkChunks(chunks: number, items: number): void {
	if (chunks <= MAX_CHUNKS) return;
	throw new MusterError("E_INPUT_TOO_LARGE", `${items} items make ${chunks} chunks; ${MAX_CHUNKS} are possible`, {
		hint: `Use a chunkSize of at least ${Math.ceil(items / MAX_CHUNKS)}.`,
	});
}
