/** Many small acts, as one transaction where one turn of the event loop holds them, else as several. */
import type { Emit, Ledger } from "../scheduler/ledger.ts";
import { Turn } from "../workflow/agenda.ts";

/** What was true when it was planned may not be so any more when it is its turn. */
export type Act = (emit: Emit, turn: Turn) => void;

/** Resolves when all of them are durable. */
export async function inTurns(ledger: Ledger, acts: readonly Act[]): Promise<void> {
	let done = 0;
	while (done < acts.length) {
		if (done > 0) await new Promise<void>((resolve) => setImmediate(resolve));
		void ledger.transact((emit) => {
			const turn = new Turn();
			const counted: Emit = (event) => {
				turn.events++;
				emit(event);
			};
			for (; done < acts.length && !turn.isOver; done++, turn.events++) acts[done]?.(counted, turn);
		});
	}
	await ledger.settled();
}
