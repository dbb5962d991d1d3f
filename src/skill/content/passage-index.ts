/** Finds the passages that speak of a topic from an angle: BM25+ over stems, then a choice that spreads over the sources. */
import MiniSearch from "minisearch";
import type { Passage } from "./passages.ts";

export interface Found {
	passage: Passage;
	/** The number given to {@link PassageIndex.add}. */
	source: number;
	/** 0..1 within this search. */
	score: number;
}

export interface PassageIndex {
	readonly size: number;
	add(passage: Passage, source: number, title: string): void;
	/** Best first. A passage has to mention the angle, and its document the topic; with no such passage the list is empty. */
	find(topic: string, angle: string | null, most: number): Found[];
}

/** Share of the best score below which a passage is no longer about the matter. */
const FLOOR = 0.2;
/** Overlap of stems (Jaccard) from which two passages say the same. */
const SAME = 0.5;
/** What each further passage of a source already chosen is worth. */
const SOURCE_DECAY = 0.75;

export function createPassageIndex(): PassageIndex {
	const entries: { passage: Passage; source: number }[] = [];
	const index = new MiniSearch<{ id: number; text: string; heading: string; title: string }>({
		fields: ["text", "heading", "title"],
		processTerm: stem,
		searchOptions: { boost: { heading: 1.2, title: 0.5 } },
	});

	/** Scores by entry, as shares of the best. */
	const search = (query: string): Map<number, number> => {
		const hits = index.search(query);
		const best = hits[0]?.score ?? 1;
		return new Map(hits.map((hit) => [hit.id as number, hit.score / best]));
	};

	const rank = (topic: string, angle: string | null): Found[] => {
		const onTopic = search(topic);
		const bySource = new Map<number, number>();
		for (const [id, score] of onTopic) {
			const source = entries[id]?.source ?? -1;
			bySource.set(source, Math.max(score, bySource.get(source) ?? 0));
		}
		const onAngle = angle === null ? onTopic : search(angle);
		const ranked: Found[] = [];
		for (const [id, angleScore] of onAngle) {
			const entry = entries[id];
			const document = bySource.get(entry?.source ?? -1);
			if (entry === undefined || document === undefined) continue;
			const score = 0.55 * angleScore + 0.25 * (onTopic.get(id) ?? 0) + 0.2 * document;
			ranked.push({ ...entry, score: Math.min(1, score * standing(entry.passage)) });
		}
		return ranked.sort((a, b) => b.score - a.score || a.source - b.source || a.passage.start - b.passage.start);
	};

	return {
		get size() {
			return entries.length;
		},
		add(passage, source, title) {
			index.add({ id: entries.length, text: passage.text, heading: passage.heading ?? "", title });
			entries.push({ passage, source });
		},
		find: (topic, angle, most) => spread(rank(topic, angle), most),
	};
}

/** How well a passage stands alone, as a factor. */
function standing(passage: Passage): number {
	const sentences = passage.text.split(/[.!?。！？]\s/).length;
	return (passage.dangling ? 0.55 : 1) * (passage.opening ? 1.5 : 1) * (sentences === 1 ? 0.85 : 1);
}

function spread(ranked: readonly Found[], most: number): Found[] {
	const floor = (ranked[0]?.score ?? 0) * FLOOR;
	// Far below the top nothing can be chosen any more; the bound keeps the choice linear in large libraries.
	const pool = ranked.filter((found) => found.score >= floor).slice(0, most * 25);
	const stems = new Map(pool.map((found) => [found, stemsOf(found.passage.text)]));
	const chosen: Found[] = [];
	const perSource = new Map<number, number>();
	while (chosen.length < most) {
		let best: Found | undefined;
		let bestWorth = 0;
		for (const found of pool) {
			const worth = found.score * SOURCE_DECAY ** (perSource.get(found.source) ?? 0);
			if (stems.has(found) && worth > bestWorth) [best, bestWorth] = [found, worth];
		}
		if (best === undefined) break;
		const own = stems.get(best) ?? new Set();
		stems.delete(best);
		if (chosen.some((other) => overlap(own, stemsOf(other.passage.text)) >= SAME)) continue;
		chosen.push(best);
		perSource.set(best.source, (perSource.get(best.source) ?? 0) + 1);
	}
	return chosen.sort((a, b) => b.score - a.score);
}

function overlap(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
	let shared = 0;
	for (const stem of a) if (b.has(stem)) shared++;
	return shared === 0 ? 0 : shared / (a.size + b.size - shared);
}

function stemsOf(text: string): Set<string> {
	const stems = new Set<string>();
	for (const word of text.match(/[\p{L}\p{N}]+/gu) ?? []) {
		const found = stem(word);
		if (found !== null) stems.add(found);
	}
	return stems;
}

const STOP_WORDS = new Set(
	`a about after all also an and any are as at be been before both but by can could did do does each for from had has have
	how if in into is it its may more most must no not of on one only or other our out over same should so some such than that
	the their them then there these they this those to under up was we were what when where which while who why will with would
	you your`.split(/\s+/),
);

/**
 * A word's stem; null for words too common to search by. A light English stemmer, enough for "durability" to find
 * "durable" and "recovery" to find "recovers"; words of other languages mostly pass as they are.
 */
export function stem(word: string): string | null {
	const lower = word.toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "");
	if (STOP_WORDS.has(lower)) return null;
	if (lower.length > 64) return lower.slice(0, 64);
	if (lower.length < 4 || !/^[a-z]+$/.test(lower)) return lower;
	let root = lower.replace(/(ss|us|is)$|ies$|(x|ch|sh|ss)es$|s$/, (end, kept?: string, es?: string) =>
		kept !== undefined ? end : end === "ies" ? "y" : (es ?? ""),
	);
	const rules: [RegExp, string][] = [
		[/([ai])bilit(?:y)$/, "$1bl"],
		[/([ai])ble$/, "$1bl"],
		[/(...)ation$|(...)ating$|(...)ated?$/, "$1$2$3at"],
		[/(....)ements?$/, "$1"],
		[/(...)ery$/, "$1er"],
		[/(....)(?:ness|ful|ment|ly)$/, "$1"],
		[/(...)(?:ing|ed)$/, "$1"],
		[/(...)y$/, "$1i"],
	];
	const rule = rules.find(([pattern]) => pattern.test(root));
	if (rule !== undefined) root = root.replace(...rule);
	root = root.replace(/([^aeiouls])\1$/, "$1");
	return root.length > 3 ? root.replace(/e$/, "") : root;
}
