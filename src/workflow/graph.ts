/** The graph of `needs`: order, cycles and who is over before whom. No recursion: a chain may be 1,000 steps long. */

export interface Graph {
	/** Cycles as lists of places, each beginning and ending with the same one; every one that is left when those before it are cut. */
	cycles: number[][];
	/** Whether the step at `earlier` is over whenever the one at `later` starts; undefined for steps in or behind a cycle. */
	precedes(earlier: number, later: number): boolean | undefined;
}

/** @param needs for each step the places of those it needs */
export function graphOf(needs: readonly (readonly number[])[]): Graph {
	const first = orderOf(needs, new Set());
	const before = ancestorsOf(needs, first);
	const cycles: number[][] = [];
	const cut = new Set<number>();
	for (let order = first; order.length + cut.size < needs.length; order = orderOf(needs, cut)) {
		const cycle = findCycle(needs, new Set([...order, ...cut]));
		cycles.push(cycle);
		for (const place of cycle) cut.add(place);
	}
	return {
		cycles,
		precedes(earlier, later) {
			const row = before[later];
			return row && ((row[earlier >>> 5] as number) & (1 << (earlier & 31))) !== 0;
		},
	};
}

/** The places in an order in which each comes after what it needs (Kahn, 1962); those in or behind a cycle are left out. */
function orderOf(needs: readonly (readonly number[])[], cut: ReadonlySet<number>): number[] {
	const waiting = needs.map((list) => list.filter((need) => !cut.has(need)).length);
	const dependents: number[][] = needs.map(() => []);
	for (const [place, list] of needs.entries()) for (const need of list) dependents[need]?.push(place);
	const order = [...needs.keys()].filter((place) => waiting[place] === 0 && !cut.has(place));
	for (const done of order) {
		for (const place of dependents[done] ?? []) {
			waiting[place] = (waiting[place] as number) - 1;
			if (waiting[place] === 0 && !cut.has(place)) order.push(place);
		}
	}
	return order;
}

/** Follows needs that are not in `over` until a place comes again; each place outside of `over` has such a need. */
function findCycle(needs: readonly (readonly number[])[], over: ReadonlySet<number>): number[] {
	let place = [...needs.keys()].find((start) => !over.has(start)) as number;
	const path: number[] = [];
	const seen = new Map<number, number>();
	while (!seen.has(place)) {
		seen.set(place, path.length);
		path.push(place);
		place = needs[place]?.find((need) => !over.has(need)) as number;
	}
	return [...path.slice(seen.get(place)), place];
}

/** For each ordered place the set of all places before it, one bit each. */
function ancestorsOf(needs: readonly (readonly number[])[], order: readonly number[]): (Uint32Array | undefined)[] {
	const words = (needs.length + 31) >>> 5;
	const before: (Uint32Array | undefined)[] = needs.map(() => undefined);
	for (const place of order) {
		const row = new Uint32Array(words);
		for (const need of needs[place] ?? []) {
			const theirs = before[need] as Uint32Array;
			for (let word = 0; word < words; word++) row[word] = (row[word] as number) | (theirs[word] as number);
			row[need >>> 5] = (row[need >>> 5] as number) | (1 << (need & 31));
		}
		before[place] = row;
	}
	return before;
}
