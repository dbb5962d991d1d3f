/** All appends of one turn go to the journal as one request; what is under way is bounded. */
import { MusterError } from "../errors.ts";
import { type Event, encodeEvent } from "../events.ts";
import type { AppendOutcome } from "./record.ts";

export type AppendEvent = Extract<Event, { type: "stream.appended" }>;

const MAX_UNDER_WAY = 200_000;
/** Characters of their lines. */
const MAX_UNDER_WAY_LENGTH = 64 * 1024 * 1024;

type Told = (outcome: AppendOutcome | undefined, error: unknown) => void;

interface Turn {
	events: AppendEvent[];
	lines: string[];
	told: Told[];
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

	/**
	 * All of them or none. @param told called for each, in order: what became of it, or the error of all
	 * @throws E_BUS_FULL when too much is under way
	 */
	add(events: readonly AppendEvent[], told: (index: number, ...result: Parameters<Told>) => void): void {
		const lines = events.map(encodeEvent);
		const length = lines.reduce((sum, line) => sum + line.length, 0);
		if (this.#underWay + events.length > MAX_UNDER_WAY || this.#length + length > MAX_UNDER_WAY_LENGTH) {
			throw new MusterError("E_BUS_FULL", `${this.#underWay} appends wait for the disk already`, {
				hint: "Wait for some of them before you append more.",
			});
		}
		const turn = this.#turn;
		if (turn.events.length === 0) queueMicrotask(() => void this.#send());
		for (const [i, event] of events.entries()) {
			turn.events.push(event);
			turn.lines.push(lines[i] as string);
			turn.told.push((...result) => told(i, ...result));
		}
		turn.length += length;
		this.#underWay += events.length;
		this.#length += length;
	}

	/** Never rejects: whoever appended is told. */
	async #send(): Promise<void> {
		const turn = this.#turn;
		this.#turn = emptyTurn();
		const end = (): void => {
			this.#underWay -= turn.events.length;
			this.#length -= turn.length;
		};
		try {
			await this.#world.request(turn.events, turn.lines, (outcomes) => {
				end();
				for (const [i, told] of turn.told.entries()) told(outcomes[i], undefined);
				this.#world.applied(new Set(turn.events.map(({ stream }) => stream)));
			});
		} catch (error) {
			end();
			for (const told of turn.told) told(undefined, error);
		}
	}
}

const emptyTurn = (): Turn => ({ events: [], lines: [], told: [], length: 0 });
