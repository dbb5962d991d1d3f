/** The graph of `needs` in one list: its cycles, and who is over before whom. No recursion: a chain may be 20,000 steps long. */

/** A question: is the step at `earlier` over whenever the one at `later` starts? */
export interface Pair {
	earlier: number;
	later: number;
}

export interface Graph {
	/** Cycles as lists of places, each beginning and ending with the same one; every one that is left when those before it are cut. */
	cycles: number[][];
	/**
	 * The answer for each pair; undefined when the later step is in or behind a cycle. Asked all at once, because a table of
	 * all answers would have the square of the number of steps: 32 earlier steps share one pass over the needs.
	 */
	precedes(pairs: readonly Pair[]): (boolean | undefined)[];
}

type Needs = readonly (readonly number[])[];

/** @param needs for each step the places of those it needs, itself not among them */
export function graphOf(needs: Needs): Graph {
	const { order, cycles } = sort(needs);
	return { cycles, precedes: (pairs) => answer(needs, order, pairs) };
}

/**
 * The places in an order in which each comes after what it needs (Kahn, 1962), without those in or behind a cycle; of
 * these the cycles. Each need is looked at twice, however many cycles there are.
 */
function sort(needs: Needs): { order: number[]; cycles: number[][] } {
	const dependents: number[][] = needs.map(() => []);
	for (const [place, list] of needs.entries()) for (const need of list) dependents[need]?.push(place);
	const waiting = Int32Array.from(needs, (list) => list.length);
	const over = new Uint8Array(needs.length);
	/** Marks the places, and those that then wait for nothing, which are added to the list. */
	const release = (places: number[]): number[] => {
		for (const place of places) over[place] = 1;
		for (const done of places) {
			for (const place of dependents[done] as number[]) {
				waiting[place] = (waiting[place] as number) - 1;
				if (waiting[place] !== 0 || over[place] === 1) continue;
				over[place] = 1;
				places.push(place);
			}
		}
		return places;
	};
	const order = release([...needs.keys()].filter((place) => waiting[place] === 0));
	return { order, cycles: cutCycles(needs, over, release) };
}

/** Walks from need to need that is not over; where the way meets itself is a cycle, which is then cut out of the graph. */
function cutCycles(needs: Needs, over: Uint8Array, release: (places: number[]) => void): number[][] {
	const cycles: number[][] = [];
	const next = new Int32Array(needs.length);
	const way: number[] = [];
	const depthOf = new Map<number, number>();
	for (const start of needs.keys()) {
		way.push(start);
		for (let place = way.at(-1); place !== undefined; place = way.at(-1)) {
			depthOf.set(place, way.length - 1);
			if (over[place] === 1) {
				depthOf.delete(place);
				way.pop();
				continue;
			}
			const list = needs[place] as readonly number[];
			while (over[list[next[place] as number] as number] === 1) next[place] = (next[place] as number) + 1;
			const need = list[next[place] as number] as number;
			const depth = depthOf.get(need);
			if (depth === undefined) way.push(need);
			else {
				const cycle = way.slice(depth);
				cycles.push([...cycle, need]);
				release(cycle);
			}
		}
	}
	return cycles;
}

function answer(needs: Needs, order: readonly number[], pairs: readonly Pair[]): (boolean | undefined)[] {
	const ordered = new Uint8Array(needs.length);
	for (const place of order) ordered[place] = 1;
	const byEarlier = Map.groupBy(pairs.keys(), (index) => (pairs[index] as Pair).earlier);
	const asked = [...byEarlier.keys()];
	const answers: (boolean | undefined)[] = new Array(pairs.length);
	/** One bit for each of 32 asked places: on the place itself, and on all that come after it. */
	const bits = new Int32Array(needs.length);
	for (let from = 0; from < asked.length; from += 32) {
		const batch = asked.slice(from, from + 32);
		bits.fill(0);
		for (const [bit, earlier] of batch.entries()) bits[earlier] = 1 << bit;
		for (const place of order) {
			let found = bits[place] as number;
			for (const need of needs[place] as readonly number[]) found |= bits[need] as number;
			bits[place] = found;
		}
		for (const [bit, earlier] of batch.entries()) {
			for (const index of byEarlier.get(earlier) ?? []) {
				const { later } = pairs[index] as Pair;
				answers[index] =
					ordered[later] === 1 ? later !== earlier && ((bits[later] as number) & (1 << bit)) !== 0 : undefined;
			}
		}
	}
	return answers;
}
