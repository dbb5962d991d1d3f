/** What every case shares: a no-op skill, a folder of its own, and one line of JSON as the result. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineSkill } from "../src/index.ts";

/** One measured figure. */
export interface Figure {
	name: string;
	value: number;
	unit: string;
	/** The figure to reach; `atLeast` or `atMost` it. */
	goal?: { atLeast: number } | { atMost: number };
}

export const noop = defineSkill({ name: "noop", description: "Does nothing.", run: () => null });

/** 197 bytes of JSON. */
export const input = {
	customer: "c-10442",
	items: [
		{ sku: "A-1", quantity: 2 },
		{ sku: "B-7", quantity: 1 },
	],
	note: "x".repeat(76),
	total: 41.5,
	paid: true,
};

export function folder(): { path: string; remove(): void } {
	const path = mkdtempSync(join(tmpdir(), "muster-bench-"));
	return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export function report(figures: Figure[]): void {
	process.stdout.write(`${JSON.stringify(figures)}\n`);
}

export function percentile(values: readonly number[], share: number): number {
	const sorted = [...values].sort((a, b) => a - b);
	return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
