/** "Did you mean": the known name that a mistyped one is closest to. */

/** Longer names are not compared: nobody mistypes them, and the comparison is quadratic. */
const LONGEST_NAME = 64;

/**
 * The candidate within a small edit distance of `wanted` (a third of its length, at most 3), or undefined.
 * Upper and lower case count as equal, and so do `-`, `_` and `.`; of equally close ones the first wins.
 */
export function suggest(wanted: string, candidates: Iterable<string>): string | undefined {
	if (wanted.length === 0 || wanted.length > LONGEST_NAME) return undefined;
	const name = fold(wanted);
	let limit = Math.min(3, Math.floor(wanted.length / 3));
	let best: string | undefined;
	for (const candidate of candidates) {
		if (candidate.length > LONGEST_NAME || candidate === wanted) continue;
		const distance = editDistance(name, fold(candidate), limit);
		if (distance > limit) continue;
		best = candidate;
		if (distance === 0) break;
		limit = distance - 1;
	}
	return best;
}

/** The suggestion as a sentence for a hint, or undefined. */
export function didYouMean(wanted: string, candidates: Iterable<string>): string | undefined {
	const best = suggest(wanted, candidates);
	return best === undefined ? undefined : `Did you mean "${best}"?`;
}

const fold = (name: string): string => name.toLowerCase().replace(/[-_.\s]+/g, "-");

/**
 * Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b` (optimal string alignment);
 * any number above `limit` once it is sure to be above it.
 */
function editDistance(a: string, b: string, limit: number): number {
	if (Math.abs(a.length - b.length) > limit) return limit + 1;
	let beforeLast: number[] = [];
	let last = Array.from({ length: b.length + 1 }, (_, j) => j);
	for (let i = 1; i <= a.length; i++) {
		const row = [i];
		let smallest = i;
		for (let j = 1; j <= b.length; j++) {
			const same = a[i - 1] === b[j - 1];
			let cost = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + (same ? 0 : 1));
			if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
				cost = Math.min(cost, at(beforeLast, j - 2) + 1);
			}
			row.push(cost);
			smallest = Math.min(smallest, cost);
		}
		if (smallest > limit) return smallest;
		beforeLast = last;
		last = row;
	}
	return at(last, b.length);
}

const at = (row: number[], index: number): number => row[index] ?? Number.POSITIVE_INFINITY;
