/** All appends of one turn go to the journal as one request; what is under way is bounded. */
import { MusterError } from "../errors.ts";
import { type Event, encodeEvent } from "../events.ts";
import type { AppendOutcome } from "./record.ts";

export type AppendEvent = Extract<Event, { type: "stream.appended" }>;

const MAX_UNDER_WAY = 200_000;
/** Characters of their lines. */
const MAX_UNDER_WAY_LENGTH = 64 * 1024 * 1024;

/** Events that are kept all or none, and who is told what became of them. */
export interface Append {
	readonly events: readonly AppendEvent[];
	/** @param outcomes those of its events begin at `from` */
	settle(outcomes: readonly AppendOutcome[], from: number): void;
	fail(error: unknown): void;
}

interface Turn {
	appends: Append[];
	events: AppendEvent[];
	lines: string[];
	length: number;
}

export interface AppendWorld {
	request(
		events: readonly Event[],
		lines: readonly string[],
		applied: (outcomes: readonly AppendOutcome[]) => void,
	): Promise<void>;
	/** Called when all of a turn were told what became of them. */
	applied(streams: ReadonlySet<string>): void;
}

export class AppendBatch {
	readonly #world: AppendWorld;
	#turn: Turn = emptyTurn();
	#underWay = 0;
	#length = 0;

	constructor(world: AppendWorld) {
		this.#world = world;
	}

	/** @throws E_BUS_FULL when too much is under way */
	add(append: Append): void {
		const { events } = append;
		const lines = events.map(encodeEvent);
		let length = 0;
		for (const line of lines) length += line.length;
		if (this.#underWay + events.length > MAX_UNDER_WAY || this.#length + length > MAX_UNDER_WAY_LENGTH) {
			throw new MusterError("E_BUS_FULL", `${this.#underWay} appends wait for the disk already`, {
				hint: "Wait for some of them before you append more.",
			});
		}
		const turn = this.#turn;
		if (turn.events.length === 0) queueMicrotask(() => void this.#send());
		turn.appends.push(append);
		for (const event of events) turn.events.push(event);
		for (const line of lines) turn.lines.push(line);
		turn.length += length;
		this.#underWay += events.length;
		this.#length += length;
	}

	/** Never rejects: whoever appended is told. */
	async #send(): Promise<void> {
		const turn = this.#turn;
		this.#turn = emptyTurn();
		let over = false;
		const end = (): void => {
			over = true;
			this.#underWay -= turn.events.length;
			this.#length -= turn.length;
		};
		try {
			await this.#world.request(turn.events, turn.lines, (outcomes) => {
				end();
				let from = 0;
				for (const append of turn.appends) {
					append.settle(outcomes, from);
					from += append.events.length;
				}
				this.#world.applied(new Set(turn.events.map(({ stream }) => stream)));
			});
		} catch (error) {
			if (over) throw error; // nothing above may throw once it is durable
			end();
			for (const append of turn.appends) append.fail(error);
		}
	}
}

const emptyTurn = (): Turn => ({ appends: [], events: [], lines: [], length: 0 });
